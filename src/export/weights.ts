import type { Tensor } from '../ir/tensor.ts';

/** How a tensor is wanted. */
export interface TakeOptions {
  /**
   * Wanted as `[in, out]` where the checkpoint stores `[out, in]`: dimensions and elements are swapped. Only a source
   * that {@link WeightSource.folds} does this; for any other the graph has to hold a `Transpose`.
   */
  readonly transposed?: boolean;
}

/** Gives the tensors of a checkpoint to the builders of graphs, and keeps account of what was used. */
export interface WeightSource {
  /**
   * Whether tensors come in the form that the graph works in: in its element type, and transposed where asked for.
   * False: they are as stored, so that they can stay in the file they are in, and the graph converts them.
   */
  readonly folds: boolean;
  /**
   * A tensor of the checkpoint. The same name gives the same tensor.
   *
   * @param name as the checkpoint has it, with the spelling of names that older checkpoints have
   * @param shape the dimensions as stored, before any transposition; a stored `[C, C, 1, 1]` fits `[C, C]` and the
   * reverse, and is given in the rank that is wanted
   * @returns FLOAT, FLOAT16 or BFLOAT16 as stored; of the element type of the graph if the source folds
   * @throws SdgraphError `E_CHECKPOINT_TENSOR` when there is no such tensor, or it has another shape or element type
   */
  take(name: string, shape: readonly number[], options?: TakeOptions): Tensor;
  /** Whether the checkpoint has a tensor of this name. */
  has(name: string): boolean;
}

import type { Node } from '../../src/ir/node.ts';
import type { Value } from '../../src/ir/value.ts';
import type { Builder } from '../../src/rewrite/builder.ts';

/** Which arithmetic a lowered operator uses: exact float32, or the float16 steps of the device kernel. */
export type Emulation = 'none' | 'fp16';

/** What lowering one node works with. */
export interface Lowering {
  readonly node: Node;
  readonly build: Builder;
  /** Static shapes of the inputs as they were before anything was lowered; undefined where not known. */
  readonly inputDims: readonly (readonly number[] | undefined)[];
  readonly emulate: Emulation;
}

/** Thrown when a node cannot be lowered; the text is the reason. Nothing was inserted yet. */
export class CannotLower extends Error {}

/** Lowers a node: inserts standard operators and gives the values that stand for its outputs. */
export type Lower = (lowering: Lowering) => (Value | undefined)[];

/** The input at `index`, which must be there. */
export function input({ node }: Lowering, index: number): Value {
  const value = node.inputs[index];
  if (value === undefined) throw new CannotLower(`input ${index} is missing`);
  return value;
}

/** The static shape of the input at `index`, of a given rank. */
export function dims(lowering: Lowering, index: number, rank?: number): readonly number[] {
  input(lowering, index);
  const found = lowering.inputDims[index];
  if (found === undefined) throw new CannotLower(`the shape of input ${index} is not known`);
  if (rank !== undefined && found.length !== rank) {
    throw new CannotLower(`input ${index} has rank ${found.length}, not ${rank}`);
  }
  return found;
}

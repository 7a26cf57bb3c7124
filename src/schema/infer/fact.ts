import type { SparseTensor } from '../../ir/sparse-tensor.ts';
import type { Tensor } from '../../ir/tensor.ts';
import type { Dim, TensorType, ValueType } from '../../ir/type.ts';

/** An element of a small tensor: an exact integer (booleans are 0 and 1), a float, a symbol, or unknown. */
export type Known = bigint | number | string | undefined;

/** A shape: one entry a dimension. */
export type Shape = readonly Dim[];

/** What is known of a value. */
export interface Fact {
  readonly type?: ValueType;
  /** Elements in row-major order, when there are few of them and some are known. */
  readonly known?: readonly Known[];
  /** The constant that the value always is. Its elements are read only when an operator asks for them. */
  readonly constant?: Tensor;
}

/** Most elements whose values are followed through the graph: shapes, axes, pads, sizes. */
export const MAX_KNOWN = 256;

/** Nothing is known. */
export const UNKNOWN: Fact = {};

/** Two statements of a model that cannot both be true; the outputs of the node stay unknown. */
export class Contradiction extends Error {
  override readonly name = 'Contradiction';
}

/** A tensor type; element type 0 stands for unknown. */
export function tensorType(elemType: number, shape?: Shape): TensorType {
  return shape === undefined ? { kind: 'tensor', elemType } : { kind: 'tensor', elemType, shape };
}

/** A fact about a tensor. */
export function tensor(elemType: number, shape?: Shape, known?: readonly Known[]): Fact {
  const type = tensorType(elemType, shape);
  return known === undefined ? { type } : { type, known };
}

/** How deep sequences and optionals may be nested; real ones are an optional of a sequence at most. */
const MAX_NESTING = 8;

/** A fact about a sequence or an optional. */
export function container(kind: 'sequence' | 'optional', element: ValueType | undefined): Fact {
  let depth = 0;
  for (let at = element; at !== undefined && 'element' in at; at = at.element) depth += 1;
  if (depth >= MAX_NESTING) return UNKNOWN;
  return { type: { kind, element: element ?? { kind: 'unknown' } } };
}

/** What is known of a constant. */
export function constantFact(constant: Tensor | SparseTensor): Fact {
  const type = tensorType(
    constant.dataType,
    constant.dims.every((dim) => dim >= 0) ? constant.dims : constant.dims.map(() => undefined),
  );
  return 'storage' in constant ? { type, constant } : { type: { ...type, kind: 'sparse tensor' } };
}

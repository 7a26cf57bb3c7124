import { SdgraphError } from '../errors.ts';
import { DataType } from '../ir/data-type.ts';

/** The element types that graphs are written in. */
export type GraphType = 'fp32' | 'fp16';

/** Largest side of latents: beyond any image, and small enough for products of a few to be exact. */
const MAX_SIDE = 1 << 12;
const MAX_WHOLE = 1 << 16;

/** The number of `DataType` for a graph type. Throws `E_EXPORT` for one that is none. */
export function graphType(dtype: GraphType): number {
  if (dtype === 'fp32') return DataType.FLOAT;
  if (dtype === 'fp16') return DataType.FLOAT16;
  throw refuse('dtype', 'fp32 or fp16', dtype);
}

/** The number of `DataType` for an integer type. Throws `E_EXPORT` for one that is none. */
export function integerType(option: string, type: 'int64' | 'int32'): number {
  if (type === 'int64') return DataType.INT64;
  if (type === 'int32') return DataType.INT32;
  throw refuse(option, 'int64 or int32', type);
}

/** A whole number from 1 on. Throws `E_EXPORT`. */
export function requireWhole(option: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= MAX_WHOLE) return value;
  throw refuse(option, `a whole number from 1 to ${MAX_WHOLE}`, value);
}

/** The side of latents, which the network halves several times. Throws `E_EXPORT`. */
export function requireSide(side: number, divisor: number): void {
  if (Number.isInteger(side) && side >= divisor && side <= MAX_SIDE && side % divisor === 0) return;
  throw refuse('sampleSize', `a multiple of ${divisor} up to ${MAX_SIDE}`, side);
}

function refuse(option: string, expected: string, found: unknown): SdgraphError {
  return new SdgraphError(
    'E_EXPORT',
    'a model cannot be exported with this option',
    { name: option },
    { expected, found: String(found) },
  );
}

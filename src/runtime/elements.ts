import { SdgraphError } from '../errors.ts';
import { DataType, typeName } from '../ir/data-type.ts';
import { bfloatToNumber, halfToNumber, numberToHalf } from '../ir/numbers.ts';
import type { SessionTensor, TensorData } from './session.ts';

/** Reads element `i` of a tensor as a number, rounded to float64. Texts have none. */
export function elementReader({ dataType, data }: SessionTensor): (i: number) => number {
  if (dataType === DataType.FLOAT16) return (i) => halfToNumber(Number(data[i]));
  if (dataType === DataType.BFLOAT16) return (i) => bfloatToNumber(Number(data[i]));
  return (i) => Number(data[i]);
}

/**
 * Makes the elements of a tensor of some type, `length` of them, from numbers.
 *
 * @returns undefined for types that no numbers can be made for: texts, and those that the runtimes do not take
 */
export function makerOf(dataType: number): ((length: number, at: (i: number) => number) => TensorData) | undefined {
  return MAKERS.get(dataType);
}

/**
 * The same numbers in another element type, as typed arrays convert them: rounded, cut off, wrapped. For numbers that are
 * made up; those of a user want a check.
 *
 * @throws SdgraphError `E_SESSION_FEED` for texts, and types that no numbers can be made for
 */
export function castTensor(tensor: SessionTensor, dataType: number): SessionTensor {
  if (tensor.dataType === dataType) return tensor;
  const read = elementReader(tensor);
  const make = makerOf(dataType);
  if (make === undefined || tensor.dataType === DataType.STRING) {
    throw new SdgraphError(
      'E_SESSION_FEED',
      `an input cannot be converted to ${typeName(dataType)}`,
      {},
      {
        found: typeName(tensor.dataType),
      },
    );
  }
  return { dataType, dims: tensor.dims, data: make(tensor.data.length, read) };
}

const MAKERS: ReadonlyMap<number, (length: number, at: (i: number) => number) => TensorData> = new Map<
  number,
  (length: number, at: (i: number) => number) => TensorData
>([
  [DataType.FLOAT, (length, at) => Float32Array.from({ length }, (_, i) => at(i))],
  [DataType.DOUBLE, (length, at) => Float64Array.from({ length }, (_, i) => at(i))],
  [DataType.FLOAT16, (length, at) => Uint16Array.from({ length }, (_, i) => numberToHalf(at(i)))],
  [DataType.INT8, (length, at) => Int8Array.from({ length }, (_, i) => at(i))],
  [DataType.UINT8, (length, at) => Uint8Array.from({ length }, (_, i) => at(i))],
  [DataType.INT16, (length, at) => Int16Array.from({ length }, (_, i) => at(i))],
  [DataType.UINT16, (length, at) => Uint16Array.from({ length }, (_, i) => at(i))],
  [DataType.INT32, (length, at) => Int32Array.from({ length }, (_, i) => at(i))],
  [DataType.UINT32, (length, at) => Uint32Array.from({ length }, (_, i) => at(i))],
  [DataType.INT64, (length, at) => BigInt64Array.from({ length }, (_, i) => whole(at(i)))],
  [DataType.UINT64, (length, at) => BigUint64Array.from({ length }, (_, i) => whole(at(i)))],
  [DataType.BOOL, (length, at) => Uint8Array.from({ length }, (_, i) => (at(i) === 0 ? 0 : 1))],
]);

/** A number without its fraction; 0 for one that is not finite, as typed arrays have it. */
function whole(value: number): bigint {
  return Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
}

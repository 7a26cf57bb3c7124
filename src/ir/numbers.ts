import { DataType } from './data-type.ts';
import type { Tensor } from './tensor.ts';

type ReadElement = (view: DataView, index: number) => number;

const READERS: ReadonlyMap<number, readonly [width: number, read: ReadElement]> = new Map([
  [DataType.FLOAT, [4, (view, i) => view.getFloat32(i * 4, true)]],
  [DataType.DOUBLE, [8, (view, i) => view.getFloat64(i * 8, true)]],
  [DataType.FLOAT16, [2, (view, i) => halfToNumber(view.getUint16(i * 2, true))]],
  [DataType.BFLOAT16, [2, (view, i) => bfloatToNumber(view.getUint16(i * 2, true))]],
  [DataType.INT8, [1, (view, i) => view.getInt8(i)]],
  [DataType.UINT8, [1, (view, i) => view.getUint8(i)]],
  [DataType.BOOL, [1, (view, i) => view.getUint8(i)]],
  [DataType.INT16, [2, (view, i) => view.getInt16(i * 2, true)]],
  [DataType.UINT16, [2, (view, i) => view.getUint16(i * 2, true)]],
  [DataType.INT32, [4, (view, i) => view.getInt32(i * 4, true)]],
  [DataType.UINT32, [4, (view, i) => view.getUint32(i * 4, true)]],
  [DataType.INT64, [8, (view, i) => Number(view.getBigInt64(i * 8, true))]],
  [DataType.UINT64, [8, (view, i) => Number(view.getBigUint64(i * 8, true))]],
]);

/**
 * The elements of a small tensor as numbers. Undefined for types without a number of that kind (complex, string, under
 * 8 bits) and for 64-bit integers that a number cannot hold exactly: nothing is ever rounded silently.
 */
export function readNumbers(tensor: Tensor): readonly number[] | undefined {
  const reader = READERS.get(tensor.dataType);
  if (reader === undefined) return undefined;
  const [width, read] = reader;
  const bytes = tensor.read();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const numbers = Array.from({ length: bytes.length / width }, (_, i) => read(view, i));
  const isWide = tensor.dataType === DataType.INT64 || tensor.dataType === DataType.UINT64;
  return isWide && numbers.some((value) => !Number.isSafeInteger(value)) ? undefined : numbers;
}

/** The value of an IEEE 754 half-precision bit pattern. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The value of a bfloat16 bit pattern: the upper half of a float32. */
export function bfloatToNumber(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits * 0x1_0000);
  return view.getFloat32(0);
}

/** The nearest IEEE 754 half-precision bit pattern, ties to even. */
export function numberToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (magnitude >= 65_520) return sign | 0x7c00;
  // Numbers are multiples of 2^-24 below the smallest normal one, and of a thousandth of their power of two above.
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)));
  const units = roundToEven(magnitude / 2 ** (exponent - 10));
  // Units of a normal number count from 1024; one that rounds up to 2048 carries into the exponent by itself.
  return sign | (units + (exponent + 14) * 1024);
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

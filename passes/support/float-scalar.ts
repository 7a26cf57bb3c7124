import { DataType } from '../../src/ir/data-type.ts';
import { Tensor } from '../../src/ir/tensor.ts';

/** A scalar of float32, float64, float16 or bfloat16, rounded to the nearest, ties to even. */
export function floatScalar(value: number, elemType: number): Tensor {
  const bytes = new Uint8Array(elemType === DataType.DOUBLE ? 8 : elemType === DataType.FLOAT ? 4 : 2);
  const view = new DataView(bytes.buffer);
  if (elemType === DataType.DOUBLE) view.setFloat64(0, value, true);
  else if (elemType === DataType.FLOAT) view.setFloat32(0, value, true);
  else view.setUint16(0, elemType === DataType.BFLOAT16 ? bfloatBits(value) : halfBits(value), true);
  return new Tensor({ dataType: elemType, dims: [], storage: { kind: 'memory', bytes } });
}

function bfloatBits(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  const bits = view.getUint32(0);
  if (Number.isNaN(value)) return 0x7fc0;
  const odd = (bits >>> 16) & 1;
  return Math.floor((bits + 0x7fff + odd) / 0x1_0000);
}

function halfBits(value: number): number {
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

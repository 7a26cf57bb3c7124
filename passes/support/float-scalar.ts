import { DataType } from '../../src/ir/data-type.ts';
import { numberToHalf } from '../../src/ir/numbers.ts';
import { Tensor } from '../../src/ir/tensor.ts';

/** A scalar of float32, float64, float16 or bfloat16, rounded to the nearest, ties to even. */
export function floatScalar(value: number, elemType: number): Tensor {
  const bytes = new Uint8Array(elemType === DataType.DOUBLE ? 8 : elemType === DataType.FLOAT ? 4 : 2);
  const view = new DataView(bytes.buffer);
  if (elemType === DataType.DOUBLE) view.setFloat64(0, value, true);
  else if (elemType === DataType.FLOAT) view.setFloat32(0, value, true);
  else view.setUint16(0, elemType === DataType.BFLOAT16 ? bfloatBits(value) : numberToHalf(value), true);
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

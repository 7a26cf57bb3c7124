import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { floatScalar } from '../../../passes/support/float-scalar.ts';
import { DataType } from '../../../src/ir/data-type.ts';
import { bfloatToNumber, halfToNumber, readNumbers } from '../../../src/ir/numbers.ts';

function rounded(value: number, elemType: number): number {
  const tensor = floatScalar(value, elemType);
  expect(tensor.dims).toEqual([]);
  expect(tensor.read()).toHaveLength(tensor.byteLength);
  return readNumbers(tensor)?.[0] ?? Number.NaN;
}

test('float64 and float32 are as JavaScript has them', () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      expect(rounded(value, DataType.DOUBLE)).toBe(value);
      expect(rounded(value, DataType.FLOAT)).toBe(Math.fround(value));
    }),
  );
});

test('every half comes back, also halfway to its neighbour', () => {
  for (let bits = 0; bits < 0x7c00; bits++) {
    const here = halfToNumber(bits);
    const next = bits === 0x7bff ? 65_536 : halfToNumber(bits + 1);
    expect(rounded(here, DataType.FLOAT16)).toBe(here);
    expect(rounded(-here, DataType.FLOAT16)).toBe(-here);
    // A tie goes to the even pattern.
    const even = bits % 2 === 0 ? here : next;
    expect(rounded((here + next) / 2, DataType.FLOAT16)).toBe(even === 65_536 ? Number.POSITIVE_INFINITY : even);
  }
  expect(rounded(Number.NaN, DataType.FLOAT16)).toBeNaN();
  expect(rounded(1e9, DataType.FLOAT16)).toBe(Number.POSITIVE_INFINITY);
});

test('bfloat16 rounds to the nearest, ties to even', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0x7f7e }), (bits) => {
      const [here, next] = [bfloatToNumber(bits), bfloatToNumber(bits + 1)];
      expect(rounded(here, DataType.BFLOAT16)).toBe(here);
      expect(rounded(-here, DataType.BFLOAT16)).toBe(-here);
      expect(rounded(here + (next - here) * 0.25, DataType.BFLOAT16)).toBe(here);
      expect(rounded(here + (next - here) * 0.5, DataType.BFLOAT16)).toBe(bits % 2 === 0 ? here : next);
      expect(rounded(here + (next - here) * 0.75, DataType.BFLOAT16)).toBe(next);
    }),
  );
  expect(rounded(Number.NaN, DataType.BFLOAT16)).toBeNaN();
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DataType } from '../../src/ir/data-type.ts';
import { allZero } from '../../src/ir/zero.ts';

/** Longer than what is looked at in one step. */
const LONG = (1 << 17) + 8;

test.each([
  { why: 'nothing at all', bytes: [], zero: true },
  { why: 'one zero', bytes: [0], zero: true },
  { why: 'one other byte', bytes: [7], zero: false },
  { why: 'equal bytes that are not zero', bytes: [7, 7, 7, 7], zero: false },
  { why: 'only the first byte', bytes: [1, 0, 0, 0], zero: false },
  { why: 'only the last byte', bytes: [0, 0, 0, 1], zero: false },
])('$why', ({ bytes, zero }) => {
  expect(allZero(Uint8Array.from(bytes), DataType.INT8)).toBe(zero);
});

test('negative zeros count as zeros where the type has them', () => {
  const sign = (width: number): Uint8Array =>
    new Uint8Array(LONG).map((_, i) => (i % width === width - 1 && i > LONG / 2 ? 0x80 : 0));
  for (const [type, width] of [
    [DataType.FLOAT, 4],
    [DataType.FLOAT16, 2],
    [DataType.BFLOAT16, 2],
    [DataType.DOUBLE, 8],
    [DataType.FLOAT8E4M3FN, 1],
  ] as const) {
    expect(allZero(sign(width), type)).toBe(true);
  }
  expect(allZero(sign(4), DataType.INT32)).toBe(false);
  expect(allZero(sign(1), DataType.FLOAT8E4M3FNUZ)).toBe(false);
  expect(allZero(new Uint8Array(1), DataType.FLOAT8E8M0)).toBe(false);
});

test('one bit anywhere makes a float other than zero, unless it is the sign', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: LONG - 1 }), fc.integer({ min: 0, max: 7 }), (at, bit) => {
      const bytes = new Uint8Array(LONG);
      bytes[at] = 1 << bit;
      expect(allZero(bytes, DataType.FLOAT)).toBe(at % 4 === 3 && bit === 7);
      expect(allZero(bytes, DataType.UINT8)).toBe(false);
    }),
    { numRuns: 200 },
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FoldedData } from '../../src/export/weights-fold.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { bfloatToNumber, halfToNumber, numberToHalf } from '../../src/ir/numbers.ts';
import { MemorySource } from '../../src/wire/source.ts';
import { expectError } from '../support/errors.ts';

function bytesOf(values: Float32Array | Uint16Array | Uint32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** All of it, from an odd place in its source. */
function fold(
  bytes: Uint8Array,
  from: number,
  to: number,
  shape = [bytes.length / (from === DataType.FLOAT ? 4 : 2)],
  transposed = false,
): FoldedData {
  const source = new MemorySource(Uint8Array.from([1, 2, 3, ...bytes]));
  return new FoldedData({ source, offset: 3, from, to, shape, transposed });
}

const every16 = Uint16Array.from({ length: 0x1_0000 }, (_, i) => i);

test.each([
  ['float16', DataType.FLOAT16, halfToNumber],
  ['bfloat16', DataType.BFLOAT16, bfloatToNumber],
] as const)('every %s becomes the float32 of its value', (_, from, value) => {
  const data = fold(bytesOf(every16), from, DataType.FLOAT);
  const floats = new Float32Array(data.read(0, data.size).slice().buffer);
  expect(floats.findIndex((float, bits) => !Object.is(float, value(bits)))).toBe(-1);
});

test('float32 is rounded to the nearest float16, ties to even', () => {
  const values = [
    0,
    -0,
    1,
    -1,
    65_504,
    65_519.99,
    2 ** -24,
    2 ** -25,
    2 ** -25 * 1.0001,
    2 ** -14,
    2 ** -14 * 0.9999,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    Number.POSITIVE_INFINITY,
    Number.NaN,
    1e-30,
  ];
  fc.assert(
    fc.property(fc.array(fc.float({ min: -65_504, max: 65_504 })), (random) => {
      const floats = Float32Array.from([...values, ...random]);
      const data = fold(bytesOf(floats), DataType.FLOAT, DataType.FLOAT16);
      const halves = new Uint16Array(data.read(0, data.size).slice().buffer);
      expect([...halves]).toEqual(Array.from(floats, numberToHalf));
    }),
  );
});

test('a weight beyond the range of float16 is an error, not an infinity', () => {
  const data = fold(bytesOf(Float32Array.of(1, 70_000)), DataType.FLOAT, DataType.FLOAT16);
  expectError('E_CHECKPOINT_TENSOR', () => data.read(0, data.size));
});

test('a transposed matrix is the same in whatever pieces it is read', () => {
  const size = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(size, size, fc.constantFrom(1, 3, 7, 64), fc.boolean(), (rows, columns, step, widens) => {
      const stored = Float32Array.from({ length: rows * columns }, (_, i) => i);
      const halves = Uint16Array.from(stored, numberToHalf);
      const data = widens
        ? fold(bytesOf(halves), DataType.FLOAT16, DataType.FLOAT, [rows, columns], true)
        : fold(bytesOf(stored), DataType.FLOAT, DataType.FLOAT, [rows, columns], true);
      const bytes = Buffer.concat(Array.from(data.chunks(0, data.size, step), (chunk) => chunk.slice()));
      const floats = new Float32Array(Uint8Array.from(bytes).buffer);
      expect([...floats]).toEqual(
        Array.from({ length: rows * columns }, (_, i) => (i % rows) * columns + Math.floor(i / rows)),
      );
    }),
  );
});

test('ranges outside of the tensor are refused', () => {
  const data = fold(bytesOf(Float32Array.of(1, 2)), DataType.FLOAT, DataType.FLOAT16);
  expectError('E_WIRE_TRUNCATED', () => data.read(0, 5));
});

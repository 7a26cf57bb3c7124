import { expect, test } from 'vitest';
import { numberTensor } from '../../src/author/number-tensor.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { readNumbers } from '../../src/ir/numbers.ts';

test.each([
  [DataType.FLOAT, [0.1, -2], [Math.fround(0.1), -2]],
  [DataType.DOUBLE, [0.1], [0.1]],
  [DataType.FLOAT16, [0.1, 70_000], [0.0999755859375, Number.POSITIVE_INFINITY]],
  [DataType.BOOL, [0, 2], [0, 1]],
  [DataType.INT8, [-128, 127], [-128, 127]],
  [DataType.UINT8, [0, 255], [0, 255]],
  [DataType.INT32, [-(2 ** 31)], [-(2 ** 31)]],
  [DataType.INT64, [2n ** 53n - 1n, -1], [2 ** 53 - 1, -1]],
])('elements of type %i are rounded to it', (dataType, values, found) => {
  expect(readNumbers(numberTensor(dataType, values))).toEqual(found);
});

test('64-bit integers are exact', () => {
  const bytes = numberTensor(DataType.INT64, [2n ** 63n - 1n]).read();
  expect(new DataView(bytes.buffer).getBigInt64(0, true)).toBe(2n ** 63n - 1n);
});

test.each([
  ['E_TENSOR_SIZE', DataType.INT8, [128], [1]],
  ['E_TENSOR_SIZE', DataType.UINT8, [-1], [1]],
  ['E_TENSOR_SIZE', DataType.INT32, [0.5], [1]],
  ['E_TENSOR_SIZE', DataType.INT64, [2n ** 63n], [1]],
  ['E_TENSOR_SIZE', DataType.INT64, [Number.NaN], [1]],
  ['E_TENSOR_SIZE', DataType.FLOAT, [1, 2], [3]],
  ['E_TENSOR_TYPE', DataType.STRING, [1], [1]],
])('%s for type %i of %s as %s', (code, dataType, values, dims) => {
  expect(() => numberTensor(dataType, values, dims)).toThrow(expect.objectContaining({ code }) as Error);
});

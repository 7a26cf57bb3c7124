import { expect, test } from 'vitest';
import { isWeight } from '../../../passes/support/weight.ts';
import { GraphBuilder } from '../../../src/author/graph-builder.ts';
import { floatTensor } from '../../../src/ir/constants.ts';
import { DataType } from '../../../src/ir/data-type.ts';

test('a weight may be prepared by the graph, whatever it is stored as', () => {
  const b = new GraphBuilder({ opset: 13 });
  const stored = b.initializer(floatTensor([1, 2, 3, 4, 5, 6], [2, 3], 'weight'));
  const prepared = b.transpose(b.cast(stored, DataType.FLOAT16), [1, 0]);
  expect(isWeight(stored)).toBe(true);
  expect(isWeight(prepared)).toBe(true);
  expect(isWeight(b.unsqueeze(prepared, [0]))).toBe(true);
  expect(isWeight(b.constant(floatTensor([1], [])))).toBe(true);
});

test('what depends on an input, or is computed with more than its form, is none', () => {
  const b = new GraphBuilder({ opset: 13 });
  const x = b.input('x', DataType.FLOAT, [2, 3]);
  const stored = b.initializer(floatTensor([1, 2, 3, 4, 5, 6], [2, 3], 'weight'));
  expect(isWeight(undefined)).toBe(false);
  expect(isWeight(x)).toBe(false);
  expect(isWeight(b.transpose(x, [1, 0]))).toBe(false);
  expect(isWeight(b.mul(stored, 2))).toBe(false);
});

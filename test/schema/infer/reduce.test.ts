import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inferOp, ints, type OpCase } from '../../support/infer-op.ts';

type Case = OpCase & { readonly why: string; readonly gives: readonly string[] };

const CASES: readonly Case[] = [
  { why: 'all axes by default', op: 'ReduceMean', inputs: ['float32[2,N]'], gives: ['float32[1,1]'] },
  {
    why: 'an attribute before opset 18',
    op: 'ReduceMean',
    opset: 11,
    inputs: ['float32[2,N]'],
    attributes: { axes: [-1] },
    gives: ['float32[2,1]'],
  },
  { why: 'an input since opset 18', op: 'ReduceMean', inputs: ['float32[2,N]', ints([0])], gives: ['float32[1,N]'] },
  {
    why: 'an input since opset 13',
    op: 'ReduceSum',
    opset: 13,
    inputs: ['float32[2,N]', ints([0])],
    gives: ['float32[1,N]'],
  },
  {
    why: 'dropped',
    op: 'ReduceMax',
    inputs: ['float32[2,N]', ints([0])],
    attributes: { keepdims: 0 },
    gives: ['float32[N]'],
  },
  { why: 'unknown axes', op: 'ReduceSum', inputs: ['float32[2,N]', 'int64[1]'], gives: ['float32[?,?]'] },
  {
    why: 'unknown axes, dropped',
    op: 'ReduceSum',
    inputs: ['float32[2,N]', 'int64[1]'],
    attributes: { keepdims: 0 },
    gives: ['float32'],
  },
  { why: 'no axes, all', op: 'ReduceSum', inputs: ['float32[2,N]', ints([])], gives: ['float32[1,1]'] },
  {
    why: 'no axes, none',
    op: 'ReduceSum',
    inputs: ['float32[2,N]', ints([])],
    attributes: { noop_with_empty_axes: 1 },
    gives: ['float32[2,N]'],
  },
  { why: 'indices', op: 'ArgMax', inputs: ['float32[2,N]'], attributes: { axis: 1, keepdims: 0 }, gives: ['int64[2]'] },
];

test.each(CASES)('$op: $why', ({ gives, ...given }) => {
  expect(inferOp(given)).toMatchObject({ types: gives, conflicts: [] });
});

test.each([
  ['ReduceSum', 9n],
  ['ReduceProd', 24n],
  ['ReduceMax', 4n],
  ['ReduceMin', 2n],
] as const)('%s folds a known vector', (op, result) => {
  const found = inferOp({ op, inputs: [ints([3, 2, 4])], attributes: { keepdims: 0 } });
  expect(found).toMatchObject({ types: ['int64[]'], ints: [result] });
});

test('keeping and dropping the reduced dimensions differ by ones only', () => {
  const axis = fc.integer({ min: -3, max: 2 });
  fc.assert(
    fc.property(fc.uniqueArray(axis, { minLength: 1, selector: (each) => (each + 3) % 3 }), (axes) => {
      const run = (keepdims: number): string | undefined =>
        inferOp({ op: 'ReduceL2', inputs: ['float32[7,8,9]', ints(axes)], attributes: { keepdims } }).types[0];
      const kept = [7, 8, 9].map((dim, i) => (axes.some((each) => (each + 3) % 3 === i) ? 1 : dim));
      expect(run(1)).toBe(`float32[${kept.join(',')}]`);
      expect(run(0)).toBe(`float32[${kept.filter((dim) => dim !== 1).join(',')}]`);
    }),
  );
});

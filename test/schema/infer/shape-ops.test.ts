import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inferOp, int, ints, type OpCase } from '../../support/infer-op.ts';

type Case = OpCase & { readonly why: string; readonly gives: readonly string[] };

const CASES: readonly Case[] = [
  { why: 'all of it', op: 'Shape', inputs: ['float32[N,2,?]'], gives: ['int64[3]'] },
  { why: 'an unknown rank', op: 'Shape', inputs: ['float32'], gives: ['int64[?]'] },
  { why: 'from the end', op: 'Shape', inputs: ['float32[N,2,3]'], attributes: { start: -2 }, gives: ['int64[2]'] },
  {
    why: 'past the end',
    op: 'Shape',
    inputs: ['float32[N,2]'],
    attributes: { start: 1, end: 99 },
    gives: ['int64[1]'],
  },
  { why: 'nothing', op: 'Shape', inputs: ['float32[N,2]'], attributes: { start: 2, end: 1 }, gives: ['int64[0]'] },
  { why: 'a count', op: 'Size', inputs: ['float32[2,3]'], gives: ['int64[]'] },
  { why: 'a known shape', op: 'Reshape', inputs: ['float32[2,6]', ints([3, 4])], gives: ['float32[3,4]'] },
  { why: '0 copies', op: 'Reshape', inputs: ['float32[N,6]', ints([0, 2, 3])], gives: ['float32[N,2,3]'] },
  { why: '-1 is what is left', op: 'Reshape', inputs: ['float32[2,6]', ints([4, -1])], gives: ['float32[4,3]'] },
  { why: 'symbols cancel', op: 'Reshape', inputs: ['float32[N,6]', ints([0, -1])], gives: ['float32[N,6]'] },
  { why: '-1 becomes the symbol', op: 'Reshape', inputs: ['float32[N,6]', ints([-1, 6])], gives: ['float32[N,6]'] },
  { why: '-1 of an unknown size', op: 'Reshape', inputs: ['float32[N,6]', ints([-1, 4])], gives: ['float32[?,4]'] },
  { why: 'the rank is known', op: 'Reshape', inputs: ['float32[N]', 'int64[3]'], gives: ['float32[?,?,?]'] },
  {
    why: '0 is zero when allowed',
    op: 'Reshape',
    inputs: ['float32[0,6]', ints([3, 0])],
    attributes: { allowzero: 1 },
    gives: ['float32[3,0]'],
  },
  {
    why: 'an attribute before opset 5',
    op: 'Reshape',
    opset: 4,
    inputs: ['float32[2,6]'],
    attributes: { shape: [-1, 4] },
    gives: ['float32[3,4]'],
  },
  { why: 'two halves', op: 'Flatten', inputs: ['float32[2,3,4]'], attributes: { axis: 2 }, gives: ['float32[6,4]'] },
  {
    why: 'all in the second',
    op: 'Flatten',
    inputs: ['float32[2,3]'],
    attributes: { axis: 0 },
    gives: ['float32[1,6]'],
  },
  {
    why: 'all in the first',
    op: 'Flatten',
    inputs: ['float32[2,3]'],
    attributes: { axis: 2 },
    gives: ['float32[6,1]'],
  },
  { why: 'every 1', op: 'Squeeze', inputs: ['float32[1,2,1]'], gives: ['float32[2]'] },
  { why: 'every 1 of unknown extents', op: 'Squeeze', inputs: ['float32[1,N]'], gives: ['float32'] },
  { why: 'one axis', op: 'Squeeze', inputs: ['float32[1,2,1]', ints([-1])], gives: ['float32[1,2]'] },
  {
    why: 'an attribute before opset 13',
    op: 'Squeeze',
    opset: 11,
    inputs: ['float32[1,2,1]'],
    attributes: { axes: [0] },
    gives: ['float32[2,1]'],
  },
  { why: 'around', op: 'Unsqueeze', inputs: ['float32[N]', ints([0, -1])], gives: ['float32[1,N,1]'] },
  {
    why: 'an attribute before opset 13',
    op: 'Unsqueeze',
    opset: 11,
    inputs: ['float32[N,2]'],
    attributes: { axes: [1] },
    gives: ['float32[N,1,2]'],
  },
  { why: 'reversed by default', op: 'Transpose', inputs: ['float32[2,N,4]'], gives: ['float32[4,N,2]'] },
  {
    why: 'as told',
    op: 'Transpose',
    inputs: ['float32[2,N,4]'],
    attributes: { perm: [0, 2, 1] },
    gives: ['float32[2,4,N]'],
  },
  {
    why: 'extents add up',
    op: 'Concat',
    inputs: ['float32[2,3]', 'float32[?,4]'],
    attributes: { axis: -1 },
    gives: ['float32[2,7]'],
  },
  {
    why: 'a symbol and a number',
    op: 'Concat',
    inputs: ['float32[N]', 'float32[2]'],
    attributes: { axis: 0 },
    gives: ['float32[?]'],
  },
  {
    why: 'a symbol and nothing',
    op: 'Concat',
    inputs: ['float32[N]', 'float32[0]'],
    attributes: { axis: 0 },
    gives: ['float32[N]'],
  },
  {
    why: 'equal parts',
    op: 'Split',
    opset: 13,
    inputs: ['float32[2,6]'],
    attributes: { axis: 1 },
    outputs: 3,
    gives: ['float32[2,2]', 'float32[2,2]', 'float32[2,2]'],
  },
  {
    why: 'a smaller last part since opset 18',
    op: 'Split',
    opset: 18,
    inputs: ['float32[7]'],
    attributes: { num_outputs: 3 },
    outputs: 3,
    gives: ['float32[3]', 'float32[3]', 'float32[1]'],
  },
  {
    why: 'sizes as input',
    op: 'Split',
    inputs: ['float32[7]', ints([2, 5])],
    outputs: 2,
    gives: ['float32[2]', 'float32[5]'],
  },
  {
    why: 'sizes as attribute',
    op: 'Split',
    opset: 11,
    inputs: ['float32[7]'],
    attributes: { split: [2, 5] },
    outputs: 2,
    gives: ['float32[2]', 'float32[5]'],
  },
  { why: 'a larger shape', op: 'Expand', inputs: ['float32[3,1]', ints([2, 1, 6])], gives: ['float32[2,3,6]'] },
  { why: 'float zeros by default', op: 'ConstantOfShape', inputs: [ints([2, 3])], gives: ['float32[2,3]'] },
  {
    why: 'a value of another type',
    op: 'ConstantOfShape',
    inputs: [ints([2])],
    attributes: { value: ints([7]) },
    gives: ['int64[2]'],
  },
  { why: 'repeats', op: 'Tile', inputs: ['float32[2,N]', ints([3, 1])], gives: ['float32[6,N]'] },
];

test.each(CASES)('$op: $why', ({ gives, ...given }) => {
  expect(inferOp(given)).toMatchObject({ types: gives, conflicts: [] });
});

const CONTRADICTIONS: readonly (OpCase & { readonly says: RegExp })[] = [
  { op: 'Reshape', inputs: ['float32[2,3]', ints([4, 2])], says: /6 elements do not fit a shape for 8/ },
  { op: 'Reshape', inputs: ['float32[2,3]', ints([4, -1])], says: /6 elements do not divide into 4/ },
  { op: 'Reshape', inputs: ['float32[2,3]', ints([-1, -1])], says: /more than one dimension/ },
  { op: 'Reshape', inputs: ['float32[6]', ints([1, 0])], says: /no dimension 1/ },
  { op: 'Squeeze', inputs: ['float32[2,3]', ints([0])], says: /extent 2 cannot be squeezed/ },
  { op: 'Unsqueeze', inputs: ['float32[2]', ints([1, -2])], says: /listed twice/ },
  { op: 'Transpose', inputs: ['float32[2,3]'], attributes: { perm: [0, 0] }, says: /does not order 2 dimensions/ },
  { op: 'Concat', inputs: ['float32[2]', 'float32[2,2]'], attributes: { axis: 0 }, says: /ranks 1 and 2/ },
  { op: 'Concat', inputs: ['float32[2]', 'float32[2]'], attributes: { axis: 5 }, says: /axis 5 does not exist/ },
  { op: 'Split', inputs: ['float32[7]', ints([2, 3])], outputs: 2, says: /5 and 7 differ/ },
  { op: 'Expand', inputs: ['float32[3]', ints([2])], says: /do not broadcast/ },
];

test.each(CONTRADICTIONS)('$op contradicts itself: $says', ({ says, ...given }) => {
  const { types, conflicts } = inferOp(given);
  expect(types[0]).toBe('unknown');
  expect(conflicts).toEqual([expect.stringMatching(says)]);
});

describe('contents', () => {
  test.each<{ why: string; gives: readonly unknown[] | undefined; from: OpCase }>([
    { why: 'Shape', gives: ['N', 2n, undefined], from: { op: 'Shape', inputs: ['float32[N,2,?]'] } },
    { why: 'Size', gives: [6n], from: { op: 'Size', inputs: ['float32[2,3]'] } },
    { why: 'Size of one symbol', gives: ['N'], from: { op: 'Size', inputs: ['float32[1,N]'] } },
    {
      why: 'Concat',
      gives: [1n, 2n, 3n],
      from: { op: 'Concat', inputs: [ints([1]), ints([2, 3])], attributes: { axis: 0 } },
    },
    { why: 'Squeeze', gives: [4n], from: { op: 'Squeeze', inputs: [ints([4])] } },
    { why: 'Unsqueeze', gives: [4n], from: { op: 'Unsqueeze', inputs: [int(4), ints([0])] } },
    { why: 'Expand', gives: [4n, 4n], from: { op: 'Expand', inputs: [int(4), ints([2])] } },
    {
      why: 'ConstantOfShape',
      gives: [7n, 7n],
      from: { op: 'ConstantOfShape', inputs: [ints([2])], attributes: { value: ints([7]) } },
    },
    { why: 'Split', gives: [1n, 2n], from: { op: 'Split', inputs: [ints([1, 2, 3]), ints([2, 1])], outputs: 2 } },
    {
      why: 'a partly known Concat',
      gives: [1n, undefined],
      from: { op: 'Concat', inputs: [ints([1]), 'int64[1]'], attributes: { axis: 0 } },
    },
    { why: 'what is not an integer', gives: undefined, from: { op: 'ConstantOfShape', inputs: [ints([2])] } },
  ])('$why', ({ gives, from }) => {
    expect(inferOp(from).ints).toEqual(gives);
  });
});

describe('Reshape', () => {
  const dims = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });

  test('infers the one dimension that fits, wherever it stands', () => {
    fc.assert(
      fc.property(dims, fc.nat(), (shape, place) => {
        const total = shape.reduce((a, b) => a * b, 1);
        const target = shape.map((dim, i) => (i === place % shape.length ? -1 : dim));
        const [type] = inferOp({ op: 'Reshape', inputs: [`float32[${total}]`, ints(target)] }).types;
        expect(type).toBe(`float32[${shape.join(',')}]`);
      }),
    );
  });

  test('keeps contents in order', () => {
    fc.assert(
      fc.property(dims, (shape) => {
        const total = shape.reduce((a, b) => a * b, 1);
        fc.pre(total <= 256);
        const elements = Array.from({ length: total }, (_, i) => BigInt(i));
        expect(inferOp({ op: 'Reshape', inputs: [ints(elements), ints(shape)] }).ints).toEqual(elements);
      }),
    );
  });
});

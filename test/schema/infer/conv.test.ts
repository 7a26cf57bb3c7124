import { expect, test } from 'vitest';
import { inferOp, ints, type OpCase } from '../../support/infer-op.ts';

type Case = OpCase & { readonly why: string; readonly gives: readonly string[] };

const X = 'float32[1,3,9,9]';
const W = 'float32[8,3,3,3]';

const CASES: readonly Case[] = [
  { why: 'no padding', op: 'Conv', inputs: [X, W], gives: ['float32[1,8,7,7]'] },
  {
    why: 'strides',
    op: 'Conv',
    inputs: [X, W],
    attributes: { strides: [2, 2], pads: [1, 1, 1, 1] },
    gives: ['float32[1,8,5,5]'],
  },
  { why: 'groups', op: 'Conv', inputs: ['float32[1,6,9,9]', W], attributes: { group: 2 }, gives: ['float32[1,8,7,7]'] },
  { why: 'one dimension', op: 'Conv', inputs: ['float32[N,3,9]', 'float32[8,3,3]'], gives: ['float32[N,8,7]'] },
  {
    why: 'padding that keeps a symbol',
    op: 'Conv',
    inputs: ['float32[N,3,H,?]', W],
    attributes: { pads: [1, 1, 1, 1] },
    gives: ['float32[N,8,H,?]'],
  },
  { why: 'a symbol that shrinks', op: 'Conv', inputs: ['float32[N,3,H,9]', W], gives: ['float32[N,8,?,7]'] },
  { why: 'weights of unknown shape', op: 'Conv', inputs: [X, 'float32'], gives: ['float32[1,?,?,?]'] },
  {
    why: 'weights of unknown shape and a stated kernel',
    op: 'Conv',
    inputs: [X, 'float32'],
    attributes: { kernel_shape: [3, 3] },
    gives: ['float32[1,?,7,7]'],
  },
  { why: 'integers', op: 'ConvInteger', inputs: ['uint8[1,3,9,9]', 'int8[8,3,3,3]'], gives: ['int32[1,8,7,7]'] },
  {
    why: 'the type of the zero point',
    op: 'QLinearConv',
    inputs: ['uint8[1,3,9,9]', 'float32[]', 'uint8[]', 'int8[8,3,3,3]', 'float32[]', 'int8[]', 'float32[]', 'int8[]'],
    gives: ['int8[1,8,7,7]'],
  },
  {
    why: 'a stated size',
    op: 'ConvTranspose',
    inputs: ['float32[1,8,4,4]', 'float32[8,3,3,3]'],
    attributes: { output_shape: [10, 8] },
    gives: ['float32[1,3,10,8]'],
  },
  {
    why: 'output padding',
    op: 'ConvTranspose',
    inputs: ['float32[1,8,4,H]', 'float32[8,3,3,3]'],
    attributes: { strides: [2, 2], output_padding: [1, 1], pads: [1, 1, 1, 1] },
    gives: ['float32[1,3,8,?]'],
  },
  {
    why: 'places too',
    op: 'MaxPool',
    inputs: [X],
    attributes: { kernel_shape: [3, 3] },
    outputs: 2,
    gives: ['float32[1,3,7,7]', 'int64[1,3,7,7]'],
  },
  { why: 'everything', op: 'GlobalAveragePool', inputs: ['float32[N,3,H,W]'], gives: ['float32[N,3,1,1]'] },
  {
    why: 'back again',
    op: 'MaxUnpool',
    inputs: ['float32[1,3,4,4]', 'int64[1,3,4,4]'],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    gives: ['float32[1,3,8,8]'],
  },
  {
    why: 'a stated size',
    op: 'MaxUnpool',
    inputs: ['float32[1,3,4,4]', 'int64[1,3,4,4]', ints([1, 3, 9, 9])],
    attributes: { kernel_shape: [2, 2] },
    gives: ['float32[1,3,9,9]'],
  },
  {
    why: 'regions',
    op: 'MaxRoiPool',
    inputs: [X, 'float32[R,5]'],
    attributes: { pooled_shape: [2, 3] },
    gives: ['float32[R,3,2,3]'],
  },
  {
    why: 'regions',
    op: 'RoiAlign',
    inputs: [X, 'float32[?,4]', 'int64[R]'],
    attributes: { output_height: 2 },
    gives: ['float32[R,3,2,1]'],
  },
  {
    why: 'an image',
    op: 'Col2Im',
    inputs: ['float32[1,12,20]', ints([5, 5]), ints([2, 2])],
    gives: ['float32[1,3,5,5]'],
  },
  { why: 'offsets', op: 'DeformConv', inputs: [X, W, 'float32[1,18,7,7]'], gives: ['float32[1,8,7,7]'] },
  {
    why: 'a state',
    op: 'CausalConvWithState',
    inputs: ['float32[2,4,T]', 'float32[4,1,3]'],
    outputs: 2,
    gives: ['float32[2,4,T]', 'float32[2,4,2]'],
  },
];

test.each(CASES)('$op: $why', ({ gives, ...given }) => {
  expect(inferOp(given)).toMatchObject({ types: gives, conflicts: [] });
});

test.each<OpCase & { readonly says: RegExp }>([
  { op: 'Conv', inputs: [X, 'float32[8,4,3,3]'], says: /channels 3 and 4 differ/ },
  { op: 'Conv', inputs: [X, 'float32[8,3,3]'], says: /ranks 4 and 3/ },
  { op: 'Conv', inputs: ['float32[3,9]', 'float32[8,3]'], says: /rank 2/ },
  { op: 'Conv', inputs: [X, W], attributes: { strides: [0, 1] }, says: /below 1/ },
  { op: 'Conv', inputs: [X, W], attributes: { strides: [1] }, says: /1 entries instead of 2/ },
  { op: 'MaxPool', inputs: [X], says: /no kernel shape/ },
  { op: 'MaxPool', inputs: [X], attributes: { kernel_shape: [0, 1] }, says: /empty kernel/ },
])('$op contradicts itself: $says', ({ says, ...given }) => {
  const { types, conflicts } = inferOp(given);
  expect(types[0]).toBe('unknown');
  expect(conflicts).toEqual([expect.stringMatching(says)]);
});

test('a window that does not fit leaves the extent open', () => {
  expect(inferOp({ op: 'Conv', inputs: ['float32[1,3,2,9]', W] }).types).toEqual(['float32[1,8,?,7]']);
});

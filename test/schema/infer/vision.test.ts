import { expect, test } from 'vitest';
import { floats, inferOp, ints, type OpCase } from '../../support/infer-op.ts';

type Case = OpCase & { readonly why: string; readonly gives: readonly string[] };

const X = 'float32[1,4,6,8]';

const CASES: readonly Case[] = [
  { why: 'scales', op: 'Resize', inputs: [X, undefined, floats([1, 1, 2, 0.5])], gives: ['float32[1,4,12,4]'] },
  {
    why: 'a scale of 1 keeps a symbol',
    op: 'Resize',
    inputs: ['float32[N,4,6,8]', undefined, floats([1, 1, 2, 2])],
    gives: ['float32[N,4,12,16]'],
  },
  {
    why: 'scales come second in opset 10',
    op: 'Resize',
    opset: 10,
    inputs: [X, floats([1, 1, 2, 2])],
    gives: ['float32[1,4,12,16]'],
  },
  { why: 'sizes', op: 'Resize', inputs: [X, undefined, undefined, ints([1, 4, 9, 9])], gives: ['float32[1,4,9,9]'] },
  {
    why: 'empty scales beside sizes',
    op: 'Resize',
    opset: 11,
    inputs: [X, floats([]), floats([]), ints([1, 4, 9, 9])],
    gives: ['float32[1,4,9,9]'],
  },
  {
    why: 'some axes',
    op: 'Resize',
    inputs: [X, undefined, undefined, ints([3, 3])],
    attributes: { axes: [2, 3] },
    gives: ['float32[1,4,3,3]'],
  },
  {
    why: 'not larger in any direction',
    op: 'Resize',
    inputs: [X, undefined, undefined, ints([12, 12])],
    attributes: { axes: [2, 3], keep_aspect_ratio_policy: 'not_larger' },
    gives: ['float32[1,4,9,12]'],
  },
  { why: 'unknown sizes', op: 'Resize', inputs: [X, undefined, undefined, 'int64[4]'], gives: ['float32[?,?,?,?]'] },
  {
    why: 'scales as input',
    op: 'Upsample',
    opset: 9,
    inputs: [X, floats([1, 1, 2, 2])],
    gives: ['float32[1,4,12,16]'],
  },
  { why: 'blocks', op: 'DepthToSpace', inputs: [X], attributes: { blocksize: 2 }, gives: ['float32[1,1,12,16]'] },
  {
    why: 'blocks',
    op: 'SpaceToDepth',
    inputs: ['float32[N,4,6,8]'],
    attributes: { blocksize: 2 },
    gives: ['float32[N,16,3,4]'],
  },
  { why: 'points', op: 'GridSample', inputs: [X, 'float32[1,5,7,2]'], gives: ['float32[1,4,5,7]'] },
  {
    why: 'two dimensions',
    op: 'AffineGrid',
    inputs: ['float32[1,2,3]', ints([1, 4, 6, 8])],
    gives: ['float32[1,6,8,2]'],
  },
  {
    why: 'three dimensions',
    op: 'AffineGrid',
    inputs: ['float32[1,3,4]', ints([1, 4, 5, 6, 8])],
    gives: ['float32[1,5,6,8,3]'],
  },
  {
    why: 'some axes',
    op: 'CenterCropPad',
    inputs: [X, ints([9, 3])],
    attributes: { axes: [-2, -1] },
    gives: ['float32[1,4,9,3]'],
  },
  {
    why: 'pads as attribute',
    op: 'Pad',
    opset: 2,
    inputs: ['float32[2,3]'],
    attributes: { pads: [0, 1, 0, 2] },
    gives: ['float32[2,6]'],
  },
  {
    why: 'pads as input',
    op: 'Pad',
    opset: 11,
    inputs: ['float32[N,3]', ints([0, -1, 0, 2])],
    gives: ['float32[N,4]'],
  },
  {
    why: 'some axes',
    op: 'Pad',
    inputs: ['float32[2,3]', ints([1, 1]), undefined, ints([1])],
    gives: ['float32[2,5]'],
  },
  { why: 'unknown pads', op: 'Pad', inputs: ['float32[2,3]', 'int64[4]'], gives: ['float32[?,?]'] },
  {
    why: 'grey',
    op: 'ImageDecoder',
    inputs: ['uint8[N]'],
    attributes: { pixel_format: 'Grayscale' },
    gives: ['uint8[?,?,1]'],
  },
  { why: 'boxes', op: 'NonMaxSuppression', inputs: ['float32[1,6,4]', 'float32[1,1,6]'], gives: ['int64[?,3]'] },
];

test.each(CASES)('$op: $why', ({ gives, ...given }) => {
  expect(inferOp(given)).toMatchObject({ types: gives, conflicts: [] });
});

test.each<OpCase & { readonly says: RegExp }>([
  { op: 'Resize', inputs: [X, undefined, floats([1, 2])], says: /2 sizes or scales for 4 axes/ },
  { op: 'DepthToSpace', inputs: ['float32[1,3,2,2]'], attributes: { blocksize: 2 }, says: /3 does not divide by 4/ },
  { op: 'DepthToSpace', inputs: [X], says: /a block size of 0/ },
  { op: 'GridSample', inputs: [X, 'float32[1,5,2]'], says: /ranks 4 and 3/ },
  { op: 'Pad', inputs: ['float32[2,3]', ints([1, 1])], says: /2 pads for 2 axes/ },
  { op: 'Pad', inputs: ['float32[2]', ints([-2, -2])], says: /2 cannot be cut by 4/ },
])('$op contradicts itself: $says', ({ says, ...given }) => {
  const { types, conflicts } = inferOp(given);
  expect(types[0]).toBe('unknown');
  expect(conflicts).toEqual([expect.stringMatching(says)]);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inferOp, int, ints, type OpCase } from '../../support/infer-op.ts';

type Case = OpCase & { readonly why: string; readonly gives: readonly string[] };

const END = 2n ** 63n - 1n;

const CASES: readonly Case[] = [
  { why: 'rows', op: 'Gather', inputs: ['float32[5,N]', 'int64[2,3]'], gives: ['float32[2,3,N]'] },
  {
    why: 'one column',
    op: 'Gather',
    inputs: ['float32[5,N]', int(0)],
    attributes: { axis: -1 },
    gives: ['float32[5]'],
  },
  { why: 'elements', op: 'GatherElements', inputs: ['float32[5,4]', 'int64[N,4]'], gives: ['float32[N,4]'] },
  { why: 'points', op: 'GatherND', inputs: ['float32[2,3,4]', 'int64[5,2]'], gives: ['float32[5,4]'] },
  {
    why: 'points in a batch',
    op: 'GatherND',
    inputs: ['float32[2,3,4]', 'int64[2,5,1]'],
    attributes: { batch_dims: 1 },
    gives: ['float32[2,5,4]'],
  },
  { why: 'a part', op: 'Slice', inputs: ['float32[8,N]', ints([2]), ints([7]), ints([0])], gives: ['float32[5,N]'] },
  {
    why: 'leading axes by default',
    op: 'Slice',
    inputs: ['float32[8,9]', ints([2]), ints([7])],
    gives: ['float32[5,9]'],
  },
  {
    why: 'to the end of a symbol',
    op: 'Slice',
    inputs: ['float32[N]', ints([0]), ints([END]), ints([0])],
    gives: ['float32[N]'],
  },
  {
    why: 'part of a symbol',
    op: 'Slice',
    inputs: ['float32[N,3]', ints([1]), ints([END]), ints([0])],
    gives: ['float32[?,3]'],
  },
  {
    why: 'unknown axes',
    op: 'Slice',
    inputs: ['float32[8,9]', ints([0]), ints([1]), 'int64[1]'],
    gives: ['float32[?,?]'],
  },
  {
    why: 'unknown starts',
    op: 'Slice',
    inputs: ['float32[8,9]', 'int64[1]', ints([1]), ints([1])],
    gives: ['float32[8,?]'],
  },
  {
    why: 'attributes before opset 10',
    op: 'Slice',
    opset: 9,
    inputs: ['float32[8,9]'],
    attributes: { starts: [-3], ends: [100], axes: [1] },
    gives: ['float32[8,3]'],
  },
  { why: 'a copy', op: 'ScatterND', inputs: ['float32[N,3]', 'int64[1,1]', 'float32[1,3]'], gives: ['float32[N,3]'] },
  {
    why: 'some',
    op: 'Compress',
    inputs: ['float32[2,3]', 'bool[3]'],
    attributes: { axis: 1 },
    gives: ['float32[2,?]'],
  },
  { why: 'some of all', op: 'Compress', inputs: ['float32[2,3]', 'bool[3]'], gives: ['float32[?]'] },
  { why: 'k', op: 'TopK', inputs: ['float32[2,9]', ints([4])], outputs: 2, gives: ['float32[2,4]', 'int64[2,4]'] },
  {
    why: 'an unknown k',
    op: 'TopK',
    inputs: ['float32[2,9]', 'int64[1]'],
    outputs: 2,
    gives: ['float32[2,?]', 'int64[2,?]'],
  },
  {
    why: 'the batch is known',
    op: 'ReverseSequence',
    inputs: ['float32[4,?,2]', 'int64[3]'],
    gives: ['float32[4,3,2]'],
  },
];

test.each(CASES)('$op: $why', ({ gives, ...given }) => {
  expect(inferOp(given)).toMatchObject({ types: gives, conflicts: [] });
});

test.each<OpCase & { readonly says: RegExp }>([
  { op: 'Gather', inputs: ['float32[5]', 'int64[2]'], attributes: { axis: 1 }, says: /axis 1 does not exist/ },
  { op: 'GatherElements', inputs: ['float32[5]', 'int64[2,2]'], says: /ranks 1 and 2/ },
  { op: 'GatherND', inputs: ['float32[5]', 'int64[2,2]'], says: /indices of 2/ },
  { op: 'Slice', inputs: ['float32[5]', ints([0]), ints([1]), ints([0]), ints([0])], says: /a step of 0/ },
  { op: 'Slice', inputs: ['float32[5]', ints([0, 0]), ints([1, 1]), ints([0, -1])], says: /cut twice/ },
  { op: 'TopK', inputs: ['float32[3]', ints([4])], outputs: 2, says: /k is 4/ },
  { op: 'ReverseSequence', inputs: ['float32[4,2]', 'int64[3]'], says: /2 and 3 differ/ },
])('$op contradicts itself: $says', ({ says, ...given }) => {
  const { types, conflicts } = inferOp(given);
  expect(types[0]).toBe('unknown');
  expect(conflicts).toEqual([expect.stringMatching(says)]);
});

describe('Slice of a vector', () => {
  /** Elements that a Slice keeps, one by one, as the specification describes it. */
  function sliced(size: number, start: number, end: number, step: number): bigint[] {
    const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
    const from = start < 0 ? start + size : start;
    const to = end < 0 ? end + size : end;
    const kept: bigint[] = [];
    if (step > 0) for (let at = clamp(from, 0, size); at < clamp(to, 0, size); at += step) kept.push(BigInt(at));
    else for (let at = clamp(from, 0, size - 1); at > clamp(to, -1, size - 1); at += step) kept.push(BigInt(at));
    return kept;
  }

  const place = fc.integer({ min: -12, max: 12 });
  const step = fc.integer({ min: -4, max: 4 }).filter((value) => value !== 0);

  test('keeps the elements between start and end, clamped', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), place, place, step, (size, start, end, stride) => {
        const data = ints(Array.from({ length: size }, (_, i) => i));
        const found = inferOp({ op: 'Slice', inputs: [data, ints([start]), ints([end]), ints([0]), ints([stride])] });
        const expected = sliced(size, start, end, stride);
        expect(found.types).toEqual([`int64[${expected.length}]`]);
        expect(found.ints).toEqual(expected);
      }),
    );
  });

  test('has the extent of a symbolic slice whatever the contents', () => {
    const found = inferOp({ op: 'Slice', inputs: ['int64[5]', ints([4]), ints([-9]), ints([0]), ints([-2])] });
    expect(found).toMatchObject({ types: ['int64[3]'], ints: undefined });
  });
});

test('Gather picks known elements, from the end for negative indices', () => {
  expect(inferOp({ op: 'Gather', inputs: [ints([5, 6, 7]), ints([-1, 0])] }).ints).toEqual([7n, 5n]);
  expect(inferOp({ op: 'Gather', inputs: [ints([5, 6, 7]), int(9)] }).ints).toEqual([undefined]);
});

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { broadcast, fixedShape, matMul, reshape, sizeOf, type TokenShape } from '../../../passes/tome/token-shape.ts';

const N = 12;
const dimsOf = (shape: TokenShape, tokens: number): number[] => shape.map((extent) => sizeOf(extent, tokens));

describe('reshape', () => {
  const rows: { why: string; from: TokenShape; to: number[]; gives: TokenShape | undefined }[] = [
    { why: 'splits heads', from: [[2], ['T'], [32]], to: [2, N, 4, 8], gives: [[2], ['T'], [4], [8]] },
    { why: 'joins batch and heads', from: [[2], [4], ['T'], [8]], to: [8, N, 8], gives: [[8], ['T'], [8]] },
    { why: 'joins batch and tokens', from: [[2], ['T'], [32]], to: [2 * N, 32], gives: [[2, 'T'], [32]] },
    { why: 'parts batch and tokens', from: [[2, 'T'], [32]], to: [2, N, 32], gives: [[2], ['T'], [32]] },
    { why: 'joins tokens and channels', from: [[2], ['T'], [4]], to: [2, 4 * N], gives: [[2], ['T', 4]] },
    { why: 'adds and drops axes of one', from: [[], ['T'], [4]], to: [1, 1, N, 4, 1], gives: [[], [], ['T'], [4], []] },
    {
      why: 'tells tokens from a channel axis of as many',
      from: [[2], ['T'], [N]],
      to: [2, N, N],
      gives: [[2], ['T'], [N]],
    },
    { why: 'refuses to cut tokens', from: [[2], ['T'], [4]], to: [2, N / 2, 8], gives: undefined },
    { why: 'refuses another order', from: [[2, 'T'], [4]], to: [N, 2, 4], gives: undefined },
    { why: 'refuses another size', from: [[2], ['T']], to: [2, N, 3], gives: undefined },
    { why: 'refuses a smaller size', from: [[2], ['T'], [3]], to: [2, N], gives: undefined },
  ];
  test.each(rows)('$why', ({ from, to, gives }) => {
    expect(reshape(from, to, N)).toEqual(gives);
  });

  test('gives the shape asked for, and for other numbers of tokens one of as many elements', () => {
    const factor = fc.integer({ min: 1, max: 6 });
    const shapes = fc.tuple(fc.array(factor, { maxLength: 3 }), fc.array(factor, { maxLength: 3 }));
    fc.assert(
      fc.property(
        shapes,
        fc.array(fc.nat(), { maxLength: 4 }),
        fc.integer({ min: 2, max: 30 }),
        ([left, right], cuts, other) => {
          const from: TokenShape = [...fixedShape(left), ['T'], ...fixedShape(right)];
          // Any way to join neighbouring axes.
          const dims = dimsOf(from, N);
          const to: number[] = [];
          for (const [i, dim] of dims.entries()) {
            if (i > 0 && (cuts[i % cuts.length] ?? 0) % 2 === 1) to[to.length - 1] = (to.at(-1) as number) * dim;
            else to.push(dim);
          }
          const result = reshape(from, to, N);
          expect(result === undefined ? undefined : dimsOf(result, N)).toEqual(to);
          const product = (list: readonly number[]): number => list.reduce((a, b) => a * b, 1);
          expect(product(dimsOf(result as TokenShape, other))).toBe(product(dimsOf(from, other)));
          expect(reshape(result as TokenShape, dims, N)).toEqual(from);
        },
      ),
    );
  });
});

test('operands are broadcast when they fit any number of tokens', () => {
  expect(broadcast([[[2], ['T'], [8]], fixedShape([8])])).toEqual([[2], ['T'], [8]]);
  expect(broadcast([[['T'], []], [['T']]])).toEqual([['T'], ['T']]);
  expect(broadcast([[[2], ['T'], [8]], fixedShape([1, 8])])).toEqual([[2], ['T'], [8]]);
  expect(broadcast([[[2], ['T'], [8]], fixedShape([N, 8])])).toBeUndefined();
  expect(broadcast([fixedShape([]), fixedShape([3])])).toEqual([[3]]);
});

test('a product needs inner axes that agree for any number of tokens', () => {
  const q: TokenShape = [[8], ['T'], [16]];
  expect(matMul(q, [[8], [16], ['T']])).toEqual([[8], ['T'], ['T']]);
  expect(matMul([[8], ['T'], ['T']], q)).toEqual([[8], ['T'], [16]]);
  expect(matMul(q, fixedShape([16, 4]))).toEqual([[8], ['T'], [4]]);
  expect(matMul(fixedShape([N, N]), q)).toBeUndefined();
  expect(matMul([[8], ['T'], [N]], [[8], ['T'], [4]])).toBeUndefined();
  expect(matMul(fixedShape([3]), q)).toBeUndefined();
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inferOp, type OpCase } from '../../support/infer-op.ts';

const CASES: readonly (OpCase & { readonly why: string; readonly gives: readonly string[] })[] = [
  { why: 'equal shapes', op: 'Add', inputs: ['float32[2,3]', 'float32[2,3]'], gives: ['float32[2,3]'] },
  { why: 'a scalar', op: 'Mul', inputs: ['float16[]', 'float16[2,3]'], gives: ['float16[2,3]'] },
  { why: 'stretched on both sides', op: 'Sub', inputs: ['float32[2,1]', 'float32[1,3]'], gives: ['float32[2,3]'] },
  { why: 'the same symbol', op: 'Div', inputs: ['float32[N,4]', 'float32[N,1]'], gives: ['float32[N,4]'] },
  { why: 'two symbols', op: 'Add', inputs: ['float32[N]', 'float32[M]'], gives: ['float32[?]'] },
  { why: 'a symbol that must be 1 or 4', op: 'Add', inputs: ['float32[N]', 'float32[4]'], gives: ['float32[4]'] },
  { why: 'a symbol next to 1', op: 'Add', inputs: ['float32[N]', 'float32[1]'], gives: ['float32[N]'] },
  { why: 'a symbol next to 0', op: 'Add', inputs: ['float32[N]', 'float32[0]'], gives: ['float32[0]'] },
  { why: 'an unknown extent next to 1', op: 'Add', inputs: ['float32[?]', 'float32[1]'], gives: ['float32[?]'] },
  { why: 'an unknown rank', op: 'Add', inputs: ['float32', 'float32[2]'], gives: ['float32'] },
  { why: 'three inputs', op: 'Max', inputs: ['int64[2,1]', 'int64[3]', 'int64[1]'], gives: ['int64[2,3]'] },
  { why: 'comparison gives bool', op: 'GreaterOrEqual', inputs: ['float32[2]', 'float32[]'], gives: ['bool[2]'] },
  { why: 'Pow has the type of the base', op: 'Pow', inputs: ['float32[2]', 'int64[]'], gives: ['float32[2]'] },
  {
    why: 'Where has the type of its branches',
    op: 'Where',
    inputs: ['bool[2,1]', 'float16[3]', 'float16[1]'],
    gives: ['float16[2,3]'],
  },
  { why: 'Cast', op: 'Cast', inputs: ['float32[2,N]'], attributes: { to: 10 }, gives: ['float16[2,N]'] },
  { why: 'CastLike', op: 'CastLike', inputs: ['float32[2]', 'uint8[9]'], gives: ['uint8[2]'] },
  { why: 'IsNaN', op: 'IsNaN', inputs: ['float32[2]'], gives: ['bool[2]'] },
  { why: 'a slope a channel', op: 'PRelu', inputs: ['float32[2,3,4]', 'float32[3,1]'], gives: ['float32[2,3,4]'] },
  { why: 'an operator without shape rule of its own', op: 'Gelu', inputs: ['float32[2,N]'], gives: ['float32[2,N]'] },
];

test.each(CASES)('$op: $why', ({ gives, ...given }) => {
  expect(inferOp(given)).toMatchObject({ types: gives, conflicts: [] });
});

const CONTRADICTIONS: readonly (OpCase & { readonly says: RegExp })[] = [
  { op: 'Add', inputs: ['float32[2]', 'float32[3]'], says: /dimensions 2 and 3 do not broadcast/ },
  { op: 'PRelu', inputs: ['float32[2]', 'float32[1,2]'], says: /higher rank/ },
  { op: 'SwiGLU', inputs: ['float32[2]', 'float32[3]'], says: /dimension 0: 2 and 3 differ/ },
];

test.each(CONTRADICTIONS)('$op contradicts itself: $says', ({ says, ...given }) => {
  const { types, conflicts } = inferOp(given);
  expect(types).toEqual(['unknown']);
  expect(conflicts).toEqual([expect.stringMatching(says)]);
});

/** numpy's rule, from the last dimension on. */
function numpyShape(a: readonly number[], b: readonly number[]): number[] | undefined {
  const result: number[] = [];
  for (let i = 1; i <= Math.max(a.length, b.length); i++) {
    const [x, y] = [a.at(-i) ?? 1, b.at(-i) ?? 1];
    if (i <= a.length && i <= b.length && x !== y && x !== 1 && y !== 1) return undefined;
    result.unshift(x === 1 ? y : x);
  }
  return result;
}

const dims = fc.array(fc.constantFrom(0, 1, 2, 3), { maxLength: 4 });
const text = (shape: readonly number[]): string => `float32[${shape.join(',')}]`;

describe('broadcasting', () => {
  test('follows numpy, whichever operand comes first', () => {
    fc.assert(
      fc.property(dims, dims, (a, b) => {
        const expected = numpyShape(a, b);
        const wanted = expected === undefined ? 'unknown' : text(expected);
        expect(inferOp({ op: 'Add', inputs: [text(a), text(b)] }).types).toEqual([wanted]);
        expect(inferOp({ op: 'Add', inputs: [text(b), text(a)] }).types).toEqual([wanted]);
      }),
    );
  });

  test('of shapes with symbols is true whatever they stand for', () => {
    const open = fc.array(fc.constantFrom('N', 'M', '?', '1', '2', '3'), { maxLength: 4 });
    const fill = (shape: readonly string[], n: number, m: number): number[] =>
      shape.map((dim) => ({ N: n, M: m, '?': n })[dim] ?? Number(dim));
    const extent = fc.constantFrom(1, 2, 3);
    fc.assert(
      fc.property(open, open, extent, extent, (a, b, n, m) => {
        const expected = numpyShape(fill(a, n, m), fill(b, n, m));
        fc.pre(expected !== undefined);
        const [type] = inferOp({ op: 'Add', inputs: [`float32[${a.join(',')}]`, `float32[${b.join(',')}]`] }).types;
        const inferred = /\[(.*)\]$/.exec(type ?? '')?.[1] ?? '';
        const found = inferred === '' ? [] : inferred.split(',');
        expect(found).toHaveLength(expected.length);
        for (const [i, dim] of found.entries()) {
          if (dim !== '?') expect(fill([dim], n, m)).toEqual([expected[i]]);
        }
      }),
    );
  });
});

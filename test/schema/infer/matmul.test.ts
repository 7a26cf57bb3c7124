import { expect, test } from 'vitest';
import { inferOp, type OpCase } from '../../support/infer-op.ts';

type Case = OpCase & { readonly why: string; readonly gives: readonly string[] };

const CASES: readonly Case[] = [
  { why: 'matrices', op: 'MatMul', inputs: ['float32[2,3]', 'float32[3,4]'], gives: ['float32[2,4]'] },
  { why: 'a batch', op: 'MatMul', inputs: ['float32[N,2,3]', 'float32[3,4]'], gives: ['float32[N,2,4]'] },
  {
    why: 'batches broadcast',
    op: 'MatMul',
    inputs: ['float32[5,1,2,3]', 'float32[7,3,4]'],
    gives: ['float32[5,7,2,4]'],
  },
  { why: 'a vector on the left', op: 'MatMul', inputs: ['float32[3]', 'float32[5,3,4]'], gives: ['float32[5,4]'] },
  { why: 'a vector on the right', op: 'MatMul', inputs: ['float32[5,2,3]', 'float32[3]'], gives: ['float32[5,2]'] },
  { why: 'two vectors', op: 'MatMul', inputs: ['float32[3]', 'float32[3]'], gives: ['float32[]'] },
  { why: 'an unknown rank', op: 'MatMul', inputs: ['float32', 'float32[3]'], gives: ['float32'] },
  { why: 'plain', op: 'Gemm', inputs: ['float32[2,3]', 'float32[3,N]', 'float32[N]'], gives: ['float32[2,N]'] },
  {
    why: 'transposed',
    op: 'Gemm',
    inputs: ['float32[3,2]', 'float32[N,3]'],
    attributes: { transA: 1, transB: 1 },
    gives: ['float32[2,N]'],
  },
  { why: 'integers', op: 'MatMulInteger', inputs: ['uint8[2,3]', 'int8[3,4]'], gives: ['int32[2,4]'] },
  {
    why: 'a diagonal',
    op: 'Einsum',
    inputs: ['float32[3,3]'],
    attributes: { equation: 'ii->i' },
    gives: ['float32[3]'],
  },
  {
    why: 'a product',
    op: 'Einsum',
    inputs: ['float32[B,2,3]', 'float32[B,3,4]'],
    attributes: { equation: 'bij, bjk -> bik' },
    gives: ['float32[B,2,4]'],
  },
  {
    why: 'an implicit result',
    op: 'Einsum',
    inputs: ['float32[2,3]', 'float32[3,4]'],
    attributes: { equation: 'zj,ja' },
    gives: ['float32[4,2]'],
  },
  {
    why: 'an ellipsis',
    op: 'Einsum',
    inputs: ['float32[5,6,2,3]'],
    attributes: { equation: '...ij->j...i' },
    gives: ['float32[3,5,6,2]'],
  },
  {
    why: 'a sum of all',
    op: 'Einsum',
    inputs: ['float32[2,3]'],
    attributes: { equation: 'ij->' },
    gives: ['float32[]'],
  },
  { why: 'matrices', op: 'Det', inputs: ['float32[N,3,3]'], gives: ['float32[N]'] },
];

test.each(CASES)('$op: $why', ({ gives, ...given }) => {
  expect(inferOp(given)).toMatchObject({ types: gives, conflicts: [] });
});

test.each<OpCase & { readonly says: RegExp }>([
  { op: 'MatMul', inputs: ['float32[2,3]', 'float32[4,5]'], says: /inner dimensions 3 and 4 differ/ },
  { op: 'MatMul', inputs: ['float32[]', 'float32[4]'], says: /scalar/ },
  { op: 'Gemm', inputs: ['float32[2]', 'float32[2,2]'], says: /input 0 has rank 1, the operator takes 2/ },
  { op: 'Einsum', inputs: ['float32[2,2]'], attributes: { equation: 'ij->k' }, says: /label 'k'/ },
  { op: 'Einsum', inputs: ['float32[2]'], attributes: { equation: 'i,j->i' }, says: /2 terms for 1 inputs/ },
  { op: 'Einsum', inputs: ['float32[2]'], attributes: { equation: 'i->i->i' }, says: /two arrows/ },
  { op: 'Einsum', inputs: ['float32[2]'], attributes: { equation: '1' }, says: /cannot be read/ },
  { op: 'Det', inputs: ['float32[2,3]'], says: /3 and 2 differ/ },
])('$op contradicts itself: $says', ({ says, ...given }) => {
  const { types, conflicts } = inferOp(given);
  expect(types).toEqual(['unknown']);
  expect(conflicts).toEqual([expect.stringMatching(says)]);
});

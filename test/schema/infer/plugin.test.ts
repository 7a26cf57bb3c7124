import { expect, test } from 'vitest';
import { Attribute } from '../../../src/ir/attribute.ts';
import { inferOp, type OpCase } from '../../support/infer-op.ts';

type Case = OpCase & { readonly why: string; readonly gives: readonly string[] };

const INDICES = ['int64[2,3072]', 'int64[2,3072]'];
const TOKENS = ['float32[2,3072,320]', 'float32[2,1024,320]'];
const ORIGINS = ['int64[2,3072]', 'int64[2,1024]'];

const CASES: readonly Case[] = [
  {
    why: 'as the query',
    op: 'FlashAttentionTik',
    inputs: ['float32[2,8,4096,40]', 'float32[2,8,77,40]', 'float32[2,8,77,40]'],
    gives: ['float32[2,8,4096,40]'],
  },
  {
    why: 'as the query',
    op: 'UnpadFlashAttentionMix',
    inputs: ['float32[N,4096,8,40]'],
    gives: ['float32[N,4096,8,40]'],
  },
  {
    why: 'as the query',
    op: 'PromptFlashAttention',
    inputs: ['float16[2,8,4096,40]'],
    attributes: { input_layout: 'BNSD' },
    gives: ['float16[2,8,4096,40]'],
  },
  {
    why: 'transposed on the way out',
    op: 'PromptFlashAttention',
    inputs: ['float16[2,8,4096,40]'],
    attributes: { input_layout: 'BNSD_BSND' },
    gives: ['float16[2,4096,8,40]'],
  },
  {
    why: 'the last axis goes',
    op: 'FindMax',
    inputs: ['float32[2,3072,1024]'],
    outputs: 2,
    gives: ['float32[2,3072]', 'int64[2,3072]'],
  },
  {
    why: 'half of all tokens merge',
    op: 'TomeMerged',
    inputs: [...TOKENS, ...INDICES],
    outputs: 3,
    gives: ['float32[2,1024,320]', 'float32[2,8,1024,320]', 'float32[2,8,1024]'],
  },
  {
    why: 'a rate of its own, rounded down',
    op: 'TomeMerge',
    inputs: ['float16[B,7,8]', 'float16[B,3,8]'],
    attributes: { top_rate: Attribute.float('top_rate', 0.25) },
    outputs: 3,
    gives: ['float16[B,5,8]', 'float16[B,8,3,8]', 'float32[B,8,3]'],
  },
  {
    why: 'unknown token counts',
    op: 'TomeMerged',
    inputs: ['float32[2,A,320]', TOKENS[1], ...INDICES],
    outputs: 3,
    gives: ['float32[2,?,320]', 'float32[2,8,1024,320]', 'float32[2,8,1024]'],
  },
  {
    why: 'all tokens come back',
    op: 'TomeUnmerge',
    inputs: ['float32[2,2048,320]', ...ORIGINS, ...INDICES],
    gives: ['float32[2,4096,320]'],
  },
  {
    why: 'the other spelling',
    op: 'TomeUnmerged',
    inputs: ['float32[2,2048,320]', ...ORIGINS, ...INDICES],
    gives: ['float32[2,4096,320]'],
  },
  { why: 'half the width', op: 'SliceTransGeluMul', inputs: ['float32[2,N,2560]'], gives: ['float32[2,N,1280]'] },
  { why: 'int8 by default', op: 'AscendQuant', inputs: ['float32[2,N]'], gives: ['int8[2,N]'] },
  {
    why: 'a named type',
    op: 'AscendQuant',
    inputs: ['float32[2,N]'],
    attributes: { dst_type: 'INT4' },
    gives: ['int4[2,N]'],
  },
  { why: 'float32 by default', op: 'AscendDequant', inputs: ['int32[2,N]', 'uint64[1]'], gives: ['float32[2,N]'] },
  {
    why: 'float16',
    op: 'AscendDequant',
    inputs: ['int32[2,N]', 'uint64[1]'],
    attributes: { dtype: 1 },
    gives: ['float16[2,N]'],
  },
  { why: 'float32 by default', op: 'AscendAntiQuant', inputs: ['int8[2,N]'], gives: ['float32[2,N]'] },
  { why: 'like the weight', op: 'AscendWeightQuant', inputs: ['int8[3,4]', 'int8[4]'], gives: ['int8[3,4]'] },
];

test.each(CASES)('$op: $why', ({ gives, ...given }) => {
  expect(inferOp({ opset: 11, ...given })).toMatchObject({ types: gives, conflicts: [] });
});

test.each<OpCase & { readonly says: RegExp }>([
  { op: 'TomeMerged', inputs: ['float32[2,8,4]', 'float32[2,24,4]'], outputs: 3, says: /16 of 8 tokens cannot merge/ },
  { op: 'TomeMerged', inputs: ['float32[2,8,4]', 'float32[3,8,4]'], outputs: 3, says: /batch sizes 2 and 3/ },
  { op: 'TomeUnmerge', inputs: ['float32[2,9,4]', 'int64[2,12]', 'int64[2,4]'], says: /token counts 9 and 8/ },
  { op: 'SliceTransGeluMul', inputs: ['float32[2,3]'], says: /does not split in two halves/ },
  { op: 'FindMax', inputs: ['float32[]'], outputs: 2, says: /no last axis/ },
])('$op contradicts itself: $says', ({ says, ...given }) => {
  const { types, conflicts } = inferOp(given);
  expect(types[0]).toBe('unknown');
  expect(conflicts).toEqual([expect.stringMatching(says)]);
});

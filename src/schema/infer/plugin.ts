import { DataType } from '../../ir/data-type.ts';
import type { Dim } from '../../ir/type.ts';
import { extent, sameDim, sum } from './dims.ts';
import { Contradiction, tensor } from './fact.ts';
import type { OpContext, OperatorInference, OperatorTable } from './op-context.ts';

/** Attention that gives back the layout of its first input. */
const likeQuery: OperatorInference = (op) => [tensor(op.elem(0), op.shape(0))];

const findMax: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape?.length === 0) throw new Contradiction('a scalar has no last axis');
  const rows = shape?.slice(0, -1);
  return [tensor(op.elem(0), rows), tensor(DataType.INT64, rows)];
};

/** Partial sums of merged tokens come from this many cores a batch item. */
const CORES = 8;

/** Name of the share of tokens that merge: of the 2023 operators and of their successors. */
const RATES = ['topRRate', 'top_rate', 'top_r_rate'];

/** How many tokens merge. */
function mergedCount(op: OpContext, a: Dim, b: Dim): number | undefined {
  const total = sum(a, b);
  const given = RATES.map((name) => op.attribute(name)).find((attribute) => attribute !== undefined);
  return typeof total === 'number' ? Math.trunc(total * (given?.float ?? 0.5)) : undefined;
}

const merge: OperatorInference = (op) => {
  const [a, b] = [op.shapeOfRank(0, 3), op.shapeOfRank(1, 3)];
  const batch = sameDim(a?.[0], b?.[0], 'batch sizes');
  const channels = sameDim(a?.[2], b?.[2], 'channels');
  const merged = mergedCount(op, a?.[1], b?.[1]);
  const sources = a?.[1];
  const kept = merged === undefined || typeof sources !== 'number' ? undefined : sources - merged;
  if (kept !== undefined && kept < 0) throw new Contradiction(`${merged} of ${sources} tokens cannot merge`);
  return [
    tensor(op.elem(0), [batch, kept, channels]),
    tensor(op.elem(0), [batch, CORES, b?.[1], channels]),
    tensor(DataType.FLOAT, [batch, CORES, b?.[1]]),
  ];
};

const unmerge: OperatorInference = (op) => {
  const tokens = op.shapeOfRank(0, 3);
  const [a, b] = [op.shapeOfRank(1, 2), op.shapeOfRank(2, 2)];
  const total = sum(a?.[1], b?.[1]);
  const merged = mergedCount(op, a?.[1], b?.[1]);
  if (typeof total === 'number' && merged !== undefined) sameDim(tokens?.[1], extent(total - merged), 'token counts');
  const batch = [tokens?.[0], a?.[0], b?.[0]].reduce((first, next) => sameDim(first, next, 'batch sizes'));
  return [tensor(op.elem(0), [batch, total, tokens?.[2]])];
};

const sliceTransGeluMul: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape === undefined) return [tensor(op.elem(0))];
  const last = shape.at(-1);
  if (shape.length === 0 || (typeof last === 'number' && last % 2 !== 0)) {
    throw new Contradiction('the last axis does not split in two halves');
  }
  return [tensor(op.elem(0), [...shape.slice(0, -1), typeof last === 'number' ? last / 2 : undefined])];
};

const QUANTIZED: ReadonlyMap<string, number> = new Map([
  ['INT8', DataType.INT8],
  ['INT4', 22],
  ['INT16', DataType.INT16],
]);

const quant: OperatorInference = (op) => [tensor(QUANTIZED.get(op.string('dst_type', 'INT8')) ?? 0, op.shape(0))];

const dequant: OperatorInference = (op) => [
  tensor(op.int('dtype', 0) === 1 ? DataType.FLOAT16 : DataType.FLOAT, op.shape(0)),
];

const weightQuant: OperatorInference = (op) => [tensor(DataType.INT8, op.shape(0))];

/** PromptFlashAttention keeps the layout of the query; with several it can be transposed on the way out. */
const promptFlashAttention: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape === undefined || op.string('input_layout', 'BSH') !== 'BNSD_BSND') return [tensor(op.elem(0), shape)];
  const [batch, heads, tokens, size] = op.shapeOfRank(0, 4) ?? [];
  return [tensor(op.elem(0), [batch, tokens, heads, size])];
};

/** Operators of Ascend's plugins, which live in the standard domain. */
export const PLUGIN: OperatorTable = new Map<string, OperatorInference>([
  ['FlashAttentionTik', likeQuery],
  ['UnpadFlashAttentionMix', likeQuery],
  ['FlashAttentionSoftmaxFp32', likeQuery],
  ['PromptFlashAttention', promptFlashAttention],
  ['FindMax', findMax],
  ['TomeMerged', merge],
  ['TomeMerge', merge],
  ['TomeUnmerged', unmerge],
  ['TomeUnmerge', unmerge],
  ['SliceTransGeluMul', sliceTransGeluMul],
  ['AscendQuant', quant],
  ['AscendDequant', dequant],
  ['AscendAntiQuant', dequant],
  ['AscendWeightQuant', weightQuant],
]);

import type { Value } from '../../src/ir/value.ts';
import { CannotLower, dims, input, type Lower, type Lowering } from './context.ts';

/** How one attention operator lays out its operands and scales its scores. */
interface Kernel {
  /** `BNSD` (also rank 3, `[B*N,S,D]`) or `BSND`. */
  readonly layout: 'BNSD' | 'BSND';
  readonly scale: number;
  /** Whether exp is `(1 + x/256)^256`, as in the kernel of FlashAttentionTik (ascend-ops, section 1). */
  readonly powerExp: boolean;
  /** Shape `[batch, 1 or heads, Nq, Nkv]` of an additive mask at input 5. */
  readonly mask?: readonly number[] | undefined;
}

/** softmax(q kᵀ) v without scale: the caller scaled q (ascend-ops, section 1). */
export const lowerFlashAttentionTik: Lower = (lowering) => [
  attention(lowering, { layout: 'BNSD', scale: 1, powerExp: true }),
];

/** softmax(q kᵀ / sqrt(D)) v on `[B,N,H,D]` (ascend-ops, section 2). */
export const lowerUnpadFlashAttention: Lower = (lowering) => {
  const headDim = dims(lowering, 0, 4)[3] as number;
  return [attention(lowering, { layout: 'BSND', scale: 1 / Math.sqrt(headDim), powerExp: false })];
};

/** CANN's PromptFlashAttention with layout and scale as attributes. */
export const lowerPromptFlashAttention: Lower = (lowering) => {
  const { node } = lowering;
  const layout = node.attribute('input_layout')?.string ?? 'BSH';
  if (layout !== 'BNSD' && layout !== 'BSND') throw new CannotLower(`the layout ${layout} is not supported`);
  if (node.inputs.slice(3).some((value) => value !== undefined)) throw new CannotLower('masks are not supported');
  const scale = node.attribute('scale_value')?.float ?? 1;
  return [attention(lowering, { layout, scale, powerExp: false })];
};

/** FlashAttentionSoftmaxFp32 of other models: rank 3, scale `tor`, optional additive mask (ascend-ops, section 9). */
export const lowerFlashAttentionSoftmax: Lower = (lowering) => {
  dims(lowering, 0, 3);
  const scale = lowering.node.attribute('tor')?.float ?? 0.125;
  const mask = lowering.node.inputs[5] === undefined ? undefined : dims(lowering, 5, 4);
  return [attention(lowering, { layout: 'BNSD', scale, powerExp: false, mask })];
};

function attention(lowering: Lowering, kernel: Kernel): Value {
  const { build } = lowering;
  const rank = dims(lowering, 0).length;
  if (rank !== 4 && !(rank === 3 && kernel.layout === 'BNSD')) throw new CannotLower(`queries of rank ${rank}`);
  for (const operand of [1, 2]) dims(lowering, operand, rank);
  const half =
    lowering.emulate === 'fp16' ? (value: Value): Value => build.half(value) : (value: Value): Value => value;
  const tokenMajor = kernel.layout === 'BSND';
  const [q, k, v] = [0, 1, 2].map((index) => half(input(lowering, index))) as [Value, Value, Value];
  const heads = (value: Value): Value => (tokenMajor ? build.transpose(value, [0, 2, 1, 3]) : value);
  const keys = tokenMajor
    ? build.transpose(k, [0, 2, 3, 1])
    : build.transpose(k, rank === 4 ? [0, 1, 3, 2] : [0, 2, 1]);
  let scores: Value;
  if (lowering.emulate === 'fp16') {
    // The kernels round the raw scores before anything else happens to them.
    scores = half(build.op('MatMul', [heads(q), keys]));
    if (kernel.scale !== 1) scores = half(build.op('Mul', [scores, build.scalar(kernel.scale)]));
  } else {
    const queries = kernel.scale === 1 ? heads(q) : build.op('Mul', [heads(q), build.scalar(kernel.scale)]);
    scores = build.op('MatMul', [queries, keys]);
  }
  if (kernel.mask !== undefined) scores = half(masked(lowering, scores, kernel.mask));
  const mixed =
    lowering.emulate === 'fp16'
      ? halfAttention(lowering, scores, heads(v), kernel.powerExp, rank)
      : build.op('MatMul', [build.softmax(scores, rank), heads(v)]);
  return tokenMajor ? build.transpose(mixed, [0, 2, 1, 3]) : mixed;
}

/** Adds a mask `[batch, 1 or heads, Nq, Nkv]` to scores `[batch * heads, Nq, Nkv]`. */
function masked(lowering: Lowering, scores: Value, mask: readonly number[]): Value {
  const { build } = lowering;
  const [batchHeads, queries] = dims(lowering, 0) as [number, number];
  const keys = dims(lowering, 1)[1] as number;
  const [batch] = mask as [number];
  const split = build.reshape(scores, [batch, batchHeads / batch, queries, keys]);
  return build.reshape(build.op('Add', [split, input(lowering, 5)]), [batchHeads, queries, keys]);
}

/** Softmax and weighted sum with every step rounded to float16. */
function halfAttention({ build }: Lowering, scores: Value, values: Value, powerExp: boolean, rank: number): Value {
  const last = [rank - 1];
  const shifted = build.half(build.op('Sub', [scores, build.reduceMax(scores, last, true)]));
  let weights = powerExp
    ? build.half(build.op('Add', [build.half(build.op('Mul', [shifted, build.scalar(1 / 256)])), build.scalar(1)]))
    : build.half(build.op('Exp', [shifted]));
  if (powerExp) for (let i = 0; i < 8; i++) weights = build.half(build.op('Mul', [weights, weights]));
  const total = build.half(build.reduceSum(weights, last, true));
  return build.half(build.op('Div', [build.half(build.op('MatMul', [weights, values])), total]));
}

/** Largest of the last axis and where it first stands (ascend-ops, section 3). */
export const lowerFindMax: Lower = (lowering) => {
  const { build } = lowering;
  const scores = lowering.emulate === 'fp16' ? build.half(input(lowering, 0)) : input(lowering, 0);
  const rank = dims(lowering, 0).length;
  const position = { axis: rank - 1, keepdims: 0 };
  return [build.reduceMax(scores, [rank - 1], false), build.op('ArgMax', [scores], position)];
};

/** First half times the sigmoid GELU of the second (ascend-ops, section 7). */
export const lowerSliceTransGeluMul: Lower = (lowering) => {
  const { build } = lowering;
  const half =
    lowering.emulate === 'fp16' ? (value: Value): Value => build.half(value) : (value: Value): Value => value;
  const [kept, gate] = build.halves(half(input(lowering, 0))) as [Value, Value];
  const scaled = half(build.op('Mul', [gate, build.scalar(1.702)]));
  const gelu = half(build.op('Mul', [half(build.op('Sigmoid', [scaled])), gate]));
  return [half(build.op('Mul', [kept, gelu]))];
};

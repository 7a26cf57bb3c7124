import { constantInts } from '../../src/ir/constants.ts';
import type { Node } from '../../src/ir/node.ts';
import type { Value } from '../../src/ir/value.ts';
import { label } from '../../src/rewrite/report.ts';
import type { Inference } from '../../src/schema/inference.ts';
import type { Target } from '../../src/targets/types.ts';
import { Refusal } from './refusal.ts';
import { broadcast, fixedShape, hasTokens, matMul, reshape, sameExtent, type TokenShape } from './token-shape.ts';

/** A node of the region and what is known before it. */
export interface Step {
  readonly node: Node;
  /** Shapes of the values of the region computed so far. */
  readonly known: ReadonlyMap<Value, TokenShape>;
  readonly shapes: Inference;
  /** The present number of tokens. */
  readonly tokens: number;
  /** Fused attention operators, see {@link fusedAttentions}. */
  readonly fused: FusedAttentions;
}

/** Op types of fused attention operators, and the axis, counted from the end, that holds the tokens of q, k and v. */
export type FusedAttentions = ReadonlyMap<string, number>;

/** A Reshape of the region with its constant target shape. */
export interface ReshapeSite {
  readonly node: Node;
  readonly target: readonly bigint[];
  readonly input: TokenShape;
  readonly output: TokenShape;
}

/** What a node of the region computes. */
export interface Transferred {
  readonly shape: TokenShape;
  readonly reshape?: ReshapeSite;
  /** Whether every token looks at all others here. */
  readonly isAttention?: boolean;
}

/** The axis of the tokens, counted from the end, in the layouts of profiles and of the attribute `input_layout`. */
const LAYOUTS: ReadonlyMap<string, number> = new Map([
  ['BNSD', -2],
  ['BSND', -3],
  ['BSH', -2],
]);
const ELEMENTWISE: ReadonlySet<string> = new Set([
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Pow',
  'Where',
  'Cast',
  'Identity',
  'Sqrt',
  'Neg',
]);
const OTHERS: ReadonlySet<string> = new Set(['Softmax', 'MatMul', 'Gemm', 'Transpose', 'Reshape']);
const EXPLICIT: ReadonlySet<string> = new Set(['Squeeze', 'Unsqueeze', 'Flatten']);

/** The fused attention operators of some profiles: those of the target, and those that an earlier run may have left. */
export function fusedAttentions(targets: readonly Target[]): FusedAttentions {
  const axes = new Map<string, number>();
  for (const { operators } of targets) {
    const { opType, aliases = [], layout } = operators.flashAttention ?? {};
    const axis = layout === undefined ? undefined : LAYOUTS.get(layout);
    if (opType !== undefined && axis !== undefined) for (const name of [opType, ...aliases]) axes.set(name, axis);
  }
  return axes;
}

/** Whether {@link transfer} knows an operator. */
export function isUnderstood({ isStandardDomain, opType }: Node, fused: FusedAttentions): boolean {
  return isStandardDomain && [ELEMENTWISE, EXPLICIT, fused, OTHERS].some((known) => known.has(opType));
}

/** The shape that a node of the region computes for any number of tokens. Throws a Refusal when there is none. */
export function transfer(step: Step): Transferred {
  const { node } = step;
  if (!node.isStandardDomain) throw new Refusal(`${label(node)} (${node.domain}.${node.opType}) is not understood`);
  if (node.outputs.slice(1).some((value) => value !== undefined)) {
    throw new Refusal(`${label(node)} (${node.opType}) has more than one output`);
  }
  if (ELEMENTWISE.has(node.opType)) return { shape: elementwise(step) };
  if (EXPLICIT.has(node.opType)) return { shape: reshaped(step, step.shapes.dims(node.output())) };
  if (step.fused.has(node.opType)) return { shape: fusedAttention(step), isAttention: true };
  switch (node.opType) {
    case 'Softmax':
      return { shape: operand(step, 0), isAttention: true };
    case 'MatMul':
      return { shape: matMul(operand(step, 0), operand(step, 1)) ?? misfit(step) };
    case 'Gemm':
      return { shape: gemm(step) };
    case 'Transpose':
      return { shape: transposed(step) };
    case 'Reshape':
      return reshapeNode(step);
    default:
      throw new Refusal(`${label(node)} (${node.opType}) is not part of a self-attention that is understood`);
  }
}

/** The shape of an operand: one of the region, or one from outside that does not depend on the tokens. */
function operand({ node, known, shapes }: Step, index: number): TokenShape {
  const value = node.inputs[index];
  if (value === undefined) throw new Refusal(`${label(node)} (${node.opType}) lacks input ${index}`);
  const inside = known.get(value);
  if (inside !== undefined) return inside;
  const dims = shapes.dims(value);
  if (dims === undefined) throw new Refusal(`the shape of '${value.name}', which ${label(node)} reads, is not known`);
  return fixedShape(dims);
}

function elementwise(step: Step): TokenShape {
  return broadcast(step.node.inputs.map((_, index) => operand(step, index))) ?? misfit(step);
}

/** Says which operand from outside fits the present number of tokens only. */
function misfit({ node, known, shapes, tokens }: Step): never {
  const outside = node.inputs.find((value) => value !== undefined && !known.has(value));
  const dims = shapes.dims(outside);
  const hint = node.opType === 'Add' ? '; if it holds zeros, remove-zero-add takes it away' : '';
  const reason =
    outside === undefined
      ? 'mixes axes of tokens with others'
      : `reads '${outside.name}' of shape [${dims?.join(',')}], which fits ${tokens} tokens only${hint}`;
  throw new Refusal(`${label(node)} (${node.opType}) ${reason}`);
}

function gemm(step: Step): TokenShape {
  const { node } = step;
  const swap = (shape: TokenShape, flag: string): TokenShape => (node.int(flag, 0) === 0 ? shape : shape.toReversed());
  const product = matMul(swap(operand(step, 0), 'transA'), swap(operand(step, 1), 'transB')) ?? misfit(step);
  if (node.inputs[2] === undefined) return product;
  return broadcast([product, operand(step, 2)]) ?? misfit(step);
}

function transposed(step: Step): TokenShape {
  const shape = operand(step, 0);
  const perm = step.node.attribute('perm')?.ints.map(Number) ?? shape.map((_, axis) => shape.length - 1 - axis);
  const result = perm.map((axis) => shape[axis]);
  if (result.length !== shape.length || !result.every((extent) => extent !== undefined)) {
    throw new Refusal(`${label(step.node)} has a permutation that does not fit`);
  }
  return result;
}

function fusedAttention(step: Step): TokenShape {
  const { node } = step;
  const layout = node.attribute('input_layout')?.string;
  const axis = layout === undefined ? step.fused.get(node.opType) : LAYOUTS.get(layout);
  if (axis === undefined) throw new Refusal(`${label(node)} has the layout ${layout}, which is not understood`);
  if (node.inputs.slice(3).some((value) => value !== undefined)) throw new Refusal(`${label(node)} has a mask`);
  const [q, k, v] = [0, 1, 2].map((index) => operand(step, index)) as [TokenShape, TokenShape, TokenShape];
  for (const shape of [q, k, v]) {
    const extent = shape.at(axis);
    const others = shape.filter(hasTokens).length - 1;
    if (extent === undefined || extent.length !== 1 || !hasTokens(extent) || others !== 0) {
      throw new Refusal(`${label(node)} (${node.opType}) has its tokens elsewhere than on axis ${axis}`);
    }
  }
  return q;
}

/** Reshaped into `dims` by an operator that names no number of tokens. */
function reshaped(step: Step, dims: readonly number[] | undefined): TokenShape {
  const { node, tokens } = step;
  const shape = dims === undefined ? undefined : reshape(operand(step, 0), dims, tokens);
  if (shape === undefined) throw new Refusal(`${label(node)} (${node.opType}) does not keep the tokens on one axis`);
  return shape;
}

function reshapeNode(step: Step): Transferred {
  const { node, shapes, tokens } = step;
  const target = constantInts(node.inputs[1]);
  if (target === undefined)
    throw new Refusal(`the shape that ${label(node)} (Reshape) takes is computed, not constant`);
  const input = operand(step, 0);
  const output = reshaped(step, shapes.dims(node.output()));
  if (target.length !== output.length) throw new Refusal(`${label(node)} (Reshape) contradicts its shape`);
  const isMerged = output.some((extent) => extent.filter((factor) => factor === 'T').length > 1);
  if (isMerged) throw new Refusal(`${label(node)} (Reshape) merges two axes of ${tokens} tokens`);
  const isCopied = target.some((entry, i) => entry === 0n && !sameExtent(input[i] ?? [], output[i] ?? []));
  if (isCopied) throw new Refusal(`${label(node)} (Reshape) copies the extent of an axis that it does not keep`);
  return { shape: output, ...(output.some(hasTokens) ? { reshape: { node, target, input, output } } : {}) };
}

import type { Node } from '../../src/ir/node.ts';
import type { Value } from '../../src/ir/value.ts';
import { isWeight } from '../support/weight.ts';
import type { View } from './views.ts';

/** Operators of one data input that stand between a tensor and its projection to queries or keys. */
const SINGLE: ReadonlySet<string> = new Set([
  'Reshape',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
  'Cast',
  'Identity',
  'Split',
  'Slice',
  'Gather',
  'AscendQuant',
  'AscendDequant',
  'AscendAntiQuant',
  'QuantizeLinear',
  'DequantizeLinear',
]);

/** Operators that are linear in one data input when the others are constant; Add also joins two branches of a projection. */
const WEIGHTED: ReadonlySet<string> = new Set(['MatMul', 'Gemm', 'Conv', 'Mul', 'Div', 'MatMulInteger', 'ConvInteger']);

/** Most values looked at for one operand. */
const LIMIT = 64;

/**
 * Whether queries and keys are projections of one tensor (self-attention) or of two. Followed through linear operators
 * with constant weights only: everything further up goes back to the same model inputs.
 */
export function attentionKind(q: readonly View[], k: readonly View[]): 'self' | 'cross' {
  const queries = projectedFrom(q);
  for (const value of projectedFrom(k)) if (queries.has(value)) return 'self';
  return 'cross';
}

function projectedFrom(views: readonly View[]): ReadonlySet<Value> {
  const found = new Set<Value>();
  const pending = views.map(({ value }) => value);
  for (let value = pending.shift(); value !== undefined && found.size < LIMIT; value = pending.shift()) {
    if (found.has(value)) continue;
    found.add(value);
    if (value.producer !== undefined) pending.push(...dataInputs(value.producer));
  }
  return found;
}

function dataInputs(node: Node): Value[] {
  if (!node.isStandardDomain) return [];
  const [first] = node.inputs;
  if (SINGLE.has(node.opType)) return first === undefined ? [] : [first];
  const computed = node.inputs.filter((value) => value !== undefined && !isWeight(value));
  if (node.opType === 'Add') return computed as Value[];
  return WEIGHTED.has(node.opType) && computed.length === 1 ? (computed as Value[]) : [];
}

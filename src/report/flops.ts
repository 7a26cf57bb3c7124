import { AttributeType } from '../ir/attribute.ts';
import type { Model } from '../ir/model.ts';
import type { Node } from '../ir/node.ts';
import type { Inference } from '../schema/inference.ts';
import { type FlashAttentionOperator, loadTarget, targetNames } from '../targets/index.ts';

/** Floating-point operations of a model: two for each multiplication that is added up. */
export interface FlopCount {
  /** Of the nodes that could be counted. */
  readonly total: number;
  /** By operator, the largest first. */
  readonly byOperator: readonly { readonly operator: string; readonly nodes: number; readonly flops: number }[];
  /** Nodes that multiply and add but could not be counted, by operator and reason. */
  readonly uncounted: readonly { readonly operator: string; readonly nodes: number; readonly reason: string }[];
}

/** A formula: operations from the shapes of a node; undefined when a shape is not known. */
type Formula = (node: Node, shapes: Inference) => number | undefined;

const FORMULAS: ReadonlyMap<string, Formula> = new Map<string, Formula>([
  ['Conv', (node, shapes) => convolution(node, shapes, 0, 1)],
  ['ConvInteger', (node, shapes) => convolution(node, shapes, 0, 1)],
  ['QLinearConv', (node, shapes) => convolution(node, shapes, 0, 3)],
  ['ConvTranspose', transposedConvolution],
  ['MatMul', (node, shapes) => matrixProduct(node, shapes, 0)],
  ['MatMulInteger', (node, shapes) => matrixProduct(node, shapes, 0)],
  ['QLinearMatMul', (node, shapes) => matrixProduct(node, shapes, 0)],
  ['Gemm', gemm],
  ['Attention', standardAttention],
]);

/** Standard operators that multiply and add by rules that are not written down here. */
const WITHOUT_FORMULA: ReadonlySet<string> = new Set(['DeformConv', 'Einsum', 'GRU', 'LSTM', 'RNN']);

/**
 * Counts the floating-point operations of one run of the main graph: convolutions, matrix products and attentions.
 * Element-wise operators are left out; they are a few parts in a thousand. What cannot be counted is listed.
 */
export function countFlops(model: Model, shapes: Inference): FlopCount {
  const plugins = pluginFormulas();
  const counted = new Map<string, { nodes: number; flops: number }>();
  const uncounted = new Map<string, { operator: string; nodes: number; reason: string }>();
  for (const graph of model.scopes()) {
    for (const node of graph.nodes) {
      const formula = formulaFor(node, plugins);
      if (formula === undefined) continue;
      const flops = graph === model.graph && formula !== 'none' ? formula(node, shapes) : undefined;
      if (flops === undefined) {
        const inner = graph !== model.graph;
        const reason = inner ? 'not in the main graph' : formula === 'none' ? 'no formula' : 'shapes are not known';
        const key = JSON.stringify([node.opType, reason]);
        const entry = uncounted.get(key) ?? { operator: node.opType, nodes: 0, reason };
        uncounted.set(key, { ...entry, nodes: entry.nodes + 1 });
      } else {
        const entry = counted.get(node.opType) ?? { nodes: 0, flops: 0 };
        counted.set(node.opType, { nodes: entry.nodes + 1, flops: entry.flops + flops });
      }
    }
  }
  const byOperator = [...counted].map(([operator, entry]) => ({ operator, ...entry }));
  return {
    total: byOperator.reduce((sum, { flops }) => sum + flops, 0),
    byOperator: byOperator.toSorted((a, b) => b.flops - a.flops),
    uncounted: [...uncounted.values()],
  };
}

/** The formula of an operator; undefined for one that does not multiply and add, `none` where there is no formula. */
function formulaFor(node: Node, plugins: ReadonlyMap<string, Formula>): Formula | 'none' | undefined {
  if (!node.isStandardDomain) return undefined;
  const known = FORMULAS.get(node.opType) ?? plugins.get(node.opType);
  return known ?? (WITHOUT_FORMULA.has(node.opType) ? 'none' : undefined);
}

/** Formulas for the attention operators of all built-in targets. */
function pluginFormulas(): ReadonlyMap<string, Formula> {
  const formulas = new Map<string, Formula>();
  for (const name of targetNames()) {
    const operator = loadTarget(name).operators.flashAttention;
    if (operator === undefined) continue;
    for (const opType of [operator.opType, ...operator.aliases]) formulas.set(opType, fusedAttention(operator));
  }
  return formulas;
}

function convolution(node: Node, shapes: Inference, data: number, weight: number): number | undefined {
  const filter = shapes.dims(node.inputs[weight]);
  const output = shapes.dims(node.outputs[0]);
  if (shapes.shape(node.inputs[data]) === undefined || filter === undefined || output === undefined) return undefined;
  // The filter has the shape [out channels, in channels of a group, ...kernel].
  return 2 * product(output) * product(filter.slice(1));
}

function transposedConvolution(node: Node, shapes: Inference): number | undefined {
  const input = shapes.dims(node.inputs[0]);
  const filter = shapes.dims(node.inputs[1]);
  // The filter has the shape [in channels, out channels of a group, ...kernel]; every input element meets a row of it.
  return input === undefined || filter === undefined ? undefined : 2 * product(input) * product(filter.slice(1));
}

function matrixProduct(node: Node, shapes: Inference, left: number): number | undefined {
  const inner = shapes.dims(node.inputs[left])?.at(-1);
  const output = shapes.dims(node.outputs[0]);
  return inner === undefined || output === undefined ? undefined : 2 * product(output) * inner;
}

function gemm(node: Node, shapes: Inference): number | undefined {
  const a = shapes.dims(node.inputs[0]);
  const output = shapes.dims(node.outputs[0]);
  const transposed = node.attribute('transA');
  const flag = transposed?.type === AttributeType.INT ? transposed.int : 0n;
  const inner = a?.[flag === 0n ? 1 : 0];
  return inner === undefined || output === undefined ? undefined : 2 * product(output) * inner;
}

/** Attention of opset 23: [batch, heads, tokens, dim], or rank 3 with the heads folded into the last axis. */
function standardAttention(node: Node, shapes: Inference): number | undefined {
  const [q, k, v] = [0, 1, 2].map((i) => shapes.dims(node.inputs[i]));
  if (q === undefined || k === undefined || v === undefined || q.length !== k.length) return undefined;
  if (node.inputs[4] !== undefined || node.inputs[5] !== undefined) return undefined;
  const keys = k.at(-2);
  if (keys === undefined) return undefined;
  if (q.length === 4) return 2 * product(q) * keys + 2 * product(q.slice(0, 3)) * keys * (v[3] ?? 0);
  const heads = node.attribute('q_num_heads');
  const kvHeads = node.attribute('kv_num_heads');
  if (heads?.type !== AttributeType.INT || kvHeads?.type !== AttributeType.INT || kvHeads.int === 0n) return undefined;
  const valueWidth = ((v[2] ?? 0) / Number(kvHeads.int)) * Number(heads.int);
  return 2 * product(q) * keys + 2 * product(q.slice(0, 2)) * keys * valueWidth;
}

/** Scores and weighted sum: both multiply every query by every key, head dim times. */
function fusedAttention({ layout }: FlashAttentionOperator): Formula {
  return (node, shapes) => {
    const q = shapes.dims(node.inputs[0]);
    const k = shapes.dims(node.inputs[1]);
    if (q?.length !== 4 || k?.length !== 4) return undefined;
    return 4 * product(q) * (k[layout === 'BNSD' ? 2 : 1] as number);
  };
}

function product(dims: readonly number[]): number {
  return dims.reduce((all, dim) => all * dim, 1);
}

import { DataType } from '../../src/ir/data-type.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { Node } from '../../src/ir/node.ts';
import type { Value } from '../../src/ir/value.ts';
import type { Inference } from '../../src/schema/inference.ts';
import type { FlashAttentionOperator } from '../../src/targets/index.ts';
import { closeTo } from '../support/product.ts';
import type { AttentionSite } from './match.ts';
import { scalingOf } from './scalar.ts';
import type { View } from './views.ts';

/** How the scale of an attention reaches the operator. */
export type ScalePlan =
  /** Queries are read as they are. */
  | { readonly kind: 'none' }
  /** Queries are multiplied; by a node that the graph has, or a new one. */
  | { readonly kind: 'multiply'; readonly factor: number }
  /** A multiplication above the Reshape that splits the heads of the queries is passed over. */
  | { readonly kind: 'unscale'; readonly reshape: Node; readonly data: Value };

/** What the scores that the operator would compute from these views of queries and keys have to be multiplied by. */
export function scoreScale(site: AttentionSite, q: View, k: View): number {
  return site.scalings.reduce((product, { factor }) => product * factor, q.scale * k.scale);
}

/** How far a scale may be from 1/sqrt(head dim): rounding of the type it is stored in, and of a square root squared. */
function tolerance(elemType: number): number {
  if (elemType === DataType.FLOAT16) return 1e-3;
  return elemType === DataType.BFLOAT16 ? 8e-3 : 1e-5;
}

/** How to give an operator that reads the view `q` of the queries the scale `factor`; text says why it cannot be expressed. */
export function planScale(
  site: AttentionSite,
  { scaling, opType }: FlashAttentionOperator,
  q: View,
  factor: number,
  shapes: Inference,
): ScalePlan | string {
  if (scaling === 'attribute') return { kind: 'none' };
  if (scaling === 'premultiplied') return closeTo(factor, 1, 1e-7) ? { kind: 'none' } : { kind: 'multiply', factor };
  const { headDim, elemType } = site;
  if (typeof headDim !== 'number') return 'the head dim is not known';
  const inner = 1 / Math.sqrt(headDim);
  if (closeTo(factor, inner, tolerance(elemType))) return { kind: 'none' };
  const above = scalingAboveHeads(q, site.softmax.graph, shapes);
  if (above !== undefined && closeTo(factor * above.factor, inner, tolerance(elemType))) {
    return { kind: 'unscale', reshape: above.reshape, data: above.data };
  }
  return `the scores are scaled by ${factor}, and ${opType} always scales by 1/sqrt(${headDim}) = ${inner}`;
}

/** A multiplication of the queries in front of the Reshape that splits them into heads, as text encoders have it. */
function scalingAboveHeads(
  q: View,
  graph: Graph,
  shapes: Inference,
): { reshape: Node; data: Value; factor: number } | undefined {
  const reshape = q.form === 'tokens' ? q.value.producer : undefined;
  if (reshape?.opType !== 'Reshape' || !reshape.isStandardDomain || reshape.graph !== graph) return undefined;
  const scaled = reshape.inputs[0]?.producer;
  const scaling = scaled?.graph === graph ? scalingOf(scaled, shapes) : undefined;
  return scaling === undefined ? undefined : { reshape, data: scaling.data, factor: scaling.factor };
}

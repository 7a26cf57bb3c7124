import type { Node } from '../../src/ir/node.ts';
import type { Dim } from '../../src/ir/type.ts';
import type { Value } from '../../src/ir/value.ts';
import { opsetOf } from '../../src/rewrite/opset.ts';
import { label } from '../../src/rewrite/report.ts';
import type { Inference } from '../../src/schema/inference.ts';
import { attentionKind } from './kind.ts';
import { elemTypeOf, isZero, type Scaling, scalingOf } from './scalar.ts';
import { passesOn, sameDim, sameShape, type View, viewsOf } from './views.ts';

/** An attention found in a graph: softmax(scale * q kᵀ) v. */
export interface AttentionSite {
  readonly softmax: Node;
  /** The MatMul of queries and keys. */
  readonly scores: Node;
  /** The MatMul of weights and values. */
  readonly product: Node;
  /** Ways to read each operand; the first one is what the MatMul reads. */
  readonly q: readonly View[];
  readonly k: readonly View[];
  readonly v: readonly View[];
  /** Multiplications of the scores by a number. */
  readonly scalings: readonly Scaling[];
  readonly kind: 'self' | 'cross';
  /** Element type of the result. */
  readonly elemType: number;
  readonly batch: Dim;
  readonly heads: Dim;
  readonly qLength: Dim;
  readonly kvLength: Dim;
  readonly headDim: Dim;
}

/** Why a Softmax is no attention that can be fused. */
export interface NoSite {
  readonly status: 'skipped' | 'refused';
  readonly reason: string;
}

const skipped = (reason: string): NoSite => ({ status: 'skipped', reason });
const refused = (reason: string): NoSite => ({ status: 'refused', reason });

/** Operators that put a mask on the scores. */
const MASKING: ReadonlySet<string> = new Set(['Add', 'Sub', 'Where', 'Min', 'Max']);

/** Nodes between the scores and the softmax that are looked through. */
const DEPTH = 16;

/** Finds the attention around a Softmax by following its data, never by names. Changes nothing. */
export function matchAttention(softmax: Node, shapes: Inference): AttentionSite | NoSite {
  const product = weightsReader(softmax, shapes);
  if (!('node' in product)) return product;
  const way = scoresBefore(softmax, shapes);
  if ('status' in way) return way;
  const { scores, scalings, masks } = way;
  const notLast = axisRefusal(softmax, shapes);
  if (notLast !== undefined) return refused(notLast);
  const mask = masks.find(
    (each) => each.zeros === undefined || !keepsShape(each, shapes) || !isZero(each.zeros, softmax.graph),
  );
  if (mask !== undefined) return refused(maskReason(mask, shapes));
  const { graph } = softmax;
  const [qOperand, kOperand] = scores.inputs;
  const vOperand = product.node.inputs[1];
  const weights = shapes.shape(product.node.inputs[0]);
  const output = shapes.shape(product.node.output());
  if (qOperand === undefined || kOperand === undefined || vOperand === undefined)
    return skipped('an operand is missing');
  const q = viewsOf(qOperand, { graph, shapes, swapped: false, scalable: true });
  const k = viewsOf(kOperand, { graph, shapes, swapped: true, scalable: true });
  const v = viewsOf(vOperand, { graph, shapes, swapped: false, scalable: false });
  const [qDims, kDims, vDims] = [q[0]?.dims, k[0]?.dims, v[0]?.dims];
  if (
    qDims === undefined ||
    kDims === undefined ||
    vDims === undefined ||
    weights === undefined ||
    output === undefined
  ) {
    return refused('the shapes of queries, keys and values are not known');
  }
  const elemType = elemTypeOf(product.node.output(), shapes);
  if (elemType === undefined) return refused('the element type is not known');
  if (!sameShape(qDims.slice(0, -2), kDims.slice(0, -2)) || !sameShape(weights.slice(0, -2), vDims.slice(0, -2))) {
    return refused('queries, keys and values are not known to have the same batch and heads');
  }
  const headDim = qDims.at(-1);
  if (!sameDim(headDim, vDims.at(-1))) {
    return refused(`the head dim of the values, ${vDims.at(-1) ?? '?'}, is not that of the queries, ${headDim ?? '?'}`);
  }
  const lengths = { qLength: qDims.at(-2), kvLength: vDims.at(-2), headDim };
  const split = headSplit([q, k, v], output, product.node, shapes);
  const kind = attentionKind(q, k);
  return { softmax, scores, product: product.node, q, k, v, scalings, kind, elemType, ...split, ...lengths };
}

/** What an attention measures, for limits and rules of a target. Symbolic dimensions are not known. */
export function siteFacts(
  site: AttentionSite,
): Record<'batch' | 'heads' | 'qLength' | 'kvLength' | 'headDim' | 'opset', number | undefined> {
  const known = (dim: Dim): number | undefined => (typeof dim === 'number' ? dim : undefined);
  return {
    opset: opsetOf(site.softmax.graph),
    batch: known(site.batch),
    heads: known(site.heads),
    headDim: known(site.headDim),
    qLength: known(site.qLength),
    kvLength: known(site.kvLength),
  };
}

/** The MatMul that the weights go to as left operand, and nothing else. */
function weightsReader(softmax: Node, shapes: Inference): { readonly node: Node } | NoSite {
  let value = softmax.output();
  for (let depth = 0; depth < DEPTH; depth++) {
    const readers = value.consumers().filter((node) => node.graph === softmax.graph);
    const product = readers.find((node) => isMatMul(node) && node.inputs[0] === value);
    const use = value.soleUse;
    if (use === undefined) {
      if (product === undefined) return skipped('its result is not the weights of a sum over values');
      const other = readers.find((node) => node !== product);
      const who = other === undefined ? 'elsewhere' : `by ${other.opType} '${label(other)}'`;
      return refused(`the attention weights are also read ${who}`);
    }
    if (product !== undefined) return { node: product };
    if (use.node.graph !== softmax.graph || !passesOn(use.node, shapes)) break;
    value = use.node.output();
  }
  return skipped('its result is not the weights of a sum over values');
}

/** Something added to or put over the scores. */
interface Mask {
  readonly node: Node;
  /** The way from the scores. */
  readonly data: Value;
  /** What is added, if that is all the node does. */
  readonly zeros: Value | undefined;
}

/** The way from the product of queries and keys to the softmax. */
interface Way {
  readonly scores: Node;
  readonly scalings: readonly Scaling[];
  readonly masks: readonly Mask[];
}

function scoresBefore(softmax: Node, shapes: Inference): Way | NoSite {
  const scalings: Scaling[] = [];
  const masks: Mask[] = [];
  let value = softmax.inputs[0];
  for (let depth = 0; depth < DEPTH && value !== undefined; depth++) {
    const node: Node | undefined = value.producer;
    if (node === undefined || node.graph !== softmax.graph) break;
    if (value.soleUse === undefined) {
      return isMatMul(node) || leadsToScores(value, shapes)
        ? refused(`'${value.name}' on the way from the scores is also read elsewhere`)
        : notScores(node);
    }
    if (isMatMul(node)) return { scores: node, scalings, masks };
    const scaling = scalingOf(node, shapes);
    if (scaling !== undefined) {
      scalings.push(scaling);
      value = scaling.data;
      continue;
    }
    if (passesOn(node, shapes)) {
      value = node.inputs[0];
      continue;
    }
    const side =
      MASKING.has(node.opType) && node.isStandardDomain
        ? node.inputs.findIndex((each) => leadsToScores(each, shapes))
        : -1;
    const data = node.inputs[side];
    if (data === undefined) return notScores(node);
    masks.push({ node, data, zeros: node.opType === 'Add' ? node.inputs[1 - side] : undefined });
    value = data;
  }
  return skipped('its input is not a product of queries and keys');
}

function notScores(node: Node): NoSite {
  return refused(`the softmax reads ${node.opType} '${label(node)}', not scaled products of queries and keys`);
}

/** Whether a value is a MatMul of two computed values, perhaps scaled, masked or reshaped. */
function leadsToScores(start: Value | undefined, shapes: Inference): boolean {
  let pending = [start];
  for (let depth = 0; depth < DEPTH && pending.length > 0; depth++) {
    const next: (Value | undefined)[] = [];
    for (const value of pending) {
      const node = value?.producer;
      if (node === undefined) continue;
      if (isMatMul(node)) return true;
      if (scalingOf(node, shapes) !== undefined || passesOn(node, shapes)) next.push(...node.inputs);
      else if (MASKING.has(node.opType) && node.isStandardDomain) next.push(...node.inputs);
    }
    pending = next;
  }
  return false;
}

function isMatMul({ opType, isStandardDomain }: Node): boolean {
  return opType === 'MatMul' && isStandardDomain;
}

/** Why a softmax does not normalize the last axis. Before opset 13 the axes from `axis` on count as one. */
function axisRefusal(softmax: Node, shapes: Inference): string | undefined {
  const rank = shapes.shape(softmax.inputs[0])?.length;
  if (rank === undefined) return 'the rank of the scores is not known';
  const axis = softmax.int('axis', (opsetOf(softmax.graph) ?? 1) < 13 ? 1 : -1);
  const fromFront = axis < 0 ? axis + rank : axis;
  return fromFront === rank - 1 ? undefined : `the softmax is over axis ${axis} of ${rank}, not the last`;
}

function keepsShape({ node, data }: Mask, shapes: Inference): boolean {
  return sameShape(shapes.shape(data), shapes.shape(node.output()));
}

function maskReason(mask: Mask, shapes: Inference): string {
  const where = `${mask.node.opType} '${label(mask.node)}'`;
  if (mask.zeros !== undefined && isZero(mask.zeros, mask.node.graph) && !keepsShape(mask, shapes)) {
    return `${where} adds zeros that may stretch the scores`;
  }
  return `${where} puts a mask on the scores, and the operator takes none`;
}

/** How batch and heads share the leading axes: as an operand or the result is split; else each row of the first axis stands alone. */
function headSplit(
  operands: readonly (readonly View[])[],
  output: readonly Dim[],
  product: Node,
  shapes: Inference,
): { readonly batch: Dim; readonly heads: Dim } {
  for (const views of operands) {
    const view = views.findLast(({ form }) => form !== 'rows');
    if (view !== undefined) return { batch: view.dims[0], heads: view.form === 'heads' ? view.dims[1] : view.dims[2] };
  }
  for (const reader of product.output().consumers()) {
    const dims = passesOn(reader, shapes) ? shapes.shape(reader.output()) : undefined;
    if (dims?.length === 4) return { batch: dims[0], heads: dims[1] };
  }
  let batch: Dim = 1;
  for (const dim of output.slice(0, -2))
    batch = batch === 1 ? dim : typeof batch === 'number' && typeof dim === 'number' ? batch * dim : undefined;
  return { batch, heads: 1 };
}

import type { Node } from '../../src/ir/node.ts';
import type { Value } from '../../src/ir/value.ts';
import { label } from '../../src/rewrite/report.ts';
import type { Inference } from '../../src/schema/inference.ts';
import { Refusal } from './refusal.ts';
import { fixedShape, sameShape, T, type TokenShape } from './token-shape.ts';
import { type FusedAttentions, isUnderstood, type ReshapeSite, transfer } from './transfer.ts';

/** The self-attention between a normalized value and the Add that brings the skipped value back. */
export interface AttentionRegion {
  /** The result of the output projection, which the residual Add takes. */
  readonly result: Value;
  readonly residual: Node;
  /** The Softmax or the fused attention operator. */
  readonly attention: Node;
  /** Reshapes whose result holds the tokens. */
  readonly reshapes: readonly ReshapeSite[];
  /** Every value computed in the region, the result included. */
  readonly values: readonly Value[];
}

/** What a region starts from. */
export interface RegionStart {
  /** The normalized value, `[batch, tokens, channels]`. */
  readonly normed: Value;
  /** What was normalized and is added again in the end. */
  readonly skipped: Value;
  readonly dims: readonly [number, number, number];
}

/** An attention has about thirty nodes between these two ends. */
const MAX_NODES = 400;

/**
 * Follows a normalized value through its self-attention to the residual Add, and makes sure that all on the way works
 * for any number of tokens: every step is understood, nothing leaves but through the Add, and no constant or mask fits
 * only the present number.
 *
 * @throws Refusal with the reason when that cannot be shown
 */
export function followAttention(
  { normed, skipped, dims }: RegionStart,
  shapes: Inference,
  fused: FusedAttentions,
): AttentionRegion {
  const { nodes, exits, escape } = descendants(normed, skipped, fused);
  const [batch, tokens, channels] = dims;
  const whole: TokenShape = [batch === 1 ? [] : [batch], [T], channels === 1 ? [] : [channels]];
  const known = new Map<Value, TokenShape>([[normed, whole]]);
  const reshapes: ReshapeSite[] = [];
  const attentions: Node[] = [];
  for (const node of inOrder(nodes, normed)) {
    const step = transfer({ node, known, shapes, tokens, fused });
    known.set(node.output(), step.shape);
    if (step.reshape !== undefined) reshapes.push(step.reshape);
    if (step.isAttention === true) attentions.push(node);
  }
  if (escape !== undefined) throw new Refusal(escape);
  const [exit] = exits;
  if (exit === undefined) throw new Refusal('no Add brings the normalized value back to the one it was made from');
  if (exits.length > 1) throw new Refusal(`${exits.length} Adds bring values back, not one`);
  const [attention] = attentions;
  if (attention === undefined || attentions.length > 1) {
    throw new Refusal(`there are ${attentions.length} attentions behind the projections, not one`);
  }
  if (!sameShape(known.get(exit.value) ?? fixedShape([]), whole)) {
    throw new Refusal(`the attention result '${exit.value.name}' has not one row for each token`);
  }
  const values = [...known.keys()].filter((value) => value !== normed);
  return { result: exit.value, residual: exit.node, attention, reshapes, values };
}

/** The nodes behind a value, up to Adds with `skipped` and to operators that are not understood. */
interface Descendants {
  readonly nodes: readonly Node[];
  readonly exits: readonly { readonly node: Node; readonly value: Value }[];
  /** What else sees the values in between. */
  readonly escape: string | undefined;
}

function descendants(from: Value, skipped: Value, fused: FusedAttentions): Descendants {
  const nodes = new Set<Node>();
  const exits: { node: Node; value: Value }[] = [];
  let escape: string | undefined;
  const pending = [from];
  for (let value = pending.shift(); value !== undefined; value = pending.shift()) {
    if (value.isGraphOutput) escape ??= `'${value.name}' is a graph output and needs all tokens`;
    if (value.isPinned) escape ??= `training or quantization info refers to '${value.name}'`;
    for (const node of value.consumers()) {
      if (node.graph !== from.graph) escape ??= `a subgraph reads '${value.name}'`;
      else if (isAddOf(node, value, skipped)) exits.push({ node, value });
      else if (!nodes.has(node)) {
        nodes.add(node);
        if (nodes.size > MAX_NODES) throw new Refusal(`more than ${MAX_NODES} nodes depend on '${from.name}'`);
        if (isUnderstood(node, fused)) pending.push(...node.outputs.filter((output) => output !== undefined));
      }
    }
  }
  return { nodes: [...nodes], exits, escape };
}

function isAddOf(node: Node, value: Value, other: Value): boolean {
  if (node.opType !== 'Add' || !node.isStandardDomain) return false;
  const [left, right] = node.inputs;
  return (left === value && right === other) || (left === other && right === value);
}

/** The nodes in an order in which each comes after those that it reads. */
function inOrder(nodes: readonly Node[], start: Value): Node[] {
  const inside = new Set(nodes);
  const done = new Set<Node>();
  const order: Node[] = [];
  const isReady = (node: Node): boolean =>
    node.inputs.every(
      (value) =>
        value === start || value?.producer === undefined || !inside.has(value.producer) || done.has(value.producer),
    );
  for (let left = [...nodes]; left.length > 0; ) {
    const next = left.filter(isReady);
    const [stuck] = left;
    if (next.length === 0 && stuck !== undefined) throw new Refusal(`${label(stuck)} depends on itself`);
    for (const node of next) {
      done.add(node);
      order.push(node);
    }
    left = left.filter((node) => !done.has(node));
  }
  return order;
}

import type { Graph } from '../../src/ir/graph.ts';
import type { Node } from '../../src/ir/node.ts';
import type { Dim } from '../../src/ir/type.ts';
import type { Value } from '../../src/ir/value.ts';
import type { Inference } from '../../src/schema/inference.ts';
import { elemTypeOf, isFloat, type Scaling, scalingOf } from './scalar.ts';

/**
 * One of the tensors on the way to an operand of the attention that hold the same numbers in another layout, type or
 * scale. S are tokens, D features of a head.
 *
 * - `heads`: `[batch, heads, S, D]`
 * - `tokens`: `[batch, S, heads, D]`
 * - `rows`: `[..., S, D]` with any other number of axes in front
 *
 * With `swapped` the last two axes are `D, S`.
 */
export interface View {
  readonly value: Value;
  readonly form: 'heads' | 'tokens' | 'rows';
  readonly swapped: boolean;
  readonly dims: readonly Dim[];
  readonly elemType: number | undefined;
  /** The operand is this view times `scale`. */
  readonly scale: number;
}

/** How {@link viewsOf} walks. */
export interface WalkOptions {
  readonly graph: Graph;
  readonly shapes: Inference;
  /** Whether the last two axes of the operand are `D, S`. */
  readonly swapped: boolean;
  /** Whether to look through multiplications by a number. */
  readonly scalable: boolean;
}

/**
 * The views of an operand, from the operand itself upwards, through Cast between floats, Identity, Transpose, Reshape
 * and scaling, as far as it is certain what they do. Stays in one graph. Empty when the shape of the operand is unknown.
 */
export function viewsOf(operand: Value, { graph, shapes, swapped: start, scalable }: WalkOptions): View[] {
  const views: View[] = [];
  let swapped = start;
  let scale = 1;
  const seen = new Set<Value>();
  for (let value: Value | undefined = operand; value !== undefined && !seen.has(value); ) {
    seen.add(value);
    const dims = shapes.shape(value);
    if (dims === undefined || dims.length < 2) break;
    const form = dims.length === 4 ? 'heads' : 'rows';
    views.push({ value, form, swapped, dims, elemType: elemTypeOf(value, shapes), scale });
    const node: Node | undefined = value.producer;
    if (node === undefined || !node.isStandardDomain || node.graph !== graph) break;
    const input: Value | undefined = node.inputs[0];
    const scaling: Scaling | undefined = scalable ? scalingOf(node, shapes) : undefined;
    if (scaling !== undefined) {
      scale *= scaling.factor;
      value = scaling.data;
    } else if (passesOn(node, shapes)) {
      value = input;
    } else if (swapsLastTwo(node, dims.length)) {
      swapped = !swapped;
      value = input;
    } else {
      const tokens = input === undefined ? undefined : shapes.shape(input);
      if (input !== undefined && tokens !== undefined && hasPerm(node, swapped ? [0, 2, 3, 1] : [0, 2, 1, 3])) {
        const elemType = elemTypeOf(input, shapes);
        views.push({ value: input, form: 'tokens', swapped: false, dims: tokens, elemType, scale });
      }
      break;
    }
  }
  return views;
}

/** Whether a node gives its first input on with the same last two axes: a float in another float type, or regrouped leading axes. */
export function passesOn(node: Node, shapes: Inference): boolean {
  const [input] = node.inputs;
  if (!node.isStandardDomain || input === undefined) return false;
  switch (node.opType) {
    case 'Identity':
      return true;
    case 'Cast':
      return isFloat(elemTypeOf(input, shapes)) && isFloat(node.int('to', 0));
    case 'Reshape':
    case 'Squeeze':
    case 'Unsqueeze':
    case 'Flatten':
      return sameRows(shapes.shape(input), shapes.shape(node.output()));
    default:
      return false;
  }
}

/** Whether two shapes of the same tensor, reshaped, share their last two axes, so that only the leading ones are regrouped. */
function sameRows(a: readonly Dim[] | undefined, b: readonly Dim[] | undefined): boolean {
  if (a === undefined || b === undefined || a.length < 2 || b.length < 2) return false;
  // With an axis of extent zero equal products say nothing of the leading axes.
  return [-1, -2].every((at) => sameDim(a.at(at), b.at(at)) && a.at(at) !== 0);
}

/** Whether two dimensions are known to be equal. */
export function sameDim(a: Dim, b: Dim): boolean {
  return a !== undefined && a === b;
}

/** Whether two shapes are known to be equal. */
export function sameShape(a: readonly Dim[] | undefined, b: readonly Dim[] | undefined): boolean {
  return a !== undefined && a.length === b?.length && a.every((dim, i) => sameDim(dim, b[i]));
}

/** Whether a node is a Transpose with this permutation. */
export function hasPerm(node: Node, perm: readonly number[]): boolean {
  if (node.opType !== 'Transpose' || !node.isStandardDomain) return false;
  const stated = node.attribute('perm')?.ints ?? perm.map((_, i) => BigInt(perm.length - 1 - i));
  return stated.length === perm.length && stated.every((axis, i) => Number(axis) === perm[i]);
}

function swapsLastTwo(node: Node, rank: number): boolean {
  const perm = Array.from({ length: rank }, (_, i) => i);
  return hasPerm(node, [...perm.slice(0, -2), rank - 1, rank - 2]);
}

import { constantInts, constantScalar } from '../../src/ir/constants.ts';
import type { Node } from '../../src/ir/node.ts';
import type { Value } from '../../src/ir/value.ts';
import { isWeight } from './weight.ts';

/** Normalization over the last axis, with weight and bias. */
export interface LayerNorm {
  /** The last node: the Add of the bias, or the LayerNormalization. */
  readonly node: Node;
  /** What is normalized. */
  readonly input: Value;
  /** The normalized value. */
  readonly output: Value;
}

/**
 * The normalization that `node` ends: a LayerNormalization (opset 17), or the chain that exporters write for older
 * opsets, `(x - mean) / sqrt(mean((x - mean)²) + epsilon) * weight + bias` with the operands of commutative operators in
 * any order and the square as Pow or Mul. Weight and bias are constants, perhaps stored in another type. `rank` is that of the
 * normalized value, where it is known.
 */
export function matchLayerNorm(node: Node, rank: number | undefined): LayerNorm | undefined {
  if (!node.isStandardDomain) return undefined;
  if (node.opType === 'LayerNormalization') return matchOperator(node, rank);
  if (node.opType !== 'Add') return undefined;
  const scaled = producerBesideConstant(node, 'Mul');
  const divided = scaled && producerBesideConstant(scaled, 'Div');
  const [centred, deviation] = divided?.inputs ?? [];
  const input = centredFrom(centred, rank);
  const root = producer(deviation, 'Sqrt');
  const shifted = producer(root?.inputs[0], 'Add');
  if (input === undefined || shifted === undefined) return undefined;
  const epsilon = [0, 1].find((side) => constantScalar(shifted.inputs[side]) !== undefined);
  if (epsilon === undefined) return undefined;
  const variance = producer(shifted.inputs[1 - epsilon], 'ReduceMean');
  if (variance === undefined || !reducesLastAxis(variance, rank)) return undefined;
  const squared = squareOf(variance.inputs[0]);
  if (squared === undefined || (squared !== centred && centredFrom(squared, rank) !== input)) return undefined;
  return { node, input, output: node.output() };
}

function matchOperator(node: Node, rank: number | undefined): LayerNorm | undefined {
  const [input, weight, bias] = node.inputs;
  const axis = node.int('axis', -1);
  if (input === undefined || (axis !== -1 && axis + 1 !== rank)) return undefined;
  if (!isWeight(weight) || (bias !== undefined && !isWeight(bias))) return undefined;
  return { node, input, output: node.output() };
}

/** The producer of one operand when the other is a constant, which may be a large one. */
function producerBesideConstant(node: Node, opType: string): Node | undefined {
  const [left, right] = node.inputs;
  if (isWeight(right)) return producer(left, opType);
  return isWeight(left) ? producer(right, opType) : undefined;
}

/** The x of `x - mean(x)`. */
function centredFrom(value: Value | undefined, rank: number | undefined): Value | undefined {
  const difference = producer(value, 'Sub');
  const mean = producer(difference?.inputs[1], 'ReduceMean');
  const input = difference?.inputs[0];
  return mean !== undefined && mean.inputs[0] === input && reducesLastAxis(mean, rank) ? input : undefined;
}

/** The v of `v²`. */
function squareOf(value: Value | undefined): Value | undefined {
  const power = producer(value, 'Pow');
  if (power !== undefined) return constantScalar(power.inputs[1]) === 2 ? power.inputs[0] : undefined;
  const product = producer(value, 'Mul');
  return product !== undefined && product.inputs[0] === product.inputs[1] ? product.inputs[0] : undefined;
}

/** Whether a reduction keeps the rank and goes over the last axis only; its axes are an attribute, from opset 18 on an input. */
function reducesLastAxis(node: Node, rank: number | undefined): boolean {
  const axes = node.attribute('axes')?.ints ?? constantInts(node.inputs[1]);
  const axis = axes?.length === 1 ? Number(axes[0]) : undefined;
  return node.int('keepdims', 1) === 1 && axis !== undefined && (axis === -1 || axis + 1 === rank);
}

function producer(value: Value | undefined, opType: string): Node | undefined {
  const node = value?.producer;
  return node?.opType === opType && node.isStandardDomain ? node : undefined;
}

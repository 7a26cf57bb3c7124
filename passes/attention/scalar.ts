import { constantOf, constantScalar } from '../../src/ir/constants.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { Node } from '../../src/ir/node.ts';
import { readNumbers } from '../../src/ir/numbers.ts';
import type { Tensor } from '../../src/ir/tensor.ts';
import type { Value } from '../../src/ir/value.ts';
import type { Inference } from '../../src/schema/inference.ts';

/** Nodes looked through to compute a scalar: exporters of torch 2 write Sqrt(1 / Sqrt(Cast(Slice(Shape(q))))). */
const DEPTH = 16;

const FLOATS: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.FLOAT16, DataType.DOUBLE, DataType.BFLOAT16]);

/** Whether an element type is a floating-point number of 16 bits or more. */
export function isFloat(elemType: number | undefined): boolean {
  return elemType !== undefined && FLOATS.has(elemType);
}

/** The element type of a value, if it is a tensor of known type. */
export function elemTypeOf(value: Value | undefined, shapes: Inference): number | undefined {
  const type = shapes.type(value);
  return type?.kind === 'tensor' ? type.elemType : undefined;
}

/**
 * The number that a value of one element holds in every run: a constant, or computed from constants and known
 * dimensions. Undefined when it can differ.
 */
export function scalarOf(value: Value | undefined, shapes: Inference, depth = DEPTH): number | undefined {
  if (value === undefined || depth === 0) return undefined;
  const fixed = constantScalar(value);
  if (fixed !== undefined) return fixed;
  const ints = shapes.ints(value);
  if (ints?.length === 1 && typeof ints[0] === 'bigint') return Number(ints[0]);
  const node = value.producer;
  if (node === undefined || !node.isStandardDomain) return undefined;
  const operand = (index: number): number | undefined => scalarOf(node.inputs[index], shapes, depth - 1);
  switch (node.opType) {
    case 'Cast':
      return isFloat(node.int('to', 0)) ? operand(0) : undefined;
    case 'Identity':
    case 'Squeeze':
    case 'Unsqueeze':
    case 'Reshape':
      return operand(0);
    case 'Sqrt':
      return apply(Math.sqrt, operand(0));
    case 'Reciprocal':
      return apply((a) => 1 / a, operand(0));
    case 'Mul':
      return apply((a, b) => a * b, operand(0), operand(1));
    case 'Div':
      return apply((a, b) => a / b, operand(0), operand(1));
    case 'Pow':
      return apply((a, b) => a ** b, operand(0), operand(1));
    default:
      return undefined;
  }
}

function apply(compute: (...operands: number[]) => number, ...operands: (number | undefined)[]): number | undefined {
  const known = operands.filter((operand) => operand !== undefined);
  return known.length === operands.length ? compute(...known) : undefined;
}

/** A multiplication by a number. */
export interface Scaling {
  readonly node: Node;
  /** What is multiplied. */
  readonly data: Value;
  readonly dataIndex: number;
  readonly factor: number;
}

/** What a Mul or Div node multiplies by which fixed number; undefined when it does something else, or changes the shape. */
export function scalingOf(node: Node, shapes: Inference): Scaling | undefined {
  if (!node.isStandardDomain || (node.opType !== 'Mul' && node.opType !== 'Div')) return undefined;
  for (const dataIndex of node.opType === 'Mul' ? [0, 1] : [0]) {
    const data = node.inputs[dataIndex];
    const scalar = scalarOf(node.inputs[1 - dataIndex], shapes);
    if (data === undefined || scalar === undefined || !isFloat(elemTypeOf(data, shapes))) continue;
    const factor = node.opType === 'Mul' ? scalar : 1 / scalar;
    const rank = shapes.shape(data)?.length;
    // A scalar of one element but more axes than the data would add axes to it.
    if (rank === undefined || rank !== shapes.shape(node.output())?.length) continue;
    if (Number.isFinite(factor) && factor !== 0) return { node, data, dataIndex, factor };
  }
  return undefined;
}

/** Whether a value is all zeros in every run: a constant, or zeros that were filled in or stretched. Reads constants piece by piece. */
export function isZero(value: Value | undefined, graph: Graph, depth = DEPTH): boolean {
  if (value === undefined || depth === 0) return false;
  const constant = constantOf(value);
  if (constant !== undefined) return constant.isZero();
  const node = value.producer;
  if (node === undefined || !node.isStandardDomain || node.graph !== graph) return false;
  switch (node.opType) {
    case 'Identity':
    case 'Cast':
    case 'Expand':
    case 'Reshape':
    case 'Unsqueeze':
    case 'Squeeze':
      return isZero(node.inputs[0], graph, depth - 1);
    case 'ConstantOfShape':
      return filling(node)?.isZero() ?? true;
    case 'Mul': {
      const [a, b] = node.inputs;
      return (isZero(a, graph, depth - 1) && isFilled(b)) || (isZero(b, graph, depth - 1) && isFilled(a));
    }
    default:
      return false;
  }
}

/** Whether a value is made of finite numbers: zero times such a value is zero, which zero times infinity is not. */
function isFilled(value: Value | undefined): boolean {
  const node = value?.producer;
  if (node?.opType === 'ConstantOfShape' && node.isStandardDomain) {
    const tensor = filling(node);
    return tensor === undefined || (readNumbers(tensor)?.every(Number.isFinite) ?? false);
  }
  const scalar = constantScalar(value);
  return scalar !== undefined && Number.isFinite(scalar);
}

function filling(node: Node): Tensor | undefined {
  return node.attribute('value')?.tensor;
}

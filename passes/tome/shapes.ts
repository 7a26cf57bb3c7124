import { Attribute, AttributeType } from '../../src/ir/attribute.ts';
import { int64Tensor } from '../../src/ir/constants.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { Node } from '../../src/ir/node.ts';
import { Tensor } from '../../src/ir/tensor.ts';
import type { Value } from '../../src/ir/value.ts';
import { hasTokens, sizeOf } from './token-shape.ts';
import type { ReshapeSite } from './transfer.ts';

/** A Reshape that needs another target shape. */
export interface ShapeChange {
  readonly node: Node;
  readonly target: readonly bigint[];
}

/**
 * The target shape of a Reshape for `left` tokens: the axis that holds the tokens becomes -1, as upstream writes it,
 * and where the shape has a -1 already or several such axes, the extent itself. Only that axis changes, whatever other
 * axes happen to have as many elements. Undefined when the shape takes any number of tokens as it is.
 */
export function shapeChange({ node, target, output }: ReshapeSite, left: number): ShapeChange | undefined {
  const axes = output.flatMap((extent, axis) => (hasTokens(extent) && (target[axis] ?? 0n) > 0n ? [axis] : []));
  if (axes.length === 0) return undefined;
  const canInfer = axes.length === 1 && !target.includes(-1n);
  const changed = target.map((entry, axis) => {
    if (!axes.includes(axis)) return entry;
    return canInfer ? -1n : BigInt(sizeOf(output[axis] ?? [], left));
  });
  return { node, target: changed };
}

/**
 * Gives Reshapes their new target shapes. A constant that only these Reshapes read, all wanting the same, is changed
 * where it is; any other reader keeps what it has, and the Reshapes get a constant of their own, shared where equal.
 */
export function changeShapes(changes: readonly ShapeChange[]): void {
  const groups = new Map<Value, ShapeChange[]>();
  for (const change of changes) {
    const shape = change.node.inputs[1] as Value;
    groups.set(shape, [...(groups.get(shape) ?? []), change]);
  }
  for (const [shape, group] of groups) {
    const [first] = group;
    if (first === undefined) continue;
    const isShared = shape.useCount > group.length || group.some(({ target }) => !equal(target, first.target));
    if (isShared || !changeInPlace(shape, first.target)) giveOwn(shape, group);
  }
}

function equal(a: readonly bigint[], b: readonly bigint[]): boolean {
  return a.length === b.length && a.every((entry, i) => entry === b[i]);
}

/** Changes the constant itself. False where that is not possible: behind Identity, or with a public name. */
function changeInPlace(shape: Value, target: readonly bigint[]): boolean {
  if (shape.isGraphInput || shape.isGraphOutput || shape.isPinned) return false;
  const { initializer, producer } = shape;
  if (initializer instanceof Tensor) {
    shape.graph.setInitializer(shape, withInts(initializer, target));
    return true;
  }
  const attribute = producer?.opType === 'Constant' ? producer.attributes[0] : undefined;
  if (producer === undefined || attribute === undefined) return false;
  if (attribute.type === AttributeType.INTS) producer.setAttribute(Attribute.ints(attribute.name, target));
  else if (attribute.type === AttributeType.TENSOR) {
    producer.setAttribute(Attribute.tensor(attribute.name, withInts(attribute.tensor, target)));
  } else return false;
  return true;
}

function withInts(tensor: Tensor, values: readonly bigint[]): Tensor {
  const { dataType, storage } = int64Tensor(values, [values.length]);
  return tensor.with({ dataType, dims: [values.length], storage });
}

function giveOwn(shape: Value, group: readonly ShapeChange[]): void {
  const made = new Map<string, Value>();
  for (const { node, target } of group) {
    const key = target.join();
    const own = made.get(key) ?? addShape(node.graph, shape, target);
    made.set(key, own);
    node.setInput(1, own);
  }
}

function addShape(graph: Graph, shape: Value, target: readonly bigint[]): Value {
  return graph.addInitializer(int64Tensor(target, [target.length], `${shape.name}_merged`));
}

import type { Node } from '../../src/ir/node.ts';
import type { TensorType } from '../../src/ir/type.ts';
import type { Value } from '../../src/ir/value.ts';
import type { Builder } from '../../src/rewrite/builder.ts';
import { removeIfUnused, replaceValue, takePlace } from '../../src/rewrite/edit.ts';
import type { Inference } from '../../src/schema/inference.ts';
import { axesOf, type Layout, reshapeTo, shapeIn } from './layout.ts';
import type { AttentionPlan } from './plan.ts';
import { hasPerm, passesOn, sameShape } from './views.ts';

/** The type of the result in a layout. */
export function resultType({ site }: AttentionPlan, layout: Layout): TensorType {
  return { kind: 'tensor', elemType: site.elemType, shape: shapeIn(layout, axesOf(site, 'q')) };
}

/**
 * Lets everything that reads the attention read `result` of the operator. Reshapes and Transposes that bring the old
 * result into the operator's layout are passed over; for other readers the operator's result is brought into the old one.
 * Returns whether a new value took over the name of the old result.
 */
export function connectResult(plan: AttentionPlan, result: Value, build: Builder, shapes: Inference): boolean {
  const { site, operator } = plan;
  const old = site.product.output();
  const shape = shapeIn('BNSD', axesOf(site, 'q'));
  const isByHeads = sameShape(shapes.shape(old), shape);
  const regrouping = readersInGraph(old).filter(
    (node) => passesOn(node, shapes) && sameShape(shapes.shape(node.output()), shape),
  );
  let heads = operator.layout === 'BNSD' ? result : undefined;
  const resultByHeads = (): Value => {
    heads ??= build.transpose(result, [0, 2, 1, 3]);
    return heads;
  };
  for (const value of isByHeads ? [old] : regrouping.map((node) => node.output())) {
    if (operator.layout === 'BSND') {
      for (const node of readersInGraph(value)) if (hasPerm(node, [0, 2, 1, 3])) passOver(node, () => result);
    }
    if (value.producer !== undefined && value !== old) passOver(value.producer, resultByHeads);
  }
  if (!isRead(old)) return false;
  takePlace(
    old,
    isByHeads ? resultByHeads() : build.reshape(resultByHeads(), reshapeTo(shapes.shape(old) ?? []) ?? []),
  );
  return true;
}

/** Lets readers of a node read another value, and removes the node unless something refers to its output by name. */
function passOver(node: Node, by: () => Value): void {
  const value = node.output();
  if (isRead(value)) replaceValue(value, by());
  if (isRead(value)) return;
  const operands = node.inputs.slice(1);
  node.graph.remove(node);
  removeIfUnused(operands);
}

function isRead(value: Value): boolean {
  return value.useCount > 0 || value.isGraphOutput || value.isPinned;
}

function readersInGraph(value: Value): Node[] {
  return value.consumers().filter((node) => node.graph === value.graph);
}

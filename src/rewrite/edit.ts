import type { Node } from '../ir/node.ts';
import type { Value } from '../ir/value.ts';

/**
 * Lets everything that reads `value` read `other` instead, graph outputs included. A graph output keeps its public name:
 * `other` takes it over, or where that is not possible (it has a public name itself, or lives in another scope) an
 * Identity stands in between. Returns the value that now stands for the old one.
 */
export function replaceValue(value: Value, other: Value): void {
  if (value === other) return;
  value.replaceAllUsesWith(other);
  if (!value.isGraphOutput) return;
  const { graph, name } = value;
  const canTakeName =
    other.graph === graph && other.producer !== undefined && !other.isGraphOutput && !other.isPinned && !value.isPinned;
  if (!canTakeName) return passThrough(value, other);
  value.name = graph.model.valueNames.fresh(`${name}_replaced`);
  other.name = name;
  for (const [index, output] of graph.outputs.entries()) if (output === value) graph.setOutput(index, other);
}

/** Whether {@link replaceValue} needs an Identity, so that replacing gains nothing. */
export function needsIdentity(value: Value, other: Value): boolean {
  if (!value.isGraphOutput) return value.isPinned;
  return (
    other.graph !== value.graph ||
    other.producer === undefined ||
    other.isGraphOutput ||
    other.isPinned ||
    value.isPinned
  );
}

function passThrough(value: Value, other: Value): void {
  const { graph, name } = value;
  const after = value.producer;
  const identity = graph.insert(
    { opType: 'Identity', inputs: [other], name: `${name}/Identity`, outputs: [`${name}_identity`] },
    after === undefined ? {} : { after },
  );
  const output = identity.output();
  for (const [index, each] of graph.outputs.entries()) if (each === value) graph.setOutput(index, output);
  if (value.isPinned) return;
  value.name = graph.model.valueNames.fresh(`${name}_replaced`);
  output.name = name;
}

/**
 * Lets `by`, a new value of the same graph, stand for `value`: it takes over the readers, the graph outputs, what the
 * file says of the type, and the name, so that nothing outside the rewritten place sees a difference. Throws
 * `E_GRAPH_EDIT` for a pinned value, whose name cannot move.
 */
export function takePlace(value: Value, by: Value): void {
  const { graph, name, info } = value;
  const newName = graph.model.valueNames.fresh(`${name}_replaced`);
  value.replaceAllUsesWith(by);
  const stated = value.isGraphOutput ? undefined : info?.type;
  graph.dropInfo(value);
  for (const [index, output] of graph.outputs.entries()) if (output === value) graph.setOutput(index, by);
  value.name = newName;
  by.name = name;
  if (stated?.kind === 'tensor' || stated?.kind === 'sparse tensor') by.setType(stated);
}

/** Removes a node that passes its input on: readers of its output read its input. */
export function bypass(node: Node, input = 0, output = 0): void {
  const from = node.inputs[input];
  if (from === undefined) return;
  const { graph } = node;
  replaceValue(node.output(output), from);
  graph.remove(node);
}

/** Removes nodes nobody reads, and then what only they read, going upwards from `values`; constants stay. */
export function removeIfUnused(values: Iterable<Value | undefined>): Node[] {
  const removed: Node[] = [];
  const pending = [...values];
  for (let value = pending.pop(); value !== undefined || pending.length > 0; value = pending.pop()) {
    const node = value?.producer;
    if (node === undefined || !node.isAlive) continue;
    const isRead = node.outputs.some(
      (each) => each !== undefined && (each.useCount > 0 || each.isGraphOutput || each.isPinned),
    );
    if (isRead) continue;
    const inputs = [...node.inputs];
    node.graph.remove(node);
    removed.push(node);
    pending.push(...inputs);
  }
  return removed;
}

import type { Graph } from './graph.ts';
import type { Model } from './model.ts';
import type { Node } from './node.ts';
import { valuesRead } from './sort.ts';
import type { Value } from './value.ts';

/** What removing unused parts removed. */
export interface Removed {
  readonly nodes: Node[];
  readonly initializers: Value[];
  readonly inputs: Value[];
}

/**
 * Removes what no graph output needs: nodes and initializers in every scope, and graph inputs of the main graph when
 * asked. Reachability, not counting: a value that one dead and one live node read stays.
 */
export function removeUnused(model: Model, options: { inputs?: boolean } = {}): Removed {
  const removed: Removed = { nodes: [], initializers: [], inputs: [] };
  for (const root of roots(model)) {
    const live = reachableNodes(root);
    removeDead(root, live, removed);
  }
  // Constants last: only now is it known what is still read from any scope.
  for (const scope of model.scopes()) {
    for (const value of scope.initializers) {
      if (isRead(value) || value.producer !== undefined) continue;
      if (value.isGraphInput && !(options.inputs === true && scope === model.graph)) continue;
      scope.setInitializer(value, undefined);
      removed.initializers.push(value);
    }
  }
  if (options.inputs === true) {
    for (const value of model.graph.inputs) {
      if (isRead(value)) continue;
      model.graph.removeInput(value);
      removed.inputs.push(value);
    }
  }
  return removed;
}

/** Training graphs first: they read the main graph, never the other way round. */
function* roots(model: Model): Generator<Graph> {
  yield* model.trainingGraphs;
  yield model.graph;
  for (const { body } of model.functions) yield body;
}

/** Nodes in `root` and its subgraphs that its outputs, or pinned values, depend on. */
function reachableNodes(root: Graph): Set<Node> {
  const live = new Set<Node>();
  const hasTraining = root.kind === 'main' && root.model.trainingGraphs.length > 0;
  const pending: Value[] = [];
  const enter = (scope: Graph): void => {
    for (const value of scope.outputs) pending.push(value);
    for (const value of scope.allValues()) {
      if (value.isPinned || (hasTraining && isReadInTraining(value))) pending.push(value);
    }
  };
  enter(root);
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    const { producer } = value;
    if (producer === undefined || live.has(producer)) continue;
    live.add(producer);
    for (const read of producer.inputs) if (read !== undefined) pending.push(read);
    // What is pinned in the body of a node that nobody needs goes with the node.
    for (const subgraph of producer.subgraphs()) enter(subgraph);
  }
  return live;
}

/** Whether a training graph, or a subgraph in one, reads a value of the main graph or has it as output. */
function isReadInTraining(value: Value): boolean {
  for (const { node } of value.uses) {
    let root = node.graph;
    while (root.kind === 'subgraph' && root.parent !== undefined) root = root.parent;
    if (root.kind === 'training') return true;
  }
  return value.isGraphOutput;
}

/**
 * Removes the dead nodes of a graph and its subgraphs, readers first: a dead node in the body of a live one may be all
 * that reads a dead node outside. Those in the body of a dead node go with it.
 */
function removeDead(root: Graph, live: ReadonlySet<Node>, removed: Removed): void {
  const dead = new Set<Node>();
  for (const scope of root.scopes()) {
    if (isInDeadNode(scope, live)) continue;
    for (const node of scope.nodes) if (!live.has(node)) dead.add(node);
  }
  removeUnread(dead, removed);
  if (dead.size === 0) return;
  // What is left reads itself in a circle.
  for (const node of dead) {
    node.setInputs([]);
    for (const { name, values } of node.attributes) if (values.graphs !== undefined) node.removeAttribute(name);
  }
  removeUnread(dead, removed);
}

function isInDeadNode(scope: Graph, live: ReadonlySet<Node>): boolean {
  for (let { owner } = scope; owner !== undefined; owner = owner.graph.owner) if (!live.has(owner)) return true;
  return false;
}

function removeUnread(dead: Set<Node>, removed: Removed): void {
  const pending = [...dead];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (!dead.has(node) || node.outputs.some((value) => value !== undefined && isRead(value))) continue;
    const producers = [...valuesRead(node)].map((value) => value.producer);
    node.graph.remove(node);
    dead.delete(node);
    removed.nodes.push(node);
    for (const producer of producers) if (producer !== undefined) pending.push(producer);
  }
}

function isRead(value: Value): boolean {
  return value.useCount > 0 || value.isGraphOutput || value.isPinned;
}

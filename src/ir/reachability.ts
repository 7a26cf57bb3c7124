import type { Graph } from './graph.ts';
import type { Model } from './model.ts';
import type { Node } from './node.ts';
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
    for (const scope of [...root.scopes()]) removeDead(scope, live, removed);
  }
  // Constants last: only now is it known what is still read from any scope.
  for (const scope of model.scopes()) {
    for (const value of scope.initializers) {
      if (value.useCount > 0 || value.isGraphOutput || value.isPinned || value.producer !== undefined) continue;
      if (value.isGraphInput && !(options.inputs === true && scope === model.graph)) continue;
      scope.setInitializer(value, undefined);
      removed.initializers.push(value);
    }
  }
  if (options.inputs === true) {
    for (const value of model.graph.inputs) {
      if (value.useCount > 0 || value.isGraphOutput || value.isPinned) continue;
      model.graph.removeInput(value);
      removed.inputs.push(value);
    }
  }
  return removed;
}

function* roots(model: Model): Generator<Graph> {
  yield model.graph;
  yield* model.trainingGraphs;
  for (const { body } of model.functions) yield body;
}

/** Nodes in `root` and its subgraphs that its outputs, or pinned values, depend on. */
function reachableNodes(root: Graph): Set<Node> {
  const live = new Set<Node>();
  const pending: Value[] = [...root.outputs];
  for (const scope of root.scopes()) {
    for (const value of scope.values()) {
      const readOutside = [...value.uses].some(({ node }) => node.graph.kind === 'training' && root.kind === 'main');
      if (value.isPinned || readOutside) pending.push(value);
    }
  }
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    const { producer } = value;
    if (producer === undefined || live.has(producer)) continue;
    live.add(producer);
    for (const read of producer.inputs) if (read !== undefined) pending.push(read);
    for (const subgraph of producer.subgraphs()) pending.push(...subgraph.outputs);
  }
  return live;
}

/** Removes the dead nodes of one scope. Those of a dead subgraph go with its node. */
function removeDead(scope: Graph, live: ReadonlySet<Node>, removed: Removed): void {
  if (scope.owner !== undefined && !live.has(scope.owner)) return;
  const dead = [...scope.nodes].filter((node) => !live.has(node));
  for (const node of dead) release(node);
  for (const node of dead) {
    scope.remove(node);
    removed.nodes.push(node);
  }
}

/** Lets a dead node and the nodes of its subgraphs stop reading anything. */
function release(node: Node): void {
  node.setInputs([]);
  for (const subgraph of node.subgraphs()) {
    for (const scope of subgraph.scopes()) for (const inner of scope.nodes) inner.setInputs([]);
  }
}

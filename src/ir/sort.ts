import { SdgraphError } from '../errors.ts';
import type { Graph } from './graph.ts';
import type { Node } from './node.ts';
import type { Value } from './value.ts';

/**
 * The nodes of a graph in an order in which every value is computed before it is read, subgraphs included. Stable: an
 * order that is right already comes back as it is, and a node moves no further back than it must. Linear.
 *
 * @throws SdgraphError `E_GRAPH_CYCLE` with the nodes of one circle
 */
export function topologicalOrder(graph: Graph): Node[] {
  if (isOrdered(graph)) return [...graph.nodes];
  const position = new Map<Node, number>();
  for (const node of graph.nodes) position.set(node, position.size);
  const done = new Set<Node>();
  const order: Node[] = [];
  for (const root of graph.nodes) visit(root, position, done, order);
  return order;
}

/** Whether every value is computed before it is read: the rule, and cheaper to see than to bring about. */
function isOrdered(graph: Graph): boolean {
  const computed = new Set<Node>();
  const isTooEarly = (producer: Node | undefined): boolean =>
    producer !== undefined && !computed.has(producer) && graph.nodes.has(producer);
  for (const node of graph.nodes) {
    for (const value of node.inputs) if (isTooEarly(value?.producer)) return false;
    if (node.subgraphs().length > 0)
      for (const { producer } of valuesRead(node)) if (isTooEarly(producer)) return false;
    computed.add(node);
  }
  return true;
}

/** Sorts the nodes of a graph in place, see {@link topologicalOrder}. Returns whether anything moved. */
export function sortGraph(graph: Graph): boolean {
  const before = graph.model.revision;
  graph.reorder(topologicalOrder(graph));
  return graph.model.revision !== before;
}

/** Depth-first walk without recursion: a chain of a hundred thousand nodes is an ordinary graph. */
function visit(root: Node, members: ReadonlyMap<Node, number>, done: Set<Node>, order: Node[]): void {
  if (done.has(root)) return;
  const active = new Set<Node>([root]);
  const stack = [{ node: root, needs: dependencies(root, members) }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const next = top.needs.pop();
    if (next === undefined) {
      stack.pop();
      active.delete(top.node);
      done.add(top.node);
      order.push(top.node);
    } else if (active.has(next)) {
      throw cycleError(
        stack.map(({ node }) => node),
        next,
      );
    } else if (!done.has(next)) {
      active.add(next);
      stack.push({ node: next, needs: dependencies(next, members) });
    }
  }
}

/** The nodes of the same graph that a node and its subgraphs read from; the first one in file order last. */
function dependencies(node: Node, members: ReadonlyMap<Node, number>): Node[] {
  const found = new Set<Node>();
  for (const value of valuesRead(node)) {
    const { producer } = value;
    if (producer !== undefined && members.has(producer)) found.add(producer);
  }
  return [...found].toSorted((a, b) => (members.get(b) as number) - (members.get(a) as number));
}

/** Values that a node reads: its inputs, and what its subgraphs take from around them. */
export function* valuesRead(node: Node): Generator<Value> {
  for (const value of node.inputs) if (value !== undefined) yield value;
  for (const subgraph of node.subgraphs()) {
    for (const scope of subgraph.scopes()) {
      for (const inner of scope.nodes) for (const value of inner.inputs) if (value !== undefined) yield value;
      yield* scope.outputs;
    }
  }
}

function cycleError(path: readonly Node[], back: Node): SdgraphError {
  const circle = path.slice(path.indexOf(back));
  const shown = circle.slice(0, 8).map(String).join(' → ');
  return new SdgraphError(
    'E_GRAPH_CYCLE',
    'nodes depend on each other in a circle',
    { name: back.name },
    {
      found: `${shown}${circle.length > 8 ? ' → …' : ''} → ${String(back)}`,
    },
  );
}

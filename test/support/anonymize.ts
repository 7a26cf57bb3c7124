import type { Graph } from '../../src/ir/graph.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Node } from '../../src/ir/node.ts';
import { valuesRead } from '../../src/ir/sort.ts';

/**
 * Takes away what a rewrite must not rely on: every node and every value gets a number for a name, in every scope, and
 * nodes come in another order in which they can run. Only inputs and outputs of the main graph keep their names.
 */
export function anonymize(model: Model, seed = 1): void {
  let state = seed;
  const draw = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
  const scopes = [...model.scopes()];
  for (const graph of scopes) shuffle(graph, draw);
  let count = 0;
  for (const graph of scopes) {
    for (const value of [...graph.values()]) {
      const isInterface = graph === model.graph && (value.isGraphInput || value.isGraphOutput);
      if (!isInterface && !value.isPinned) value.name = model.valueNames.fresh(String(count++));
    }
    for (const node of graph.nodes) node.name = model.nodeNames.fresh(String(count++));
  }
}

/** Puts the nodes of a graph in a random order in which they can run. */
function shuffle(graph: Graph, draw: (below: number) => number): void {
  const waiting = new Map<Node, number>();
  const readers = new Map<Node, Node[]>();
  for (const node of graph.nodes) {
    const needed = new Set<Node>();
    for (const { producer } of valuesRead(node)) if (producer?.graph === graph) needed.add(producer);
    waiting.set(node, needed.size);
    for (const each of needed) readers.set(each, [...(readers.get(each) ?? []), node]);
  }
  const ready = [...waiting].filter(([, count]) => count === 0).map(([node]) => node);
  const order: Node[] = [];
  while (ready.length > 0) {
    const [node] = ready.splice(draw(ready.length), 1) as [Node];
    order.push(node);
    for (const reader of readers.get(node) ?? []) {
      const left = (waiting.get(reader) as number) - 1;
      waiting.set(reader, left);
      if (left === 0) ready.push(reader);
    }
  }
  graph.reorder(order);
}

import { SdgraphError } from '../errors.ts';
import type { Graph } from './graph.ts';
import type { Node } from './node.ts';

/**
 * Takes a subgraph out of the model together with the node or attribute that holds it: its nodes stop being readers of
 * values around it, and its names are free again.
 */
export function suspend(graph: Graph): void {
  const { owner } = graph;
  const scopes = [...graph.scopes()];
  leave(scopes);
  graph.owner = undefined;
  graph.model.journal.record(() => {
    graph.owner = owner;
    enter(scopes);
  });
}

/**
 * Puts a subgraph under a node: a new one, or one that was taken out before, whose names get a suffix where they were
 * taken in the meantime.
 *
 * @throws SdgraphError `E_GRAPH_EDIT` when another node holds the subgraph, or it belongs to another model or place
 */
export function resume(graph: Graph, owner: Node): void {
  const { model } = graph;
  if (graph.owner !== undefined && graph.owner !== owner) {
    throw new SdgraphError('E_GRAPH_EDIT', 'a subgraph cannot be in two nodes', { name: owner.name });
  }
  if (model !== owner.graph.model || graph.parent !== owner.graph) {
    throw new SdgraphError('E_GRAPH_EDIT', 'a subgraph cannot move to another graph', { name: owner.name });
  }
  const before = graph.owner;
  const scopes = graph.suspended ? [...graph.scopes()] : [];
  const taken = scopes.flatMap((scope) => [...scope.values()].filter((value) => model.valueNames.has(value.name)));
  graph.owner = owner;
  enter(scopes);
  model.journal.record(() => {
    leave(scopes);
    graph.owner = before;
  });
  for (const value of taken) value.name = model.valueNames.fresh(value.name);
}

function leave(scopes: readonly Graph[]): void {
  for (const scope of scopes) {
    for (const node of scope.nodes) {
      node.unlink();
      scope.model.nodeNames.drop(node.name);
    }
    for (const value of scope.outputs) value.outputCount--;
    for (const value of scope.allValues()) scope.model.valueNames.drop(value.name);
    scope.suspended = true;
  }
}

function enter(scopes: readonly Graph[]): void {
  for (const scope of scopes) {
    scope.suspended = false;
    for (const value of scope.allValues()) scope.model.valueNames.add(value.name);
    for (const value of scope.outputs) value.outputCount++;
    for (const node of scope.nodes) {
      node.relink();
      scope.model.nodeNames.add(node.name);
    }
  }
}

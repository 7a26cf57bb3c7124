import type { Graph } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';

/** A scope that two models have in the same place, or that only one of them has. */
export interface ScopePair {
  /** Where it is; empty for the main graph. */
  readonly scope: string;
  readonly a: Graph | undefined;
  readonly b: Graph | undefined;
}

/** Pairs the scopes of two models by their place: owner node and attribute, function name, number of the training graph. */
export function matchScopes(a: Model, b: Model): ScopePair[] {
  const [left, right] = [scopesByPlace(a), scopesByPlace(b)];
  const pairs = [...left].map(([scope, graph]) => ({ scope, a: graph, b: right.get(scope) }));
  const added = [...right].filter(([scope]) => !left.has(scope));
  return [...pairs, ...added.map(([scope, graph]) => ({ scope, a: undefined, b: graph }))];
}

function scopesByPlace(model: Model): ReadonlyMap<string, Graph> {
  const scopes = new Map<string, Graph>();
  const walk = (graph: Graph, wanted: string): void => {
    let place = wanted;
    for (let n = 2; scopes.has(place); n++) place = `${wanted} #${n}`;
    scopes.set(place, graph);
    const prefix = place === '' ? '' : `${place} › `;
    for (const node of graph.nodes) {
      const owner = node.name === '' ? (node.outputs.find((value) => value !== undefined)?.name ?? '') : node.name;
      for (const { name, values } of node.attributes) {
        const { graphs = [] } = values;
        for (const [i, body] of graphs.entries()) {
          walk(body, `${prefix}${owner}.${name}${graphs.length > 1 ? `[${i}]` : ''}`);
        }
      }
    }
  };
  walk(model.graph, '');
  for (const [i, graph] of model.trainingGraphs.entries()) walk(graph, `training[${i}]`);
  for (const { domain, name, overload, body } of model.functions) {
    walk(body, `function ${domain}::${name}${overload === '' ? '' : `:${overload}`}`);
  }
  return scopes;
}

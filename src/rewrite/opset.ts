import type { Graph } from '../ir/graph.ts';

/**
 * The version of an operator set that the nodes of a graph are written against: that of the model, or of the local
 * function whose body the graph is (in). Undefined when the domain is not imported there.
 */
export function opsetOf(graph: Graph, domain = ''): number | undefined {
  let root = graph;
  while (root.parent !== undefined) root = root.parent;
  const { model } = graph;
  const local = root.kind === 'function' ? model.functions.find(({ body }) => body === root) : undefined;
  if (local === undefined) return model.opset(domain);
  return local.opsets.get(domain) ?? (domain === '' ? local.opsets.get('ai.onnx') : undefined);
}

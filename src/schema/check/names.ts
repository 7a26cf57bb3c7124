import type { Graph } from '../../ir/graph.ts';
import type { CheckContext } from './context.ts';

/** Names that have to be there, and names of nodes that should not be there twice. Covers all scopes. */
export function checkNames(context: CheckContext): void {
  const nodeNames = new Set<string>();
  for (const graph of context.model.scopes()) {
    // The body of a function is not a graph of its own in the file.
    if (graph.kind !== 'function' && graph.name === '') {
      context.report('graph-name-missing', { graph }, 'a graph has no name');
    }
    checkValues(graph, context);
    for (const node of graph.nodes) {
      if (node.opType === '') context.report('operator-name-missing', { node }, 'a node does not say its operator');
      if (node.inputs.length === 0 && node.outputs.length === 0) {
        context.report('empty-node', { node }, 'a node has neither inputs nor outputs');
      }
      if (node.name === '') continue;
      if (nodeNames.has(node.name)) {
        context.report('duplicate-node-name', { node }, 'another node has the same name');
      }
      nodeNames.add(node.name);
    }
  }
}

function checkValues(graph: Graph, context: CheckContext): void {
  const lists = { input: graph.inputs, output: graph.outputs, initializer: graph.initializers };
  for (const [what, values] of Object.entries(lists)) {
    for (const { name } of values) {
      if (name === '') context.report('value-name-missing', { graph }, `a graph ${what} has no name`);
    }
  }
}

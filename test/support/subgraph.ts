import { Attribute, AttributeType } from '../../src/ir/attribute.ts';
import { Graph } from '../../src/ir/graph.ts';
import { GraphBuilder } from './model-builder.ts';

/** An attribute that holds a graph, whose nodes may read what is around it. */
export function subgraph(around: GraphBuilder, name: string, fill: (graph: GraphBuilder) => void): Attribute {
  const graph = new Graph(around.graph.model, { kind: 'subgraph', parent: around.graph, name });
  fill(new GraphBuilder(graph));
  return new Attribute({ name, type: AttributeType.GRAPH, graphs: [graph] });
}

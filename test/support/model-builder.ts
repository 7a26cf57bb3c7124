import { Attribute, AttributeType } from '../../src/ir/attribute.ts';
import { floatTensor, int64Tensor } from '../../src/ir/constants.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { Graph } from '../../src/ir/graph.ts';
import { Model } from '../../src/ir/model.ts';
import type { Tensor } from '../../src/ir/tensor.ts';
import type { Dim } from '../../src/ir/type.ts';
import type { Value } from '../../src/ir/value.ts';

/** How {@link GraphBuilder.op} makes a node. */
export interface OpOptions {
  readonly name?: string;
  readonly outputs?: readonly string[] | number;
  readonly attributes?: readonly Attribute[];
  readonly domain?: string;
}

/** Writes a graph as a test reads best: values in, values out. */
export class GraphBuilder {
  readonly graph: Graph;

  constructor(graph: Graph) {
    this.graph = graph;
  }

  input(name: string, shape: readonly Dim[] | undefined, elemType: number = DataType.FLOAT): Value {
    return this.graph.addInput(name, { kind: 'tensor', elemType, ...(shape === undefined ? {} : { shape }) });
  }

  output(value: Value, shape?: readonly Dim[], elemType: number = DataType.FLOAT): Value {
    this.graph.addOutput(value, { kind: 'tensor', elemType, ...(shape === undefined ? {} : { shape }) });
    return value;
  }

  tensor(tensor: Tensor): Value {
    return this.graph.addInitializer(tensor);
  }

  floats(values: readonly number[], dims: readonly number[] = [values.length], name = 'w'): Value {
    return this.tensor(floatTensor(values, dims, name));
  }

  scalar(value: number, name = 'c'): Value {
    return this.floats([value], [], name);
  }

  ints(values: readonly (number | bigint)[], dims: readonly number[] = [values.length], name = 'i'): Value {
    return this.tensor(int64Tensor(values, dims, name));
  }

  /** A Constant node. */
  constant(tensor: Tensor, name = 'Constant'): Value {
    return this.op('Constant', [], { name, attributes: [Attribute.tensor('value', tensor)] });
  }

  /** A node with one output that matters. */
  op(opType: string, inputs: readonly (Value | undefined)[], options: OpOptions = {}): Value {
    return this.ops(opType, inputs, options)[0] as Value;
  }

  /** A node with all its outputs. */
  ops(opType: string, inputs: readonly (Value | undefined)[], options: OpOptions = {}): Value[] {
    const node = this.graph.insert({ opType, inputs, name: opType, ...options });
    return node.outputs.map((_, i) => node.output(i));
  }

  /** An If whose branches are filled in by two functions that return the outputs of their branch. */
  branch(condition: Value, then: (graph: GraphBuilder) => Value, otherwise: (graph: GraphBuilder) => Value): Value {
    const body = (name: string, fill: (graph: GraphBuilder) => Value): Attribute => {
      const graph = new Graph(this.graph.model, { kind: 'subgraph', parent: this.graph, name });
      const builder = new GraphBuilder(graph);
      builder.output(fill(builder));
      return new Attribute({ name, type: AttributeType.GRAPH, graphs: [graph] });
    };
    return this.op('If', [condition], { attributes: [body('then_branch', then), body('else_branch', otherwise)] });
  }
}

/** A new model with one operator set, filled in by `fill`. */
export function buildModel(opset: number, fill: (graph: GraphBuilder) => void): Model {
  const model = new Model({ irVersion: opset < 15 ? 7 : 8 });
  model.setOpset('', opset);
  fill(new GraphBuilder(model.graph));
  return model;
}

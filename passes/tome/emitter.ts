import { Attribute } from '../../src/ir/attribute.ts';
import { int64Tensor } from '../../src/ir/constants.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { Node } from '../../src/ir/node.ts';
import { Tensor } from '../../src/ir/tensor.ts';
import type { Value } from '../../src/ir/value.ts';
import type { PluginOperator, TargetAttribute } from '../../src/targets/types.ts';

/** From this opset on ReduceSum and Unsqueeze read their axes. */
const AXES_ARE_INPUT_SINCE = 13;
/** The same for ReduceMax. */
const MAX_AXES_ARE_INPUT_SINCE = 18;

/** Initializers of a graph by name and contents: one that is there already is used, whoever put it there. */
export class SharedConstants {
  readonly #graph: Graph;
  readonly #made = new Map<string, Value[]>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** The initializer with the name and contents of `tensor`; the name gets a suffix where it means something else. */
  get(tensor: Tensor): Value {
    const made = this.#made.get(tensor.name) ?? [];
    const named = this.#graph.value(tensor.name);
    for (const value of named === undefined ? made : [named, ...made]) {
      const { initializer } = value;
      if (!value.isGraphInput && initializer instanceof Tensor && sameTensor(initializer, tensor)) return value;
    }
    const value = this.#graph.addInitializer(tensor);
    this.#made.set(tensor.name, [...made, value]);
    return value;
  }
}

function sameTensor(a: Tensor, b: Tensor): boolean {
  if (a.dataType !== b.dataType || a.dims.join() !== b.dims.join()) return false;
  return Buffer.compare(a.read(), b.read()) === 0;
}

/** What an {@link Emitter} starts with. */
export interface EmitterInit {
  readonly graph: Graph;
  /** Goes before the names of nodes and values. */
  readonly prefix: string;
  readonly opset: number;
  readonly constants: SharedConstants;
  readonly after: Node;
}

/** Inserts nodes one behind the other, named as upstream names them. */
export class Emitter {
  readonly constants: SharedConstants;
  readonly #graph: Graph;
  readonly #prefix: string;
  readonly #opset: number;
  /** The node behind which the next one goes. */
  after: Node;

  constructor({ graph, prefix, opset, constants, after }: EmitterInit) {
    this.#graph = graph;
    this.#prefix = prefix;
    this.#opset = opset;
    this.constants = constants;
    this.after = after;
  }

  ops(
    opType: string,
    inputs: readonly Value[],
    outputs: readonly string[],
    attributes: readonly Attribute[],
    name: string = opType,
  ): Value[] {
    const node = this.#graph.insert(
      {
        opType,
        inputs,
        attributes,
        name: `${this.#prefix}${name}`,
        outputs: outputs.map((output) => `${this.#prefix}${output}`),
      },
      { after: this.after },
    );
    this.after = node;
    return outputs.map((_, i) => node.output(i));
  }

  op(opType: string, inputs: readonly Value[], attributes: readonly Attribute[] = [], name: string = opType): Value {
    return this.ops(opType, inputs, [`${name}_output`], attributes, name)[0] as Value;
  }

  /** A plugin operator with the fixed attributes that its profile asks for. */
  plugin(operator: PluginOperator, inputs: readonly Value[], outputs: readonly string[], name?: string): Value[] {
    return this.ops(operator.opType, inputs, outputs, operator.attributes.flatMap(fixedAttribute), name);
  }

  /** The largest element of the last axis and its position. */
  findMax(scores: Value, operator: PluginOperator | undefined): [Value, Value] {
    if (operator !== undefined) {
      const outputs = operator.outputs.map((_, i) => `${operator.opType}_output_${i}`);
      return this.plugin(operator, [scores], outputs) as [Value, Value];
    }
    const position = [Attribute.int('axis', -1), Attribute.int('keepdims', 0)];
    return [this.reduceMax(scores, 'ReduceMax', 0), this.op('ArgMax', [scores], position)];
  }

  reduceSum(value: Value, axis: number, keepdims: boolean, name: string): Value {
    const keep = Attribute.int('keepdims', keepdims ? 1 : 0);
    return this.#withAxis('ReduceSum', value, axis, AXES_ARE_INPUT_SINCE, [keep], name);
  }

  reduceMax(value: Value, name: string, keepdims = 1): Value {
    return this.#withAxis(
      'ReduceMax',
      value,
      -1,
      MAX_AXES_ARE_INPUT_SINCE,
      [Attribute.int('keepdims', keepdims)],
      name,
    );
  }

  unsqueeze(value: Value, axis: number): Value {
    return this.#withAxis('Unsqueeze', value, axis, AXES_ARE_INPUT_SINCE, [], 'Unsqueeze');
  }

  #withAxis(
    opType: string,
    value: Value,
    axis: number,
    inputSince: number,
    attributes: readonly Attribute[],
    name: string,
  ): Value {
    if (this.#opset < inputSince)
      return this.op(opType, [value], [Attribute.ints('axes', [axis]), ...attributes], name);
    const axes = this.constants.get(int64Tensor([axis], [1], `tome/${axis === -1 ? 'last_axis' : `axis_${axis}`}`));
    return this.op(opType, [value, axes], attributes, name);
  }
}

function fixedAttribute(attribute: TargetAttribute): Attribute[] {
  if (!('value' in attribute)) return [];
  if (attribute.type === 'int') return [Attribute.int(attribute.name, attribute.value)];
  if (attribute.type === 'float') return [Attribute.float(attribute.name, attribute.value)];
  return [Attribute.string(attribute.name, attribute.value)];
}

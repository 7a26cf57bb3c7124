import { SdgraphError } from '../errors.ts';
import { Attribute } from '../ir/attribute.ts';
import type { Graph } from '../ir/graph.ts';
import { requireSound } from '../ir/invariants.ts';
import type { Model } from '../ir/model.ts';
import { NamePool } from '../ir/names.ts';
import type { Node } from '../ir/node.ts';
import type { Tensor } from '../ir/tensor.ts';
import { type Dim, formatType, type ValueType } from '../ir/type.ts';
import type { Value } from '../ir/value.ts';
import { checkNode } from '../schema/check-node.ts';
import { type GrowingInference, inferWhileGrowing } from '../schema/infer.ts';
import { attributesOf } from './attributes.ts';
import { createModel, type NewModelOptions } from './new-model.ts';
import { type NodeArguments, Operators } from './operators.ts';

/**
 * Authors a graph: operators are methods that take values and give values, whose type and shape are known at once.
 *
 * Nodes are named as PyTorch's exporter names them: the path of scopes, then the operator, then `_1`, `_2` where there
 * is one of that name; results are `<node>_output_<i>`; constants are Constant nodes; weights keep their own names.
 *
 * A call that cannot be carried out throws `E_AUTHOR`, names the node that it would have made, and leaves the graph as
 * it was: an operator that the operator set does not have, a wrong number of inputs, an attribute that the operator does
 * not know, types and shapes that do not go together.
 *
 * @example
 * const b = new GraphBuilder({ opset: 17 });
 * const x = b.input('x', DataType.FLOAT, [2, 8]);
 * const y = b.scope('act', () => b.mul(x, b.sigmoid(x))); // /act/Sigmoid, /act/Mul
 * b.output('y', y);
 * await saveModel(b.build(), 'silu.onnx');
 */
export class GraphBuilder extends Operators {
  /** The model that is being made; whole between calls. */
  readonly model: Model;
  readonly opset: number;
  readonly #inference: GrowingInference;
  readonly #scopes = new NamePool();
  #path = '';
  #module = '';

  /** @throws SdgraphError `E_AUTHOR` for an operator set that graphs cannot be made for */
  constructor(options: NewModelOptions) {
    super();
    this.model = createModel(options);
    this.opset = options.opset;
    this.#inference = inferWhileGrowing(this.model);
  }

  get graph(): Graph {
    return this.model.graph;
  }

  // ---- scopes ----

  /** The scopes around the next node, `''` or `/down_blocks.0/resnets.0`. */
  get path(): string {
    return this.#path;
  }

  /**
   * Makes nodes in a scope. The same scope opened again beside the first gets `_1`, `_2`, as a module that is called
   * again does.
   *
   * @param name a module's name in the one around it; an element of a list together with its list, `resnets.0`
   */
  scope<T>(name: string, author: () => T): T {
    if (name === '' || name.includes('/')) {
      throw new SdgraphError('E_AUTHOR', 'a scope has a name without slashes', { name });
    }
    const [path, module] = [this.#path, this.#module];
    this.#path = this.#scopes.fresh(`${path}/${name}`);
    this.#scopes.add(this.#path);
    this.#module = this.parameterName(name);
    try {
      return author();
    } finally {
      this.#path = path;
      this.#module = module;
    }
  }

  /** The name that a weight of the module around has in a checkpoint: `down_blocks.0.resnets.0.conv1.weight`. */
  parameterName(name: string): string {
    return this.#module === '' ? name : `${this.#module}.${name}`;
  }

  // ---- inputs, outputs, constants ----

  /** Adds a graph input. `dataType` is a number of `DataType`; a dimension is a number, a name, or undefined. */
  input(name: string, dataType: number, shape: readonly Dim[]): Value {
    this.#requireFree(name, 'an input');
    return this.graph.addInput(name, { kind: 'tensor', elemType: dataType, shape });
  }

  /**
   * Makes a value a graph output. The value takes the name; one that has a name of its own (an input, a weight, another
   * output) is copied with Identity. Type and shape are stated as inferred.
   */
  output(name: string, value: Value): Value {
    this.#requireFree(name, 'an output');
    const type = this.type(value);
    if (type?.kind !== 'tensor' || type.elemType === 0 || type.shape === undefined) {
      throw new SdgraphError(
        'E_AUTHOR',
        'an output needs a known type and rank',
        { name },
        { found: formatType(type) },
      );
    }
    const isNamed = value.producer === undefined || value.isGraphOutput;
    const output = isNamed ? this.identity(value) : value;
    output.name = name;
    this.graph.addOutput(output, type);
    return output;
  }

  /** A constant as a Constant node in the scope around. */
  constant(tensor: Tensor): Value {
    return this.ops('Constant', [], { attributes: [Attribute.tensor('value', tensor)] })[0] as Value;
  }

  /** A weight as an initializer under the name of the tensor. The same tensor again gives the same value. */
  initializer(tensor: Tensor): Value {
    const there = this.graph.value(tensor.name);
    if (there?.initializer !== undefined && there.initializer === tensor) return there;
    this.#requireFree(tensor.name, 'a weight');
    return this.graph.addInitializer(tensor);
  }

  /** Leaves out the name that the next node of an operator would get here: another writer has a node of that name. */
  skipName(opType: string): void {
    const { nodeNames } = this.model;
    nodeNames.add(nodeNames.fresh(`${this.#path}/${opType}`));
  }

  #requireFree(name: string, what: string): void {
    if (name === '') throw new SdgraphError('E_AUTHOR', `${what} needs a name`);
    if (this.model.valueNames.has(name)) {
      throw new SdgraphError('E_AUTHOR', `${what} cannot have this name: it is taken`, { name });
    }
  }

  // ---- nodes ----

  ops(opType: string, inputs: readonly (Value | undefined)[], init: NodeArguments = {}): Value[] {
    const { attributes = {}, outputs = 1, name = opType, domain = '' } = init;
    const call = this.model.nodeNames.fresh(`${this.#path}/${name}`);
    try {
      return this.model.transaction(() => {
        const given = attributesOf(opType, domain, this.opset, attributes);
        const node = this.graph.insert({ opType, domain, name: call, inputs, outputs, attributes: given });
        this.#check(node);
        return node.outputs.filter((value) => value !== undefined);
      });
    } catch (error) {
      throw this.#callError(error, opType, inputs, call);
    }
  }

  #check(node: Node): void {
    const [conflict] = this.#inference.append(node);
    const finding = checkNode(this.model, node, this.#inference).find(({ severity }) => severity === 'error');
    if (finding !== undefined) {
      const { message, where, expected, found, hint } = finding;
      const about = where.attribute ?? where.value;
      const reason = about === undefined ? message : `${message}: ${about}`;
      throw new SdgraphError(
        'E_AUTHOR',
        reason,
        {},
        {
          ...(expected === undefined ? {} : { expected }),
          ...(found === undefined ? {} : { found }),
          ...(hint === undefined ? {} : { hint }),
        },
      );
    }
    if (conflict === undefined) return;
    throw new SdgraphError('E_AUTHOR', conflict.message.replace(`${node.toString()}: `, ''));
  }

  /** What went wrong, with the call as it was meant: `/mid/MatMul: MatMul(float32[2,3], float32[4,5]): ...`. */
  #callError(error: unknown, opType: string, inputs: readonly (Value | undefined)[], name: string): unknown {
    if (!(error instanceof SdgraphError) || error.code === 'E_INTERNAL') return error;
    const types = inputs.map((value) => (value === undefined ? 'nothing' : formatType(this.type(value))));
    const { reason, expected, found, hint } = error;
    return new SdgraphError(
      'E_AUTHOR',
      `${opType}(${types.join(', ')}): ${reason}`,
      { name },
      {
        ...(expected === undefined ? {} : { expected }),
        ...(found === undefined ? {} : { found }),
        ...(hint === undefined ? {} : { hint }),
        cause: error,
      },
    );
  }

  // ---- what is known ----

  /** Type and shape of a value. */
  type(value: Value): ValueType | undefined {
    return this.#inference.type(value);
  }

  elementType(value: Value): number | undefined {
    const type = this.type(value);
    return type?.kind === 'tensor' && type.elemType !== 0 ? type.elemType : undefined;
  }

  /** Shape of a value; undefined when not even its rank is known. */
  shape(value: Value): readonly Dim[] | undefined {
    return this.#inference.shape(value);
  }

  dims(value: Value): readonly number[] | undefined {
    return this.#inference.dims(value);
  }

  /**
   * The model, checked as passes are: it has outputs, and its graph is sound.
   *
   * @throws SdgraphError `E_AUTHOR` when there is no output, `E_GRAPH_INVALID`
   */
  build(): Model {
    if (this.graph.outputs.length === 0) throw new SdgraphError('E_AUTHOR', 'a graph needs an output');
    requireSound(this.model);
    return this.model;
  }
}

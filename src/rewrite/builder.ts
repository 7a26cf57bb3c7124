import { Attribute } from '../ir/attribute.ts';
import { floatTensor, int64Tensor } from '../ir/constants.ts';
import { DataType } from '../ir/data-type.ts';
import type { Graph } from '../ir/graph.ts';
import type { Node } from '../ir/node.ts';
import type { Tensor } from '../ir/tensor.ts';
import type { Value } from '../ir/value.ts';
import { opsetOf } from './opset.ts';

/** What else an operator takes besides inputs. */
export interface OpInit {
  readonly attributes?: readonly Attribute[];
  /** Names of the outputs, or their number. */
  readonly outputs?: readonly string[] | number;
  /** Name of the node without the prefix; the operator by default. */
  readonly name?: string;
}

/**
 * Inserts standard operators in front of a node, in the form that the operator set of its scope has: axes as attribute
 * or as input, sizes or `num_outputs` of Split. Values go in and come out; names are made from a prefix.
 */
export class Builder {
  readonly graph: Graph;
  /** Version of the standard operator set in this scope. */
  readonly opset: number;
  readonly #before: Node;
  readonly #prefix: string;

  constructor(before: Node, prefix: string) {
    this.graph = before.graph;
    this.opset = opsetOf(this.graph) ?? 1;
    this.#before = before;
    this.#prefix = prefix;
  }

  /** Inserts an operator and gives its outputs. */
  ops(opType: string, inputs: readonly (Value | undefined)[], init: OpInit = {}): Value[] {
    const { attributes = [], outputs = 1, name = opType } = init;
    const node = this.graph.insert(
      { opType, inputs, attributes, outputs, name: `${this.#prefix}${name}` },
      { before: this.#before },
    );
    return node.outputs.filter((value) => value !== undefined);
  }

  /** Inserts an operator with one output and gives it. */
  op(opType: string, inputs: readonly (Value | undefined)[], ...attributes: readonly Attribute[]): Value {
    return this.ops(opType, inputs, { attributes })[0] as Value;
  }

  /** A constant: an initializer, or a Constant node in local functions, which have none. */
  constant(tensor: Tensor, name = 'constant'): Value {
    const named = tensor.renamed(this.graph.model.valueNames.fresh(`${this.#prefix}${name}`));
    if (this.graph.kind !== 'function') return this.graph.addInitializer(named);
    return this.ops('Constant', [], {
      attributes: [Attribute.tensor('value', named)],
      outputs: [named.name],
    })[0] as Value;
  }

  /** A constant int64 tensor; a vector unless dims are given. */
  int64(values: readonly (number | bigint)[], dims: readonly number[] = [values.length]): Value {
    return this.constant(int64Tensor(values, dims), 'int64');
  }

  /** A constant float32 scalar. */
  float(value: number): Value {
    return this.constant(floatTensor([value], []), 'float');
  }

  cast(value: Value, to: number): Value {
    return this.op('Cast', [value], Attribute.int('to', to));
  }

  transpose(value: Value, perm: readonly number[]): Value {
    return this.op('Transpose', [value], Attribute.ints('perm', perm));
  }

  reshape(value: Value, shape: readonly number[]): Value {
    return this.op('Reshape', [value, this.int64(shape)]);
  }

  concat(values: readonly Value[], axis: number): Value {
    return this.op('Concat', values, Attribute.int('axis', axis));
  }

  /** Slice along one axis, from `start` to `end`. Axes are inputs since opset 10. */
  slice(value: Value, axis: number, start: number, end: number): Value {
    return this.op('Slice', [value, this.int64([start]), this.int64([end]), this.int64([axis])]);
  }

  /** Inserts dimensions of extent one. */
  unsqueeze(value: Value, axes: readonly number[]): Value {
    return this.#withAxes('Unsqueeze', 13, value, axes, []);
  }

  reduceSum(value: Value, axes: readonly number[], keepdims: boolean): Value {
    return this.#withAxes('ReduceSum', 13, value, axes, [Attribute.int('keepdims', keepdims ? 1 : 0)]);
  }

  reduceMax(value: Value, axes: readonly number[], keepdims: boolean): Value {
    return this.#withAxes('ReduceMax', 18, value, axes, [Attribute.int('keepdims', keepdims ? 1 : 0)]);
  }

  /** Two equal halves along the last axis. */
  halves(value: Value): Value[] {
    const attributes = [Attribute.int('axis', -1)];
    if (this.opset >= 18) attributes.push(Attribute.int('num_outputs', 2));
    return this.ops('Split', [value], { attributes, outputs: 2 });
  }

  /** Softmax along the last axis of a tensor of this rank; before opset 13 any other axis would flatten. */
  softmax(value: Value, rank: number): Value {
    return this.op('Softmax', [value], Attribute.int('axis', rank - 1));
  }

  /** Rounds to float16 and back: what a value goes through when a kernel keeps it in half precision. */
  half(value: Value): Value {
    return this.cast(this.cast(value, DataType.FLOAT16), DataType.FLOAT);
  }

  /** Axes are an attribute before opset `since` and an input from then on. */
  #withAxes(
    opType: string,
    since: number,
    value: Value,
    axes: readonly number[],
    attributes: readonly Attribute[],
  ): Value {
    if (this.opset >= since) return this.op(opType, [value, this.int64(axes)], ...attributes);
    return this.op(opType, [value], Attribute.ints('axes', axes), ...attributes);
  }
}

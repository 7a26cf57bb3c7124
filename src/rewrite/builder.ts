import { attributesOf } from '../author/attributes.ts';
import { type NodeArguments, Operators } from '../author/operators.ts';
import { Attribute } from '../ir/attribute.ts';
import { DataType } from '../ir/data-type.ts';
import type { Graph } from '../ir/graph.ts';
import type { Node } from '../ir/node.ts';
import type { Tensor } from '../ir/tensor.ts';
import type { Value } from '../ir/value.ts';
import { opsetOf } from './opset.ts';

/**
 * Inserts standard operators in front of a node, in the form that the operator set of its scope has. Names are made from
 * a prefix.
 */
export class Builder extends Operators {
  readonly graph: Graph;
  /** Version of the standard operator set in this scope. */
  readonly opset: number;
  readonly #before: Node;
  readonly #prefix: string;

  constructor(before: Node, prefix: string) {
    super();
    this.graph = before.graph;
    this.opset = opsetOf(this.graph) ?? 1;
    this.#before = before;
    this.#prefix = prefix;
  }

  ops(opType: string, inputs: readonly (Value | undefined)[], init: NodeArguments = {}): Value[] {
    const { attributes: given = {}, outputs = 1, name = opType, domain = '' } = init;
    const attributes = attributesOf(opType, domain, opsetOf(this.graph, domain) ?? 1, given);
    const node = this.graph.insert(
      { opType, domain, inputs, attributes, outputs, name: `${this.#prefix}${name}` },
      { before: this.#before },
    );
    return node.outputs.filter((value) => value !== undefined);
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

  /** As far as the file states it: nothing is inferred while a pass edits. */
  elementType({ type }: Value): number | undefined {
    return type?.kind === 'tensor' && type.elemType !== 0 ? type.elemType : undefined;
  }

  dims({ shape }: Value): readonly number[] | undefined {
    return shape?.every((dim) => typeof dim === 'number') ? shape : undefined;
  }

  /** Slice along one axis, from `start` to `end`. */
  sliceAxis(value: Value, axis: number, start: number, end: number): Value {
    return this.slice(value, { starts: [start], ends: [end], axes: [axis] });
  }

  /** Rounds to float16 and back: what a value goes through when a kernel keeps it in half precision. */
  half(value: Value): Value {
    return this.cast(this.cast(value, DataType.FLOAT16), DataType.FLOAT);
  }
}

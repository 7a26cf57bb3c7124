import type { GraphBuilder } from '../author/graph-builder.ts';
import { SdgraphError } from '../errors.ts';
import { DataType, typeName } from '../ir/data-type.ts';
import type { Tensor } from '../ir/tensor.ts';
import type { Value } from '../ir/value.ts';
import type { WeightSource } from './weights.ts';

/** Cast takes bfloat16 from here on. */
const BFLOAT16_SINCE = 13;

/** What a {@link Network} is made of. */
export interface NetworkInit {
  readonly builder: GraphBuilder;
  readonly weights: WeightSource;
  /** Element type of the graph: FLOAT or FLOAT16. */
  readonly dataType: number;
  /** Stands before the names of the network's modules in the checkpoint, and nowhere in the graph: `decoder.`. */
  readonly prefix?: string;
}

/** What the modules of one network share: the graph that they are written to, and the weights that they ask for. */
export class Network {
  readonly builder: GraphBuilder;
  /** Element type of the graph. */
  readonly dataType: number;
  readonly #weights: WeightSource;
  readonly #prefix: string;
  readonly #parameters = new Map<string, Value>();
  readonly #shared = new Map<Value, Value>();

  constructor({ builder, weights, dataType, prefix = '' }: NetworkInit) {
    this.builder = builder;
    this.dataType = dataType;
    this.#weights = weights;
    this.#prefix = prefix;
  }

  /** Writes a module in its scope. */
  module<T>(name: string, author: () => T): T {
    return this.builder.scope(name, author);
  }

  /** The dimensions of a value. Throws `E_INTERNAL`: modules are written for static shapes. */
  dims(value: Value): readonly number[] {
    const dims = this.builder.dims(value);
    if (dims !== undefined) return dims;
    throw new SdgraphError('E_INTERNAL', 'the shape of a value is not known', { name: value.name });
  }

  /** One dimension of a value, counted from the back if negative. */
  dim(value: Value, axis: number): number {
    const dim = this.dims(value).at(axis);
    if (dim !== undefined) return dim;
    throw new SdgraphError('E_INTERNAL', `a value has no dimension ${axis}`, { name: value.name });
  }

  /**
   * A weight of the module around, in the element type of the graph.
   *
   * @param name as in the module: `weight`, `bias`
   * @param shape dimensions as the checkpoint has them
   * @param dims dimensions that the graph wants the same elements in; those of the checkpoint by default
   */
  parameter(name: string, shape: readonly number[], dims: readonly number[] = shape): Value {
    return this.#once(this.builder.parameterName(name), (full) => {
      const tensor = this.#weights.take(`${this.#prefix}${full}`, shape);
      return this.#stored(full, dims.join() === tensor.dims.join() ? tensor : tensor.with({ dims }));
    });
  }

  /**
   * The weight of a linear layer as MatMul reads it, `[in, out]`; checkpoints have `[out, in]`. A source that folds gives
   * it so, under a name that says it; otherwise the graph transposes what stays as it is stored.
   */
  transposed(name: string, shape: readonly [out: number, inputs: number]): Value {
    return this.#once(this.builder.parameterName(name), (full) => {
      const stored = `${this.#prefix}${full}`;
      if (this.#weights.folds) {
        return this.#stored(`${full}_transposed`, this.#weights.take(stored, shape, { transposed: true }));
      }
      return this.builder.transpose(this.#stored(full, this.#weights.take(stored, shape)), [1, 0]);
    });
  }

  /**
   * A value in the element type of the graph. Written where PyTorch writes it, also if it changes nothing, but for
   * float16: there onnxruntime refuses a Cast to the type that a value has.
   */
  narrow(value: Value): Value {
    const { builder, dataType } = this;
    if (dataType === DataType.FLOAT16 && builder.elementType(value) === dataType) return value;
    return builder.cast(value, dataType);
  }

  /** What is computed from a value alone, and the same wherever it is needed: made where it is needed first. */
  once(value: Value, make: () => Value): Value {
    const there = this.#shared.get(value) ?? make();
    this.#shared.set(value, there);
    return there;
  }

  /** A module that is called again reads the same weight. */
  #once(name: string, make: (name: string) => Value): Value {
    const there = this.#parameters.get(name);
    if (there !== undefined) return there;
    const value = make(name);
    this.#parameters.set(name, value);
    return value;
  }

  #stored(name: string, tensor: Tensor): Value {
    const { builder, dataType } = this;
    const stored = tensor.dataType;
    if (stored === DataType.BFLOAT16 && builder.opset < BFLOAT16_SINCE) {
      throw new SdgraphError(
        'E_CHECKPOINT_TENSOR',
        `weights of type ${typeName(stored)} cannot be converted in a graph of opset ${builder.opset}`,
        { name },
        { expected: `opset ${BFLOAT16_SINCE}`, hint: 'fold the weights, or choose a newer opset' },
      );
    }
    const value = builder.initializer(tensor.renamed(name));
    return stored === dataType ? value : builder.cast(value, dataType);
  }
}

import { SdgraphError } from '../errors.ts';
import { int64Tensor } from '../ir/constants.ts';
import { DataType } from '../ir/data-type.ts';
import type { Tensor } from '../ir/tensor.ts';
import type { Value } from '../ir/value.ts';
import type { AttributeArguments, AttributeInput } from './attributes.ts';
import { numberTensor } from './number-tensor.ts';

/** What else a node is made of besides inputs. */
export interface NodeArguments {
  readonly attributes?: AttributeArguments;
  /** Names of the outputs, or their number; default 1. */
  readonly outputs?: readonly string[] | number;
  /** Last part of the name of the node; the operator by default. */
  readonly name?: string;
  /** Domain of the operator; default the standard one. */
  readonly domain?: string;
}

/** A value, or a number that becomes a constant of the type of the value beside it. */
export type Operand = Value | number;

/** A value, or integers that become a constant int64 vector. */
export type Integers = Value | readonly (number | bigint)[];

/** Geometry of {@link Operators.conv}; what is left out is what ONNX takes by default. */
export interface ConvArguments {
  /** Begins, then ends: `[1, 1, 1, 1]` for one pixel around an image. */
  readonly pads?: readonly number[];
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  readonly group?: number;
}

/** Which part of a tensor {@link Operators.slice} takes. */
export interface SliceArguments {
  readonly starts: Integers;
  readonly ends: Integers;
  /** All axes in order by default. */
  readonly axes?: Integers;
  readonly steps?: Integers;
}

/** What {@link Operators.gemm} multiplies. */
export interface GemmArguments {
  readonly alpha?: number;
  readonly beta?: number;
  readonly transA?: boolean;
  readonly transB?: boolean;
}

/**
 * The standard operators as functions, in the form that an operator set has: axes as attribute or as input, sizes or
 * `num_outputs` of Split. Values go in and come out. Who writes nodes says where they go and what they are called.
 */
export abstract class Operators {
  /** Version of the standard operators, 11 or newer. */
  abstract readonly opset: number;

  /** Makes a node and gives its outputs. */
  abstract ops(opType: string, inputs: readonly (Value | undefined)[], init?: NodeArguments): Value[];

  /** Stores a constant. `name` is a proposal, for writers that name constants. */
  abstract constant(tensor: Tensor, name?: string): Value;

  /** Element type of a value, a number of `DataType`; undefined when it is not known. */
  abstract elementType(value: Value): number | undefined;

  /** Dimensions of a value when all are known numbers. */
  abstract dims(value: Value): readonly number[] | undefined;

  /** Makes a node with one output and gives it. */
  op(opType: string, inputs: readonly (Value | undefined)[], attributes: AttributeArguments = {}): Value {
    return this.ops(opType, inputs, { attributes })[0] as Value;
  }

  // ---- constants ----

  /** A constant int64 tensor; a vector unless dims are given. */
  int64(values: readonly (number | bigint)[], dims: readonly number[] = [values.length]): Value {
    return this.constant(int64Tensor(values, dims), 'int64');
  }

  /** A constant scalar; float32 unless another type is given. */
  scalar(value: number, dataType: number = DataType.FLOAT): Value {
    return this.constant(numberTensor(dataType, [value], []), dataType === DataType.FLOAT ? 'float' : 'scalar');
  }

  // ---- element by element ----

  add(a: Operand, b: Operand): Value {
    return this.#binary('Add', a, b);
  }

  sub(a: Operand, b: Operand): Value {
    return this.#binary('Sub', a, b);
  }

  mul(a: Operand, b: Operand): Value {
    return this.#binary('Mul', a, b);
  }

  div(a: Operand, b: Operand): Value {
    return this.#binary('Div', a, b);
  }

  pow(a: Operand, b: Operand): Value {
    return this.#binary('Pow', a, b);
  }

  equal(a: Operand, b: Operand): Value {
    return this.#binary('Equal', a, b);
  }

  greater(a: Operand, b: Operand): Value {
    return this.#binary('Greater', a, b);
  }

  less(a: Operand, b: Operand): Value {
    return this.#binary('Less', a, b);
  }

  where(condition: Value, a: Value, b: Value): Value {
    return this.op('Where', [condition, a, b]);
  }

  sqrt(value: Value): Value {
    return this.op('Sqrt', [value]);
  }

  exp(value: Value): Value {
    return this.op('Exp', [value]);
  }

  erf(value: Value): Value {
    return this.op('Erf', [value]);
  }

  sin(value: Value): Value {
    return this.op('Sin', [value]);
  }

  cos(value: Value): Value {
    return this.op('Cos', [value]);
  }

  tanh(value: Value): Value {
    return this.op('Tanh', [value]);
  }

  relu(value: Value): Value {
    return this.op('Relu', [value]);
  }

  sigmoid(value: Value): Value {
    return this.op('Sigmoid', [value]);
  }

  neg(value: Value): Value {
    return this.op('Neg', [value]);
  }

  identity(value: Value): Value {
    return this.op('Identity', [value]);
  }

  /** To another element type, a number of `DataType`. */
  cast(value: Value, to: number): Value {
    return this.op('Cast', [value], { to });
  }

  /** Between two bounds, either of which may be left out. */
  clip(value: Value, least: Operand | undefined, most: Operand | undefined): Value {
    const bound = (given: Operand | undefined): Value | undefined =>
      given === undefined ? undefined : this.#operand(given, value, 'Clip');
    return this.op('Clip', [value, bound(least), bound(most)]);
  }

  // ---- matrices and convolution ----

  matmul(a: Value, b: Value): Value {
    return this.op('MatMul', [a, b]);
  }

  /** `alpha * A * B + beta * C` of matrices, A and B transposed if asked for. */
  gemm(a: Value, b: Value, c?: Value, { alpha = 1, beta = 1, transA, transB }: GemmArguments = {}): Value {
    return this.op('Gemm', [a, b, c], {
      alpha,
      beta,
      transA: transA === true ? 1 : undefined,
      transB: transB === true ? 1 : undefined,
    });
  }

  /** Convolution of [batch, channels, ...] with weights [out, in / group, ...]. */
  conv(value: Value, weight: Value, bias?: Value, geometry: ConvArguments = {}): Value {
    const kernel = this.dims(weight)?.slice(2);
    const ones = kernel?.map(() => 1);
    const { dilations = ones, group = 1, pads = kernel?.flatMap(() => [0, 0]), strides = ones } = geometry;
    return this.op('Conv', [value, weight, bias], { dilations, group, kernel_shape: kernel, pads, strides });
  }

  instanceNormalization(value: Value, scale: Value, bias: Value, epsilon: number): Value {
    return this.op('InstanceNormalization', [value, scale, bias], { epsilon });
  }

  // ---- shapes ----

  shapeOf(value: Value): Value {
    return this.op('Shape', [value]);
  }

  /** 0 keeps an extent, -1 is what is left over. */
  reshape(value: Value, shape: Integers): Value {
    return this.op('Reshape', [value, this.#integers(shape)]);
  }

  transpose(value: Value, perm: readonly number[]): Value {
    return this.op('Transpose', [value], { perm });
  }

  /** To a matrix: dimensions before `axis` become rows. */
  flatten(value: Value, axis = 1): Value {
    return this.op('Flatten', [value], { axis });
  }

  expand(value: Value, shape: Integers): Value {
    return this.op('Expand', [value, this.#integers(shape)]);
  }

  tile(value: Value, repeats: Integers): Value {
    return this.op('Tile', [value, this.#integers(repeats)]);
  }

  concat(values: readonly Value[], axis: number): Value {
    return this.op('Concat', values, { axis });
  }

  /** Inserts dimensions of extent one. */
  unsqueeze(value: Value, axes: readonly number[]): Value {
    return this.#withAxes('Unsqueeze', 13, value, axes, {});
  }

  /** Removes dimensions of extent one; all of them by default. */
  squeeze(value: Value, axes?: readonly number[]): Value {
    return this.#withAxes('Squeeze', 13, value, axes, {});
  }

  slice(value: Value, { starts, ends, axes, steps }: SliceArguments): Value {
    const given = [starts, ends, axes, steps].map((each) => (each === undefined ? undefined : this.#integers(each)));
    return this.op('Slice', [value, ...given]);
  }

  gather(value: Value, indices: Value, axis = 0): Value {
    return this.op('Gather', [value, indices], { axis });
  }

  /** Into parts of these extents along an axis. */
  split(value: Value, sizes: readonly number[], axis: number): Value[] {
    const outputs = sizes.length;
    if (this.opset < 13) return this.ops('Split', [value], { attributes: { axis, split: sizes }, outputs });
    return this.ops('Split', [value, this.int64(sizes)], { attributes: { axis }, outputs });
  }

  /** Two equal halves along the last axis. */
  halves(value: Value): Value[] {
    const attributes = { axis: -1, num_outputs: this.opset >= 18 ? 2 : undefined };
    return this.ops('Split', [value], { attributes, outputs: 2 });
  }

  /** Adds elements around a tensor: all begins, then all ends. */
  pad(value: Value, pads: Integers, fill?: Value, mode: 'constant' | 'reflect' | 'edge' = 'constant'): Value {
    return this.op('Pad', [value, this.#integers(pads), fill], { mode });
  }

  /** Enlarges every dimension by its factor, as the nearest element has it; factors are whole numbers. */
  enlarge(value: Value, factors: readonly number[]): Value {
    const scales = this.constant(numberTensor(DataType.FLOAT, factors), 'scales');
    // The region of interest has no meaning here, but opset 11 has no way to leave it out.
    const region = this.constant(numberTensor(DataType.FLOAT, []), 'region');
    return this.op('Resize', [value, region, scales], {
      coordinate_transformation_mode: 'asymmetric',
      cubic_coeff_a: -0.75,
      mode: 'nearest',
      nearest_mode: 'floor',
    });
  }

  // ---- along axes ----

  reduceMean(value: Value, axes: readonly number[], keepdims = true): Value {
    return this.#withAxes('ReduceMean', 18, value, axes, { keepdims: keepdims ? undefined : 0 });
  }

  reduceSum(value: Value, axes: readonly number[], keepdims = true): Value {
    return this.#withAxes('ReduceSum', 13, value, axes, { keepdims: keepdims ? undefined : 0 });
  }

  reduceMax(value: Value, axes: readonly number[], keepdims = true): Value {
    return this.#withAxes('ReduceMax', 18, value, axes, { keepdims: keepdims ? undefined : 0 });
  }

  argMax(value: Value, axis: number, keepdims = true): Value {
    return this.op('ArgMax', [value], { axis, keepdims: keepdims ? undefined : 0 });
  }

  /** Softmax along the last axis of a tensor of this rank; before opset 13 any other axis would flatten. */
  softmax(value: Value, rank: number): Value {
    return this.op('Softmax', [value], { axis: rank - 1 });
  }

  /** Axes are an attribute before opset `since` and an input from then on. */
  #withAxes(
    opType: string,
    since: number,
    value: Value,
    axes: readonly number[] | undefined,
    attributes: Readonly<Record<string, AttributeInput | undefined>>,
  ): Value {
    if (axes === undefined) return this.op(opType, [value], attributes);
    if (this.opset >= since) return this.op(opType, [value, this.int64(axes)], attributes);
    return this.op(opType, [value], { axes, ...attributes });
  }

  #integers(given: Integers): Value {
    return 'graph' in given ? given : this.int64(given);
  }

  /** A number becomes a constant of the type of the operand beside it. */
  #operand(operand: Operand, beside: Operand, opType: string): Value {
    if (typeof operand !== 'number') return operand;
    const type = typeof beside === 'number' ? undefined : this.elementType(beside);
    if (type !== undefined) return this.scalar(operand, type);
    throw new SdgraphError(
      'E_AUTHOR',
      'a number needs a value of known type beside it',
      { name: opType },
      {
        found: `${operand}`,
        hint: 'make a constant of it, with scalar(value, dataType)',
      },
    );
  }

  #binary(opType: string, a: Operand, b: Operand): Value {
    return this.op(opType, [this.#operand(a, b, opType), this.#operand(b, a, opType)]);
  }
}

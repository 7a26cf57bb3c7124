import { DataType } from '../../ir/data-type.ts';
import type { Dim } from '../../ir/type.ts';
import { extent, product, sameDim, sameShape, unknownDims } from './dims.ts';
import { Contradiction, type Shape, tensor } from './fact.ts';
import { knownDim, type OpContext, type OperatorInference, type OperatorTable } from './op-context.ts';
import { shapeFromInput } from './shape-ops.ts';
import { isSamePadded, padsOf, perDimension, reachOf, windowDim, windowOf } from './window.ts';

/** A convolution of the inputs at these places with elements of a given type. */
function convolution(dataAt: number, weightAt: number, elem: (op: OpContext) => number): OperatorInference {
  return (op) => [tensor(elem(op), convShape(op, dataAt, weightAt))];
}

/** The spatial rank of a convolution; undefined when the ranks of both operands are unknown. */
function spatialRank(op: OpContext, data: Shape | undefined, weight: Shape | undefined): number | undefined {
  const rank = data?.length ?? weight?.length;
  if (rank === undefined) return undefined;
  if (rank < 3) throw new Contradiction(`a ${op.node.opType} over a tensor of rank ${rank}`);
  if (data !== undefined && weight !== undefined && data.length !== weight.length) {
    throw new Contradiction(`ranks ${data.length} and ${weight.length} of data and weight differ`);
  }
  return rank - 2;
}

function convShape(op: OpContext, dataAt: number, weightAt: number): Shape | undefined {
  const [data, weight] = [op.shape(dataAt), op.shape(weightAt)];
  const rank = spatialRank(op, data, weight);
  if (data === undefined || rank === undefined) return undefined;
  const channels = weight?.[1];
  if (typeof channels === 'number') sameDim(data[1], extent(channels * op.int('group', 1)), 'channels');
  if (weight === undefined && op.attribute('kernel_shape') === undefined) {
    return [data[0], undefined, ...unknownDims(rank)];
  }
  const window = windowOf(op, rank, weight?.slice(2));
  return [data[0], weight?.[0], ...data.slice(2).map((size, i) => windowDim(size, window, i))];
}

const convTranspose: OperatorInference = (op) => {
  const [data, weight] = [op.shape(0), op.shape(1)];
  const rank = spatialRank(op, data, weight);
  if (data === undefined || rank === undefined) return [tensor(op.elem(0))];
  sameDim(data[1], weight?.[0], 'channels');
  const channels = product([weight?.[1], op.int('group', 1)]);
  const sizes = transposedSizes(op, data.slice(2), weight?.slice(2));
  return [tensor(op.elem(0), [data[0], channels, ...sizes])];
};

function transposedSizes(op: OpContext, sizes: Shape, weightKernel: Shape | undefined): Shape {
  const given = op.intList('output_shape');
  // Some models state batch and channels too.
  if (given !== undefined && given.length >= sizes.length) return given.slice(-sizes.length).map(extent);
  if (weightKernel === undefined && op.attribute('kernel_shape') === undefined) return unknownDims(sizes.length);
  const window = windowOf(op, sizes.length, weightKernel);
  const outputPadding = perDimension(op, 'output_padding', 0, sizes.length);
  return sizes.map((size, axis) => {
    const stride = window.strides[axis] as number;
    if (typeof size !== 'number') return undefined;
    const reach = reachOf(window, axis);
    if (typeof reach !== 'number') return undefined;
    const covered = reach + (outputPadding[axis] as number);
    // Padding cannot make the result larger: runtimes do not agree on what a window with gaps gives.
    if (isSamePadded(window)) return covered < stride ? undefined : extent(size * stride);
    const [before, after] = padsOf(window, axis);
    return extent(stride * (size - 1) + covered - before - after);
  });
}

/** Pooling keeps batch and channels. MaxPool can also give the places of the maxima. */
const pool: OperatorInference = (op) => {
  const data = op.shape(0);
  const rank = spatialRank(op, data, undefined);
  if (data === undefined || rank === undefined) return [tensor(op.elem(0)), tensor(DataType.INT64)];
  const window = windowOf(op, rank);
  const ceilMode = op.int('ceil_mode', 0) !== 0;
  const shape = [...data.slice(0, 2), ...data.slice(2).map((size, i) => windowDim(size, window, i, ceilMode))];
  return [tensor(op.elem(0), shape), tensor(DataType.INT64, shape)];
};

const globalPool: OperatorInference = (op) => {
  const data = op.shape(0);
  if (data === undefined) return [tensor(op.elem(0))];
  if (data.length < 2) throw new Contradiction(`pooling over a tensor of rank ${data.length}`);
  return [tensor(op.elem(0), [...data.slice(0, 2), ...data.slice(2).map(() => 1)])];
};

const maxUnpool: OperatorInference = (op) => {
  const data = op.shape(0);
  const given = shapeFromInput(op, 2);
  if (given !== undefined) return [tensor(op.elem(0), given)];
  const rank = spatialRank(op, data, undefined);
  if (data === undefined || rank === undefined || op.has(2)) return [tensor(op.elem(0))];
  const window = windowOf(op, rank);
  const sizes = data.slice(2).map((size, axis): Dim => {
    const [before, after] = padsOf(window, axis);
    const reach = reachOf(window, axis);
    if (typeof size !== 'number' || typeof reach !== 'number') return undefined;
    return extent((size - 1) * (window.strides[axis] as number) - before - after + reach);
  });
  return [tensor(op.elem(0), [...data.slice(0, 2), ...sizes])];
};

const maxRoiPool: OperatorInference = (op) => {
  const [height, width] = perDimension(op, 'pooled_shape', -1, 2).map(extent);
  return [tensor(op.elem(0), [op.dim(1, 0), op.dim(0, 1), height, width])];
};

const roiAlign: OperatorInference = (op) => {
  const [data, regions, batch] = [op.shapeOfRank(0, 4), op.shapeOfRank(1, 2), op.shapeOfRank(2, 1)];
  const count = sameDim(regions?.[0], batch?.[0], 'numbers of regions');
  const size = [extent(op.int('output_height', 1)), extent(op.int('output_width', 1))];
  return [tensor(op.elem(0), [count, data?.[1], ...size])];
};

/** Puts blocks of columns back into images. */
const col2Im: OperatorInference = (op) => {
  const data = op.shapeOfRank(0, 3);
  const rank =
    op.intList('strides')?.length ?? op.intList('dilations')?.length ?? (op.intList('pads')?.length ?? 0) / 2;
  const image = shapeFromInput(op, 1) ?? (rank > 0 && Number.isInteger(rank) ? unknownDims(rank) : undefined);
  const block = op.known(2)?.map(knownDim);
  if (image === undefined) return [tensor(op.elem(0))];
  const [rows, size] = [data?.[1], block === undefined ? undefined : product(block)];
  const isKnown = typeof rows === 'number' && typeof size === 'number' && size > 0;
  return [tensor(op.elem(0), [data?.[0], isKnown ? extent(rows / size) : undefined, ...image])];
};

/** Depthwise, over the past only; the state holds what the next step has to look back at. */
const causalConv: OperatorInference = (op) => {
  const [data, weight] = [op.shapeOfRank(0, 3), op.shapeOfRank(1, 3)];
  const taps = weight?.[2];
  const state = [data?.[0], data?.[1], typeof taps === 'number' ? extent(taps - 1) : undefined];
  return [tensor(op.elem(0), data), tensor(op.elem(0), sameShape(state, op.shapeOfRank(3, 3), 'state'))];
};

/** Convolutions and pooling. */
export const CONV: OperatorTable = new Map<string, OperatorInference>([
  ['Conv', convolution(0, 1, (op) => op.elem(0))],
  ['ConvInteger', convolution(0, 1, () => DataType.INT32)],
  ['QLinearConv', convolution(0, 3, (op) => op.elem(7))],
  ['DeformConv', convolution(0, 1, (op) => op.elem(0))],
  ['ConvTranspose', convTranspose],
  ['CausalConvWithState', causalConv],
  ...['AveragePool', 'LpPool', 'MaxPool'].map((name) => [name, pool] as const),
  ...['GlobalAveragePool', 'GlobalLpPool', 'GlobalMaxPool'].map((name) => [name, globalPool] as const),
  ['MaxUnpool', maxUnpool],
  ['MaxRoiPool', maxRoiPool],
  ['RoiAlign', roiAlign],
  ['Col2Im', col2Im],
]);

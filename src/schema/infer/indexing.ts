import type { Dim } from '../../ir/type.ts';
import { smallCount } from './arithmetic.ts';
import { axisIn, sameDim, unknownDims } from './dims.ts';
import { Contradiction, type Known, type Shape, tensor } from './fact.ts';
import { knownDim, type OpContext, type OperatorInference, type OperatorTable } from './op-context.ts';

const gather: OperatorInference = (op) => {
  const [data, indices] = [op.shape(0), op.shape(1)];
  if (data === undefined || indices === undefined) return [tensor(op.elem(0))];
  const axis = op.axis('axis', 0, data.length);
  const shape = [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)];
  return [tensor(op.elem(0), shape, data.length === 1 ? gathered(op, shape) : undefined)];
};

function gathered(op: OpContext, shape: Shape): readonly Known[] | undefined {
  const [elements, indices] = [op.known(0), op.known(1)];
  if (elements === undefined || indices === undefined || smallCount(shape) === undefined) return undefined;
  return indices.map((index) => {
    if (typeof index !== 'bigint') return undefined;
    return elements[Number(index < 0n ? index + BigInt(elements.length) : index)];
  });
}

/** The part of a Slice on one axis. Starts and ends past either side are clamped. */
interface Cut {
  readonly start: number;
  readonly step: number;
  readonly size: number;
}

function cut(extent: number, start: bigint, end: bigint, step: bigint): Cut {
  if (step === 0n) throw new Contradiction('a step of 0');
  const size = BigInt(extent);
  const forward = step > 0n;
  const from = clamp(start < 0n ? start + size : start, 0n, forward ? size : size - 1n);
  const to = clamp(end < 0n ? end + size : end, forward ? 0n : -1n, size);
  const span = forward ? to - from : from - to;
  const width = forward ? step : -step;
  const count = span <= 0n || size === 0n ? 0n : (span + width - 1n) / width;
  return { start: Number(from), step: Number(step), size: Number(count) };
}

function clamp(value: bigint, low: bigint, high: bigint): bigint {
  return value < low ? low : value > high ? high : value;
}

const slice: OperatorInference = (op) => {
  const shape = op.shape(0);
  const elem = op.elem(0);
  if (shape === undefined) return [tensor(elem)];
  const asAttributes = op.opset < 10;
  const read = (name: string, index: number): readonly Known[] | undefined =>
    asAttributes ? op.attribute(name)?.ints : op.known(index);
  const [starts, ends] = [read('starts', 1), read('ends', 2)];
  const count = starts?.length ?? ends?.length ?? (asAttributes ? undefined : (op.length(1) ?? op.length(2)));
  const axes = sliceAxes(op, count, shape.length, read('axes', 3));
  if (axes === undefined) return [tensor(elem, unknownDims(shape.length))];
  const hasSteps = !asAttributes && op.has(4);
  const steps = hasSteps ? op.known(4) : undefined;
  const dims: Dim[] = [...shape];
  let single: Cut | undefined;
  for (const [i, axis] of axes.entries()) {
    const step = hasSteps ? steps?.[i] : 1n;
    const size = shape[axis];
    dims[axis] = slicedDim(size, starts?.[i], ends?.[i], step);
    if (typeof size === 'number' && typeof dims[axis] === 'number') {
      const [start, end] = [starts?.[i], ends?.[i]];
      if (typeof start === 'bigint' && typeof end === 'bigint' && typeof step === 'bigint') {
        single = cut(size, start, end, step);
      }
    }
  }
  const elements = shape.length === 1 ? op.known(0) : undefined;
  if (elements === undefined || (axes.length === 1 && single === undefined)) return [tensor(elem, dims)];
  if (axes.length === 0 || single === undefined) return [tensor(elem, dims, elements)];
  const { start, step, size } = single;
  return [
    tensor(
      elem,
      dims,
      Array.from({ length: size }, (_, i) => elements[start + i * step]),
    ),
  ];
};

/** Axes that a Slice cuts; undefined when they are not known. */
function sliceAxes(
  op: OpContext,
  count: number | undefined,
  rank: number,
  given: readonly Known[] | undefined,
): readonly number[] | undefined {
  const isGiven = op.opset < 10 ? given !== undefined : op.has(3);
  if (isGiven && !given?.every((axis) => typeof axis === 'bigint')) return undefined;
  if (!isGiven && count !== undefined && count > rank) throw new Contradiction(`${count} cuts of rank ${rank}`);
  const axes = isGiven ? given?.map(Number) : count === undefined ? undefined : leadingAxes(count);
  const normal = axes?.map((axis) => axisIn(axis, rank));
  if (normal !== undefined && new Set(normal).size !== normal.length) throw new Contradiction('an axis is cut twice');
  return normal;
}

function leadingAxes(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function slicedDim(size: Dim, start: Known, end: Known, step: Known): Dim {
  if (size === 0) return 0;
  if (typeof start !== 'bigint' || typeof step !== 'bigint') return undefined;
  if (typeof end === 'string') return end === size && start === 0n && step === 1n ? size : undefined;
  if (typeof end !== 'bigint') return undefined;
  if (typeof size === 'number') return cut(size, start, end, step).size;
  // All of a dimension of unknown extent: ends are written as the largest integer of their type.
  return start === 0n && step === 1n && end >= 2n ** 31n - 1n ? size : undefined;
}

const gatherElements: OperatorInference = (op) => {
  const [data, indices] = [op.shape(0), op.shape(1)];
  if (data !== undefined && indices !== undefined && data.length !== indices.length) {
    throw new Contradiction(`ranks ${data.length} and ${indices.length} differ`);
  }
  return [tensor(op.elem(0), indices)];
};

const gatherNd: OperatorInference = (op) => {
  const [data, indices] = [op.shape(0), op.shape(1)];
  const depth = indices?.at(-1);
  if (data === undefined || indices === undefined || typeof depth !== 'number') return [tensor(op.elem(0))];
  const batch = op.int('batch_dims', 0);
  if (batch < 0 || batch + depth > data.length || batch >= indices.length) {
    throw new Contradiction(`indices of ${depth} for a tensor of rank ${data.length}`);
  }
  return [tensor(op.elem(0), [...indices.slice(0, -1), ...data.slice(batch + depth)])];
};

/** Operators that write into a copy of the first input. */
const scatter: OperatorInference = (op) => [tensor(op.elem(0), op.shape(0))];

const compress: OperatorInference = (op) => {
  const shape = op.shape(0);
  const axis = op.attribute('axis');
  if (axis === undefined) return [tensor(op.elem(0), [undefined])];
  if (shape === undefined) return [tensor(op.elem(0))];
  const at = op.axis('axis', 0, shape.length);
  return [
    tensor(
      op.elem(0),
      shape.map((dim, i) => (i === at ? undefined : dim)),
    ),
  ];
};

const topK: OperatorInference = (op) => {
  const shape = op.shape(0);
  const elem = op.elem(0);
  const indexType = 7;
  if (shape === undefined) return [tensor(elem), tensor(indexType)];
  const axis = op.axis('axis', -1, shape.length);
  const k = op.opset < 10 ? BigInt(op.int('k', -1)) : op.scalar(1);
  const size = knownDim(k);
  if (typeof size === 'number' && typeof shape[axis] === 'number' && size > shape[axis]) {
    throw new Contradiction(`k is ${size} but the axis has ${shape[axis]} elements`);
  }
  const dims = shape.map((dim, i) => (i === axis ? size : dim));
  return [tensor(elem, dims), tensor(indexType, dims)];
};

const reverseSequence: OperatorInference = (op) => {
  const [shape, lengths] = [op.shape(0), op.shapeOfRank(1, 1)];
  const batch = op.int('batch_axis', 1);
  if (shape === undefined) return [tensor(op.elem(0))];
  if (shape.length < 2) throw new Contradiction('sequences need a tensor of rank 2 or more');
  const axis = axisIn(batch, shape.length);
  return [
    tensor(
      op.elem(0),
      shape.map((dim, i) => (i === axis ? sameDim(dim, lengths?.[0]) : dim)),
    ),
  ];
};

/** Operators that pick elements by index. */
export const INDEXING: OperatorTable = new Map<string, OperatorInference>([
  ['Gather', gather],
  ['GatherElements', gatherElements],
  ['GatherND', gatherNd],
  ['Slice', slice],
  ['Scatter', scatter],
  ['ScatterElements', scatter],
  ['ScatterND', scatter],
  ['TensorScatter', scatter],
  ['Compress', compress],
  ['TopK', topK],
  ['ReverseSequence', reverseSequence],
]);

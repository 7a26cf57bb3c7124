import type { Dim } from '../../ir/type.ts';
import { extent, sameDim } from './dims.ts';
import { Contradiction, type Shape, tensor } from './fact.ts';
import type { OpContext, OperatorInference, OperatorTable } from './op-context.ts';

/** Strides, dilations and pads of a window that moves over the spatial dimensions. */
export interface Window {
  readonly kernel: readonly Dim[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Pads at the begin of each dimension, then at the end of each. */
  readonly pads: readonly number[];
  readonly autoPad: string;
}

/** Reads the window attributes of a node over `rank` spatial dimensions. */
export function windowOf(op: OpContext, rank: number, weightKernel?: readonly Dim[]): Window {
  const list = (name: string, fallback: number, length = rank): readonly number[] => {
    const given = op.intList(name);
    if (given === undefined || given.length === 0) return Array.from({ length }, () => fallback);
    if (given.length !== length)
      throw new Contradiction(`'${name}' has ${given.length} entries for ${rank} dimensions`);
    return given;
  };
  const kernel = op.intList('kernel_shape') ?? weightKernel;
  if (kernel?.length !== rank) throw new Contradiction(`no kernel shape for ${rank} dimensions`);
  if (kernel.some((size) => typeof size === 'number' && size <= 0)) throw new Contradiction('an empty kernel');
  const [strides, dilations] = [list('strides', 1), list('dilations', 1)];
  if ([...strides, ...dilations].some((step) => step < 1)) throw new Contradiction('a stride or dilation below 1');
  return { kernel, strides, dilations, pads: list('pads', 0, rank * 2), autoPad: op.string('auto_pad', 'NOTSET') };
}

/** Extent of the result of moving a window along one dimension. */
export function windowDim(size: Dim, window: Window, axis: number, ceilMode = false): Dim {
  const kernel = window.kernel[axis];
  const stride = window.strides[axis] as number;
  if (typeof size !== 'number') return undefined;
  if (window.autoPad === 'SAME_UPPER' || window.autoPad === 'SAME_LOWER') return extent(Math.ceil(size / stride));
  if (typeof kernel !== 'number') return undefined;
  const reach = (kernel - 1) * (window.dilations[axis] as number) + 1;
  const before = window.pads[axis] as number;
  const after = window.pads[axis + window.kernel.length] as number;
  const padded = window.autoPad === 'VALID' ? size : size + before + after;
  const steps = (padded - reach) / stride;
  if (steps < 0) throw new Contradiction(`a window of ${reach} does not fit in ${padded}`);
  if (!ceilMode) return extent(Math.floor(steps) + 1);
  const count = Math.ceil(steps) + 1;
  // A window that would start in the padding behind the end does not count.
  return extent((count - 1) * stride >= size + before ? count - 1 : count);
}

const conv: OperatorInference = (op) => [tensor(op.elem(0), convShape(op, 0, 1))];

/** Shape of a convolution of the inputs at these places. */
export function convShape(op: OpContext, dataAt: number, weightAt: number): Shape | undefined {
  const [data, weight] = [op.shape(dataAt), op.shape(weightAt)];
  if (data === undefined) return undefined;
  if (data.length < 3) throw new Contradiction(`a convolution over a tensor of rank ${data.length}`);
  const rank = data.length - 2;
  if (weight !== undefined && weight.length !== data.length) {
    throw new Contradiction(`ranks ${data.length} and ${weight.length} of data and weight differ`);
  }
  const group = op.int('group', 1);
  const channels = weight?.[1];
  if (typeof channels === 'number') sameDim(data[1], extent(channels * group), 'channels');
  if (weight === undefined && op.attribute('kernel_shape') === undefined) {
    return [data[0], undefined, ...data.slice(2).map(() => undefined)];
  }
  const window = windowOf(op, rank, weight?.slice(2));
  return [data[0], weight?.[0], ...data.slice(2).map((size, i) => windowDim(size, window, i))];
}

/** Convolutions and pooling. */
export const CONV: OperatorTable = new Map<string, OperatorInference>([['Conv', conv]]);

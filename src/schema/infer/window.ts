import type { Dim } from '../../ir/type.ts';
import { extent } from './dims.ts';
import { Contradiction } from './fact.ts';
import type { OpContext } from './op-context.ts';

/** Strides, dilations and pads of a window that moves over the spatial dimensions. */
export interface Window {
  readonly kernel: readonly Dim[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Pads at the begin of each dimension, then at the end of each. */
  readonly pads: readonly number[];
  readonly autoPad: string;
}

/** Integers of an attribute, one a dimension; `fallback` for each when it is absent or empty. */
export function perDimension(op: OpContext, name: string, fallback: number, length: number): readonly number[] {
  const given = op.intList(name);
  if (given === undefined || given.length === 0) return Array.from({ length }, () => fallback);
  if (given.length !== length) throw new Contradiction(`'${name}' has ${given.length} entries instead of ${length}`);
  return given;
}

/** Reads the window attributes of a node over `rank` spatial dimensions. */
export function windowOf(op: OpContext, rank: number, weightKernel?: readonly Dim[]): Window {
  const kernel = op.intList('kernel_shape') ?? weightKernel;
  if (kernel?.length !== rank) throw new Contradiction(`no kernel shape for ${rank} dimensions`);
  if (kernel.some((size) => typeof size === 'number' && size <= 0)) throw new Contradiction('an empty kernel');
  const strides = perDimension(op, 'strides', 1, rank);
  const dilations = perDimension(op, 'dilations', 1, rank);
  if ([...strides, ...dilations].some((step) => step < 1)) throw new Contradiction('a stride or dilation below 1');
  const pads = perDimension(op, 'pads', 0, rank * 2);
  return { kernel, strides, dilations, pads, autoPad: op.string('auto_pad', 'NOTSET') };
}

/** Extent that a window covers along one dimension. */
export function reachOf({ kernel, dilations }: Window, axis: number): Dim {
  const size = kernel[axis];
  return typeof size === 'number' ? (size - 1) * (dilations[axis] as number) + 1 : undefined;
}

/** Whether the padding is what makes the result as large as the data divided by the stride. */
export function isSamePadded({ autoPad }: Window): boolean {
  return autoPad === 'SAME_UPPER' || autoPad === 'SAME_LOWER';
}

/** Pads at the begin and at the end of one dimension as the attribute gives them. */
export function padsOf({ pads, kernel, autoPad }: Window, axis: number): readonly [before: number, after: number] {
  if (autoPad === 'VALID') return [0, 0];
  return [pads[axis] as number, pads[axis + kernel.length] as number];
}

/** Extent of the result of moving a window along one dimension. */
export function windowDim(size: Dim, window: Window, axis: number, ceilMode = false): Dim {
  const stride = window.strides[axis] as number;
  if (isSamePadded(window)) {
    if (stride === 1) return size;
    return typeof size === 'number' ? extent(Math.ceil(size / stride)) : undefined;
  }
  const reach = reachOf(window, axis);
  if (reach === undefined || typeof reach === 'string') return undefined;
  const [before, after] = padsOf(window, axis);
  if (stride === 1 && before + after === reach - 1) return size;
  if (typeof size !== 'number') return undefined;
  const padded = size + before + after;
  // What a window gives that does not fit differs between runtimes: nothing, one element, or an error.
  if (padded < reach) return undefined;
  const steps = (padded - reach) / stride;
  if (!ceilMode) return extent(Math.floor(steps) + 1);
  const count = Math.ceil(steps) + 1;
  // A window that would start in the padding behind the end does not count.
  return extent((count - 1) * stride >= size + before ? count - 1 : count);
}

import { elementReader } from '../runtime/elements.ts';
import type { SessionTensor } from '../runtime/session.ts';

/** How far two tensors of the same shape are apart. Reference first, all in float64. */
export interface Difference {
  /** Largest absolute difference. */
  readonly maxAbs: number;
  /** Largest difference relative to the larger magnitude of the two elements. */
  readonly maxRel: number;
  /** Root mean square of the difference. */
  readonly rms: number;
  /** Root mean square of the reference. */
  readonly referenceRms: number;
  /** Cosine of the angle between the two as vectors; 1 for two zero vectors. */
  readonly cosine: number;
  /** Peak signal-to-noise ratio in decibels, the peak being the range of the reference; infinite when equal. */
  readonly psnr: number;
  /** Position of the largest difference, as an index into the flattened tensors. */
  readonly worst: number;
  /** Elements that are NaN or infinite, in either tensor, where the other does not agree. */
  readonly notFinite: number;
}

/** What is still accepted as equal. Every bound that is given must hold. */
export interface Tolerance {
  /** Bound on {@link Difference.maxAbs}, multiplied by the RMS of the reference where that is above one. */
  readonly maxAbs?: number;
  /** Bound on the RMS of the difference relative to the RMS of the reference. */
  readonly relativeRms?: number;
  /** Least cosine. */
  readonly cosine?: number;
}

/** Compares two tensors of the same number of elements, both of numbers; element types may differ. */
export function difference(reference: SessionTensor, candidate: SessionTensor): Difference {
  const a = elementReader(reference);
  const b = elementReader(candidate);
  const gap = gapReader(reference, candidate);
  const { length } = reference.data;
  const sums = { error: 0, a: 0, b: 0, dot: 0 };
  let [maxAbs, maxRel, worst, notFinite] = [0, 0, 0, 0];
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < length; i++) {
    const x = a(i);
    const y = b(i);
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      if (!Object.is(x, y)) notFinite++;
      continue;
    }
    const error = gap(i, x, y);
    if (error > maxAbs) {
      maxAbs = error;
      worst = i;
    }
    if (error > 0) maxRel = Math.max(maxRel, error / Math.max(Math.abs(x), Math.abs(y)));
    sums.error += error * error;
    sums.a += x * x;
    sums.b += y * y;
    sums.dot += x * y;
    low = Math.min(low, x);
    high = Math.max(high, x);
  }
  const count = Math.max(1, length);
  const rms = Math.sqrt(sums.error / count);
  const norms = Math.sqrt(sums.a) * Math.sqrt(sums.b);
  const peak = high > low ? high - low : 1;
  return {
    maxAbs,
    maxRel,
    rms,
    referenceRms: Math.sqrt(sums.a / count),
    cosine: norms === 0 ? (sums.a === sums.b ? 1 : 0) : Math.min(1, sums.dot / norms),
    psnr: rms === 0 ? Number.POSITIVE_INFINITY : 20 * Math.log10(peak / rms),
    worst,
    notFinite,
  };
}

/** Tells how far two elements are apart; between 64-bit integers exactly, however large they are. */
function gapReader(
  { data: a }: SessionTensor,
  { data: b }: SessionTensor,
): (i: number, x: number, y: number) => number {
  if (!isLong(a) || !isLong(b)) return (_, x, y) => Math.abs(x - y);
  return (i) => Math.abs(Number((a[i] as bigint) - (b[i] as bigint)));
}

function isLong(data: SessionTensor['data']): data is BigInt64Array | BigUint64Array {
  return data instanceof BigInt64Array || data instanceof BigUint64Array;
}

/** Why a difference is not accepted; empty when it is. */
export function violations(found: Difference, tolerance: Tolerance): string[] {
  const reasons: string[] = [];
  if (found.notFinite > 0) reasons.push(`${found.notFinite} elements are NaN or infinite in one of the models only`);
  const scale = Math.max(1, found.referenceRms);
  const { maxAbs, relativeRms, cosine } = tolerance;
  if (maxAbs !== undefined && !(found.maxAbs <= maxAbs * scale)) {
    reasons.push(`largest difference ${format(found.maxAbs)} is above ${format(maxAbs * scale)}`);
  }
  const relative = found.referenceRms === 0 ? found.rms : found.rms / found.referenceRms;
  if (relativeRms !== undefined && !(relative <= relativeRms)) {
    reasons.push(`RMS difference ${format(relative)} of the signal is above ${format(relativeRms)}`);
  }
  if (cosine !== undefined && !(found.cosine >= cosine)) {
    reasons.push(`cosine ${found.cosine.toFixed(6)} is below ${cosine}`);
  }
  return reasons;
}

function format(value: number): string {
  return value === 0 ? '0' : value.toPrecision(3);
}

import { SdgraphError } from '../errors.ts';

/** How long something took, over several times, in milliseconds. */
export interface Latency {
  readonly min: number;
  readonly median: number;
  readonly mean: number;
  /** What 99 of 100 stay below; between two samples by their distance, as NumPy's `percentile` has it. */
  readonly p99: number;
  readonly max: number;
}

/**
 * Sums samples up.
 *
 * @param samples milliseconds, at least one
 * @throws SdgraphError `E_INTERNAL` when there is none
 */
export function latencyOf(samples: readonly number[]): Latency {
  const sorted = samples.toSorted((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) throw new SdgraphError('E_INTERNAL', 'there are no samples to sum up');
  const mean = sorted.reduce((sum, sample) => sum + sample, 0) / sorted.length;
  return { min, median: quantile(sorted, 0.5), mean, p99: quantile(sorted, 0.99), max };
}

/** The value below which a share of the samples lies. */
function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (high - low) * (at - below);
}

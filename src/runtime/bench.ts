import { SdgraphError } from '../errors.ts';
import { typeName } from '../ir/data-type.ts';
import { type Latency, latencyOf } from './bench-statistics.ts';
import { closeAfter } from './close-after.ts';
import { type FileFeedOptions, feedsForFile, type InputReport, reportFeeds } from './file-feeds.ts';
import { type OpenSessionOptions, openSession } from './open.ts';
import type { InferenceSession, RunTimings, SessionTensor } from './session.ts';

/** Most runs of one measurement: more samples than that say nothing new. */
const MAX_RUNS = 1_000_000;

/** How often {@link benchSession} runs. */
export interface LoopOptions {
  /** Runs that are measured. Default 10. */
  readonly loop?: number;
  /** Runs before them that are not. Default 1. */
  readonly warmup?: number;
  /** Ends the measurement after the run that is going on. */
  readonly signal?: AbortSignal;
  /** Told after each run, those that are not measured included. */
  readonly onRun?: (done: number, total: number) => void;
}

/** How {@link benchModel} measures. */
export interface BenchOptions extends LoopOptions, Omit<FileFeedOptions, 'open'> {
  /** How the model is opened: backend, device, threads. */
  readonly session?: Omit<OpenSessionOptions, 'followLinks'>;
}

/** Where the time of the runs went, in milliseconds. */
export interface BenchTimes {
  /** A run as the caller sees it, everything included. */
  readonly total: Latency;
  /** Copying the inputs to the device; null where nothing is copied. */
  readonly h2d: Latency | null;
  /** The model itself; null when the backend does not tell. */
  readonly execute: Latency | null;
  /** Copying the outputs back; null where nothing is copied. */
  readonly d2h: Latency | null;
}

/** What measuring a session gave. */
export interface LoopReport {
  /** Runs that were asked for, and those that were measured: fewer when it was ended early. */
  readonly loop: number;
  readonly runs: number;
  readonly warmup: number;
  /** Null when it was ended before the first run. */
  readonly times: BenchTimes | null;
  /** Runs in a second, one after the other; null as above. */
  readonly throughput: number | null;
}

/** What measuring a model gave. */
export interface BenchReport extends LoopReport {
  readonly model: string;
  /** Milliseconds that loading took. */
  readonly load: number;
  readonly seed: number;
  readonly inputs: readonly InputReport[];
  /** Outputs of the first run. */
  readonly outputs: readonly { readonly name: string; readonly dims: readonly number[]; readonly dataType: string }[];
}

/**
 * Measures how long a model takes to load and to run, on inputs that are drawn from a seed or taken from files.
 *
 * ```ts
 * const { times } = await benchModel('unet.onnx', { loop: 20, session: { threads: 4 } });
 * console.log(times?.total.median);
 * ```
 *
 * @throws SdgraphError `E_SESSION_FEED` also for an input whose shape is open and not given in `shapes` or `dims`, and
 * for numbers of runs that are not possible; and what opening the model, making inputs and running throw
 */
export async function benchModel(path: string, options: BenchOptions = {}): Promise<BenchReport> {
  const { followLinks = false, seed = 0 } = options;
  requireRuns(options);
  const started = performance.now();
  const session = await openSession(path, { ...options.session, followLinks });
  return closeAfter(session, async () => {
    const load = performance.now() - started;
    const feeds = await feedsForFile(path, session.inputs, { ...options, open: 'refuse' });
    let outputs: ReadonlyMap<string, SessionTensor> = new Map();
    const report = await benchSession(session, feeds, options, (results) => {
      outputs = results;
    });
    return {
      model: path,
      load,
      seed,
      inputs: reportFeeds(session.inputs, feeds, options),
      outputs: [...outputs].map(([name, { dims, dataType }]) => ({ name, dims, dataType: typeName(dataType) })),
      ...report,
    };
  });
}

/**
 * Runs a session again and again on the same inputs, and measures. Outputs are let go at once.
 *
 * @param onFirst told what the first run gave
 * @throws SdgraphError what running throws; `E_SESSION_FEED` for numbers of runs that are not possible
 */
export async function benchSession(
  session: InferenceSession,
  feeds: ReadonlyMap<string, SessionTensor>,
  options: LoopOptions = {},
  onFirst?: (outputs: ReadonlyMap<string, SessionTensor>) => void,
): Promise<LoopReport> {
  const { loop, warmup } = requireRuns(options);
  const totals: number[] = [];
  const parts: RunTimings[] = [];
  for (let i = 0; i < warmup + loop && options.signal?.aborted !== true; i++) {
    const started = performance.now();
    const outputs = await session.run(feeds);
    const total = performance.now() - started;
    if (i === 0) onFirst?.(outputs);
    if (i >= warmup) {
      totals.push(total);
      if (session.timings !== undefined) parts.push(session.timings);
    }
    options.onRun?.(i + 1, warmup + loop);
  }
  const [first] = totals;
  if (first === undefined) return { loop, runs: 0, warmup, times: null, throughput: null };
  const part = (name: keyof RunTimings): Latency | null => {
    const samples = parts.flatMap((timings) => timings[name] ?? []);
    return samples.length === 0 ? null : latencyOf(samples);
  };
  const total = latencyOf(totals);
  const times = { total, h2d: part('h2d'), execute: part('execute'), d2h: part('d2h') };
  return { loop, runs: totals.length, warmup, times, throughput: 1000 / total.mean };
}

function requireRuns({ loop = 10, warmup = 1 }: LoopOptions): { readonly loop: number; readonly warmup: number } {
  for (const [what, value, least] of [
    ['loop', loop, 1],
    ['warmup', warmup, 0],
  ] as const) {
    if (Number.isInteger(value) && value >= least && value <= MAX_RUNS) continue;
    const details = { expected: `a whole number from ${least} to ${MAX_RUNS}`, found: String(value) };
    throw new SdgraphError('E_SESSION_FEED', `${what}: not possible`, {}, details);
  }
  return { loop, warmup };
}

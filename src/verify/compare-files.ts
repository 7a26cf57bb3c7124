import { extname } from 'node:path';
import { printable, SdgraphError } from '../errors.ts';
import { openModel } from '../io/open.ts';
import { closeAfter } from '../runtime/close-after.ts';
import { sharedFeeds } from '../runtime/feeds.ts';
import { type FileFeedOptions, feedsForFile, reportFeeds } from '../runtime/file-feeds.ts';
import { type OpenSessionOptions, openSession } from '../runtime/open.ts';
import type { InferenceSession, SessionTensor } from '../runtime/session.ts';
import type { Tolerance } from './compare.ts';
import { type ComparisonReport, constantOutputs } from './comparison.ts';
import { type PortPairs, pairPorts } from './pairs.ts';
import { compareOutput, type RunResult } from './run.ts';
import { chooseTolerance, presetFor, type TolerancePreset, type WantedTolerance } from './tolerance.ts';

/** How {@link compareFiles} compares. */
export interface CompareFilesOptions extends Omit<FileFeedOptions, 'open'> {
  /**
   * What is accepted. `auto`, the default, goes by the operators of two `.onnx` files as `verifyModels` does, and takes
   * `fp16` where one of the models is compiled: compilers compute in half precision.
   */
  readonly tolerance?: WantedTolerance;
  /** How both are opened: device, threads. */
  readonly session?: Omit<OpenSessionOptions, 'followLinks'>;
  /** Told what is being done, for progress. */
  readonly onStep?: (step: string) => void;
}

/**
 * Runs two model files on the same inputs, each where files of its kind run, and compares every output: a compiled
 * model on its device with the `.onnx` file it was made from, on the CPU. Names may differ, for compilers rename; then
 * the order decides. Element types may differ: inputs are numbers that both types hold, outputs are compared as numbers.
 *
 * @throws SdgraphError `E_VERIFY` when inputs or outputs of the two do not correspond; `E_SESSION_FEED` also for inputs
 * whose shape is open in both and not given; and what opening the models, making inputs and running throw
 */
export async function compareFiles(
  reference: string,
  candidate: string,
  options: CompareFilesOptions = {},
): Promise<ComparisonReport> {
  const { onStep = () => undefined, followLinks = false, seed = 0 } = options;
  const auto = await autoPreset(reference, candidate, followLinks);
  const { preset, tolerance } = chooseTolerance(options.tolerance, () => auto);
  const open = { ...options.session, followLinks };
  onStep(`loading ${reference}`);
  const a = await openSession(reference, open);
  return closeAfter(a, async () => {
    onStep(`loading ${candidate}`);
    const b = await openSession(candidate, open);
    return closeAfter(b, async () => ({
      reference,
      candidate,
      preset,
      tolerance,
      seed,
      ...(await compareSessions({ file: reference, session: a }, { file: candidate, session: b }, tolerance, options)),
    }));
  });
}

/** A model file that is loaded. */
interface Loaded {
  readonly file: string;
  readonly session: InferenceSession;
}

/** What running two sessions finds. */
type Findings = Pick<ComparisonReport, 'ok' | 'inputs' | 'outputs' | 'notes' | 'milliseconds'>;

async function compareSessions(
  { file: reference, session: a }: Loaded,
  { file: candidate, session: b }: Loaded,
  tolerance: Tolerance,
  options: CompareFilesOptions,
): Promise<Findings> {
  const { onStep = () => undefined } = options;
  const inputs = pairPorts('input', a.inputs, b.inputs, candidate);
  const outputs = pairPorts('output', a.outputs, b.outputs, candidate);
  if (outputs.pairs.length === 0) {
    throw new SdgraphError('E_VERIFY', 'the model has no outputs to compare', { file: reference });
  }
  // An extent that either of them fixes is that of both.
  const ports = inputs.pairs.map(([wanted, found]) => ({
    ...wanted,
    shape: wanted.shape.map((dim, i) => (typeof found.shape[i] === 'number' ? found.shape[i] : dim)),
  }));
  const made = await feedsForFile(reference, ports, { ...options, open: 'refuse' });
  const feeds = sharedFeeds(
    made,
    inputs.pairs.map(([{ name }, port]) => [name, port] as const),
  );
  onStep(`running ${reference}`);
  const expected = await run(a, feeds.reference);
  onStep(`running ${candidate}`);
  const found = await run(b, feeds.candidate);
  const reports = outputs.pairs.map(([wanted, given]) =>
    compareOutput(wanted.name, expected.outputs.get(wanted.name), found.outputs.get(given.name), tolerance),
  );
  return {
    ok: reports.every(({ reasons }) => reasons.length === 0),
    inputs: reportFeeds(ports, feeds.reference, options),
    outputs: reports,
    notes: [...pairing('inputs', inputs), ...pairing('outputs', outputs), ...constantOutputs(expected.outputs)],
    milliseconds: { reference: expected.milliseconds, candidate: found.milliseconds },
  };
}

async function run(session: InferenceSession, feeds: ReadonlyMap<string, SessionTensor>): Promise<RunResult> {
  const started = performance.now();
  const outputs = await session.run(feeds);
  return { outputs, milliseconds: performance.now() - started };
}

async function autoPreset(reference: string, candidate: string, followLinks: boolean): Promise<TolerancePreset> {
  if ([reference, candidate].some((path) => extname(path).toLowerCase() !== '.onnx')) return 'fp16';
  using a = await openModel(reference, { followLinks });
  using b = await openModel(candidate, { followLinks });
  return presetFor(a, b, 'none');
}

function pairing(what: string, { pairs, byPosition }: PortPairs): string[] {
  if (!byPosition) return [];
  const list = pairs.map(([a, b]) => `${printable(a.name)} = ${printable(b.name)}`);
  return [`${what} have other names in the two models and were paired in order: ${list.join(', ')}`];
}

import { realpathSync } from 'node:fs';
import type { Emulation } from '../../passes/lower/context.ts';
import { openModel } from '../io/open.ts';
import type { Model } from '../ir/model.ts';
import { type FeedOptions, makeFeeds, sharedFeeds } from '../runtime/feeds.ts';
import { reportFeeds } from '../runtime/file-feeds.ts';
import { type ModelSessionOptions, makeRunnable } from '../runtime/runnable.ts';
import { bisect, type Departure } from './bisect.ts';
import { type ComparisonReport, constantOutputs } from './comparison.ts';
import { originsOf } from './origin.ts';
import { checkInterfaces, inputsOf } from './ports.ts';
import { compareOutputs, runOnce } from './run.ts';
import { chooseTolerance, presetFor, type WantedTolerance } from './tolerance.ts';

/** How {@link verifyModels} compares. */
export interface VerifyOptions extends Omit<FeedOptions, 'open'> {
  /** What is accepted; `auto` looks at what the candidate was rewritten with. Default `auto`. */
  readonly tolerance?: WantedTolerance;
  /** Round to float16 where the device kernels of the candidate do. Default `none`. */
  readonly emulate?: Emulation;
  /** When an output differs, find the first node whose result departs. Default false. */
  readonly bisect?: boolean;
  /** Let external data be links. Default false. */
  readonly followLinks?: boolean;
  /** How the models are loaded into onnxruntime. */
  readonly session?: ModelSessionOptions;
  /** Told what is being done, for progress. */
  readonly onStep?: (step: string) => void;
}

/** What comparing two models found. */
export interface VerifyReport extends ComparisonReport {
  readonly emulate: Emulation;
  /** Whether the first node that departs was looked for. */
  readonly bisected: boolean;
  /** The first node that departs; null when it was not looked for or not found. */
  readonly departure: Departure | null;
}

/**
 * Runs two models on the same inputs in onnxruntime and compares every output. Plugin operators are replaced by
 * standard ones first (`lower-plugin-ops`), so that a rewritten graph is proved without a device. Only one of the
 * models is loaded at a time.
 *
 * @throws SdgraphError `E_VERIFY` when inputs or outputs of the two do not correspond; `E_SESSION_FEED` also when options
 * have no effect, `E_SESSION_LOAD` also for a plugin operator without a standard counterpart; `E_SESSION_RUN`, `E_NPY`,
 * the `E_EXTERNAL_*` codes, and what opening the models throws
 */
export async function verifyModels(
  reference: string,
  candidate: string,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const open = { followLinks: options.followLinks ?? false };
  using a = await openModel(reference, open);
  using b = await openModel(candidate, open);
  const report = await compareModels(a, b, options);
  if (options.emulate === 'fp16' || !isSameFile(reference, candidate)) return report;
  return { ...report, notes: ['both models are the same file', ...report.notes] };
}

/**
 * What {@link verifyModels} does, for models that are open. Plugin operators of both are replaced in place.
 *
 * @throws SdgraphError as {@link verifyModels}
 */
export async function compareModels(
  reference: Model,
  candidate: Model,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const { onStep: step = () => undefined, emulate = 'none', session = {} } = options;
  checkInterfaces(reference, candidate);
  // The operators that the models have before they are replaced tell what was rewritten.
  const { preset, tolerance } = chooseTolerance(options.tolerance, () => presetFor(reference, candidate, emulate));
  const origins = originsOf(candidate);
  await makeRunnable(reference, 'none');
  await makeRunnable(candidate, emulate);
  const ports = inputsOf(reference);
  const feeds = sharedFeeds(
    makeFeeds(reference, ports, options),
    inputsOf(candidate).map((port) => [port.name, port] as const),
  );
  const a = { model: reference, feeds: feeds.reference };
  const b = { model: candidate, feeds: feeds.candidate };
  step(`running ${reference.label}`);
  const expected = await runOnce(a, session);
  step(`running ${candidate.label}`);
  const found = await runOnce(b, session);
  const outputs = compareOutputs(a, expected, found, tolerance);
  const ok = outputs.every(({ reasons }) => reasons.length === 0);
  const bisected = !ok && options.bisect === true;
  const how = { ...session, tolerance, origins, onStep: step };
  return {
    reference: reference.label,
    candidate: candidate.label,
    ok,
    preset,
    tolerance,
    seed: options.seed ?? 0,
    emulate,
    inputs: reportFeeds(ports, feeds.reference, options),
    outputs,
    notes: constantOutputs(expected.outputs),
    bisected,
    departure: (bisected ? await bisect(a, b, how) : undefined) ?? null,
    milliseconds: { reference: expected.milliseconds, candidate: found.milliseconds },
  };
}

function isSameFile(a: string, b: string): boolean {
  return realpathSync(a) === realpathSync(b);
}

import { realpathSync } from 'node:fs';
import type { Emulation } from '../../passes/lower/context.ts';
import { printable } from '../errors.ts';
import { openModel } from '../io/open.ts';
import { typeName } from '../ir/data-type.ts';
import type { Model } from '../ir/model.ts';
import { type FeedOptions, feedFile, makeFeeds, sharedFeeds } from '../runtime/feeds.ts';
import { type ModelSessionOptions, makeRunnable } from '../runtime/runnable.ts';
import type { SessionTensor } from '../runtime/session.ts';
import { bisect, type Departure } from './bisect.ts';
import type { Tolerance } from './compare.ts';
import { originsOf } from './origin.ts';
import { checkInterfaces, inputsOf } from './ports.ts';
import { compareOutputs, isConstant, type OutputReport, runOnce } from './run.ts';
import { presetFor, TOLERANCES, type TolerancePreset } from './tolerance.ts';

/** How {@link verifyModels} compares. */
export interface VerifyOptions extends FeedOptions {
  /** What is accepted; `auto` looks at what the candidate was rewritten with. Default `auto`. */
  readonly tolerance?: TolerancePreset | 'auto' | Tolerance;
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

/** One input that both models got. */
export interface InputReport {
  readonly name: string;
  readonly dims: readonly number[];
  /** Element type in the reference. */
  readonly dataType: string;
  /** The `.npy` file that it came from; null for random numbers. */
  readonly file: string | null;
}

/** What comparing two models found. */
export interface VerifyReport {
  readonly reference: string;
  readonly candidate: string;
  readonly ok: boolean;
  /** The preset that was used, or `custom`. */
  readonly preset: string;
  readonly tolerance: Tolerance;
  readonly seed: number;
  readonly emulate: Emulation;
  readonly inputs: readonly InputReport[];
  readonly outputs: readonly OutputReport[];
  /** What weakens the proof, such as outputs that are zero everywhere. */
  readonly notes: readonly string[];
  /** Whether the first node that departs was looked for. */
  readonly bisected: boolean;
  /** The first node that departs; null when it was not looked for or not found. */
  readonly departure: Departure | null;
  /** Of the runs themselves, without loading. */
  readonly milliseconds: { readonly reference: number; readonly candidate: number };
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
  const { preset, tolerance } = choose(options.tolerance ?? 'auto', reference, candidate, emulate);
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
    inputs: ports.map(({ name, dataType }) => ({
      name,
      dims: feeds.reference.get(name)?.dims ?? [],
      dataType: typeName(dataType),
      file: feedFile(name, options.inputs) ?? null,
    })),
    outputs,
    notes: constantOutputs(expected.outputs),
    bisected,
    departure: (bisected ? await bisect(a, b, how) : undefined) ?? null,
    milliseconds: { reference: expected.milliseconds, candidate: found.milliseconds },
  };
}

/** The tolerance that is asked for; `auto` goes by the operators that the models have before they are replaced. */
function choose(
  wanted: TolerancePreset | 'auto' | Tolerance,
  reference: Model,
  candidate: Model,
  emulate: Emulation,
): { preset: string; tolerance: Tolerance } {
  if (typeof wanted === 'object') return { preset: 'custom', tolerance: wanted };
  const preset = wanted === 'auto' ? presetFor(reference, candidate, emulate) : wanted;
  return { preset, tolerance: TOLERANCES[preset] };
}

function constantOutputs(outputs: ReadonlyMap<string, SessionTensor>): string[] {
  return [...outputs]
    .filter(([, tensor]) => isConstant(tensor))
    .map(([name, { data }]) =>
      data.length === 0
        ? `'${printable(name)}' has no elements: nothing was compared`
        : `'${printable(name)}' is ${printable(String(data[0]))} everywhere in the reference: agreement says little`,
    );
}

function isSameFile(a: string, b: string): boolean {
  return realpathSync(a) === realpathSync(b);
}

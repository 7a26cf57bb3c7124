import type { Emulation } from '../../passes/lower/context.ts';
import { printable, SdgraphError } from '../errors.ts';
import { openModel } from '../io/open.ts';
import type { Model } from '../ir/model.ts';
import type { InferenceSession, SessionTensor } from '../runtime/session.ts';
import { bisect, type Departure } from './bisect.ts';
import { type Difference, difference, elementReader, type Tolerance, violations } from './compare.ts';
import { convert, type FeedOptions, makeFeeds } from './feeds.ts';
import { makeRunnable, openModelSession } from './runnable.ts';
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
  /** Told what is being done, for progress. */
  readonly onStep?: (step: string) => void;
}

/** One output of both models. */
export interface OutputReport {
  readonly name: string;
  readonly dims: readonly number[];
  readonly difference: Difference | undefined;
  /** Why the output does not agree; empty when it does. */
  readonly reasons: readonly string[];
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
  readonly outputs: readonly OutputReport[];
  /** Whether the first node that departs was looked for. */
  readonly bisected: boolean;
  /** The first node that departs, when asked for and found. */
  readonly departure: Departure | undefined;
  readonly milliseconds: { readonly reference: number; readonly candidate: number };
}

/**
 * Runs two models on the same inputs in onnxruntime and compares every output. Plugin operators are replaced by
 * standard ones first (`lower-plugin-ops`), so that a rewritten graph is proved without a device.
 *
 * @throws SdgraphError `E_VERIFY` when inputs or outputs of the two do not correspond, `E_SESSION_LOAD`,
 * `E_SESSION_RUN`, `E_NPY`, and what opening the models throws
 */
export async function verifyModels(
  reference: string,
  candidate: string,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const step = options.onStep ?? (() => undefined);
  const open = { followLinks: options.followLinks ?? false };
  const models: Model[] = [];
  const sessions: InferenceSession[] = [];
  const load = async (path: string): Promise<{ model: Model; session: InferenceSession }> => {
    step(`loading ${path}`);
    const model = await openModel(path, open);
    models.push(model);
    await makeRunnable(model, path === candidate ? (options.emulate ?? 'none') : 'none');
    const session = await openModelSession(model);
    sessions.push(session);
    return { model, session };
  };
  try {
    const a = await load(reference);
    const preset = options.tolerance ?? 'auto';
    const b = await loadCandidate(candidate, open, preset, load);
    checkInterfaces(a.session, b.session, candidate);
    const feeds = makeFeeds(a.model, a.session.inputs, options);
    const candidateFeeds = feedsFor(b.session, feeds);
    step(`running ${reference}`);
    const first = await timed(() => a.session.run(feeds));
    step(`running ${candidate}`);
    const second = await timed(() => b.session.run(candidateFeeds));
    const outputs = [...first.value].map(([name, tensor]) =>
      compareOutput(name, tensor, second.value.get(name), b.tolerance),
    );
    const ok = outputs.every(({ reasons }) => reasons.length === 0);
    await Promise.all(sessions.splice(0).map((session) => session.close()));
    const bisected = !ok && options.bisect === true;
    let departure: Departure | undefined;
    if (bisected) {
      step('looking for the first node that departs');
      departure = await bisect({ model: a.model, feeds }, { model: b.model, feeds: candidateFeeds }, b.tolerance, step);
    }
    return {
      reference,
      candidate,
      ok,
      preset: b.preset,
      tolerance: b.tolerance,
      seed: options.seed ?? 0,
      emulate: options.emulate ?? 'none',
      outputs,
      bisected,
      departure,
      milliseconds: { reference: first.milliseconds, candidate: second.milliseconds },
    };
  } finally {
    for (const session of sessions) await session.close();
    for (const model of models) model.close();
  }
}

/** Loads the candidate; the preset is chosen by the operators it has before they are lowered. */
async function loadCandidate(
  path: string,
  open: { followLinks: boolean },
  wanted: TolerancePreset | 'auto' | Tolerance,
  load: (path: string) => Promise<{ model: Model; session: InferenceSession }>,
): Promise<{ model: Model; session: InferenceSession; preset: string; tolerance: Tolerance }> {
  if (typeof wanted === 'object') return { ...(await load(path)), preset: 'custom', tolerance: wanted };
  let preset = wanted;
  if (preset === 'auto') {
    const original = await openModel(path, open);
    preset = presetFor(original);
    original.close();
  }
  return { ...(await load(path)), preset, tolerance: TOLERANCES[preset] };
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; milliseconds: number }> {
  const started = performance.now();
  const value = await work();
  return { value, milliseconds: performance.now() - started };
}

/** Inputs and outputs must have the same names; element types of inputs may differ, shapes not. */
function checkInterfaces(a: InferenceSession, b: InferenceSession, file: string): void {
  for (const kind of ['inputs', 'outputs'] as const) {
    const [expected, found] = [a, b].map((session) => session[kind].map(({ name }) => name).toSorted());
    if (expected?.join('\0') === found?.join('\0')) continue;
    throw new SdgraphError(
      'E_VERIFY',
      `the models have other ${kind}`,
      { file },
      {
        expected: printable(expected?.join(', ') ?? ''),
        found: printable(found?.join(', ') ?? ''),
      },
    );
  }
}

/** The same numbers in the element types of another session. */
function feedsFor(session: InferenceSession, feeds: ReadonlyMap<string, SessionTensor>): Map<string, SessionTensor> {
  return new Map(
    session.inputs.map(({ name, dataType }) => [name, convert(feeds.get(name) as SessionTensor, dataType)]),
  );
}

function compareOutput(
  name: string,
  a: SessionTensor,
  b: SessionTensor | undefined,
  tolerance: Tolerance,
): OutputReport {
  const shape = (tensor: SessionTensor | undefined): string => `[${tensor?.dims.join(',') ?? ''}]`;
  if (b === undefined || shape(a) !== shape(b)) {
    return { name, dims: a.dims, difference: undefined, reasons: [`shape ${shape(b)} instead of ${shape(a)}`] };
  }
  const found = difference(a, b);
  const reasons = violations(found, tolerance);
  if (!allFinite(a)) reasons.push('the reference itself gives NaN or infinite elements for these inputs');
  return { name, dims: a.dims, difference: found, reasons };
}

function allFinite(tensor: SessionTensor): boolean {
  const read = elementReader(tensor);
  for (let i = 0; i < tensor.data.length; i++) if (!Number.isFinite(read(i))) return false;
  return true;
}

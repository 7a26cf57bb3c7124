import { DataType, typeName } from '../ir/data-type.ts';
import { closeAfter } from '../runtime/close-after.ts';
import { elementReader } from '../runtime/elements.ts';
import { type ModelSessionOptions, openModelSession } from '../runtime/runnable.ts';
import type { SessionTensor } from '../runtime/session.ts';
import type { Subject } from './bisect.ts';
import { type Difference, difference, type Tolerance, violations } from './compare.ts';
import { outputsOf } from './ports.ts';

/** One output of both models. */
export interface OutputReport {
  readonly name: string;
  /** Shape and element type in the reference. */
  readonly dims: readonly number[];
  readonly dataType: string;
  /** Undefined where the two cannot be compared element by element. */
  readonly difference: Difference | undefined;
  /** Why the output does not agree; empty when it does. */
  readonly reasons: readonly string[];
}

/** What one run of a model gave. */
export interface RunResult {
  readonly outputs: ReadonlyMap<string, SessionTensor>;
  /** Milliseconds of the run itself, without loading. */
  readonly milliseconds: number;
}

/** Loads a model, runs it once, and lets it go. Throws what opening the session and running throw. */
export async function runOnce({ model, feeds }: Subject, options: ModelSessionOptions): Promise<RunResult> {
  const session = await openModelSession(model, options);
  return closeAfter(session, async () => {
    const started = performance.now();
    const outputs = await session.run(feeds);
    return { outputs, milliseconds: performance.now() - started };
  });
}

/** Compares every output of the reference with that of the candidate. */
export function compareOutputs(
  reference: Subject,
  expected: RunResult,
  found: RunResult,
  tolerance: Tolerance,
): OutputReport[] {
  return outputsOf(reference.model).map((name) =>
    compareOutput(name, expected.outputs.get(name), found.outputs.get(name), tolerance),
  );
}

/** Compares one output of the reference with that of the candidate; element types may differ. */
export function compareOutput(
  name: string,
  a: SessionTensor | undefined,
  b: SessionTensor | undefined,
  tolerance: Tolerance,
): OutputReport {
  if (a?.data === undefined || b?.data === undefined) {
    const reason = 'the runtime gave no tensor for it';
    return {
      name,
      dims: a?.dims ?? [],
      dataType: typeName(a?.dataType ?? 0),
      difference: undefined,
      reasons: [reason],
    };
  }
  const head = { name, dims: a.dims, dataType: typeName(a.dataType) };
  if (a.dims.join() !== b.dims.join()) {
    const reason = `shape [${b.dims.join(',')}] instead of [${a.dims.join(',')}]`;
    return { ...head, difference: undefined, reasons: [reason] };
  }
  const texts = [a, b].filter(({ dataType }) => dataType === DataType.STRING).length;
  if (texts > 0)
    return { ...head, difference: undefined, reasons: texts === 2 ? compareTexts(a, b) : ['texts and numbers'] };
  const apart = difference(a, b);
  const reasons = violations(apart, tolerance);
  const infinite = countNotFinite(a);
  if (infinite > 0) {
    reasons.push(`the reference itself gives ${infinite} NaN or infinite elements for these inputs`);
  }
  return { ...head, difference: apart, reasons };
}

function compareTexts({ data: a }: SessionTensor, { data: b }: SessionTensor): string[] {
  let different = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) different++;
  return different === 0 ? [] : [`${different} texts are different`];
}

function countNotFinite(tensor: SessionTensor): number {
  const read = elementReader(tensor);
  let count = 0;
  for (let i = 0; i < tensor.data.length; i++) if (!Number.isFinite(read(i))) count++;
  return count;
}

/** Whether a tensor of several elements holds one number only, so that little can be concluded from it. */
export function isConstant({ data }: SessionTensor): boolean {
  for (let i = 1; i < data.length; i++) if (data[i] !== data[0]) return false;
  return data.length !== 1;
}

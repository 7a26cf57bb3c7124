import { printable } from '../errors.ts';
import type { InputReport } from '../runtime/file-feeds.ts';
import type { SessionTensor } from '../runtime/session.ts';
import type { Tolerance } from './compare.ts';
import { isConstant, type OutputReport } from './run.ts';

/** What running two models on the same inputs found. */
export interface ComparisonReport {
  readonly reference: string;
  readonly candidate: string;
  readonly ok: boolean;
  /** The preset that was used, or `custom`. */
  readonly preset: string;
  readonly tolerance: Tolerance;
  readonly seed: number;
  /** Inputs that both got; element types are those of the reference. */
  readonly inputs: readonly InputReport[];
  readonly outputs: readonly OutputReport[];
  /** What weakens the proof, such as outputs that are zero everywhere. */
  readonly notes: readonly string[];
  /** Of the runs themselves, without loading. */
  readonly milliseconds: { readonly reference: number; readonly candidate: number };
}

/** Notes on outputs of the reference that prove little. */
export function constantOutputs(outputs: ReadonlyMap<string, SessionTensor>): string[] {
  return [...outputs]
    .filter(([, tensor]) => isConstant(tensor))
    .map(([name, { data }]) =>
      data.length === 0
        ? `'${printable(name)}' has no elements: nothing was compared`
        : `'${printable(name)}' is ${printable(String(data[0]))} everywhere in the reference: agreement says little`,
    );
}

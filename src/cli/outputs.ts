import { resolve } from 'node:path';
import { usageError } from './errors.ts';

/** The files that a run of `optimize` reads and writes. */
interface Files {
  readonly model: string;
  readonly newModel: string;
  readonly report: string | undefined;
}

/** Refuses a report that would replace a model. Throws `E_USAGE`. */
export function checkOutputs({ model, newModel, report }: Files): void {
  if (report === undefined) return;
  if ([model, newModel].some((file) => resolve(file) === resolve(report))) {
    throw usageError('--report would replace a model', { found: report });
  }
}

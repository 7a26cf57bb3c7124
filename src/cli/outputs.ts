import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { SdgraphError } from '../errors.ts';
import { usageError } from './errors.ts';

/** The files that a run of `optimize` reads and writes. */
interface Files {
  readonly model: string;
  /** Undefined when no model is written. */
  readonly newModel: string | undefined;
  readonly report: string | undefined;
}

/**
 * Refuses outputs that cannot work before time is spent on rewriting: a report that would replace a model, and folders
 * that do not exist.
 *
 * @throws SdgraphError `E_USAGE`, `E_FILE_WRITE`
 */
export function checkOutputs({ model, newModel, report }: Files): void {
  if (
    report !== undefined &&
    [model, newModel].some((file) => file !== undefined && resolve(file) === resolve(report))
  ) {
    throw usageError('--report would replace a model', { found: report });
  }
  for (const file of [newModel, report]) {
    if (file === undefined || existsSync(dirname(file))) continue;
    const hint = 'create the folder first, or write elsewhere';
    throw new SdgraphError('E_FILE_WRITE', 'the folder does not exist', { file }, { hint });
  }
}

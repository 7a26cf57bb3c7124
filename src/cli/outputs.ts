import { type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { SdgraphError } from '../errors.ts';
import { hasWeightsIn, identify, isOpenedFrom, isSame } from '../io/identity.ts';
import { openModel } from '../io/open.ts';
import type { Model } from '../ir/model.ts';
import { usageError } from './errors.ts';

/** What a run of `optimize` reads and writes. */
interface Files {
  readonly model: Model;
  /** Undefined when no model is written. */
  readonly newModel: string | undefined;
  readonly report: string | undefined;
}

/**
 * Refuses outputs that cannot work before time is spent on rewriting: a report that would replace a model or its
 * weights, by whatever name or link, and names at which no file can be.
 *
 * @throws SdgraphError `E_USAGE`, `E_FILE_WRITE`
 */
export function checkOutputs({ model, newModel, report }: Files): void {
  if (report !== undefined && (isOneFile(report, newModel) || isReadBy(model, report))) {
    throw usageError('--report would replace a model or its weights', { found: report, hint: 'choose another name' });
  }
  for (const file of [newModel, report]) if (file !== undefined) requirePlace(file);
}

/**
 * Refuses a report that would replace one of the files that are read, or weights of one of them that is a model, by
 * whatever name or link.
 *
 * @throws SdgraphError `E_USAGE`, `E_FILE_WRITE`
 */
export async function checkReportOf(inputs: readonly string[], flag: string, report: string): Promise<void> {
  for (const file of inputs) {
    if (isOneFile(report, file) || (await isWeightsOf(file, report))) {
      throw usageError(`${flag} would replace a file that is read`, { found: report, hint: 'choose another name' });
    }
  }
  requirePlace(report);
}

/** Whether two names stand for one file, which need not be there. */
function isOneFile(a: string, b: string | undefined): boolean {
  if (b === undefined) return false;
  const [first, second] = [identify(a), identify(b)];
  return first === undefined || second === undefined ? resolve(a) === resolve(b) : isSame(first, second);
}

function isReadBy(model: Model, file: string): boolean {
  const target = identify(file);
  return target !== undefined && (isOpenedFrom(model, target) || hasWeightsIn(model, target));
}

/** Whether `file` is a model that has weights in `target`. What cannot be opened has none. */
async function isWeightsOf(file: string, target: string): Promise<boolean> {
  if (identify(target) === undefined) return false;
  try {
    using model = await openModel(file);
    return isReadBy(model, target);
  } catch (error) {
    if (error instanceof SdgraphError) return false;
    throw error;
  }
}

/** Refuses a name whose folder does not exist, or that something other than a plain file has. */
function requirePlace(file: string): void {
  if (look(dirname(file))?.isDirectory() !== true) {
    const hint = 'create the folder first, or write elsewhere';
    throw new SdgraphError('E_FILE_WRITE', 'the folder does not exist', { file }, { hint });
  }
  const there = look(file);
  if (there === undefined || there.isFile()) return;
  const found = there.isDirectory() ? 'a directory' : 'a pipe, device or socket';
  const hint = 'name a plain file, new or to be replaced; --json prints the report';
  throw new SdgraphError('E_FILE_WRITE', 'the target is not a plain file', { file }, { found, hint });
}

/** Undefined when there is nothing, or nothing that can be looked at, which writing will tell. */
function look(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

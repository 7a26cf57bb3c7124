import { lstatSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { SdgraphError } from '../errors.ts';
import type { Placement } from '../ir/encode.ts';
import type { Model } from '../ir/model.ts';
import type { Tensor } from '../ir/tensor.ts';
import { systemReason } from '../wire/source.ts';
import { AtomicFile } from './atomic.ts';
import { placementOf, writeTensors } from './data-writer.ts';
import { parseLocation } from './external.ts';
import type { Outputs } from './outputs.ts';
import { tensorsOf } from './placement.ts';
import type { Progress } from './progress.ts';

/**
 * Copies external tensors to files of the same names below the folder of the target; only what the model reads is
 * copied. A file that is there already may belong to another model and is never replaced.
 *
 * @throws SdgraphError `E_FILE_WRITE` when a file of that name exists or cannot be written
 */
export async function copyDataFiles(
  model: Model,
  target: string,
  progress: Progress,
  outputs: Outputs,
): Promise<Map<Tensor, Placement>> {
  const files = new Map<string, Tensor[]>();
  for (const tensor of tensorsOf(model)) {
    if (tensor.storage.kind !== 'external') continue;
    // One file has many spellings: `w.bin`, `./w.bin`.
    const location = parseLocation(tensor.externalRange().location).join('/');
    const known = files.get(location);
    if (known === undefined) files.set(location, [tensor]);
    else known.push(tensor);
  }
  const placements = new Map<Tensor, Placement>();
  for (const location of files.keys()) refuseExisting(target, join(dirname(target), location));
  for (const [location, tensors] of files) {
    const path = join(dirname(target), location);
    makeFolder(dirname(path));
    const file = AtomicFile.create(path);
    try {
      for (const written of await writeTensors(file, tensors, progress)) {
        placements.set(written.tensor, placementOf(written, location));
      }
      outputs.commit(file, path);
    } finally {
      file.abort();
    }
  }
  return placements;
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    const reason = `the folder cannot be made: ${systemReason(cause)}`;
    throw new SdgraphError('E_FILE_WRITE', reason, { file: path }, { cause });
  }
}

function refuseExisting(target: string, path: string): void {
  const isTarget = resolve(path) === resolve(target);
  if (!isTarget && !isThere(path)) return;
  throw new SdgraphError(
    'E_FILE_WRITE',
    isTarget ? 'a data file has the name of the saved model' : 'a data file of this name is there already',
    { file: path },
    { hint: 'save to an empty folder or under another name, or use --external-data single' },
  );
}

/** Also true of a link that leads nowhere. */
function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

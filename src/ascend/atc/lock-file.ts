/** The record of what was compiled from what: `sdgraph.lock.json` in the folder of the models. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SdgraphError } from '../../errors.ts';
import { writeFileAtomic } from '../../io/atomic.ts';
import { readCheckedJson } from './checked-json.ts';
import { withLock } from './file-lock.ts';
import { requireReplaceable } from './plan-paths.ts';

/** Name of the record. */
export const LOCK_FILE = 'sdgraph.lock.json';

/** A file with its content, relative to the folder of the models. */
export interface LockedFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** How one model was compiled. */
export interface LockEntry {
  readonly name: string;
  /** SHA-256 of everything that the output depends on. */
  readonly key: string;
  readonly socVersion: string;
  readonly toolkitVersion: string | null;
  /** As the compiled model says. */
  readonly atcVersion: string | null;
  readonly argv: readonly string[];
  readonly model: LockedFile;
  readonly data: readonly LockedFile[];
  readonly output: LockedFile;
  readonly startedAt: string;
  readonly milliseconds: number;
}

interface LockDocument {
  readonly formatVersion: 1;
  readonly steps: readonly LockEntry[];
}

const SCHEMA = new URL('./lock.schema.json', import.meta.url);
const WAIT_MS = 30_000;

/**
 * The entries of a record, in its order; none when there is no record.
 *
 * @throws SdgraphError `E_CONFIG` for a file that is no such record, `E_FILE_READ`
 */
export async function readLockFile(modelDir: string): Promise<readonly LockEntry[]> {
  const path = join(modelDir, LOCK_FILE);
  if (!existsSync(path)) return [];
  const value = await readCheckedJson(path, SCHEMA, 'E_CONFIG');
  return (value as LockDocument).steps;
}

/**
 * Adds an entry in place of that of the same name. Other processes may do the same for theirs.
 *
 * @throws SdgraphError `E_LOCKED`, `E_FILE_WRITE`, `E_PLAN` when a link or folder is in the way
 */
export async function recordEntry(modelDir: string, entry: LockEntry): Promise<void> {
  const path = join(modelDir, LOCK_FILE);
  requireReplaceable(path, '/');
  await withLock(join(modelDir, `.${LOCK_FILE}.sdgraph-lock`), { waitMs: WAIT_MS }, async () => {
    const others = (await entriesOrNone(modelDir)).filter(({ name }) => name !== entry.name);
    const steps = [...others, entry].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const document: LockDocument = { formatVersion: 1, steps };
    writeFileAtomic(path, `${JSON.stringify(document, undefined, 2)}\n`);
  });
}

/** A record that cannot be read is written anew; all it costs is compiling again. */
async function entriesOrNone(modelDir: string): Promise<readonly LockEntry[]> {
  try {
    return await readLockFile(modelDir);
  } catch (error) {
    if (error instanceof SdgraphError && error.code === 'E_CONFIG') return [];
    throw error;
  }
}

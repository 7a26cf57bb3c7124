/** Folders that ATC works in: it leaves files of its own around, and an unfinished model until it is done. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SdgraphError } from '../../errors.ts';
import { isAlive, processSpace } from '../../io/temporary.ts';
import { systemReason } from '../../wire/source.ts';

const unfinished = new Set<string>();
let hooked = false;

/** A folder that goes away with its owner. */
export class Scratch implements Disposable {
  readonly path: string;

  /**
   * Makes a folder beside the output `name` of `folder`, on the same disk, and removes those that killed processes left.
   *
   * @throws SdgraphError `E_FILE_WRITE`
   */
  constructor(folder: string, name: string) {
    removeStale(folder, name);
    const own = `${process.pid}-${processSpace()}-${randomBytes(6).toString('hex')}`;
    this.path = join(folder, `.${name}.sdgraph-${own}.atc`);
    try {
      mkdirSync(this.path, { mode: 0o700 });
    } catch (cause) {
      throw new SdgraphError(
        'E_FILE_WRITE',
        `a folder cannot be made: ${systemReason(cause)}`,
        { file: this.path },
        { cause },
      );
    }
    if (!hooked) {
      hooked = true;
      process.on('exit', () => {
        for (const left of unfinished) removeQuietly(left);
      });
    }
    unfinished.add(this.path);
  }

  [Symbol.dispose](): void {
    removeQuietly(this.path);
    unfinished.delete(this.path);
  }
}

function removeStale(folder: string, name: string): void {
  const start = `.${name}.sdgraph-`;
  for (const entry of readdirSync(folder)) {
    if (!entry.startsWith(start)) continue;
    const match = /^([1-9][0-9]{0,9})-([0-9a-f]{2,})-[0-9a-f]{12}\.atc$/u.exec(entry.slice(start.length));
    if (match?.[2] === processSpace() && !isAlive(Number(match[1]))) removeQuietly(join(folder, entry));
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // The next compilation of the same model tries again.
  }
}

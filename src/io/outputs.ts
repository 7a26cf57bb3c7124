import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { AtomicFile } from './atomic.ts';
import { forget, remember, removeQuietly } from './temporary.ts';

/** A file that a save wrote. */
export interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
}

/** The files of one save: when it fails or the process exits in the middle, those that it added go again. */
export class Outputs {
  readonly #files: WrittenFile[] = [];
  readonly #added: string[] = [];

  get files(): readonly WrittenFile[] {
    return this.#files;
  }

  /**
   * Puts a file in place.
   *
   * @param name as for {@link AtomicFile.commit}
   */
  commit(file: AtomicFile, path: string, name?: string): void {
    const isNew = !existsSync(path);
    file.commit(name);
    this.#files.push({ path, bytes: file.position });
    if (!isNew) return;
    const added = resolve(path);
    this.#added.push(added);
    remember(added);
  }

  /** The save is complete: nothing is removed any more. */
  keep(): void {
    for (const path of this.#added) forget(path);
    this.#added.length = 0;
  }

  /** Removes the files that were not there before. */
  discard(): void {
    for (const path of this.#added) removeQuietly(path);
    this.keep();
  }
}

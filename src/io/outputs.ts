import { existsSync } from 'node:fs';
import type { AtomicFile } from './atomic.ts';
import { removeQuietly } from './temporary.ts';

/** A file that a save wrote. */
export interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
}

/** The files of one save: when it fails in the middle, those that it added go again. */
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
    if (isNew) this.#added.push(path);
  }

  /** Removes the files that were not there before. */
  discard(): void {
    for (const path of this.#added) removeQuietly(path);
  }
}

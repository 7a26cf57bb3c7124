/** The external-data files of one model: opened when first read, a bounded number of them at a time. */

import { SdgraphError } from '../errors.ts';
import {
  type ByteSource,
  checkWithin,
  chunksByCopy,
  closedError,
  type ExternalData,
  type FileSource,
  readCopy,
} from '../wire/source.ts';
import { type ExternalOptions, openExternal, parseLocation } from './external.ts';

/** Descriptors held at once: exporters write one file for each tensor, hundreds of them, and shells allow 1024 or 256. */
const MAX_OPEN = 64;

/** How {@link ExternalFiles} opens. */
export interface ExternalFilesOptions extends ExternalOptions {
  /** Most descriptors held at once; at least 1. Default 64. */
  readonly maxOpen?: number;
}

/**
 * Location -> file for the folder of one model. Sources stay good while their descriptors come and go; one that is
 * opened again must still be the same file.
 *
 * ```ts
 * const files = new ExternalFiles('/models/unet');
 * const bytes = files.open('unet.onnx_data').read(4096, 64);
 * files.close();
 * ```
 */
export class ExternalFiles implements ExternalData {
  /** Folder of the model. */
  readonly baseDir: string;
  readonly #options: ExternalOptions;
  readonly #maxOpen: number;
  readonly #sources = new Map<string, PooledSource>();
  /** Open descriptors, the one longest unused first. */
  readonly #open = new Map<PooledSource, FileSource>();
  #closed = false;

  constructor(baseDir: string, { maxOpen = MAX_OPEN, ...options }: ExternalFilesOptions = {}) {
    if (!Number.isInteger(maxOpen) || maxOpen < 1) {
      throw new SdgraphError('E_INTERNAL', 'a pool of files needs room for one', {}, { found: String(maxOpen) });
    }
    this.baseDir = baseDir;
    this.#options = options;
    this.#maxOpen = maxOpen;
  }

  /** Descriptors open right now. */
  get openCount(): number {
    return this.#open.size;
  }

  /**
   * The file at a location. The same location gives the same source; it opens and closes its file as needed until
   * {@link close}.
   *
   * @throws SdgraphError `E_EXTERNAL_ESCAPES`, `E_EXTERNAL_MISSING`, `E_EXTERNAL_NOT_FILE` as `resolveExternal`,
   * `E_FILE_CHANGED` when the file was swapped while it was opened, `E_MODEL_CLOSED` after close. Reads from the source
   * throw these too, and `E_FILE_CHANGED` when the file is not the one that was opened first.
   */
  open(location: string): ByteSource {
    if (this.#closed) {
      throw new SdgraphError(
        'E_MODEL_CLOSED',
        'external data was asked for after close',
        { file: this.baseDir },
        {
          hint: 'Read what you need before close(), or open the model again.',
        },
      );
    }
    const key = parseLocation(location).join('/');
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const file = openExternal(this.baseDir, key, this.#options);
    const source = new PooledSource(
      file,
      () => this.#use(source, key),
      () => this.#drop(source, key),
    );
    this.#sources.set(key, source);
    this.#hold(source, file);
    return source;
  }

  /** Closes every file. Sources handed out throw `E_MODEL_CLOSED` from now on. */
  close(): void {
    this.#closed = true;
    for (const source of [...this.#sources.values()]) source.close();
  }

  #use(source: PooledSource, key: string): FileSource {
    const held = this.#open.get(source);
    if (held !== undefined) {
      this.#open.delete(source);
      this.#open.set(source, held);
      return held;
    }
    const file = openExternal(this.baseDir, key, this.#options);
    try {
      source.checkSame(file);
    } catch (error) {
      file.close();
      throw error;
    }
    this.#hold(source, file);
    return file;
  }

  #hold(source: PooledSource, file: FileSource): void {
    for (const [oldest, victim] of this.#open) {
      if (this.#open.size < this.#maxOpen) break;
      this.#open.delete(oldest);
      victim.close();
    }
    this.#open.set(source, file);
  }

  #drop(source: PooledSource, key: string): void {
    this.#open.get(source)?.close();
    this.#open.delete(source);
    this.#sources.delete(key);
  }
}

/** A file whose descriptor belongs to a pool: there when it reads, perhaps closed in between. */
class PooledSource implements ByteSource {
  readonly label: string;
  readonly size: number;
  readonly #identity: string;
  readonly #use: () => FileSource;
  readonly #drop: () => void;
  #closed = false;

  constructor(file: FileSource, use: () => FileSource, drop: () => void) {
    this.label = file.label;
    this.size = file.size;
    this.#identity = identity(file);
    this.#use = use;
    this.#drop = drop;
  }

  readInto(target: Uint8Array, offset: number): void {
    if (this.#closed) throw closedError(this);
    checkWithin(this, offset, target.byteLength);
    this.#use().readInto(target, offset);
  }

  read(offset: number, length: number): Uint8Array {
    if (this.#closed) throw closedError(this);
    return readCopy(this, offset, length);
  }

  chunks(offset: number, length: number, chunkSize?: number): Generator<Uint8Array> {
    if (this.#closed) throw closedError(this);
    return chunksByCopy(this, offset, length, chunkSize);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#drop();
  }

  checkSame(file: FileSource): void {
    if (identity(file) === this.#identity) return;
    throw new SdgraphError(
      'E_FILE_CHANGED',
      'external data was replaced or written to while the model was open',
      { file: this.label },
      {
        expected: `the file of ${this.size} bytes that was opened first`,
        found: `another file or content, ${file.size} bytes`,
        hint: 'Something else writes to this folder; wait until it is done and start again.',
      },
    );
  }
}

function identity({ dev, ino, size, mtimeNs }: FileSource): string {
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}

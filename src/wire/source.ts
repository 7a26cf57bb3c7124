/**
 * Random-access bytes: what scanning, tensors and saving read from.
 *
 * Synchronous on purpose: scanning a model and looking at its tensors are loops over many small reads, and a promise for
 * each would cost more than the read.
 */

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { SdgraphError } from '../errors.ts';

/** Bytes of one {@link ByteSource.chunks} step unless the caller says otherwise. */
const CHUNK_SIZE = 1 << 20;

/** Most bytes of one `read` system call: Node takes a signed 32-bit length. */
const MAX_READ = 1 << 30;

/** Random-access bytes: a file or a buffer. */
export interface ByteSource {
  /** The file as the user named it, or `<bytes>`. */
  readonly label: string;
  /** Bytes in all. For a file: its size when it was opened. */
  readonly size: number;
  /**
   * Fills `target` whole with the bytes from `offset` on.
   *
   * @throws SdgraphError `E_WIRE_TRUNCATED` for a range outside, `E_FILE_CHANGED` when the file shrank since it was
   * opened, `E_FILE_READ` when the system refuses, `E_MODEL_CLOSED` after {@link close}.
   */
  readInto(target: Uint8Array, offset: number): void;
  /**
   * `length` bytes from `offset` on: a view for memory (writing to it changes the source), a fresh copy for files.
   *
   * @throws SdgraphError as {@link readInto}.
   */
  read(offset: number, length: number): Uint8Array;
  /**
   * The same range piece by piece, each at most `chunkSize` bytes. For files every piece lies in **one reused buffer**:
   * it holds its bytes only until the next step. The range is checked at once, not at the first step.
   *
   * @throws SdgraphError as {@link readInto}.
   */
  chunks(offset: number, length: number, chunkSize?: number): Generator<Uint8Array>;
  /** Lets the file or buffer go; later reads throw `E_MODEL_CLOSED`. Closing twice is fine. */
  close(): void;
}

/** How a model gets at the files of its external tensors. */
export interface ExternalData {
  /**
   * The file at a location that a model names, relative to the folder of the model. The source stays good until the
   * implementer is closed; callers may keep it and need not close it.
   *
   * @throws SdgraphError `E_EXTERNAL_ESCAPES`, `E_EXTERNAL_MISSING`, `E_EXTERNAL_NOT_FILE`, `E_FILE_CHANGED`,
   * `E_MODEL_CLOSED`.
   */
  open(location: string): ByteSource;
}

/** A {@link ByteSource} over bytes in memory. The bytes are not copied. */
export class MemorySource implements ByteSource {
  readonly label: string;
  readonly size: number;
  #bytes: Uint8Array | undefined;

  constructor(bytes: Uint8Array, label = '<bytes>') {
    // A plain view: slices of a Buffer would be Buffers, with other ideas of slice() and equality.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.label = label;
    this.size = bytes.byteLength;
  }

  readInto(target: Uint8Array, offset: number): void {
    target.set(this.read(offset, target.byteLength));
  }

  read(offset: number, length: number): Uint8Array {
    if (this.#bytes === undefined) throw closedError(this);
    checkWithin(this, offset, length);
    return this.#bytes.subarray(offset, offset + length);
  }

  chunks(offset: number, length: number, chunkSize: number = CHUNK_SIZE): Generator<Uint8Array> {
    checkChunkSize(this, chunkSize);
    this.read(offset, length);
    return this.#walk(offset, length, chunkSize);
  }

  *#walk(offset: number, length: number, chunkSize: number): Generator<Uint8Array> {
    for (let done = 0; done < length; done += chunkSize) {
      yield this.read(offset + done, Math.min(chunkSize, length - done));
    }
  }

  close(): void {
    this.#bytes = undefined;
  }
}

/** How {@link FileSource.open} opens. */
export interface FileSourceOptions {
  /** Refuse a symbolic link as the last part of the path (`E_FILE_READ`). Default: links are followed. */
  readonly noFollow?: boolean;
}

/** A {@link ByteSource} over a plain file, kept open until {@link close}. */
export class FileSource implements ByteSource {
  readonly label: string;
  readonly size: number;
  /** The path it was opened by. */
  readonly path: string;
  /** Device of the file; with {@link ino} its identity, whatever names and links lead to it. */
  readonly dev: bigint;
  /** Inode of the file; see {@link dev}. */
  readonly ino: bigint;
  /** Time of the last change of its content when it was opened, in nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** Names (hard links) the file has. */
  readonly nlink: bigint;
  #fd: number | undefined;

  private constructor(fd: number, path: string, label: string) {
    const stat = fstatSync(fd, { bigint: true });
    if (!stat.isFile()) {
      throw new SdgraphError(
        'E_FILE_READ',
        'not a plain file',
        { file: label },
        {
          found: stat.isDirectory() ? 'a directory' : stat.isFIFO() ? 'a named pipe' : 'a device or socket',
          hint: stat.isDirectory()
            ? 'Name a file in it.'
            : 'Reading needs random access; copy the content to a plain file first.',
        },
      );
    }
    this.#fd = fd;
    this.path = path;
    this.label = label;
    this.size = Number(stat.size);
    this.dev = stat.dev;
    this.ino = stat.ino;
    this.mtimeNs = stat.mtimeNs;
    this.nlink = stat.nlink;
  }

  /**
   * Opens a plain file for reading. A named pipe, device or directory is refused without waiting for it.
   *
   * @throws SdgraphError `E_FILE_MISSING`, or `E_FILE_READ` when it is no plain file or may not be read.
   */
  static open(path: string, label: string = path, { noFollow = false }: FileSourceOptions = {}): FileSource {
    // O_NONBLOCK: opening a pipe that nobody writes to must not wait. Windows has neither flag.
    const flags =
      constants.O_RDONLY |
      (constants.O_NONBLOCK ?? 0) |
      (constants.O_NOCTTY ?? 0) |
      (noFollow ? (constants.O_NOFOLLOW ?? 0) : 0);
    let fd: number;
    try {
      fd = openSync(path, flags);
    } catch (cause) {
      throw openFailed(label, cause);
    }
    try {
      return new FileSource(fd, path, label);
    } catch (cause) {
      closeQuietly(fd);
      throw cause instanceof SdgraphError ? cause : openFailed(label, cause);
    }
  }

  readInto(target: Uint8Array, offset: number): void {
    if (this.#fd === undefined) throw closedError(this);
    checkWithin(this, offset, target.byteLength);
    let done = 0;
    while (done < target.byteLength) {
      const got = this.#readSome(this.#fd, target, done, offset + done);
      if (got === 0) {
        throw new SdgraphError(
          'E_FILE_CHANGED',
          'the file became shorter while it was in use',
          { file: this.label, offset: offset + done },
          {
            expected: `${this.size} bytes`,
            found: `${offset + done} bytes`,
            hint: 'Something else writes to this file; wait until it is done and start again.',
          },
        );
      }
      done += got;
    }
  }

  read(offset: number, length: number): Uint8Array {
    if (this.#fd === undefined) throw closedError(this);
    return readCopy(this, offset, length);
  }

  chunks(offset: number, length: number, chunkSize: number = CHUNK_SIZE): Generator<Uint8Array> {
    if (this.#fd === undefined) throw closedError(this);
    return chunksByCopy(this, offset, length, chunkSize);
  }

  /**
   * Looks whether the file was written to since it was opened (its size or time of change differs).
   *
   * @throws SdgraphError `E_FILE_CHANGED`, `E_MODEL_CLOSED`.
   */
  checkUnchanged(): void {
    if (this.#fd === undefined) throw closedError(this);
    const stat = fstatSync(this.#fd, { bigint: true });
    if (Number(stat.size) !== this.size || stat.mtimeNs !== this.mtimeNs) {
      throw new SdgraphError(
        'E_FILE_CHANGED',
        'the file was written to while it was in use',
        { file: this.label },
        {
          expected: `${this.size} bytes`,
          found: `${stat.size} bytes, changed at ${new Date(Number(stat.mtimeMs)).toISOString()}`,
          hint: 'Something else writes to this file; wait until it is done and start again.',
        },
      );
    }
  }

  close(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    closeQuietly(fd);
  }

  #readSome(fd: number, target: Uint8Array, at: number, offset: number): number {
    try {
      return readSync(fd, target, at, Math.min(target.byteLength - at, MAX_READ), offset);
    } catch (cause) {
      throw new SdgraphError(
        'E_FILE_READ',
        `reading failed: ${systemReason(cause)}`,
        { file: this.label, offset },
        { cause },
      );
    }
  }
}

/**
 * {@link ByteSource.read} for sources that only know how to fill a buffer.
 *
 * @throws SdgraphError as {@link ByteSource.readInto}.
 */
export function readCopy(source: ByteSource, offset: number, length: number): Uint8Array {
  checkWithin(source, offset, length);
  const bytes = allocate(source, offset, length);
  source.readInto(bytes, offset);
  return bytes;
}

/**
 * {@link ByteSource.chunks} for sources that only know how to fill a buffer: one buffer, reused.
 *
 * @throws SdgraphError as {@link ByteSource.readInto}.
 */
export function chunksByCopy(
  source: ByteSource,
  offset: number,
  length: number,
  chunkSize: number = CHUNK_SIZE,
): Generator<Uint8Array> {
  checkChunkSize(source, chunkSize);
  checkWithin(source, offset, length);
  return walkByCopy(source, offset, length, chunkSize);
}

function* walkByCopy(source: ByteSource, offset: number, length: number, chunkSize: number): Generator<Uint8Array> {
  const buffer = allocate(source, offset, Math.min(chunkSize, length));
  for (let done = 0; done < length; done += chunkSize) {
    const piece = buffer.subarray(0, Math.min(chunkSize, length - done));
    source.readInto(piece, offset + done);
    yield piece;
  }
}

/** What the system said, without Node's repetition of call and path: `permission denied (EACCES)`. */
export function systemReason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as NodeJS.ErrnoException;
  if (code === undefined) return cause.message;
  const text = /^[A-Z0-9]+: ([^,]*)/.exec(cause.message)?.[1];
  return text === undefined ? cause.message : `${text} (${code})`;
}

/** Nothing was written through the descriptor, so a failing close loses nothing. */
function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // The descriptor is gone all the same.
  }
}

function openFailed(file: string, cause: unknown): SdgraphError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new SdgraphError(
      'E_FILE_MISSING',
      'the file does not exist',
      { file },
      {
        hint: 'Check the spelling; relative paths start at the current folder.',
        cause,
      },
    );
  }
  const hint =
    code === 'EACCES' || code === 'EPERM'
      ? 'Check the permissions of the file and of the folders above it.'
      : undefined;
  return new SdgraphError(
    'E_FILE_READ',
    `the file cannot be opened: ${systemReason(cause)}`,
    { file },
    {
      cause,
      ...(hint === undefined ? {} : { hint }),
    },
  );
}

/** The error of reading from a source after its close. */
export function closedError({ label }: ByteSource): SdgraphError {
  return new SdgraphError(
    'E_MODEL_CLOSED',
    'read after close',
    { file: label },
    {
      hint: 'Read what you need before close(), or open the model again.',
    },
  );
}

/**
 * Refuses a range that is not within the source.
 *
 * @throws SdgraphError `E_WIRE_TRUNCATED`.
 */
export function checkWithin({ label, size }: ByteSource, offset: number, length: number): void {
  if (
    Number.isSafeInteger(offset) &&
    Number.isSafeInteger(length) &&
    offset >= 0 &&
    length >= 0 &&
    offset <= size - length
  )
    return;
  throw new SdgraphError(
    'E_WIRE_TRUNCATED',
    'the range lies outside the bytes',
    { file: label },
    {
      expected: `a range within ${size} bytes`,
      found: `${length} bytes from ${offset} on`,
      hint: 'The file is cut short or damaged; fetch or export it again.',
    },
  );
}

function checkChunkSize({ label }: ByteSource, chunkSize: number): void {
  if (Number.isSafeInteger(chunkSize) && chunkSize > 0) return;
  throw new SdgraphError(
    'E_INTERNAL',
    'the size of a chunk is not a positive whole number',
    { file: label },
    { found: String(chunkSize) },
  );
}

function allocate({ label }: ByteSource, offset: number, length: number): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new SdgraphError(
      'E_FILE_READ',
      'the range is too large to hold in memory',
      { file: label, offset },
      {
        found: `${length} bytes`,
        hint: 'Read it in pieces with chunks().',
        cause,
      },
    );
  }
}

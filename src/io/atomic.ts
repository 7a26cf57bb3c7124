/**
 * Writing files so that a kill at any moment leaves the old file or the new one, whole.
 *
 * Everything goes to a temporary file beside the target, which is synced and then renamed over it. A temporary file
 * that is not committed goes away with {@link AtomicFile.abort} or when the process exits; what a killed process left
 * is removed by the next save of the same target.
 */

import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { SdgraphError } from '../errors.ts';
import { type ByteSource, systemReason } from '../wire/source.ts';
import { forget, remember, removeQuietly, removeStale, temporaryPath } from './temporary.ts';

/**
 * Bytes gathered before they are handed to the system, and read at once when copying. Few enough to stay in the cache of a
 * processor: with 4 MiB the same copy took three times as long.
 */
const BUFFER_SIZE = 512 << 10;

/** Links followed from one name before it counts as a circle; Linux has the same limit. */
const MAX_LINKS = 40;

/** How an {@link AtomicFile} is written. */
export interface AtomicFileOptions {
  /** Keep a running CRC-32 of what is written, see {@link AtomicFile.crc32}. Default: no. */
  readonly crc32?: boolean;
}

/**
 * A file in the making.
 *
 * A target that is a symbolic link stays one: the file it leads to is replaced. A file that is replaced hands its
 * permissions on; a new file gets those of any new file.
 *
 * ```ts
 * const file = AtomicFile.create('unet.onnx');
 * try {
 *   file.write(header);
 *   file.copyFrom(source, 4096, 1_700_000_000);
 *   file.commit();
 * } finally {
 *   file.abort(); // nothing left to do after commit()
 * }
 * ```
 */
export class AtomicFile {
  /** The target as the user named it. */
  readonly label: string;
  /** The file that commit() puts in place: absolute, links resolved. */
  readonly path: string;
  readonly #temporary: string;
  readonly #buffer = new Uint8Array(BUFFER_SIZE);
  #fd: number | undefined;
  #buffered = 0;
  #flushed = 0;
  #crc: number | undefined;

  private constructor(label: string, path: string, temporary: string, fd: number, crc: number | undefined) {
    this.label = label;
    this.path = path;
    this.#temporary = temporary;
    this.#fd = fd;
    this.#crc = crc;
  }

  /**
   * Creates the temporary file beside the target; the target itself is not touched before {@link commit}.
   *
   * @throws SdgraphError `E_FILE_WRITE` when the folder is missing or may not be written, or the target is
   * write-protected or no plain file.
   */
  static create(target: string, options: AtomicFileOptions = {}): AtomicFile {
    const { path, mode } = resolveTarget(target);
    const folder = dirname(path);
    removeStale(folder, basename(path));
    const temporary = temporaryPath(folder, basename(path));
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    const fd = attempt(target, () => openSync(temporary, flags, mode ?? 0o666));
    remember(temporary);
    const file = new AtomicFile(target, path, temporary, fd, options.crc32 === true ? 0 : undefined);
    if (mode !== undefined) {
      try {
        fchmodSync(fd, mode); // The umask took its share when the file was created.
      } catch (cause) {
        file.abort();
        throw writeFailed(target, cause);
      }
    }
    return file;
  }

  /** Bytes written so far. */
  get position(): number {
    return this.#flushed + this.#buffered;
  }

  /** CRC-32 (as in zip and PNG) of the bytes written so far; `undefined` unless asked for. */
  get crc32(): number | undefined {
    return this.#crc === undefined ? undefined : crc32(this.#buffer.subarray(0, this.#buffered), this.#crc);
  }

  /**
   * Appends bytes. They may be changed by the caller afterwards.
   *
   * @throws SdgraphError `E_FILE_WRITE`, possibly for bytes of an earlier call: small pieces are gathered.
   */
  write(bytes: Uint8Array): void {
    this.#descriptor();
    if (bytes.byteLength > this.#buffer.byteLength - this.#buffered) this.#flush();
    if (bytes.byteLength >= this.#buffer.byteLength) {
      this.#put(bytes);
      return;
    }
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered += bytes.byteLength;
  }

  /**
   * Appends zeros, as a hole that takes no room on disk where the file system knows holes and no checksum is kept.
   *
   * @throws SdgraphError `E_FILE_WRITE`.
   */
  zeros(length: number): void {
    if (this.#crc !== undefined) {
      const block = new Uint8Array(Math.min(length, BUFFER_SIZE));
      for (let done = 0; done < length; done += block.length) this.write(block.subarray(0, length - done));
      return;
    }
    this.#flush();
    const fd = this.#descriptor();
    attempt(this.label, () => ftruncateSync(fd, this.#flushed + length));
    this.#flushed += length;
  }

  /**
   * Appends a range of a source, streaming: memory does not depend on its length.
   *
   * @param onProgress called after every piece with the bytes of this range copied so far
   * @throws SdgraphError `E_FILE_WRITE`, and what reading from the source throws.
   */
  copyFrom(source: ByteSource, offset: number, length: number, onProgress?: (copied: number) => void): void {
    this.#descriptor();
    for (let copied = 0; copied < length; ) {
      if (this.#buffered === this.#buffer.byteLength) this.#flush();
      const piece = Math.min(length - copied, this.#buffer.byteLength - this.#buffered);
      source.readInto(this.#buffer.subarray(this.#buffered, this.#buffered + piece), offset + copied);
      this.#buffered += piece;
      copied += piece;
      onProgress?.(copied);
    }
  }

  /**
   * Puts the file in place: synced, renamed over the target, the folder synced. After a failure the target is what it
   * was and the temporary file is gone.
   *
   * @param name another name in the same folder, for files whose name depends on what was written
   * @throws SdgraphError `E_FILE_WRITE`.
   */
  commit(name?: string): void {
    const path = name === undefined ? this.path : join(dirname(this.path), name);
    try {
      this.#flush();
      const fd = this.#descriptor();
      attempt(this.label, () => fsyncSync(fd));
      this.#fd = undefined;
      attempt(this.label, () => closeSync(fd));
      attempt(this.label, () => renameSync(this.#temporary, path));
    } catch (error) {
      this.#discard();
      throw error;
    }
    forget(this.#temporary);
    syncFolder(this.label, dirname(this.path));
  }

  /** Gives up: removes the temporary file and leaves the target as it is. Does nothing after {@link commit}. */
  abort(): void {
    if (this.#fd !== undefined) this.#discard();
  }

  #discard(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) closeQuietly(fd);
    removeQuietly(this.#temporary);
    forget(this.#temporary);
  }

  #descriptor(): number {
    if (this.#fd !== undefined) return this.#fd;
    throw new SdgraphError('E_INTERNAL', 'write after commit or abort', { file: this.label });
  }

  #flush(): void {
    this.#put(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }

  #put(bytes: Uint8Array): void {
    const fd = this.#descriptor();
    let done = 0;
    while (done < bytes.byteLength) {
      const from = done;
      // Node takes a signed 32-bit length; the system may write less than asked.
      const length = Math.min(bytes.byteLength - from, 1 << 30);
      done += attempt(this.label, () => writeSync(fd, bytes, from, length, this.#flushed + from));
    }
    if (this.#crc !== undefined) this.#crc = crc32(bytes, this.#crc);
    this.#flushed += bytes.byteLength;
  }
}

/**
 * Writes a whole file at once, atomically as {@link AtomicFile}. Text is written as UTF-8.
 *
 * @throws SdgraphError `E_FILE_WRITE`.
 */
export function writeFileAtomic(path: string, content: Uint8Array | string): void {
  const file = AtomicFile.create(path);
  try {
    file.write(typeof content === 'string' ? Buffer.from(content) : content);
    file.commit();
  } finally {
    file.abort();
  }
}

/**
 * Follows links to the file that will be replaced. `mode` holds its permissions if it exists.
 *
 * Folders are resolved by the system, never by text: `link/../x` is not `x` when `link` leads elsewhere.
 */
function resolveTarget(target: string): { path: string; mode: number | undefined } {
  if (/[/\\]$/.test(target)) throw notAFile(target, 'the name of a folder');
  let path = target;
  for (let links = 0; links <= MAX_LINKS; links++) {
    path = attempt(target, () => join(realpathSync.native(dirname(path)), basename(path)));
    const stat = attempt(target, () => lstatSync(path, { throwIfNoEntry: false }));
    if (stat === undefined) return { path, mode: undefined };
    if (stat.isSymbolicLink()) {
      const text = attempt(target, () => readlinkSync(path));
      path = isAbsolute(text) ? text : `${dirname(path)}/${text}`;
    } else if (stat.isFile()) {
      attempt(target, () => accessSync(path, constants.W_OK));
      return { path, mode: stat.mode & 0o777 };
    } else {
      throw notAFile(target, stat.isDirectory() ? 'a directory' : 'a pipe, device or socket');
    }
  }
  throw new SdgraphError(
    'E_FILE_WRITE',
    'the target is a circle of symbolic links',
    { file: target },
    {
      hint: 'Remove the links or write elsewhere.',
    },
  );
}

function notAFile(file: string, found: string): SdgraphError {
  return new SdgraphError(
    'E_FILE_WRITE',
    'the target is not a plain file',
    { file },
    { found, hint: 'Name a plain file, new or to be replaced.' },
  );
}

/** Makes the rename last through a power cut. Some file systems cannot, and then there is nothing to wait for. */
function syncFolder(label: string, folder: string): void {
  let fd: number;
  try {
    fd = openSync(folder, constants.O_RDONLY);
  } catch {
    return; // Windows has no descriptors of folders; a folder may be writable without being readable.
  }
  try {
    fsyncSync(fd);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EIO' || code === 'ENOSPC' || code === 'EDQUOT') throw writeFailed(label, cause);
  } finally {
    closeQuietly(fd);
  }
}

/** Closes a descriptor through which nothing was written that anybody will read. */
function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // Nothing is lost with it.
  }
}

function attempt<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw writeFailed(file, cause);
  }
}

const HINTS = new Map([
  ['ENOSPC', 'Free some space on that disk or write elsewhere; the old file, if any, is untouched.'],
  ['EDQUOT', 'Your quota on that disk is used up; the old file, if any, is untouched.'],
  ['EFBIG', 'The disk or a limit (ulimit -f) does not take files of that size; write elsewhere or raise the limit.'],
  ['EACCES', 'Check the permissions of the file and its folder, or write elsewhere.'],
  ['EPERM', 'Check the permissions of the file and its folder, or write elsewhere.'],
  ['EROFS', 'That disk is read-only; write elsewhere.'],
  ['ENOENT', 'Create the folder first.'],
  ['ENOTDIR', 'A part of the path is a file, not a folder.'],
  ['ENAMETOOLONG', 'Choose a shorter name.'],
]);

function writeFailed(file: string, cause: unknown): SdgraphError {
  const hint = HINTS.get((cause as NodeJS.ErrnoException).code ?? '');
  return new SdgraphError(
    'E_FILE_WRITE',
    `the file cannot be written: ${systemReason(cause)}`,
    { file },
    {
      cause,
      ...(hint === undefined ? {} : { hint }),
    },
  );
}

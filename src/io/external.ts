/**
 * Files of external data: which of them a model may name, and how they are opened.
 *
 * A model is a file from a stranger, and its `location` entries are paths that we are asked to read, and on save to
 * copy into a file that may be passed on. So a location may only lead to a plain file of its own inside the folder of
 * the model:
 *
 * - relative, with `/` between the parts; no `..`, no backslash, no drive letter, no NUL;
 * - no part below the model's folder is a symbolic link, and the file has no second name (hard link), because both
 *   give a file from elsewhere a name inside;
 * - no pipe, device, socket or folder, and looking must not wait for one.
 *
 * With `followLinks` both kinds of links are allowed **and may lead anywhere**: model caches keep their files as links
 * into a store outside the folder. The rules for the text of the location hold all the same.
 */

import { type BigIntStats, lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SdgraphError } from '../errors.ts';
import { FileSource, systemReason } from '../wire/source.ts';

/** How strictly locations are resolved. */
export interface ExternalOptions {
  /** Allow symbolic and hard links, wherever they lead. Default: refuse them. */
  readonly followLinks?: boolean;
}

/** Longest location that is looked at: the longest path that common systems take. */
const MAX_LOCATION = 4096;

const LINK_HINT =
  'If you trust where the model came from, allow links (--follow-links, in code followLinks), or replace the link by a copy.';

/**
 * The path of the file at an external-data location. Nothing is opened.
 *
 * @param baseDir folder of the model; may itself be reached through links
 * @param location the `location` entry as the model has it
 * @returns `location` below `baseDir`
 * @throws SdgraphError `E_EXTERNAL_ESCAPES` when it may lead outside, `E_EXTERNAL_MISSING` when there is nothing or it
 * cannot be looked at, `E_EXTERNAL_NOT_FILE` when it is no plain file or has further hard links.
 */
export function resolveExternal(baseDir: string, location: string, options: ExternalOptions = {}): string {
  return locate(baseDir, location, options).path;
}

/**
 * Opens the file at an external-data location; the rules of {@link resolveExternal} hold for the very file that was
 * opened, whatever happens to its name in the meantime.
 *
 * @throws SdgraphError as {@link resolveExternal}, and `E_FILE_CHANGED` when the file was swapped while it was opened.
 */
export function openExternal(baseDir: string, location: string, options: ExternalOptions = {}): FileSource {
  const { path } = locate(baseDir, location, options);
  const file = open(path, options);
  try {
    if (!options.followLinks) checkOpened(file, baseDir, location);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * The parts of a location without `.`: `./a//b` and `a/b` are the same file.
 *
 * @throws SdgraphError `E_EXTERNAL_ESCAPES`, `E_EXTERNAL_NOT_FILE`, `E_EXTERNAL_MISSING` by the text alone.
 */
export function parseLocation(location: string): string[] {
  const refuse = (reason: string): SdgraphError =>
    new SdgraphError(
      'E_EXTERNAL_ESCAPES',
      reason,
      {},
      {
        expected: 'a relative path below the folder of the model',
        found: `location '${location.slice(0, 200)}'`,
        hint: 'Do not use this model unless you know why it names such a path.',
      },
    );
  if (location.includes('\0')) throw refuse('a location of external data holds a NUL character');
  if (location.startsWith('/')) throw refuse('a location of external data is an absolute path');
  if (location.includes('\\')) throw refuse('a location of external data holds a backslash');
  if (/^[A-Za-z]:/.test(location)) throw refuse('a location of external data starts with a drive letter');
  if (location.length > MAX_LOCATION) {
    throw new SdgraphError(
      'E_EXTERNAL_MISSING',
      'a location of external data is too long for any file',
      {},
      {
        expected: `at most ${MAX_LOCATION} characters`,
        found: `${location.length}`,
        hint: 'The model is damaged; export it again.',
      },
    );
  }
  const parts = location.split('/');
  if (parts.includes('..')) throw refuse("a location of external data steps up with '..'");
  if (parts.at(-1) === '' || parts.at(-1) === '.') {
    throw new SdgraphError(
      'E_EXTERNAL_NOT_FILE',
      'a location of external data names no file',
      {},
      {
        found: `location '${location}'`,
        hint: 'The model is damaged; export it again.',
      },
    );
  }
  return parts.filter((part) => part !== '' && part !== '.');
}

/** Walks down from the folder of the model, looking at every part before anything is opened. */
function locate(baseDir: string, location: string, options: ExternalOptions): { path: string; stat: BigIntStats } {
  const parts = parseLocation(location);
  const path = join(baseDir, ...parts);
  let at = baseDir;
  let stat: BigIntStats | undefined;
  for (const part of parts) {
    at = join(at, part);
    stat = look(at, path, options);
    if (stat.isSymbolicLink()) throw behindLink(path, at);
  }
  if (stat === undefined) throw new SdgraphError('E_INTERNAL', 'a location without parts was let through');
  if (!stat.isFile()) throw notAFile(path, stat.isDirectory() ? 'a directory' : 'a pipe, device or socket');
  if (!options.followLinks) checkOneName(path, stat.nlink);
  return { path, stat };
}

function look(at: string, file: string, { followLinks = false }: ExternalOptions): BigIntStats {
  try {
    return followLinks ? statSync(at, { bigint: true }) : lstatSync(at, { bigint: true });
  } catch (cause) {
    throw missing(file, cause);
  }
}

function open(path: string, { followLinks = false }: ExternalOptions): FileSource {
  try {
    return FileSource.open(path, path, { noFollow: !followLinks });
  } catch (cause) {
    if (!(cause instanceof SdgraphError)) throw cause;
    if (cause.cause === undefined) throw notAFile(path, cause.found ?? 'something else');
    if ((cause.cause as NodeJS.ErrnoException).code === 'ELOOP' && !followLinks) throw behindLink(path, path);
    throw missing(path, cause.cause);
  }
}

/** The name was looked at before the file was opened, so both are compared: a swap in between must not go unseen. */
function checkOpened(file: FileSource, baseDir: string, location: string): void {
  checkOneName(file.path, file.nlink);
  const { stat } = locate(baseDir, location, {});
  if (stat.dev !== file.dev || stat.ino !== file.ino) {
    throw new SdgraphError(
      'E_FILE_CHANGED',
      'external data was replaced while it was opened',
      { file: file.path },
      {
        hint: 'Something else writes to this folder; wait until it is done and start again.',
      },
    );
  }
}

function checkOneName(file: string, nlink: bigint): void {
  if (nlink <= 1n) return;
  throw new SdgraphError(
    'E_EXTERNAL_NOT_FILE',
    'external data is a file with further names',
    { file },
    {
      expected: 'one hard link',
      found: `${nlink}`,
      hint: LINK_HINT,
    },
  );
}

function behindLink(file: string, link: string): SdgraphError {
  return new SdgraphError(
    'E_EXTERNAL_ESCAPES',
    'external data lies behind a symbolic link',
    { file },
    {
      expected: 'a file below the folder of the model',
      found: `a link at '${link}'`,
      hint: LINK_HINT,
    },
  );
}

function notAFile(file: string, found: string): SdgraphError {
  return new SdgraphError(
    'E_EXTERNAL_NOT_FILE',
    'external data is not a plain file',
    { file },
    {
      found,
      hint: 'Put the data file that was exported with the model at this place.',
    },
  );
}

function missing(file: string, cause: unknown): SdgraphError {
  const code = (cause as NodeJS.ErrnoException).code;
  const absent = code === 'ENOENT' || code === 'ENOTDIR';
  return new SdgraphError(
    'E_EXTERNAL_MISSING',
    absent ? 'the file of external data does not exist' : `external data cannot be opened: ${systemReason(cause)}`,
    { file },
    {
      hint: absent
        ? 'Copy the data files of the model into its folder, under the names they were exported with.'
        : 'Check the permissions of the file and of the folders above it.',
      cause,
    },
  );
}

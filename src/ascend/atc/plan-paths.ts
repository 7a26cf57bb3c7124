/** Paths inside a plan: what a plan from anywhere may name. */

import { lstatSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { printable, SdgraphError } from '../../errors.ts';

/** Longest path in a plan. */
const MAX_PATH = 1024;

/** The parts of a relative path that leads nowhere but down; empty for `.`. Throws `E_PLAN`. */
export function relativeParts(text: string, pointer: string): string[] {
  const refuse = (found: string): SdgraphError =>
    new SdgraphError(
      'E_PLAN',
      'a path leaves the folder of the models',
      { path: pointer },
      { expected: 'a relative path with / between the parts, without ..', found: `${found}: '${printable(text)}'` },
    );
  if (text === '' || text.length > MAX_PATH) throw refuse('an empty or overlong path');
  if (isAbsolute(text) || /^[A-Za-z]:/u.test(text)) throw refuse('an absolute path');
  if (/[\\\u0000]/u.test(text)) throw refuse('a backslash or NUL');
  const parts = text.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw refuse('a step up');
  return parts;
}

/** One name of a file, no path. Throws `E_PLAN`. */
export function fileName(text: string, pointer: string): string {
  const parts = relativeParts(text, pointer);
  if (parts.length === 1 && parts[0] === text && basename(text) === text && !text.startsWith('-')) return text;
  throw new SdgraphError(
    'E_PLAN',
    'a name of a file is needed',
    { path: pointer },
    { expected: 'a name without folders that does not begin with a dash', found: `'${printable(text)}'` },
  );
}

/**
 * The folder at a path below `base`. None of its parts may be a symbolic link, which could lead elsewhere.
 *
 * @throws SdgraphError `E_PLAN` for links and for what is not a folder, `E_FILE_MISSING`
 */
export function folderBelow(base: string, text: string, pointer: string): string {
  let path = base;
  for (const part of relativeParts(text, pointer)) {
    path = join(path, part);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) throw new SdgraphError('E_FILE_MISSING', 'the folder does not exist', { file: path });
    if (stat.isDirectory()) continue;
    throw new SdgraphError(
      'E_PLAN',
      stat.isSymbolicLink() ? 'a folder of the plan is a link, which may lead elsewhere' : 'a folder is needed',
      { file: path, path: pointer },
    );
  }
  return path;
}

/** Refuses a link or anything but a plain file where a file is written. Throws `E_PLAN`. */
export function requireReplaceable(path: string, pointer: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined || stat.isFile()) return;
  throw new SdgraphError(
    'E_PLAN',
    'a link, folder or device is where a file would be written',
    { file: path, path: pointer },
    { hint: 'remove it, or choose another name' },
  );
}

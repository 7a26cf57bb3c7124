/**
 * Temporary files beside their target: their names, and who removes them.
 *
 * A name is `.NAME.sdgraph-PID-SPACE-RANDOM.tmp`. SPACE stands for the process table that PID is a number in (this boot
 * of this machine, this container). A later save of the same target removes what a killed process left only when SPACE
 * is its own and no process PID exists; a shared folder may hold files that another machine is still writing, and those
 * are never touched. Where the system does not tell (no `/proc`), nothing is removed and SPACE is `0`.
 */

import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Longest part of the target's name inside a temporary name, in bytes: file names are at most 255 bytes. */
const MAX_STEM = 128;

const UNKNOWN_SPACE = '0';

/** Temporary files of this process that were neither renamed nor removed yet. */
const unfinished = new Set<string>();
let hooked = false;

/** A fresh temporary path beside a target. */
export function temporaryPath(folder: string, name: string): string {
  return join(folder, `${stem(name)}${process.pid}-${processSpace()}-${randomBytes(6).toString('hex')}.tmp`);
}

/** Has a temporary file removed when the process exits, unless it is {@link forget forgotten} first. */
export function remember(path: string): void {
  if (!hooked) {
    hooked = true;
    process.on('exit', () => {
      for (const left of unfinished) removeQuietly(left);
    });
  }
  unfinished.add(path);
}

/** The file was renamed or removed. */
export function forget(path: string): void {
  unfinished.delete(path);
}

/** Removes a file if it is there. */
export function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already, or not ours to remove any more: either way nothing of ours depends on it.
  }
}

/** Removes temporary files, and folders, of the same target whose writers were killed. */
export function removeStale(folder: string, name: string): void {
  const space = processSpace();
  if (space === UNKNOWN_SPACE) return;
  const start = stem(name);
  let entries: string[];
  try {
    entries = readdirSync(folder);
  } catch {
    return; // A folder may be writable without being readable.
  }
  for (const entry of entries) {
    if (!entry.startsWith(start)) continue;
    const match = /^([1-9][0-9]{0,9})-([0-9a-f]+)-[0-9a-f]{12}\.tmp$/.exec(entry.slice(start.length));
    if (match?.[2] === space && !isAlive(Number(match[1]))) removeLeft(join(folder, entry));
  }
}

function removeLeft(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Not ours to remove, as above.
  }
}

function stem(name: string): string {
  const bytes = Buffer.byteLength(name);
  const short = bytes <= MAX_STEM ? name : createHash('sha256').update(name).digest('hex');
  return `.${short}.sdgraph-`;
}

/** Whether a process of that number exists, in the process table of this process. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

let space: string | undefined;

/** Stands for the process table that numbers of processes belong to; `0` where the system does not tell. */
export function processSpace(): string {
  if (space === undefined) {
    try {
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
      const table = readlinkSync('/proc/self/ns/pid');
      space = createHash('sha256').update(`${boot} ${table}`).digest('hex').slice(0, 16);
    } catch {
      space = UNKNOWN_SPACE;
    }
  }
  return space;
}

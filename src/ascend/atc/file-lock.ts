/** Locks between processes: a file that only one of them can make. */

import { closeSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { SdgraphError } from '../../errors.ts';
import { isAlive, processSpace } from '../../io/temporary.ts';
import { systemReason } from '../../wire/source.ts';

/** How to wait for a lock. */
export interface LockOptions {
  /** Milliseconds to wait for another holder; 0 gives up at once. */
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Age in milliseconds from which a lock without content was left by a kill between two system calls. */
const EMPTY_MS = 10_000;
const POLL_MS = 20;

const held = new Set<string>();
let hooked = false;

/**
 * Does work that only one process may do at a time. A lock that a killed process left is taken over.
 *
 * @throws SdgraphError `E_LOCKED` when another process holds the lock for too long, `E_FILE_WRITE`
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  await acquire(path, options);
  try {
    return await work();
  } finally {
    held.delete(path);
    removeQuietly(path);
  }
}

async function acquire(path: string, { waitMs, signal }: LockOptions): Promise<void> {
  const until = performance.now() + waitMs;
  while (!create(path) && !takeOver(path)) {
    signal?.throwIfAborted();
    if (performance.now() >= until) throw lockedError(path);
    await wait(POLL_MS);
  }
  remember(path);
}

function create(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, 'wx', 0o666);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cannotLock(path, cause);
  }
  try {
    writeSync(fd, `${process.pid} ${processSpace()} ${startOf(process.pid)}\n`);
  } catch (cause) {
    // A lock without content, as on a full disk, would lock out everybody for a while.
    removeQuietly(path);
    throw cannotLock(path, cause);
  } finally {
    closeSync(fd);
  }
  return true;
}

function cannotLock(path: string, cause: unknown): SdgraphError {
  const reason = `a lock cannot be made: ${systemReason(cause)}`;
  const hint = 'look at the free space and the permissions of the folder of the model';
  return new SdgraphError('E_FILE_WRITE', reason, { file: path }, { cause, hint });
}

/**
 * Takes the lock of a holder that is gone. Only one process may do so at a time, or the second would remove the fresh
 * lock of the first; that is what the lock beside the lock is for.
 */
function takeOver(path: string): boolean {
  if (!isStale(path)) return false;
  const guard = `${path}.takeover`;
  if (!create(guard)) {
    if (isStale(guard)) removeQuietly(guard);
    return false;
  }
  try {
    if (isStale(path)) removeQuietly(path);
    return create(path);
  } finally {
    removeQuietly(guard);
  }
}

/** Whether the holder is certainly gone. One on another machine or in another container may well be there. */
function isStale(path: string): boolean {
  try {
    const age = Date.now() - statSync(path).mtimeMs;
    const [, pid, space, start] = /^(\d{1,10}) (\w+) (\w+)\n$/u.exec(readFileSync(path, 'latin1')) ?? [];
    if (pid === undefined) return age > EMPTY_MS;
    if (space !== processSpace() || space === '0') return false;
    // Numbers of processes are used again.
    return !isAlive(Number(pid)) || (start !== 'unknown' && startOf(Number(pid)) !== start);
  } catch {
    return false; // Released in the meantime, or not readable.
  }
}

/** When a process started, in ticks since boot, as text. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the program, in parentheses, may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

function lockedError(path: string): SdgraphError {
  let holder = '';
  try {
    holder = /^\d{1,10}/u.exec(readFileSync(path, 'latin1'))?.[0] ?? '';
  } catch {
    // Released just now.
  }
  return new SdgraphError(
    'E_LOCKED',
    holder === '' ? 'another process is writing here' : `process ${holder} is writing here`,
    { file: path },
    { hint: 'wait until it is done; if no sdgraph runs on any machine that uses this folder, remove the file' },
  );
}

function remember(path: string): void {
  if (!hooked) {
    hooked = true;
    process.on('exit', () => {
      for (const left of held) removeQuietly(left);
    });
  }
  held.add(path);
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already.
  }
}

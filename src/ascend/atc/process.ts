/** Runs ATC: a process group of its own, ended as a whole. */

import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { execa } from 'execa';
import { SdgraphError } from '../../errors.ts';
import { systemReason } from '../../wire/source.ts';
import { guardGroup } from './guard.ts';
import { AtcOutput, type StreamName } from './output.ts';

/** How to run. */
export interface RunAtcOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** File that everything printed goes to; replaced. */
  readonly log: string;
  /** Milliseconds until it is ended; no limit if not given. */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly graceMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** How it ended. */
export interface AtcRun {
  readonly end: 'exited' | 'timeout' | 'cancelled' | 'not-started';
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly output: AtcOutput;
  /** Why it could not be started. */
  readonly reason?: string;
}

/** Most bytes that go to a log: a program that prints without end must not fill the disk. */
const MAX_LOG = 1 << 30;
/** How long streams may stay open after the program has ended, because something that it started holds them. */
const LINGER_MS = 2000;

/** Groups that run, ended at once when this process exits. */
const running = new Set<number>();
let hooked = false;

/**
 * Runs ATC to its end, or ends it: SIGTERM to its whole group, SIGKILL after a while. When this returns nothing of the
 * group is left.
 *
 * @throws SdgraphError `E_FILE_WRITE` when the log cannot be written
 */
export async function runAtc(options: RunAtcOptions): Promise<AtcRun> {
  const { file, args, cwd, env, timeoutMs, graceMs, signal } = options;
  const output = new AtcOutput();
  if (signal?.aborted === true) return { end: 'cancelled', exitCode: null, signal: null, output };
  using log = new Log(options.log);
  const child = execa(file, args, {
    cwd,
    env,
    extendEnv: false,
    shell: false,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: false,
    reject: false,
    detached: true,
  });
  const group = child.pid;
  if (group !== undefined) remember(group);
  const guard = group === undefined ? undefined : guardGroup(group);
  for (const name of ['stdout', 'stderr'] as const satisfies readonly StreamName[]) {
    child[name].on('data', (bytes: Buffer) => {
      output.take(name, bytes);
      log.write(bytes);
    });
    // A stream that is taken away below says so, which is no failure.
    child[name].on('error', () => undefined);
  }
  let end: AtcRun['end'] = 'exited';
  const timers = new Set<NodeJS.Timeout>();
  const later = (milliseconds: number, action: () => void): void => {
    timers.add(setTimeout(action, milliseconds));
  };
  const stop = (why: 'timeout' | 'cancelled'): void => {
    if (end !== 'exited') return;
    end = why;
    signalGroup(group, 'SIGTERM');
    later(graceMs, () => signalGroup(group, 'SIGKILL'));
  };
  const cancel = (): void => stop('cancelled');
  signal?.addEventListener('abort', cancel, { once: true });
  if (timeoutMs !== undefined) later(timeoutMs, () => stop('timeout'));
  let exit: { readonly code: number | null; readonly signal: string | null } | undefined;
  child.once('exit', (code, by) => {
    exit = { code, signal: by };
    later(LINGER_MS, () => {
      signalGroup(group, 'SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
    });
  });
  try {
    const result = await child;
    output.end();
    if (exit === undefined) {
      const reason = result.originalMessage ?? 'it cannot be started';
      return { end: 'not-started', exitCode: null, signal: null, output, reason };
    }
    return { end, exitCode: exit.code, signal: exit.signal, output };
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
    signalGroup(group, 'SIGKILL');
    if (group !== undefined) running.delete(group);
    guard?.dismiss();
  }
}

function remember(group: number): void {
  if (!hooked) {
    hooked = true;
    process.on('exit', () => {
      for (const each of running) signalGroup(each, 'SIGKILL');
    });
  }
  running.add(group);
}

function signalGroup(group: number | undefined, signal: NodeJS.Signals): void {
  if (group === undefined) return;
  try {
    process.kill(-group, signal);
  } catch {
    // Nobody is left in the group.
  }
}

/** A log that never takes more than its share of the disk, and is given up when there is no room. */
class Log {
  readonly #fd: number;
  #written = 0;
  #isFull = false;

  constructor(path: string) {
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
    try {
      this.#fd = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o666);
    } catch (cause) {
      const reason = `the log cannot be written: ${systemReason(cause)}`;
      throw new SdgraphError('E_FILE_WRITE', reason, { file: path }, { cause });
    }
  }

  write(bytes: Uint8Array): void {
    if (this.#isFull) return;
    try {
      for (let at = 0; at < bytes.byteLength; ) at += writeSync(this.#fd, bytes, at);
      this.#written += bytes.byteLength;
      this.#isFull = this.#written > MAX_LOG;
    } catch {
      this.#isFull = true; // A full disk: ATC itself has the more important things to write.
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

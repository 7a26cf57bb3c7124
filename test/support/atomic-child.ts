/**
 * A process that saves a file and meets with misfortune: `node atomic-child.js JOB`, the job as JSON. For
 * `test/io/atomic.test.ts`, which compiles it.
 */

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { SdgraphError } from '../../src/errors.ts';
import { AtomicFile } from '../../src/io/atomic.ts';

/** What the process is to do. */
export interface Job {
  readonly do: 'save' | 'save-forever' | 'exit' | 'throw';
  readonly target: string;
  /** Says what is written, see {@link save}. */
  readonly generation?: number;
  /** Print a dot for every step. */
  readonly talk?: boolean;
  /** Become this user first, where the process may. */
  readonly user?: number;
  /** Let one call of the file system end badly: the one with this number. */
  readonly spoil?: { readonly at: number; readonly how: string };
}

/** What a `save` prints. */
export interface Outcome {
  /** Calls that were counted. */
  readonly calls: number;
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
}

const MIB = 1 << 20;

const job = JSON.parse(process.argv[2] ?? '') as Job;
let calls = 0;

/** Wraps the calls of a save that change something. */
function spoil(at: number, how: string): void {
  const wrap = <Args extends unknown[], Result>(
    name: string,
    original: (...args: Args) => Result,
    half?: (...args: Args) => unknown,
  ) => {
    return (...args: Args): Result => {
      if (calls++ !== at) return original(...args);
      if (how === 'fail') throw Object.assign(new Error(`EIO: i/o error, ${name}`), { code: 'EIO' });
      if (how === 'kill-after') original(...args);
      if (how === 'kill-half') half?.(...args);
      process.kill(process.pid, 'SIGKILL');
      throw new Error('not reached');
    };
  };
  const write = fs.writeSync as (fd: number, bytes: Uint8Array, from: number, length: number) => number;
  const half: typeof write = (fd, bytes, from, length) => write(fd, bytes, from, length >> 1);
  Object.assign(fs, {
    openSync: wrap('open', fs.openSync),
    fchmodSync: wrap('fchmod', fs.fchmodSync),
    writeSync: wrap('write', write, half),
    fsyncSync: wrap('fsync', fs.fsyncSync),
    closeSync: wrap('close', fs.closeSync),
    renameSync: wrap('rename', fs.renameSync),
  });
  syncBuiltinESMExports();
}

/** Content of generation `n`: its size and every byte follow from `n`, so that any mixture shows. */
function save(n: number): void {
  const file = AtomicFile.create(job.target);
  try {
    file.write(Uint8Array.of(n));
    for (let i = 0; i < 5; i++) {
      file.write(new Uint8Array(MIB + n).fill(n));
      if (job.talk) process.stdout.write('.');
    }
    file.commit();
    if (job.talk) process.stdout.write('.');
  } finally {
    file.abort();
  }
}

function saveOnce(): Outcome {
  try {
    save(job.generation ?? 0);
    return { calls };
  } catch (error) {
    if (!(error instanceof SdgraphError)) throw error;
    const { code, message, hint } = error;
    return { calls, code, message, ...(hint === undefined ? {} : { hint }) };
  }
}

if (job.user !== undefined && process.getuid?.() === 0) process.setuid?.(job.user);
if (job.spoil !== undefined) spoil(job.spoil.at, job.spoil.how);
if (job.do === 'save') {
  console.log(JSON.stringify(saveOnce()));
} else if (job.do === 'save-forever') {
  for (let n = job.generation ?? 0; ; n = (n + 1) % 256) save(n);
} else {
  AtomicFile.create(job.target).write(new Uint8Array(5 * MIB));
  if (job.do === 'throw') throw new Error('uncaught');
  process.exit(0);
}

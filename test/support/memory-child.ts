/**
 * A process that opens a model and tells how much memory that took: `node memory-child.js PATH`, on Linux. For
 * `test/io/memory.test.ts`, which compiles it.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { SdgraphError } from '../../src/errors.ts';
import { openModel } from '../../src/io/open.ts';
import { findViolations } from '../../src/ir/invariants.ts';

/** What the process prints. */
export interface MemoryOutcome {
  /** Code of the error, or 'open'. */
  readonly outcome: string;
  /** Most bytes of memory that the process had at any time, beyond those it had before it opened the model. */
  readonly growth: number;
}

const [path = ''] = process.argv.slice(2);
const before = process.memoryUsage.rss();
// The peak so far is forgotten; getrusage would even count what the parent process had.
writeFileSync('/proc/self/clear_refs', '5');
let outcome = 'open';
try {
  const model = await openModel(path);
  findViolations(model);
  model.close();
} catch (error) {
  if (!(error instanceof SdgraphError)) throw error;
  outcome = error.code;
}
const peak = /^VmHWM:\s*(\d+) kB$/mu.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
const growth = Number(peak) * 1024 - before;
console.log(JSON.stringify({ outcome, growth } satisfies MemoryOutcome));

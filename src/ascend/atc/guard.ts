/** Ends a group of processes when this process is killed, which leaves it no time to do so itself. */

import { spawn } from 'node:child_process';

/** Waits for the end of its input, which comes with the end of whoever holds the other side of it. */
const SCRIPT = 'read -r _; kill -KILL "-$1"';

/** Something that watches until it is told that it need not any more. */
export interface Guard {
  readonly dismiss: () => void;
}

/** Watches this process; when it is gone, the group is ended. */
export function guardGroup(leader: number): Guard {
  // A group of its own, so that a Ctrl-C in the terminal does not end the guard before its time.
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', `${leader}`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a shell there is no guard, and all else works.
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  child.unref();
  return {
    // It must be gone before its input ends: the number of the group may be that of another one by then.
    dismiss: () => child.kill('SIGKILL'),
  };
}

import { isThreadBusy } from '../runtime/thread.ts';

/** Signals that ask a program to end, with the exit codes that shells expect of one that was ended by them. */
const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const;

/**
 * Runs work that leaves temporary files when it is cut off: a signal ends the program in an orderly way, and what is
 * unfinished is removed. Elsewhere signals end the program at once, also in the middle of a long computation.
 */
export async function interruptible<T>(work: () => Promise<T>): Promise<T> {
  const handlers = SIGNALS.map(([signal, code]) => {
    const handler = (): void => leave(signal, code);
    process.on(signal, handler);
    return { signal, handler };
  });
  try {
    return await work();
  } finally {
    for (const { signal, handler } of handlers) process.off(signal, handler);
  }
}

/**
 * Runs work that can be cancelled: the first signal asks it to end, the second one ends the program at once.
 *
 * @returns what the work gave, and the exit code when a signal came
 */
export async function cancellable<T>(
  work: (signal: AbortSignal) => Promise<T>,
): Promise<{ readonly value: T; readonly exitCode: number | undefined }> {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const handlers = SIGNALS.map(([signal, code]) => {
    const handler = (): void => {
      if (exitCode !== undefined) leave(signal, code);
      exitCode = code;
      controller.abort();
    };
    process.on(signal, handler);
    return { signal, handler };
  });
  try {
    return { value: await work(controller.signal), exitCode };
  } finally {
    for (const { signal, handler } of handlers) process.off(signal, handler);
  }
}

/**
 * Ends the program at once; listeners of `exit` remove temporary files and end what was started. While a model runs on
 * another thread, `process.exit` would wait for it and then abort the process where the thread comes back: the signal
 * itself does better, with the same code for the shell.
 */
function leave(signal: NodeJS.Signals, code: number): void {
  // oxlint-disable-next-line no-process-exit -- nothing else may run
  if (!isThreadBusy()) process.exit(code);
  process.emit('exit', code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

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
    // oxlint-disable-next-line no-process-exit -- `exit` listeners remove the temporary files; nothing else may run
    const handler = (): void => process.exit(code);
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
      // oxlint-disable-next-line no-process-exit -- asked twice: `exit` listeners end what was started
      if (exitCode !== undefined) process.exit(code);
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

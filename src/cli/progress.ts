import type { Output } from './output.ts';

/** Work that ends sooner than this, in milliseconds, shows no bar. */
const PATIENCE = 1000;

/** A bar on stderr for work that takes long; shown only on a terminal. */
export interface ProgressBar {
  /** What is done so far, of how much. */
  readonly update: (done: number, total: number) => void;
  /** Takes the bar away. */
  readonly stop: () => void;
}

/** Makes a bar. It appears when the work has taken more than a second. With `eta` it tells the time that is left. */
export async function progressBar(title: string, output: Output, { eta = false } = {}): Promise<ProgressBar> {
  if (!process.stderr.isTTY || output.isQuiet) return { update: () => undefined, stop: () => undefined };
  const { default: cliProgress } = await import('cli-progress');
  const format = `${title} {bar} {percentage}%${eta ? ' · {eta_formatted} left' : ''}`;
  // The cursor stays: whoever stops the program with a signal would be left without one.
  const bar = new cliProgress.SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: false });
  const started = performance.now();
  let isShown = false;
  return {
    update: (done, total) => {
      if (!isShown && performance.now() - started < PATIENCE) return;
      if (!isShown) bar.start(total, done);
      isShown = true;
      bar.setTotal(total);
      bar.update(done);
    },
    stop: () => {
      if (isShown) bar.stop();
    },
  };
}

/** Tells on stderr what is being done, one line that replaces the one before; only on a terminal. */
export function steps(output: Output): (step: string) => void {
  if (!process.stderr.isTTY || output.isQuiet) return () => undefined;
  return (step) => output.errorText(`\r\u001b[K${step} …\r`);
}

import type { RunProgress, RunReport, StepResult, StepStatus } from '../../ascend/atc/run.ts';
import { oneLine, printable } from '../../errors.ts';
import { formatBytes, formatTime } from '../numbers.ts';
import type { Output, Paint } from '../output.ts';

const STATUS: Readonly<Record<StepStatus, readonly [string, Paint]>> = {
  compiled: ['compiled', 'green'],
  'up-to-date': ['up to date', 'green'],
  failed: ['failed', 'red'],
  cancelled: ['cancelled', 'yellow'],
  'not-run': ['not run', 'yellow'],
};

/** Last lines of ATC that are shown where it reported no error. */
const SHOWN_LINES = 10;

/** What became of the steps, and why. Failures go to stderr. */
export function printRun(report: RunReport, output: Output): void {
  output.table(
    report.steps.map(({ name, status, output: file, milliseconds }) => [
      name,
      output.paint(STATUS[status][1], STATUS[status][0]),
      file === null ? '' : `${printable(file.file)} (${formatBytes(file.bytes)})`,
      milliseconds === 0 ? '' : formatTime(milliseconds),
    ]),
    { indent: 0 },
  );
  for (const step of report.steps) printStep(step, output);
}

function printStep({ name, error, atcErrors, advice, warnings, log, tail }: StepResult, output: Output): void {
  if (!output.isQuiet) {
    for (const warning of warnings) {
      output.error(`${output.paint('yellow', 'warning:', 'stderr')} ${name}: ${oneLine(warning)}`);
    }
  }
  if (error === null) return;
  const place = error.where.name === name ? '' : `${name}: `;
  output.error(`${output.paint('red', 'error:', 'stderr')} ${place}${error.message} [${error.code}]`);
  const errors = atcErrors.filter(({ code }) => code.startsWith('E'));
  for (const [i, { code, message, causes, solutions }] of errors.entries()) {
    // The first error is part of the message.
    if (i > 0) output.error(`  ${code}: ${printable(message)}`);
    for (const cause of causes) output.error(`  Possible Cause: ${printable(cause)}`);
    for (const solution of solutions) output.error(`  Solution: ${printable(solution)}`);
  }
  if (errors.length === 0) for (const line of tail.slice(-SHOWN_LINES)) output.error(`  | ${printable(line)}`);
  const hints = advice.length > 0 ? advice : error.hint === undefined ? [] : [error.hint];
  for (const hint of hints) output.error(`${output.paint('cyan', 'hint:', 'stderr')} ${hint}`);
  if (log !== null) output.error(`everything that ATC printed is in ${printable(log)}`);
}

/** One line on a terminal that says what is going on, for how long. */
export function compileProgress(output: Output): {
  readonly update: (progress: RunProgress) => void;
  readonly stop: () => void;
} {
  if (!process.stderr.isTTY || output.isQuiet) return { update: () => undefined, stop: () => undefined };
  const running = new Map<string, RunProgress>();
  return {
    update: (progress) => {
      if (progress.phase === 'done') running.delete(progress.step);
      else running.set(progress.step, progress);
      const texts = [...running.values()].map(
        ({ step, phase, milliseconds }) => `${step}: ${PHASES[phase]} ${Math.round(milliseconds / 1000)} s`,
      );
      output.errorText(`\r\u001b[K${texts.join(', ')}`);
    },
    stop: () => output.errorText('\r\u001b[K'),
  };
}

const PHASES: Readonly<Record<RunProgress['phase'], string>> = {
  waiting: 'waiting for memory',
  reading: 'reading',
  compiling: 'compiling',
  checking: 'checking',
  done: 'done',
};

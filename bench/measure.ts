import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Cost, Job } from './job.ts';

const CHILD = fileURLToPath(new URL('child.js', import.meta.url));

/** Does a job in a process of its own. */
export function measure(job: Job): Cost {
  return costOf(process.execPath, [CHILD, JSON.stringify(job)]);
}

/** Runs a program that prints a {@link Cost} as the last line of its output. */
export function costOf(program: string, args: readonly string[]): Cost {
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${signal ?? status}:\n${stderr}`);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Cost;
}

/** The middle of what was measured, number by number; the largest memory, for that is what a machine must have. */
export function summarize(costs: readonly Cost[]): Cost {
  const [first] = costs;
  if (first === undefined) throw new Error('nothing was measured');
  const middle = (pick: (cost: Cost) => number | undefined): number | undefined => {
    const numbers = costs.map(pick).filter((each) => each !== undefined);
    return numbers.length === 0 ? undefined : median(numbers);
  };
  const parts = Object.keys(first.parts).map((part) => [part, middle((cost) => cost.parts[part]) ?? 0]);
  return {
    ...first,
    milliseconds: median(costs.map((cost) => cost.milliseconds)),
    rss: Math.max(...costs.map((cost) => cost.rss)),
    read: middle((cost) => cost.read),
    written: middle((cost) => cost.written),
    parts: Object.fromEntries(parts) as Record<string, number>,
  };
}

/** The middle one of some numbers; between the two middle ones where there is no single one. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const upper = sorted[Math.floor(half)] ?? Number.NaN;
  return Number.isInteger(half) ? ((sorted[half - 1] ?? upper) + upper) / 2 : upper;
}

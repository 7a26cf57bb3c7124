/** What `measure.ts` starts: does one job, given as JSON, and prints what it cost as JSON. */
import { readFileSync } from 'node:fs';
import { copyRanges, readRanges } from './baseline.ts';
import type { Cost, Job } from './job.ts';
import { Stopwatch } from './stopwatch.ts';

/** The job, ready to start: what it needs is loaded. */
async function prepare(job: Job): Promise<(watch: Stopwatch) => Promise<string | undefined>> {
  switch (job.kind) {
    case 'rewrite': {
      const { rewrite } = await import('./rewrite.ts');
      return (watch) => rewrite(job, watch);
    }
    case 'analyze': {
      const { analyze } = await import('./analyze.ts');
      return (watch) => analyze(job, watch);
    }
    case 'export': {
      const { runExport } = await import('./export.ts');
      return () => runExport(job);
    }
    case 'read':
      return async () => {
        readRanges(job.input, job.ranges);
        return undefined;
      };
    case 'copy':
      return async () => {
        copyRanges(job.input, job.ranges, job.output);
        return undefined;
      };
    default:
      throw new Error('no such job');
  }
}

/** Bytes that this process has read and written so far, as Linux counts them. */
function traffic(): { read: number; written: number } | undefined {
  let text: string;
  try {
    text = readFileSync('/proc/self/io', 'latin1');
  } catch {
    return undefined;
  }
  const count = (key: string): number => Number(new RegExp(`^${key}: (\\d+)$`, 'mu').exec(text)?.[1] ?? 0);
  return { read: count('rchar'), written: count('wchar') };
}

const perform = await prepare(JSON.parse(process.argv[2] ?? '{}') as Job);
const before = traffic();
const started = performance.now();
const watch = new Stopwatch();
const note = await perform(watch);
const milliseconds = performance.now() - started;
const after = traffic();
const cost: Cost = {
  milliseconds,
  rss: process.resourceUsage().maxRSS * 1024,
  read: before === undefined || after === undefined ? undefined : after.read - before.read,
  written: before === undefined || after === undefined ? undefined : after.written - before.written,
  parts: watch.parts,
  ...(note === undefined ? {} : { note }),
};
process.stdout.write(`${JSON.stringify(cost)}\n`);

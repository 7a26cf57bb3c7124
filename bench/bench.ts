import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cost, Job } from './job.ts';
import { costOf, measure, summarize } from './measure.ts';

const PYTHON_SCRIPT = fileURLToPath(new URL('load-save.py', import.meta.url));
const PYTHON_ANALYSIS = fileURLToPath(new URL('analyze.py', import.meta.url));

/** How to measure. */
export interface BenchOptions {
  /** Folder for the models; everything in it goes away. */
  readonly folder: string;
  /** Smaller models and a single run: to see that everything works. */
  readonly quick: boolean;
  /** How often each case and its baseline run. */
  readonly runs: number;
  /** The Python interpreter to compare with. */
  readonly python: string;
  /** Says what is going on. */
  readonly log: (text: string) => void;
}

/** What cases measure with. */
export class Bench {
  readonly quick: boolean;
  readonly log: (text: string) => void;
  readonly runs: number;
  readonly #folder: string;
  readonly #python: string;
  #hasOnnx: boolean | undefined;

  constructor({ folder, quick, runs, python, log }: BenchOptions) {
    this.#folder = folder;
    this.quick = quick;
    this.runs = quick ? 1 : runs;
    this.#python = python;
    this.log = log;
  }

  /** Runs `use` with an empty folder, which is removed afterwards; undefined when the disk has not that much room. */
  async inFolder<T>(name: string, room: number, use: (folder: string) => Promise<T>): Promise<T | undefined> {
    const folder = join(this.#folder, name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const { bavail, bsize } = statfsSync(folder);
    try {
      if (bavail * bsize >= room) return await use(folder);
      this.log(`${name}: skipped, it needs ${(room / 1e9).toFixed(0)} GB of free disk`);
      return undefined;
    } finally {
      rmSync(folder, { recursive: true, force: true });
      if (readdirSync(this.#folder).length === 0) rmdirSync(this.#folder);
    }
  }

  /**
   * Measures jobs in turns, so that a busy moment of the machine hits all of them. Before every run all of `inputs` is
   * read once, which fills the page cache for all alike, and the folder `clean` is emptied.
   */
  compare<Name extends string>(
    jobs: Readonly<Record<Name, Job>>,
    inputs: readonly string[],
    clean: string,
  ): Record<Name, Cost> {
    const names = Object.keys(jobs) as Name[];
    const costs = new Map(names.map((name) => [name, [] as Cost[]]));
    for (let run = 1; run <= this.runs; run++) {
      // First and last in turn: a disk that was idle for a while takes the first gigabytes faster.
      for (const name of run % 2 === 0 ? names.toReversed() : names) {
        this.#prepare(inputs, clean);
        this.log(`${name}, run ${run}`);
        costs.get(name)?.push(measure(jobs[name]));
      }
    }
    rmSync(clean, { recursive: true, force: true });
    return Object.fromEntries([...costs].map(([name, all]) => [name, summarize(all)])) as Record<Name, Cost>;
  }

  /** Infers or checks with Python's onnx package as often as every case runs; undefined where it is not installed. */
  pythonAnalysis(input: string, what: 'infer' | 'check'): Cost | undefined {
    this.#hasOnnx ??= spawnSync(this.#python, ['-c', 'import onnx']).status === 0;
    if (!this.#hasOnnx) return undefined;
    this.log(`Python onnx ${what}`);
    return summarize(Array.from({ length: this.runs }, () => costOf(this.#python, [PYTHON_ANALYSIS, input, what])));
  }

  #prepare(inputs: readonly string[], clean: string): void {
    rmSync(clean, { recursive: true, force: true });
    mkdirSync(clean, { recursive: true });
    // What earlier runs left to be written or freed must not slow this one down.
    spawnSync('sync');
    for (const input of inputs) measure({ kind: 'read', input, ranges: [{ start: 0, end: statSync(input).size }] });
  }

  /**
   * Loads and saves with Python's onnx package, once; or why not. `memory` is what it needs in bytes,
   * `external` the data file of the model if it has one.
   */
  python(input: string, clean: string, options: { external?: string; memory: number }): Cost | string {
    this.#hasOnnx ??= spawnSync(this.#python, ['-c', 'import onnx']).status === 0;
    if (!this.#hasOnnx) return 'not installed';
    if (availableMemory() < options.memory)
      return `skipped: needs ${(options.memory / 2 ** 30).toFixed(0)} GiB of memory`;
    this.#prepare(options.external === undefined ? [input] : [input, options.external], clean);
    this.log('Python onnx load + save');
    const args = [
      PYTHON_SCRIPT,
      input,
      join(clean, 'python.onnx'),
      options.external === undefined ? 'inline' : 'external',
    ];
    try {
      return costOf(this.#python, args);
    } catch (error) {
      return `failed: ${(error instanceof Error ? error.message : String(error)).trim().split('\n').at(-1)}`;
    } finally {
      rmSync(clean, { recursive: true, force: true });
    }
  }
}

/** Memory that programs can have without swapping: on Linux that is more than what is free. */
function availableMemory(): number {
  try {
    const kib = /^MemAvailable:\s+(\d+) kB$/mu.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1];
    return kib === undefined ? freemem() : Number(kib) * 1024;
  } catch {
    return freemem();
  }
}

/** The machine in a few words: numbers mean nothing without it. */
export function machine(): string {
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  return `${availableParallelism()} cores, ${memory} GiB, ${process.platform}, Node ${process.versions.node}`;
}

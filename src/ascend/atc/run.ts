/** Runs plans: ATC for each step, a few at a time. */

import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { resolve } from 'node:path';
import { printable, SdgraphError } from '../../errors.ts';
import { atcEnvironment } from './environment.ts';
import { checkPlan } from './plan-file.ts';
import type { AtcPlan, AtcStep } from './plan-types.ts';
import type { RunOptions, RunReport, StepResult } from './run-types.ts';
import { NOTHING, runStep, type StepContext } from './step.ts';

export type { RunOptions, RunProgress, RunReport, StepResult, StepStatus } from './run-types.ts';

/** What an ordinary UNet takes, with eight compiler processes. */
const MEMORY_PER_STEP = 16 * 2 ** 30;
/** How often free memory is looked at while a step waits for it. */
const POLL_MS = 250;

/**
 * Compiles what a plan says. A step counts as compiled only when ATC ended with 0, said that it succeeded, and wrote a
 * model that can be read and is of the chip, inputs and outputs asked for; only then it appears under its name. What goes
 * wrong with a step is in the report.
 *
 * @throws SdgraphError `E_PLAN` for a plan that names places or options it may not, `E_ATC_MISSING` when ATC or its
 * environment is not there
 */
export async function runPlan(plan: AtcPlan, options: RunOptions): Promise<RunReport> {
  const { env = process.env, jobs = 1, atc, toolkitScript, operatorsScript, allowUnsafe = false } = options;
  if (!Number.isInteger(jobs) || jobs < 1) {
    throw new SdgraphError('E_PLAN', 'the number of jobs is not positive', {}, { found: printable(String(jobs)) });
  }
  const named = plan.environment.map(({ script }) => script);
  checkPlan(plan, {
    allowUnsafe,
    scripts: [...named, ...[toolkitScript, operatorsScript].flatMap((each) => each ?? [])],
  });
  const environment = await atcEnvironment(plan, { env, atc, toolkitScript, operatorsScript });
  const context: StepContext = { plan, modelDir: resolve(options.modelDir), environment, options };
  const steps = await new Crew(context, jobs).run();
  return {
    ok: steps.every(({ status }) => status === 'compiled' || status === 'up-to-date'),
    socVersion: plan.socVersion.value,
    toolkitVersion: environment.toolkitVersion,
    atc: environment.atc,
    steps,
  };
}

/** Hands out steps to a number of workers. */
class Crew {
  readonly #context: StepContext;
  readonly #jobs: number;
  readonly #results = new Map<string, StepResult>();
  readonly #queue: AtcStep[];
  #running = 0;
  #hasFailed = false;

  constructor(context: StepContext, jobs: number) {
    this.#context = context;
    this.#jobs = jobs;
    this.#queue = [...context.plan.steps];
  }

  /** Results in the order of the plan. */
  async run(): Promise<StepResult[]> {
    await Promise.all(Array.from({ length: Math.min(this.#jobs, this.#queue.length) }, async () => this.#work()));
    return this.#context.plan.steps.map(
      ({ name }) => this.#results.get(name) ?? { ...NOTHING, name, status: 'not-run' },
    );
  }

  async #work(): Promise<void> {
    for (let step = await this.#next(); step !== undefined; step = await this.#next()) {
      try {
        const result = await runStep(this.#context, step);
        this.#results.set(step.name, result);
        if (result.status === 'failed') this.#hasFailed = true;
      } catch (error) {
        this.#hasFailed = true;
        throw error;
      } finally {
        this.#running--;
      }
    }
  }

  /** Claims the next step. One may always run; another one only when there is memory for it. */
  async #next(): Promise<AtcStep | undefined> {
    const { memoryPerStep = MEMORY_PER_STEP, keepGoing = false, signal, onProgress } = this.#context.options;
    const started = performance.now();
    for (;;) {
      const [step] = this.#queue;
      if (step === undefined || signal?.aborted === true || (this.#hasFailed && !keepGoing)) return undefined;
      if (this.#running === 0 || availableMemory() >= memoryPerStep) {
        // No other worker may come between the look and the claim.
        this.#running++;
        return this.#queue.shift();
      }
      onProgress?.({ step: step.name, phase: 'waiting', milliseconds: Math.round(performance.now() - started) });
      await new Promise((done) => {
        setTimeout(done, POLL_MS);
      });
    }
  }
}

/** Memory in bytes that programs can have without anything being swapped out. */
function availableMemory(): number {
  try {
    const [, kilobytes] = /^MemAvailable:\s+(\d+) kB$/mu.exec(readFileSync('/proc/meminfo', 'latin1')) ?? [];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  } catch {
    // Not a Linux.
  }
  return freemem();
}

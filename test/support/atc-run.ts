import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type PlanOptions, planAtc } from '../../src/ascend/atc/plan.ts';
import { type RunOptions, type RunReport, runPlan, type StepResult } from '../../src/ascend/atc/run.ts';
import { SIMULATION, type WriteModelsOptions, writeModels } from './atc-models.ts';
import { tempDir } from './temp-dir.ts';

/** The script that sets up the simulated toolkit. */
export const TOOLKIT = join(SIMULATION, 'set_env.sh');

/** An environment in which the simulated ATC does what the variables say. */
export function simulated(variables: Record<string, string> = {}): Record<string, string> {
  const { PATH = '', HOME = '/' } = process.env;
  return { PATH, HOME, ...variables };
}

/** A folder of models, ready to be compiled. */
export interface Compilation {
  readonly dir: string;
  /** Runs the plan, or the plan for other options. */
  readonly run: (options?: Partial<RunOptions>, plan?: Partial<PlanOptions>) => Promise<RunReport>;
}

/** Writes models into a folder of the running test. */
export async function compilation(models: WriteModelsOptions = {}): Promise<Compilation> {
  const dir = await writeModels(tempDir(), models);
  const made = async (options: Partial<PlanOptions>): ReturnType<typeof planAtc> =>
    planAtc({ modelDir: dir, socVersion: 'Ascend310P3', env: {}, toolkitScript: TOOLKIT, ...options });
  return {
    dir,
    run: async (options = {}, plan = {}) =>
      runPlan(await made(plan), { modelDir: dir, env: simulated(), graceMs: 20, ...options }),
  };
}

/** What became of the steps, in their order. */
export function statuses({ steps }: RunReport): string[] {
  return steps.map(({ status }) => status);
}

/** The result of the UNet. */
export function unetOf({ steps }: RunReport): StepResult {
  const step = steps.find(({ name }) => name === 'unet');
  if (step === undefined) throw new Error('no UNet');
  return step;
}

/** Files of a folder that are not the models', their logs, or their record. */
export function strays(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter(
    (name) => /(?:^|\/)\./.test(name) || /kernel_meta|\.tmp$/.test(name),
  );
}

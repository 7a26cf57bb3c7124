import { readJsonFile } from '../../targets/json-file.ts';
import { requireObject, type Scheduler, type SchedulerConfig, schedulerError } from './common.ts';
import { createDdim } from './ddim.ts';
import { createDpm } from './dpm.ts';
import { createEuler } from './euler.ts';

/** The schedulers there are, the default first. */
export const SCHEDULER_NAMES = ['DDIM', 'Euler', 'DPM'] as const;

/** A key of {@link SCHEDULER_NAMES}. */
export type SchedulerName = (typeof SCHEDULER_NAMES)[number];

/** Options of {@link createScheduler}. */
export interface SchedulerOptions {
  /** How much noise each step of DDIM adds, from 0 (none, the default) to 1. The other schedulers take only 0. */
  readonly eta?: number;
}

/**
 * Sets up a scheduler as diffusers 0.14 would from the same configuration, to float32 accuracy.
 *
 * ```ts
 * const scheduler = createScheduler('DDIM', loadSchedulerConfig('sd15/scheduler/scheduler_config.json'), 50);
 * let x = noise.map((value) => value * scheduler.initNoiseSigma);
 * for (const [i, t] of scheduler.timesteps.entries()) {
 *   x = scheduler.step(await unet(scheduler.scaleModelInput(x, i), Math.trunc(t)), i, x);
 * }
 * ```
 *
 * @param config what a checkpoint's `scheduler_config.json` holds, whichever scheduler it names: the betas, the
 * prediction type, and what the chosen scheduler knows of the rest. Missing keys have the defaults of diffusers.
 * @param steps DDIM and DPM: 1 to one less than the training steps; Euler: 2 to the training steps
 * @throws SdgraphError `E_SCHEDULER`: an unknown scheduler, a step count out of range, or a value in the configuration
 * that is not supported, which is named by its key
 */
export function createScheduler(
  name: SchedulerName,
  config: SchedulerConfig,
  steps: number,
  options: SchedulerOptions = {},
): Scheduler {
  const { eta = 0 } = options;
  if (name === 'DDIM') return createDdim(config, steps, eta);
  if (eta !== 0) throw schedulerError('only DDIM adds noise', 'eta', { expected: '0', found: `${eta}` });
  if (name === 'Euler') return createEuler(config, steps);
  if (name === 'DPM') return createDpm(config, steps);
  throw schedulerError('there is no scheduler of that name', undefined, {
    expected: SCHEDULER_NAMES.join(', '),
    found: String(name),
  });
}

/**
 * Reads a `scheduler_config.json`. Its values are checked when a scheduler is made of them.
 *
 * @throws SdgraphError `E_SCHEDULER` when it is not a JSON object, `E_FILE_MISSING`, `E_FILE_READ`
 */
export function loadSchedulerConfig(path: string): SchedulerConfig {
  return requireObject(readJsonFile(path, 'E_SCHEDULER'), path);
}

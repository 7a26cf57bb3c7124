/**
 * What all schedulers share: the interface, the configuration, and the noise tables.
 *
 * Everything is computed in float32, operation by operation in the order in which diffusers computes it on torch
 * tensors: `Math.fround` after each step rounds exactly as a float32 operation does. A float64 computation would be more
 * precise, and would drift away from the images that everybody else's Stable Diffusion makes.
 */

import { printable, SdgraphError } from '../../errors.ts';

const { fround } = Math;

/** A scheduler that is set up for a number of steps. Latents may have any shape; `step` works element by element. */
export interface Scheduler {
  /**
   * The timestep of each step, from noise to image. Euler's are fractional; the UNet is given `Math.trunc` of them, as
   * its input is an integer.
   */
  readonly timesteps: readonly number[];
  /** Standard deviation of the noise that the first step expects: latents = noise x this, in float32. */
  readonly initNoiseSigma: number;
  /**
   * What the UNet is to see of the latents at step `i`. The result may be `x` itself; `x` is never changed.
   *
   * @throws SdgraphError `E_SCHEDULER` when there is no step `i`
   */
  scaleModelInput(x: Float32Array, i: number): Float32Array;
  /**
   * The latents after step `i`, in an array of their own: nothing that was passed in is changed or kept.
   *
   * @param output what the UNet returned at step `i`, after guidance
   * @param i the step, from 0. DPM looks back one step: it takes the steps in order, and starts over at 0.
   * @param x the latents before the step, unscaled
   * @param noise normal noise of the same size, for DDIM with `eta` > 0 and only there
   * @throws SdgraphError `E_SCHEDULER` for a step out of range or out of order, or arrays of different sizes
   */
  step(output: Float32Array, i: number, x: Float32Array, noise?: Float32Array): Float32Array;
}

/** What the UNet predicts: the noise, the velocity, or the image. */
export type PredictionType = 'epsilon' | 'v_prediction' | 'sample';

/** The content of a checkpoint's `scheduler_config.json`. Keys that no scheduler here uses are ignored. */
export type SchedulerConfig = Readonly<Record<string, unknown>>;

/** Most training steps that a configuration may ask for: the tables grow with it, and real ones have 1000. */
const MAX_TRAIN_STEPS = 1_000_000;

/** The typed error of this room. */
export function schedulerError(
  reason: string,
  path?: string,
  details: { readonly expected?: string; readonly found?: string } = {},
): SdgraphError {
  return new SdgraphError('E_SCHEDULER', reason, path === undefined ? {} : { path }, details);
}

/** Reads single values of a configuration; what is wrong is named by its key. */
export class ConfigReader {
  readonly #config: SchedulerConfig;

  constructor(config: unknown) {
    this.#config = requireObject(config);
  }

  /** The value of a key; a key that is absent or null has the fallback. */
  #value(key: string, fallback: unknown): unknown {
    return Object.hasOwn(this.#config, key) ? (this.#config[key] ?? fallback) : fallback;
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.#value(key, fallback);
    if (typeof value !== 'boolean') throw refused(key, 'true or false', value);
    return value;
  }

  /** A number strictly between 0 and 1. */
  fraction(key: string, fallback: number): number {
    const value = this.#value(key, fallback);
    if (typeof value !== 'number' || !(value > 0 && value < 1)) throw refused(key, 'a number between 0 and 1', value);
    return value;
  }

  whole(key: string, fallback: number, min: number, max: number): number {
    const value = this.#value(key, fallback);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw refused(key, `a whole number from ${min} to ${max}`, value);
    }
    return value;
  }

  /** One of the values that are supported. */
  choice<T extends string>(key: string, fallback: T, supported: readonly T[]): T {
    const value = this.#value(key, fallback);
    const known = supported.find((one) => one === value);
    if (known === undefined) throw refused(key, supported.map((one) => `'${one}'`).join(' or '), value);
    return known;
  }

  /** A list of numbers between 0 and 1, or undefined. */
  fractions(key: string): readonly number[] | undefined {
    const value = this.#value(key, undefined);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw refused(key, 'null or a list of numbers', value);
    const bad = value.findIndex((one) => typeof one !== 'number' || !(one > 0 && one < 1));
    if (bad >= 0) throw refused(`${key}[${bad}]`, 'a number between 0 and 1', value[bad]);
    return value as number[];
  }
}

/** Checks that a configuration is an object; its values are checked where they are used. */
export function requireObject(config: unknown, file?: string): SchedulerConfig {
  if (typeof config === 'object' && config !== null && !Array.isArray(config)) return config as SchedulerConfig;
  const found = Array.isArray(config) ? 'a list' : config === null ? 'null' : typeof config;
  const where = file === undefined ? {} : { file };
  const reason = 'the configuration of a scheduler is not an object';
  throw new SdgraphError('E_SCHEDULER', reason, where, { expected: 'a JSON object', found });
}

function refused(key: string, expected: string, value: unknown): SdgraphError {
  // A value of a hostile file may be deep or endless; its kind is enough unless it is a scalar.
  const isScalar = typeof value === 'number' || typeof value === 'boolean';
  const kind = Array.isArray(value) ? 'a list' : value === null ? 'null' : `a value of type ${typeof value}`;
  const found = typeof value === 'string' ? `'${printable(value)}'` : isScalar ? String(value) : kind;
  return schedulerError('the scheduler cannot work with this value', key, { expected, found });
}

/** The products of `1 - beta` up to each training step: how much of the image is left in the noisy one, squared. */
export function alphasCumprod(config: ConfigReader): Float32Array {
  const trained = config.fractions('trained_betas');
  const steps = config.whole('num_train_timesteps', 1000, 2, MAX_TRAIN_STEPS);
  if (trained !== undefined && trained.length !== steps) {
    const found = `${trained.length}`;
    throw schedulerError('there is not one beta for each training step', 'trained_betas', {
      expected: `${steps} numbers`,
      found,
    });
  }
  const betas = trained === undefined ? scheduleBetas(config, steps) : Float32Array.from(trained);
  let product = 1;
  return betas.map((beta) => {
    product *= fround(1 - beta); // float64, as torch accumulates; each entry is rounded when it is stored
    return product;
  });
}

function scheduleBetas(config: ConfigReader, steps: number): Float32Array {
  const start = config.fraction('beta_start', 0.0001);
  const end = config.fraction('beta_end', 0.02);
  if (config.choice('beta_schedule', 'linear', ['linear', 'scaled_linear']) === 'linear') {
    return linspace32(start, end, steps);
  }
  return linspace32(Math.sqrt(start), Math.sqrt(end), steps).map((root) => root * root);
}

/**
 * Evenly spaced float32 values, to the last bit as torch's vectorised linspace: it counts from the nearer end, in blocks
 * of eight. The product of two float32 values is exact in float64, so one rounding makes a fused multiply-add.
 */
function linspace32(from: number, to: number, count: number): Float32Array {
  const a = fround(from);
  const b = fround(to);
  const step = fround(fround(b - a) / (count - 1));
  return Float32Array.from({ length: count }, (_, i) => {
    const first = i - (i % 8);
    const base = first < count / 2 ? fround(step * first + a) : fround(b - step * (count - 1 - first));
    return step * (i % 8) + base;
  });
}

/** `count` evenly spaced float64 values from 0 to `last`, as numpy's linspace. */
export function linspace64(last: number, count: number): number[] {
  const step = last / (count - 1);
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? (count === 1 ? 0 : last) : i * step));
}

/** float32 square root. A float64 square root rounded to float32 is the correctly rounded one. */
export function sqrt32(x: number): number {
  return fround(Math.sqrt(fround(x)));
}

/** Checks the number of steps a user asked for. */
export function requireSteps(steps: number, min: number, max: number): void {
  if (Number.isInteger(steps) && steps >= min && steps <= max) return;
  throw schedulerError('this scheduler cannot do that number of steps', undefined, {
    expected: `a whole number from ${min} to ${max}`,
    found: String(steps),
  });
}

/** Checks the index of a step. */
export function requireStep(i: number, steps: number): void {
  if (Number.isInteger(i) && i >= 0 && i < steps) return;
  throw schedulerError('there is no such step', undefined, { expected: `0 to ${steps - 1}`, found: String(i) });
}

/** Checks that the arrays of one step belong together. */
export function requireSameSize(x: Float32Array, other: Float32Array, what: string): void {
  if (other.length === x.length) return;
  throw schedulerError(`${what} and latents differ in size`, undefined, {
    expected: `${x.length} elements`,
    found: `${other.length}`,
  });
}

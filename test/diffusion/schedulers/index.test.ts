import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createScheduler,
  loadSchedulerConfig,
  SCHEDULER_NAMES,
  type SchedulerName,
} from '../../../src/diffusion/schedulers/index.ts';
import { expectError } from '../../support/errors.ts';
import { tempDir } from '../../support/temp-dir.ts';

interface Recorded {
  readonly scheduler: 'ddim' | 'euler' | 'dpm';
  readonly config: Record<string, unknown>;
  readonly num_inference_steps: number;
  readonly noise: number[];
  readonly init_noise_sigma: number;
  readonly timesteps: number[];
  readonly unet_timesteps: number[];
  readonly cases: readonly {
    readonly model: 'linear' | 'mixed';
    readonly eta: number;
    readonly variance_noise?: number[][];
    readonly latents: number[][];
  }[];
}

const FOLDER = resolve(import.meta.dirname, '../../../fixtures/schedulers');
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
const NAMES = { ddim: 'DDIM', euler: 'Euler', dpm: 'DPM' } as const;
const { fround } = Math;

/** Stable Diffusion's own configuration. */
const SD = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear', set_alpha_to_one: false };

const anyName = fc.constantFrom<SchedulerName>('DDIM', 'Euler', 'DPM');
const anySteps = fc.integer({ min: 2, max: 999 });
const anyPrediction = fc.constantFrom('epsilon', 'v_prediction');

function readRecorded(file: string): Recorded {
  return JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Recorded;
}

function expectClose(found: Float32Array, wanted: readonly number[]): void {
  const limit = 5e-6 * Math.max(1, ...wanted.map(Math.abs));
  for (const [j, value] of wanted.entries()) {
    expect(Math.abs((found[j] as number) - value), `element ${j}`).toBeLessThanOrEqual(limit);
  }
}

/** The models that the fixtures were made with, in float32. */
function model(kind: 'linear' | 'mixed', noise: readonly number[], t: number, u: Float32Array): Float32Array {
  if (kind === 'linear') return u.map((value) => fround(0.1) * value);
  const share = fround(t / 1000);
  return u.map((value, j) => fround(fround(0.05) * value) + fround(share * (noise[j] as number)));
}

describe('what diffusers computed', () => {
  test('all recorded files are here', () => {
    expect(FILES).toHaveLength(18);
  });

  test.each(FILES)('%s', (file) => {
    const recorded = readRecorded(file);
    const { noise, cases, num_inference_steps: steps } = recorded;
    for (const { model: kind, eta, variance_noise: added, latents } of cases) {
      const scheduler = createScheduler(NAMES[recorded.scheduler], recorded.config, steps, { eta });
      expect(scheduler.initNoiseSigma).toBeCloseTo(recorded.init_noise_sigma, 6);
      for (const [k, t] of recorded.timesteps.entries()) expect(scheduler.timesteps[k]).toBeCloseTo(t, 9);
      expect(scheduler.timesteps.map(Math.trunc)).toEqual(recorded.unet_timesteps);

      let x: Float32Array = Float32Array.from(noise, (value) => value * scheduler.initNoiseSigma);
      expectClose(x, latents[0] as number[]);
      for (const [i, t] of scheduler.timesteps.entries()) {
        const output = model(kind, noise, Math.trunc(t), scheduler.scaleModelInput(x, i));
        const z = added?.[i];
        x = scheduler.step(output, i, x, z === undefined ? undefined : Float32Array.from(z));
        expectClose(x, latents[i + 1] as number[]);
        // The logarithms and exponentials of DPM are the only operations that torch rounds in another way.
        if (recorded.scheduler !== 'dpm') expect(x).toEqual(Float32Array.from(latents[i + 1] as number[]));
      }
    }
  });
});

describe('timesteps', () => {
  test.each([
    ['DDIM', 1, [1]],
    ['DDIM', 3, [667, 334, 1]],
    ['Euler', 2, [999, 0]],
    ['Euler', 4, [999, 666, 333, 0]],
    ['DPM', 1, [999]],
    // 999/2 = 499.5 and 3 x 999/6 = 499.5 round to the even neighbour.
    ['DPM', 2, [999, 500]],
    ['DPM', 6, [999, 832, 666, 500, 333, 166]],
  ] as const)('%s, %i steps', (name, steps, expected) => {
    expect(createScheduler(name, SD, steps).timesteps).toEqual(expected);
  });

  test('fall strictly and stay in the table, at every number of steps', () => {
    fc.assert(
      fc.property(anyName, anySteps, (name, steps) => {
        const { timesteps } = createScheduler(name, SD, steps);
        expect(timesteps).toHaveLength(steps);
        expect(timesteps[0]).toBeLessThanOrEqual(999);
        expect(timesteps.at(-1)).toBeGreaterThanOrEqual(0);
        for (let k = 1; k < steps; k++) expect(timesteps[k]).toBeLessThan(timesteps[k - 1] as number);
      }),
      { numRuns: 60 },
    );
  });
});

/**
 * The formulas once more, in float64 and without regard to the order of operations: what one step does to one value.
 * Written over the noise levels alone (alpha = signal, sigma = noise, both at unit variance), which all three share.
 */
function exactStep(name: SchedulerName, steps: number, i: number, image: number, x: number): number {
  const alphas: number[] = [];
  let product = 1;
  for (let t = 0; t < 1000; t++) {
    const root = Math.sqrt(0.00085) + ((Math.sqrt(0.012) - Math.sqrt(0.00085)) * t) / 999;
    product *= 1 - root * root;
    alphas.push(product);
  }
  const { timesteps } = createScheduler(name, SD, steps);
  const t = timesteps[i] as number;
  if (name === 'Euler') {
    const level = (at: number): number => {
      const [low, high] = [Math.floor(at), Math.ceil(at)].map((k) =>
        Math.sqrt((1 - (alphas[k] as number)) / (alphas[k] as number)),
      ) as [number, number];
      return low + (high - low) * (at - Math.floor(at));
    };
    const next = i + 1 < steps ? level(timesteps[i + 1] as number) : 0;
    return image + ((x - image) * next) / level(t);
  }
  const next = name === 'DPM' ? (timesteps[i + 1] ?? 0) : Math.max(0, t - Math.floor(1000 / steps));
  const [a, b] = [alphas[t] as number, alphas[next] as number];
  const noise = (x - Math.sqrt(a) * image) / Math.sqrt(1 - a);
  return Math.sqrt(b) * image + Math.sqrt(1 - b) * noise;
}

describe('a step', () => {
  test('towards a known image follows the noise levels, at any number of steps and for either prediction', () => {
    // With the same image predicted each time, second order and first order are the same step.
    const close = (a: number, b: number): void => {
      expect(Math.abs(a - b)).toBeLessThanOrEqual(2e-4 * Math.max(1, Math.abs(b)));
    };
    fc.assert(
      fc.property(
        anyName,
        fc.integer({ min: 2, max: 120 }),
        anyPrediction,
        fc.double({ min: -3, max: 3, noNaN: true }),
        (name, steps, prediction, target) => {
          const scheduler = createScheduler(name, { ...SD, prediction_type: prediction }, steps);
          let x: Float32Array = Float32Array.of(1.25 * scheduler.initNoiseSigma);
          for (let i = 0; i < steps; i++) {
            const u = scheduler.scaleModelInput(x, i)[0] as number;
            const output = outputFor(name, scheduler.timesteps[i] as number, prediction, target, u, x[0] as number);
            const expected = exactStep(name, steps, i, target, x[0] as number);
            x = scheduler.step(Float32Array.of(output), i, x);
            close(x[0] as number, expected);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('changes and keeps nothing that it was given', () => {
    fc.assert(
      fc.property(anyName, fc.array(fc.float({ noNaN: true, min: -9, max: 9 }), { minLength: 1 }), (name, values) => {
        const scheduler = createScheduler(name, SD, 4);
        const run = (spoil: boolean): Float32Array => {
          let x: Float32Array = Float32Array.from(values);
          for (let i = 0; i < 4; i++) {
            const before = x.slice();
            const output = x.map((value) => value / 2);
            const result = scheduler.step(output, i, x);
            expect(x).toEqual(before);
            expect(result).not.toBe(x);
            if (spoil) {
              x.fill(7);
              output.fill(7);
            }
            x = result;
          }
          return x;
        };
        expect(run(true)).toEqual(run(false));
      }),
    );
  });

  test('treats every element alike', () => {
    fc.assert(
      fc.property(
        anyName,
        anyPrediction,
        fc.tuple(fc.float({ noNaN: true, min: -4, max: 4 }), fc.nat(40)),
        (name, p, [v, n]) => {
          const config = { ...SD, prediction_type: p };
          const [one, many] = [1, n + 2].map((size) => {
            const scheduler = createScheduler(name, config, 3);
            let x: Float32Array = new Float32Array(size).fill(v);
            for (let i = 0; i < 3; i++) x = scheduler.step(scheduler.scaleModelInput(x, i), i, x);
            return x;
          }) as [Float32Array, Float32Array];
          expect(new Set(many)).toEqual(new Set(one));
        },
      ),
    );
  });

  test('of DPM comes in order; step 0 starts over, also with another size', () => {
    const scheduler = createScheduler('DPM', SD, 3);
    const x = Float32Array.of(1, 2);
    expectError('E_SCHEDULER', () => scheduler.step(x, 1, x));
    const first = scheduler.step(x, 0, x);
    scheduler.step(first, 1, first);
    expectError('E_SCHEDULER', () => scheduler.step(x, 1, x));
    expect(scheduler.step(x, 0, x)).toEqual(first);
    const wider = Float32Array.of(1, 2, 3);
    expect(scheduler.step(wider, 0, wider).subarray(0, 2)).toEqual(first);
    expectError('E_SCHEDULER', () => scheduler.step(x, 1, x));
  });

  test.each(SCHEDULER_NAMES)('of %s refuses what does not belong together', (name) => {
    const scheduler = createScheduler(name, SD, 3);
    const x = Float32Array.of(1, 2);
    for (const i of [-1, 3, 0.5, Number.NaN]) {
      expectError('E_SCHEDULER', () => scheduler.step(x, i, x));
      expectError('E_SCHEDULER', () => scheduler.scaleModelInput(x, i));
    }
    expectError('E_SCHEDULER', () => scheduler.step(Float32Array.of(1), 0, x));
    expectError('E_SCHEDULER', () => scheduler.step(x, 0, x, x));
  });
});

/** What a model has to say for the scheduler to see `image` behind `x` (`u` is what the model sees of `x`). */
function outputFor(name: string, t: number, prediction: string, image: number, u: number, x: number): number {
  if (name === 'Euler') {
    // u = x / sqrt(sigma² + 1), so the noise level is in the ratio of the two.
    const divisor = x / u;
    const sigma = Math.sqrt(divisor * divisor - 1);
    const noise = (x - image) / sigma;
    return prediction === 'epsilon' ? noise : (noise - sigma * image) / divisor;
  }
  let alpha = 1;
  for (let k = 0; k <= t; k++) {
    const root = Math.sqrt(0.00085) + ((Math.sqrt(0.012) - Math.sqrt(0.00085)) * k) / 999;
    alpha *= 1 - root * root;
  }
  const noise = (x - Math.sqrt(alpha) * image) / Math.sqrt(1 - alpha);
  return prediction === 'epsilon' ? noise : Math.sqrt(alpha) * noise - Math.sqrt(1 - alpha) * image;
}

describe('noise of DDIM', () => {
  test('is asked for when eta is above 0, and must fit', () => {
    const scheduler = createScheduler('DDIM', SD, 3, { eta: 0.5 });
    const x = Float32Array.of(1, 2);
    expectError('E_SCHEDULER', () => scheduler.step(x, 0, x));
    expectError('E_SCHEDULER', () => scheduler.step(x, 0, x, Float32Array.of(1)));
    expect(scheduler.step(x, 0, x, Float32Array.of(0, 0))).not.toEqual(scheduler.step(x, 0, x, Float32Array.of(1, 1)));
    for (const eta of [-0.1, 1.1, Number.NaN])
      expectError('E_SCHEDULER', () => createScheduler('DDIM', SD, 3, { eta }));
    for (const name of ['Euler', 'DPM'] as const) {
      expectError('E_SCHEDULER', () => createScheduler(name, SD, 3, { eta: 0.5 }));
    }
  });
});

describe('the configuration', () => {
  test('may be empty: then the defaults of diffusers hold', () => {
    for (const name of SCHEDULER_NAMES) {
      const written = { num_train_timesteps: 1000, beta_start: 0.0001, beta_end: 0.02, beta_schedule: 'linear' };
      const x = Float32Array.of(0.5, -1);
      const run = (config: Record<string, unknown>): Float32Array =>
        createScheduler(name, { ...config }, 7).step(Float32Array.of(0.25, 2), 0, x);
      expect(run({})).toEqual(run(written));
      expect(run({ trained_betas: null, thresholding: null })).toEqual(run({}));
      expect(run({})).not.toEqual(run(SD));
    }
  });

  test('takes trained betas', () => {
    const betas = Array.from({ length: 10 }, (_, i) => 0.01 + i / 100);
    const linear = { num_train_timesteps: 10, beta_start: 0.01, beta_end: 0.1, beta_schedule: 'linear' };
    const x = Float32Array.of(0.5);
    const [a, b] = [linear, { num_train_timesteps: 10, trained_betas: betas }].map(
      (config) => createScheduler('DDIM', config, 3).step(x, 1, x)[0] as number,
    ) as [number, number];
    expect(a).toBeCloseTo(b, 5);
    const error = expectError('E_SCHEDULER', () => createScheduler('DDIM', { trained_betas: betas }, 3));
    expect(error).toMatchObject({ where: { path: 'trained_betas' }, expected: '1000 numbers', found: '10' });
  });

  test('is overridden where a checkpoint meant for pixels would spoil latents', () => {
    const x = Float32Array.of(3, -3);
    const run = (config: Record<string, unknown>): Float32Array => createScheduler('DDIM', config, 9).step(x, 0, x);
    expect(run({ ...SD, clip_sample: true, steps_offset: 0 })).toEqual(run(SD));
    expect(createScheduler('DDIM', { ...SD, steps_offset: 0 }, 5).timesteps.at(-1)).toBe(1);
  });

  test.each<[SchedulerName, string, unknown]>([
    ['DDIM', 'prediction_type', 'flow'],
    ['Euler', 'prediction_type', 'sample'],
    ['DPM', 'prediction_type', 3],
    ['DDIM', 'beta_schedule', 'squaredcos_cap_v2'],
    ['Euler', 'interpolation_type', 'log_linear'],
    ['DPM', 'thresholding', true],
    ['DPM', 'algorithm_type', 'dpmsolver'],
    ['DPM', 'solver_type', 'heun'],
    ['DPM', 'solver_order', 3],
    ['DPM', 'lower_order_final', 'yes'],
    ['DDIM', 'set_alpha_to_one', 1],
    ['DDIM', 'clip_sample', 'no'],
    ['DDIM', 'num_train_timesteps', 1e12],
    ['DDIM', 'num_train_timesteps', '1000'],
    ['Euler', 'beta_start', -1],
    ['Euler', 'beta_end', '__proto__'],
    ['DPM', 'beta_end', { toString: 'x' }],
    ['DPM', 'trained_betas', 'all'],
  ])('%s refuses %s = %j by name', (name, key, value) => {
    const error = expectError('E_SCHEDULER', () => createScheduler(name, { ...SD, [key]: value }, 5));
    expect(error.where.path).toBe(key);
    expect(error.expected).toBeDefined();
    expect(error.found).toBeDefined();
  });

  test('refuses a beta that is none by its place', () => {
    const config = { num_train_timesteps: 3, trained_betas: [0.1, 'x', 0.2] };
    expect(expectError('E_SCHEDULER', () => createScheduler('DPM', config, 2)).where.path).toBe('trained_betas[1]');
  });

  test('may be anything: it is used, or refused with a typed error', () => {
    const keys = ['num_train_timesteps', 'beta_start', 'beta_end', 'beta_schedule', 'trained_betas', 'prediction_type'];
    const hostile = fc.dictionary(fc.constantFrom(...keys, 'thresholding', '__proto__', 'constructor'), fc.anything());
    fc.assert(
      fc.property(anyName, fc.oneof(hostile, fc.anything()), (name, config) => {
        let made = false;
        try {
          made = createScheduler(name, config as Record<string, unknown>, 5).timesteps.length === 5;
        } catch (error) {
          expect(error).toMatchObject({ name: 'SdgraphError', code: 'E_SCHEDULER' });
          return;
        }
        expect(made).toBe(true);
      }),
    );
  });

  test('is read from a file', () => {
    const dir = tempDir();
    const path = join(dir, 'scheduler_config.json');
    writeFileSync(path, JSON.stringify(SD));
    expect(loadSchedulerConfig(path)).toEqual(SD);
    for (const text of ['[]', 'null', '"x"', '{', '\u00ff']) {
      writeFileSync(path, text);
      expect(expectError('E_SCHEDULER', () => loadSchedulerConfig(path)).where.file).toBe(path);
    }
    expectError('E_FILE_MISSING', () => loadSchedulerConfig(join(dir, 'none.json')));
  });
});

test.each<[SchedulerName, readonly number[], readonly number[]]>([
  ['DDIM', [1, 2, 500, 700, 999], [0, -1, 1000, 2.5, Number.NaN, Infinity]],
  ['Euler', [2, 3, 1000], [0, 1, 1001]],
  ['DPM', [1, 2, 999], [0, 1000, 1e9]],
])('%s takes the step counts that work and refuses the others', (name, good, bad) => {
  const x = Float32Array.of(0.5);
  for (const steps of good) {
    const scheduler = createScheduler(name, SD, steps);
    let last: Float32Array = x;
    for (let i = 0; i < steps; i++) last = scheduler.step(Float32Array.of(0.1), i, last);
    expect(Number.isFinite(last[0])).toBe(true);
  }
  for (const steps of bad) expectError('E_SCHEDULER', () => createScheduler(name, SD, steps));
});

test('a name that is none is refused', () => {
  expectError('E_SCHEDULER', () => createScheduler('toString' as SchedulerName, SD, 5));
});

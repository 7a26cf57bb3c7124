import {
  alphasCumprod,
  ConfigReader,
  linspace64,
  type PredictionType,
  requireSameSize,
  requireStep,
  requireSteps,
  type Scheduler,
  schedulerError,
  sqrt32,
} from './common.ts';

const { fround } = Math;

/** Below this many steps the last one is first order: a second-order step to so low a noise level is unstable. */
const FEW_STEPS = 15;

/**
 * DPM-Solver++ (Lu et al. 2022), multistep, first or second order with the midpoint rule.
 *
 * A second-order step looks back at the image predicted one step before, which the scheduler keeps: one array of the
 * latents' size, reused. Steps come in order; step 0 starts over.
 *
 * @throws SdgraphError `E_SCHEDULER` naming the key of the configuration that it cannot work with
 */
export function createDpm(source: unknown, steps: number): Scheduler {
  const config = new ConfigReader(source);
  const prediction = config.choice<PredictionType>('prediction_type', 'epsilon', ['epsilon', 'v_prediction', 'sample']);
  config.choice('algorithm_type', 'dpmsolver++', ['dpmsolver++']);
  config.choice('solver_type', 'midpoint', ['midpoint']);
  const order = config.whole('solver_order', 2, 1, 2);
  const lowerOrderFinal = config.flag('lower_order_final', true);
  if (config.flag('thresholding', false)) {
    throw schedulerError('the scheduler cannot work with this value', 'thresholding', {
      expected: 'false',
      found: 'true',
    });
  }
  const cumprod = alphasCumprod(config);
  requireSteps(steps, 1, cumprod.length - 1);

  const timesteps = linspace64(cumprod.length - 1, steps + 1)
    .map(roundHalfEven)
    .toReversed()
    .slice(0, -1);
  const alphas = cumprod.map(sqrt32);
  const sigmas = cumprod.map((alpha) => sqrt32(1 - alpha));
  const lambdas = alphas.map((alpha, i) => fround(Math.log(alpha)) - fround(Math.log(sigmas[i] as number)));
  /** One step's values: the last step ends at timestep 0, not at a noise level of 0. */
  const at = (table: Float32Array, k: number): number => table[timesteps[k] ?? 0] as number;

  let next = 0;
  let current = new Float32Array(0);
  let before = new Float32Array(0);

  return {
    timesteps,
    initNoiseSigma: 1,
    scaleModelInput(x, i) {
      requireStep(i, steps);
      return x;
    },
    step(output, i, x, noise) {
      requireStep(i, steps);
      requireSameSize(x, output, 'model output');
      if (noise !== undefined) throw schedulerError('DPM takes no noise');
      if (i !== 0 && i !== next) {
        const expected = next < steps ? `0 or ${next}` : '0';
        throw schedulerError('the steps of DPM come in order', undefined, { expected, found: `${i}` });
      }
      if (i > 0) requireSameSize(x, current, 'the step before');
      else if (current.length !== x.length) {
        current = new Float32Array(x.length);
        before = new Float32Array(x.length);
      }
      [current, before] = [before, current];
      predictImage(prediction, output, x, at(alphas, i), at(sigmas, i), current);
      next = i + 1;

      const h = fround(at(lambdas, i + 1) - at(lambdas, i));
      const decay = fround(at(sigmas, i + 1) / at(sigmas, i));
      const gain = fround(at(alphas, i + 1) * fround(fround(Math.exp(-h)) - 1));
      const result = new Float32Array(x.length);
      const last = i === steps - 1;
      if (i === 0 || order === 1 || (last && lowerOrderFinal && steps < FEW_STEPS)) {
        for (let j = 0; j < x.length; j++) {
          result[j] = fround(decay * (x[j] as number)) - fround(gain * (current[j] as number));
        }
        return result;
      }
      const ratio = fround(fround(at(lambdas, i) - at(lambdas, i - 1)) / h);
      const inverse = fround(1 / ratio);
      const half = fround(0.5 * gain);
      for (let j = 0; j < x.length; j++) {
        const image = current[j] as number;
        const change = fround(inverse * fround(image - (before[j] as number)));
        const firstOrder = fround(fround(decay * (x[j] as number)) - fround(gain * image));
        result[j] = firstOrder - fround(half * change);
      }
      return result;
    },
  };
}

/** The image that the model sees behind the noise. */
function predictImage(
  prediction: PredictionType,
  output: Float32Array,
  x: Float32Array,
  alpha: number,
  sigma: number,
  image: Float32Array,
): void {
  if (prediction === 'sample') {
    image.set(output);
    return;
  }
  for (let j = 0; j < x.length; j++) {
    const sample = x[j] as number;
    const scaled = fround(sigma * (output[j] as number));
    image[j] = prediction === 'epsilon' ? fround(sample - scaled) / alpha : fround(alpha * sample) - scaled;
  }
}

/** The nearest whole number, the even one of two. */
function roundHalfEven(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

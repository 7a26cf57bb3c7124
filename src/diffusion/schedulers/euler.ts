import {
  alphasCumprod,
  ConfigReader,
  linspace64,
  requireSameSize,
  requireStep,
  requireSteps,
  type Scheduler,
  schedulerError,
  sqrt32,
} from './common.ts';

const { fround } = Math;

/**
 * Euler's method over noise levels (Karras et al. 2022, algorithm 2 without churn). Stateless: any step can be computed
 * at any time.
 *
 * @throws SdgraphError `E_SCHEDULER` naming the key of the configuration that it cannot work with
 */
export function createEuler(source: unknown, steps: number): Scheduler {
  const config = new ConfigReader(source);
  const velocity = config.choice('prediction_type', 'epsilon', ['epsilon', 'v_prediction']) === 'v_prediction';
  config.choice('interpolation_type', 'linear', ['linear']);
  const levels = alphasCumprod(config).map((alpha) => sqrt32(fround(1 - alpha) / alpha));
  // One step would start at timestep 0, where there is next to no noise to remove.
  requireSteps(steps, 2, levels.length);

  const timesteps = linspace64(levels.length - 1, steps).toReversed();
  const sigmas = Float32Array.from([...timesteps.map((t) => interpolate(levels, t)), 0]);

  return {
    timesteps,
    // The highest level of the whole table, whatever the number of steps.
    initNoiseSigma: levels.reduce((a, b) => Math.max(a, b)),
    scaleModelInput(x, i) {
      requireStep(i, steps);
      const sigma = sigmas[i] as number;
      const divisor = sqrt32(fround(sigma * sigma) + 1);
      return x.map((value) => value / divisor);
    },
    step(output, i, x, noise) {
      requireStep(i, steps);
      requireSameSize(x, output, 'model output');
      if (noise !== undefined) throw schedulerError('Euler takes no noise');
      const sigma = sigmas[i] as number;
      const change = fround((sigmas[i + 1] as number) - sigma);
      const square = fround(fround(sigma * sigma) + 1);
      const slope = fround(-sigma / sqrt32(square));
      const result = new Float32Array(x.length);
      for (let j = 0; j < x.length; j++) {
        const m = output[j] as number;
        const sample = x[j] as number;
        const image = velocity
          ? fround(fround(m * slope) + fround(sample / square))
          : fround(sample - fround(sigma * m));
        // Not simplified to m for epsilon: the roundings on the way are part of the result.
        const derivative = fround(fround(sample - image) / sigma);
        result[j] = sample + fround(derivative * change);
      }
      return result;
    },
  };
}

/** The noise level between two entries of the table, in float64. */
function interpolate(levels: Float32Array, t: number): number {
  const below = Math.floor(t);
  const low = levels[below] as number;
  return below === t ? low : ((levels[below + 1] as number) - low) * (t - below) + low;
}

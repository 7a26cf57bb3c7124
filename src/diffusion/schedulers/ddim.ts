import {
  alphasCumprod,
  ConfigReader,
  type PredictionType,
  requireSameSize,
  requireStep,
  requireSteps,
  type Scheduler,
  schedulerError,
  sqrt32,
} from './common.ts';

const { fround } = Math;

/**
 * The offset of the timesteps. diffusers 0.14 changes any other value of a checkpoint to this one before it makes the
 * scheduler; likewise it turns `clip_sample` off, which only makes sense for pixels.
 */
const STEPS_OFFSET = 1;

/**
 * DDIM (Song et al. 2020). Stateless: any step can be computed at any time.
 *
 * @param eta 0 is deterministic; 1 adds as much noise as DDPM does
 * @throws SdgraphError `E_SCHEDULER` naming the key of the configuration that it cannot work with
 */
export function createDdim(source: unknown, steps: number, eta: number): Scheduler {
  const config = new ConfigReader(source);
  const prediction = config.choice<PredictionType>('prediction_type', 'epsilon', ['epsilon', 'v_prediction', 'sample']);
  const alphas = alphasCumprod(config);
  const finalAlpha = config.flag('set_alpha_to_one', true) ? 1 : (alphas[0] as number);
  config.flag('clip_sample', false);
  config.whole('steps_offset', STEPS_OFFSET, 0, alphas.length);
  requireSteps(steps, 1, alphas.length - STEPS_OFFSET);
  if (!(eta >= 0 && eta <= 1))
    throw schedulerError('eta is out of range', 'eta', { expected: '0 to 1', found: `${eta}` });

  const stride = Math.floor(alphas.length / steps);
  const timesteps = Array.from({ length: steps }, (_, k) => (steps - 1 - k) * stride + STEPS_OFFSET);

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
      requireNoise(x, noise, eta);
      const t = timesteps[i] as number;
      const alpha = alphas[t] as number;
      const previousAlpha = t < stride ? finalAlpha : (alphas[t - stride] as number);
      const beta = fround(1 - alpha);
      const deviation = fround(eta * standardDeviation(alpha, previousAlpha));

      const rootAlpha = sqrt32(alpha);
      const rootBeta = sqrt32(beta);
      const rootPrevious = sqrt32(previousAlpha);
      const direction = sqrt32(fround(1 - previousAlpha) - fround(deviation * deviation));
      const result = new Float32Array(x.length);
      for (let j = 0; j < x.length; j++) {
        const m = output[j] as number;
        const sample = x[j] as number;
        let image = m;
        let error = m; // diffusers 0.14 leaves it so for 'sample': it does not derive the noise from the image
        if (prediction === 'epsilon') {
          image = fround(fround(sample - fround(rootBeta * m)) / rootAlpha);
        } else if (prediction === 'v_prediction') {
          image = fround(fround(rootAlpha * sample) - fround(rootBeta * m));
          error = fround(fround(rootAlpha * m) + fround(rootBeta * sample));
        }
        const mean = fround(fround(rootPrevious * image) + fround(direction * error));
        result[j] = noise === undefined ? mean : mean + fround(deviation * (noise[j] as number));
      }
      return result;
    },
  };
}

/** Standard deviation of the noise that one step of DDPM adds. */
function standardDeviation(alpha: number, previousAlpha: number): number {
  const ratio = fround(fround(1 - previousAlpha) / fround(1 - alpha));
  return sqrt32(fround(ratio * fround(1 - fround(alpha / previousAlpha))));
}

function requireNoise(x: Float32Array, noise: Float32Array | undefined, eta: number): void {
  if (noise !== undefined && eta > 0) requireSameSize(x, noise, 'noise');
  else if (eta > 0) throw schedulerError('a step with eta > 0 needs noise', 'eta');
  else if (noise !== undefined) throw schedulerError('a step with eta = 0 takes no noise', 'eta');
}

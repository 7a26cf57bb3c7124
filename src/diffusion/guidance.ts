/** What the host computes on latents between the models, in float32 as torch does. */

import { SdgraphError } from '../errors.ts';

const { fround } = Math;

/** Channels of a latent. */
const CHANNELS = 4;

/** What a VAE's configuration means when it has no `scaling_factor`. */
export const DEFAULT_SCALING_FACTOR: number = 0.18215;

/**
 * Classifier-free guidance: `unconditional + scale * (text - unconditional)`, element by element.
 *
 * @param unconditional output of the UNet for empty prompts
 * @param text output of the UNet for the prompts
 * @throws SdgraphError `E_LATENTS` when the two differ in size
 */
export function guide(unconditional: Float32Array, text: Float32Array, scale: number): Float32Array {
  if (unconditional.length !== text.length) {
    throw latentsError(
      'the two outputs to guide between differ in size',
      `${unconditional.length} elements`,
      `${text.length}`,
    );
  }
  const factor = fround(scale);
  return unconditional.map((base, i) => base + fround(factor * fround((text[i] as number) - base)));
}

/**
 * The same for one output that holds both: the unconditional half first, as the embeddings were put together.
 *
 * @throws SdgraphError `E_LATENTS` when the output has no two halves
 */
export function guideHalves(output: Float32Array, scale: number): Float32Array {
  const half = output.length / 2;
  if (!Number.isInteger(half)) throw latentsError('the output has no two halves', 'an even count', `${output.length}`);
  return guide(output.subarray(0, half), output.subarray(half), scale);
}

/**
 * Latents as the VAE knows them: divided by the factor that the UNet was trained with.
 *
 * @param scalingFactor `scaling_factor` of the VAE's configuration
 * @throws SdgraphError `E_LATENTS` for a factor that is not a positive number
 */
export function unscaleLatents(latents: Float32Array, scalingFactor: number = DEFAULT_SCALING_FACTOR): Float32Array {
  if (!(scalingFactor > 0 && Number.isFinite(scalingFactor))) {
    throw latentsError('the scaling factor of the VAE is not usable', 'a positive number', `${scalingFactor}`);
  }
  const factor = fround(1 / scalingFactor);
  return latents.map((value) => value * factor);
}

/**
 * The 1x1 convolution between the latents and the VAE decoder, which the exported decoder does not contain.
 *
 * @param latents [batch, 4, height, width], unscaled
 * @param weight `post_quant_conv.weight` of the VAE: [4, 4(, 1, 1)], a row for each output channel
 * @param bias `post_quant_conv.bias`: [4]
 * @param pixels height x width of a latent
 * @throws SdgraphError `E_LATENTS` when the sizes do not fit each other
 */
export function postQuantConv(
  latents: Float32Array,
  weight: Float32Array,
  bias: Float32Array,
  pixels: number,
): Float32Array {
  if (weight.length !== CHANNELS * CHANNELS || bias.length !== CHANNELS) {
    throw latentsError('post_quant_conv has other sizes', '16 weights, 4 biases', `${weight.length}, ${bias.length}`);
  }
  const size = CHANNELS * pixels;
  if (!(Number.isInteger(pixels) && pixels > 0) || latents.length % size !== 0) {
    throw latentsError('the latents are not whole', `a multiple of ${CHANNELS} x ${pixels}`, `${latents.length}`);
  }
  const result = new Float32Array(latents.length);
  for (let at = 0; at < latents.length; at += size) {
    for (let out = 0; out < CHANNELS; out++) {
      for (let pixel = 0; pixel < pixels; pixel++) {
        let sum = bias[out] as number;
        for (let c = 0; c < CHANNELS; c++) {
          sum += (weight[out * CHANNELS + c] as number) * (latents[at + c * pixels + pixel] as number);
        }
        result[at + out * pixels + pixel] = sum;
      }
    }
  }
  return result;
}

function latentsError(reason: string, expected: string, found: string): SdgraphError {
  return new SdgraphError('E_LATENTS', reason, {}, { expected, found });
}

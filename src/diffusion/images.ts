import { SdgraphError } from '../errors.ts';

const { fround } = Math;

/** Red, green and blue. */
const CHANNELS = 3;

/** An image of 8-bit RGB pixels, row by row from the top, three bytes each. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** height x width x 3 bytes */
  readonly data: Uint8Array;
}

/**
 * The output of the VAE as images: `x / 2 + 0.5` in float32, clamped to [0, 1], times 255, rounded half to even.
 *
 * What is not a number becomes 0, as it does upstream; a model that overflowed shows as black.
 *
 * @param output roughly within [-1, 1]
 * @param dims [batch, 3, height, width]
 * @throws SdgraphError `E_LATENTS` when the dimensions are others or do not fit the output
 */
export function toImages(output: Float32Array, dims: readonly number[]): RgbImage[] {
  const [batch = 0, channels, height = 0, width = 0] = dims;
  const pixels = height * width;
  const isShape = dims.length === 4 && channels === CHANNELS && dims.every((dim) => Number.isInteger(dim) && dim > 0);
  if (!isShape || batch * CHANNELS * pixels !== output.length) {
    throw new SdgraphError(
      'E_LATENTS',
      'the output of the VAE has no images in it',
      {},
      {
        expected: '[batch, 3, height, width]',
        found: `[${dims.join(', ')}] and ${output.length} values`,
      },
    );
  }
  return Array.from({ length: batch }, (_, index) => {
    const data = new Uint8Array(pixels * CHANNELS);
    for (let c = 0; c < CHANNELS; c++) {
      const from = (index * CHANNELS + c) * pixels;
      for (let i = 0; i < pixels; i++) data[i * CHANNELS + c] = toByte(output[from + i] as number);
    }
    return { width, height, data };
  });
}

function toByte(value: number): number {
  const share = fround(value / 2 + 0.5);
  if (!(share > 0)) return 0;
  if (share >= 1) return 255;
  const scaled = fround(share * 255);
  const below = Math.floor(scaled);
  const rest = scaled - below;
  if (rest === 0.5) return below + (below % 2);
  return rest > 0.5 ? below + 1 : below;
}

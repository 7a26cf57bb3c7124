import { SdgraphError } from '../errors.ts';
import { NormalNoise } from './noise.ts';

/** The noise that images begin with, one slice each. */
export interface NoiseSource {
  /** Puts the noise of image `index` of the run into `target`, a slice of `4 * S * S` values. */
  fill(target: Float32Array, index: number): void;
}

const CHANNELS = 4;

/**
 * Noise by seed, or latents that somebody gives.
 *
 * @param side of a latent
 * @param slices how many images the run may have
 * @throws SdgraphError `E_LATENTS` when the seed is no whole number or there are fewer latents than images
 */
export function noiseSource(
  side: number,
  seed: number | bigint,
  latents: Float32Array | undefined,
  slices: number,
): NoiseSource {
  if (latents === undefined) return new SeededNoise([CHANNELS, side, side], seed);
  const size = CHANNELS * side * side;
  if (latents instanceof Float32Array && latents.length === slices * size) {
    return { fill: (target, index) => target.set(latents.subarray(index * size, (index + 1) * size)) };
  }
  throw new SdgraphError(
    'E_LATENTS',
    'the latents do not fit the images to make',
    {},
    {
      expected: `a Float32Array of ${slices} x ${CHANNELS} x ${side} x ${side} values`,
      found: `${latents.length} values`,
    },
  );
}

/** One stream for all images; an image gets its slice wherever the stream has been before. */
class SeededNoise implements NoiseSource {
  readonly #shape: readonly number[];
  readonly #seed: number | bigint;
  #stream: NormalNoise;
  /** The slice that the stream gives next. */
  #next = 0;

  constructor(shape: readonly number[], seed: number | bigint) {
    this.#shape = shape;
    this.#seed = seed;
    this.#stream = new NormalNoise(seed);
  }

  fill(target: Float32Array, index: number): void {
    if (index < this.#next) {
      this.#stream = new NormalNoise(this.#seed);
      this.#next = 0;
    }
    this.#stream.skip(this.#shape, index - this.#next);
    target.set(this.#stream.draw(this.#shape));
    this.#next = index + 1;
  }
}

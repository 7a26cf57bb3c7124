/**
 * Normal noise as torch draws it on the CPU, so that a seed gives the same image here and there: a Mersenne twister, and
 * the Box-Muller transform over groups of sixteen, the way torch fills a tensor.
 */

import { SdgraphError } from '../errors.ts';

const { fround } = Math;

const GROUP = 16;
const HALF = GROUP / 2;
/** Values drawn at once; more would be a mistake (it is 128 latents of a 1024x1024 image). */
const MAX_COUNT = 1 << 24;

/**
 * A stream of standard normal float32 values, equal to `torch.randn` with `torch.Generator().manual_seed(seed)`.
 *
 * A call continues where the last one ended. As long as every image takes a multiple of 16 values, the values of an
 * image do not depend on how many images are drawn at once.
 *
 * ```ts
 * const noise = new NormalNoise(42);
 * const latents = noise.draw([1, 4, 64, 64]);
 * ```
 */
export class NormalNoise {
  readonly #twister: MersenneTwister;
  /** The second value of a pair drawn one by one; torch keeps it for the next time. */
  #spare: number | undefined;

  /**
   * @param seed a whole number; torch uses its lowest 32 bits
   * @throws SdgraphError `E_LATENTS` when it is no exact whole number
   */
  constructor(seed: number | bigint) {
    if (typeof seed === 'number' && !Number.isSafeInteger(seed)) {
      throw noiseError('a seed is not an exact whole number', 'a whole number within ±2^53, or a bigint', seed);
    }
    this.#twister = new MersenneTwister(Number(BigInt.asUintN(32, BigInt(seed))));
  }

  /**
   * The next values of the stream.
   *
   * @param shape dimensions of the tensor to fill, in row-major order
   * @throws SdgraphError `E_LATENTS` for dimensions that are negative, fractional, or too large together
   */
  draw(shape: readonly number[]): Float32Array {
    const count = countOf(shape);
    const values = new Float32Array(count);
    if (count < GROUP) {
      for (let i = 0; i < count; i++) values[i] = this.#single();
      return values;
    }
    for (let i = 0; i < count; i++) values[i] = this.#uniform();
    for (let i = 0; i + GROUP <= count; i += GROUP) normalize(values, i);
    if (count % GROUP !== 0) {
      // torch fills the odd rest by drawing the last sixteen values once more.
      const last = count - GROUP;
      for (let i = last; i < count; i++) values[i] = this.#uniform();
      normalize(values, last);
    }
    return values;
  }

  /**
   * Passes over the values that `times` calls of {@link draw} with this shape would give.
   *
   * @throws SdgraphError `E_LATENTS` for a shape that cannot be drawn, or a number of times that is not whole
   */
  skip(shape: readonly number[], times = 1): void {
    const count = countOf(shape);
    if (!Number.isSafeInteger(times) || times < 0) throw noiseError('noise cannot be skipped', 'a whole number', times);
    if (count < GROUP) {
      for (let i = 0; i < times * count; i++) this.#single();
      return;
    }
    // One draw a value, and sixteen more for an odd rest.
    this.#twister.skip(times * (count + (count % GROUP === 0 ? 0 : GROUP)));
  }

  /** 24 random bits as a float32 in [0, 1). */
  #uniform(): number {
    return (this.#twister.next() & 0xff_ffff) / 2 ** 24;
  }

  /** One value in float64, as torch draws fewer than sixteen. */
  #single(): number {
    const spare = this.#spare;
    if (spare !== undefined) {
      this.#spare = undefined;
      return spare;
    }
    const angle = 2 * Math.PI * this.#uniformDouble();
    const radius = Math.sqrt(-2 * Math.log1p(-this.#uniformDouble()));
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** 53 random bits as a float64 in [0, 1): the low 21 of one draw above the 32 of the next. */
  #uniformDouble(): number {
    const high = this.#twister.next() & 0x1f_ffff;
    return (high * 2 ** 32 + this.#twister.next()) / 2 ** 53;
  }
}

function countOf(shape: readonly number[]): number {
  const count = shape.reduce((a, b) => a * b, 1);
  if (shape.every((dim) => Number.isInteger(dim) && dim >= 0) && count <= MAX_COUNT) return count;
  throw noiseError('noise cannot have this shape', `whole numbers, at most ${MAX_COUNT} values`, shape.join(' x '));
}

/** Turns sixteen uniform values into normal ones, in place: the first eight with the second eight. */
function normalize(values: Float32Array, at: number): void {
  for (let j = at; j < at + HALF; j++) {
    const radius = fround(Math.sqrt(fround(-2 * fround(Math.log(1 - (values[j] as number))))));
    const angle = fround(fround(2 * Math.PI) * (values[j + HALF] as number));
    values[j] = radius * fround(Math.cos(angle));
    values[j + HALF] = radius * fround(Math.sin(angle));
  }
}

const STATE = 624;
const SHIFT = 397;

/** MT19937 (Matsumoto and Nishimura 1998) with its 32-bit seeding. */
class MersenneTwister {
  readonly #state = new Uint32Array(STATE);
  #at = STATE;

  constructor(seed: number) {
    this.#state[0] = seed;
    for (let i = 1; i < STATE; i++) {
      const before = this.#state[i - 1] as number;
      this.#state[i] = Math.imul(1_812_433_253, before ^ (before >>> 30)) + i;
    }
  }

  /** The next 32 random bits, unsigned. */
  next(): number {
    if (this.#at === STATE) this.#refill();
    let y = this.#state[this.#at++] as number;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c_5680;
    y ^= (y << 15) & 0xefc6_0000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** Passes over the next `count` results of {@link next}. */
  skip(count: number): void {
    let left = count;
    while (left > STATE - this.#at) {
      left -= STATE - this.#at;
      this.#refill();
    }
    this.#at += left;
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < STATE; i++) {
      const bits = ((state[i] as number) & 0x8000_0000) | ((state[(i + 1) % STATE] as number) & 0x7fff_ffff);
      const twist = (bits & 1) === 0 ? 0 : 0x9908_b0df;
      state[i] = (state[(i + SHIFT) % STATE] as number) ^ (bits >>> 1) ^ twist;
    }
    this.#at = 0;
  }
}

function noiseError(reason: string, expected: string, found: unknown): SdgraphError {
  return new SdgraphError('E_LATENTS', reason, {}, { expected, found: String(found) });
}

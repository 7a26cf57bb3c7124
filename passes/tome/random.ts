import { SdgraphError } from '../../src/errors.ts';

/** Words of the generator's state. */
const STATE_WORDS = 624;
/** Distance of the words that are combined when the state is renewed. */
const SHIFT = 397;
const UPPER_BIT = 0x80000000;
const LOWER_BITS = 0x7fffffff;
const TWIST = 0x9908b0df;
const MAX_UINT32 = 0xffffffff;

/**
 * The Mersenne Twister (MT19937) as NumPy's legacy interface seeds and draws it: `numpy.random.seed(S)` followed by
 * `numpy.random.randint(bound, size=...)` gives the same numbers as `new LegacyRandom(S)` and {@link integers}.
 *
 * @example
 * new LegacyRandom(0).integers(4, 6) // [0, 3, 1, 0, 3, 3]
 */
export class LegacyRandom {
  readonly #state = new Uint32Array(STATE_WORDS);
  #next = STATE_WORDS;

  /** @throws SdgraphError `E_PASS_OPTION` unless `seed` is a whole number from 0 to 2^32 - 1, as NumPy demands. */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed > MAX_UINT32) {
      throw new SdgraphError(
        'E_PASS_OPTION',
        'the seed is out of range',
        {},
        { expected: `a whole number from 0 to ${MAX_UINT32}`, found: String(seed) },
      );
    }
    let word = seed;
    for (let i = 0; i < STATE_WORDS; i++) {
      this.#state[i] = word;
      // Math.imul keeps the low 32 bits of the product, which is all that the recurrence needs.
      word = (Math.imul(1812433253, word ^ (word >>> 30)) + i + 1) >>> 0;
    }
  }

  /** The next 32 random bits, 0 to 2^32 - 1. */
  uint32(): number {
    if (this.#next === STATE_WORDS) this.#renew();
    let word = this.#state[this.#next++] as number;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  /**
   * `count` whole numbers, each from 0 to `bound - 1` and equally likely. `bound` is 1 to 2^32.
   *
   * NumPy keeps the low bits of a word, as many as the largest number has, and draws again when the result is too
   * large; a bound of 1 draws nothing.
   */
  integers(bound: number, count: number): number[] {
    if (!Number.isInteger(bound) || bound < 1 || bound > MAX_UINT32 + 1) {
      throw new RangeError(`bound ${bound} is not a whole number from 1 to 2^32`);
    }
    const largest = bound - 1;
    const mask = largest === 0 ? 0 : MAX_UINT32 >>> Math.clz32(largest);
    return Array.from({ length: count }, () => {
      if (largest === 0) return 0;
      for (;;) {
        const drawn = (this.uint32() & mask) >>> 0;
        if (drawn <= largest) return drawn;
      }
    });
  }

  #renew(): void {
    const state = this.#state;
    for (let i = 0; i < STATE_WORDS; i++) {
      const mixed = ((state[i] as number) & UPPER_BIT) | ((state[(i + 1) % STATE_WORDS] as number) & LOWER_BITS);
      const far = state[(i + SHIFT) % STATE_WORDS] as number;
      state[i] = far ^ (mixed >>> 1) ^ ((mixed & 1) === 0 ? 0 : TWIST);
    }
    this.#next = 0;
  }
}

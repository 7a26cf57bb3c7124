import { describe, expect, test } from 'vitest';
import { LegacyRandom } from '../../../passes/tome/random.ts';

/** From NumPy 2.4.6: `numpy.random.seed(seed)` before each of the calls named in the fields. */
const NUMPY = [
  {
    seed: 0,
    words: [2357136044, 2546248239, 3071714933, 3626093760], // randint(2**32, size=4)
    fours: [0, 3, 1, 0, 3, 3, 3, 3, 1, 3, 1, 2], // randint(4, size=(2, 6))
    fives: [4, 0, 3, 3, 3, 1, 3, 2, 4, 0], // randint(5, size=10)
    tail: [1, 2, 3, 0, 0, 1, 2, 0], // randint(4, size=1500)[-8:]
  },
  {
    seed: 1,
    words: [1791095845, 4282876139, 3093770124, 4005303368],
    fours: [1, 3, 0, 0, 3, 1, 3, 1, 3, 0, 0, 1],
    fives: [3, 4, 0, 1, 3, 0, 0, 1, 4, 4],
    tail: [3, 3, 0, 1, 0, 0, 2, 3],
  },
  {
    seed: 42,
    words: [1608637542, 3421126067, 4083286876, 787846414],
    fours: [2, 3, 0, 2, 2, 3, 0, 0, 2, 1, 2, 2],
    fives: [3, 4, 2, 4, 4, 1, 2, 2, 2, 4],
    tail: [2, 1, 1, 0, 3, 3, 2, 2],
  },
  {
    seed: 2147483648,
    words: [652847386, 1439962116, 3524204305, 1548966947],
    fours: [2, 0, 1, 3, 1, 1, 0, 1, 2, 2, 2, 1],
    fives: [2, 4, 1, 3, 1, 4, 2, 1, 4, 2],
    tail: [3, 1, 0, 2, 0, 1, 1, 0],
  },
  {
    seed: 4294967295,
    words: [419326371, 479346978, 3918654476, 2416749639],
    fours: [3, 2, 0, 3, 0, 0, 2, 2, 1, 0, 3, 3],
    fives: [3, 2, 4, 4, 0, 2, 1, 0, 3, 2],
    tail: [2, 2, 0, 2, 1, 3, 0, 0],
  },
];

describe('LegacyRandom draws as NumPy does', () => {
  for (const { seed, words, fours, fives, tail } of NUMPY) {
    test(`seed ${seed}`, () => {
      expect(new LegacyRandom(seed).integers(2 ** 32, 4)).toEqual(words);
      expect(new LegacyRandom(seed).integers(4, 12)).toEqual(fours);
      expect(new LegacyRandom(seed).integers(5, 10)).toEqual(fives);
      expect(new LegacyRandom(seed).integers(4, 1500).slice(-8)).toEqual(tail);
    });
  }

  test('one call or many: the sequence goes on', () => {
    const random = new LegacyRandom(7);
    expect([...random.integers(4, 700), ...random.integers(4, 700)]).toEqual(new LegacyRandom(7).integers(4, 1400));
  });

  test('a bound of 1 draws nothing', () => {
    const random = new LegacyRandom(0);
    expect(random.integers(1, 3)).toEqual([0, 0, 0]);
    expect(random.integers(4, 3)).toEqual([0, 3, 1]);
  });
});

describe('LegacyRandom refuses what NumPy refuses', () => {
  for (const seed of [-1, 2 ** 32, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    test(`seed ${seed}`, () => {
      expect(() => new LegacyRandom(seed)).toThrow(
        expect.objectContaining({ code: 'E_PASS_OPTION', found: String(seed) }),
      );
    });
  }
  for (const bound of [0, -1, 2 ** 32 + 1, 2.5]) {
    test(`bound ${bound}`, () => {
      expect(() => new LegacyRandom(0).integers(bound, 1)).toThrow(RangeError);
    });
  }
});

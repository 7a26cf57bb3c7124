import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NormalNoise } from '../../src/diffusion/noise.ts';
import { expectError } from '../support/errors.ts';

interface Drawn {
  readonly seed: number;
  readonly numel: number;
  readonly first16: number[];
  readonly last16: number[];
  readonly mean: number;
  readonly std: number;
}

const FILE = resolve(import.meta.dirname, '../../fixtures/noise/torch-randn.json');
const { cases } = JSON.parse(readFileSync(FILE, 'utf8')) as { cases: Drawn[] };

function expectClose(found: Float32Array, wanted: readonly number[], limit = 1e-6): void {
  expect(found).toHaveLength(wanted.length);
  for (const [i, value] of wanted.entries()) {
    expect(Math.abs((found[i] as number) - value), `value ${i}`).toBeLessThanOrEqual(limit);
  }
}

describe('what torch draws', () => {
  test.each(cases)('seed $seed, $numel values', ({ seed, numel, first16, last16, mean, std }) => {
    const values = new NormalNoise(seed).draw([numel]);
    expectClose(values.subarray(0, 16), first16);
    expectClose(values.subarray(-16), last16);
    const average = values.reduce((a, b) => a + b, 0) / numel;
    expect(average).toBeCloseTo(mean, 6);
    expect(Math.sqrt(values.reduce((a, b) => a + (b - average) ** 2, 0) / numel)).toBeCloseTo(std, 6);
  });

  test('skipping is drawing without looking', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 2 }), fc.nat(4)), { maxLength: 5 }),
        (skips) => {
          const [drawn, skipped] = [new NormalNoise(3), new NormalNoise(3)];
          for (const [shape, times] of skips) {
            for (let i = 0; i < times; i++) drawn.draw(shape);
            skipped.skip(shape, times);
          }
          expect(skipped.draw([4, 8])).toEqual(drawn.draw([4, 8]));
        },
      ),
    );
    for (const times of [-1, 0.5]) expectError('E_LATENTS', () => new NormalNoise(0).skip([16], times));
    expectError('E_LATENTS', () => new NormalNoise(0).skip([-16]));
  });

  test('fewer than sixteen values are drawn in another way', () => {
    // The numbers that every torch tutorial shows after manual_seed(0), in four digits.
    const known = [1.541, -0.2934, -2.1788, 0.5684, -1.0845];
    expectClose(new NormalNoise(0).draw([5]), known, 5e-5);
    const piecewise = new NormalNoise(0);
    expectClose(Float32Array.of(...piecewise.draw([1]), ...piecewise.draw([2, 2])), known, 5e-5);
  });
});

const anySeed = fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }));

test('a stream goes on: the values of an image do not depend on the batch size', () => {
  fc.assert(
    fc.property(anySeed, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }), (seed, groups) => {
      const piecewise = new NormalNoise(seed);
      const pieces = groups.flatMap((count) => [...piecewise.draw([count, 16])]);
      expect(pieces).toEqual([...new NormalNoise(seed).draw([pieces.length])]);
    }),
  );
});

test('only the lowest 32 bits of a seed count, and its sign as two-complement', () => {
  fc.assert(
    fc.property(anySeed, fc.integer({ min: -4, max: 4 }), (seed, high) => {
      const other = BigInt(seed) + BigInt(high) * 2n ** 32n;
      expect(new NormalNoise(other).draw([4, 5])).toEqual(new NormalNoise(seed).draw([4, 5]));
    }),
  );
  expect(new NormalNoise(1).draw([16])).not.toEqual(new NormalNoise(2).draw([16]));
});

test('any count of values is finite, and the first whole groups are those of a longer draw', () => {
  fc.assert(
    fc.property(anySeed, fc.nat(200), (seed, count) => {
      const values = new NormalNoise(seed).draw([count]);
      expect(values).toHaveLength(count);
      expect(values.every(Number.isFinite)).toBe(true);
      const settled = count < 32 ? 0 : count - 16 - (count % 16);
      expect(values.subarray(0, settled)).toEqual(new NormalNoise(seed).draw([256]).subarray(0, settled));
    }),
  );
  expect(new NormalNoise(3).draw([0, 4])).toHaveLength(0);
});

test('seeds and shapes that cannot be meant are refused', () => {
  for (const seed of [0.5, Number.NaN, Infinity, 2 ** 60]) expectError('E_LATENTS', () => new NormalNoise(seed));
  for (const shape of [[-1], [1.5], [Number.NaN], [1e9], [4096, 4096, 4096], [-4, -4]]) {
    expectError('E_LATENTS', () => new NormalNoise(1).draw(shape));
  }
});

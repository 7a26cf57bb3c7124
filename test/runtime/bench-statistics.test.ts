import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { latencyOf } from '../../src/runtime/bench-statistics.ts';
import { expectError } from '../support/errors.ts';

test('numbers as NumPy gives them', () => {
  // numpy.percentile([1, 2, 3, 4], [50, 99])
  expect(latencyOf([4, 1, 3, 2])).toEqual({ min: 1, median: 2.5, mean: 2.5, p99: 3.9699999999999998, max: 4 });
  expect(latencyOf([7])).toEqual({ min: 7, median: 7, mean: 7, p99: 7, max: 7 });
});

test('whatever the samples: in order, and independent of theirs', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 300 }), (samples) => {
      const { min, median, mean, p99, max } = latencyOf(samples);
      expect(min).toBe(Math.min(...samples));
      expect(max).toBe(Math.max(...samples));
      expect(min <= median && median <= p99 && p99 <= max).toBe(true);
      expect(mean).toBeGreaterThanOrEqual(min * (1 - 1e-12));
      expect(mean).toBeLessThanOrEqual(max * (1 + 1e-12));
      expect(latencyOf(samples.toReversed())).toEqual({ min, median, mean, p99, max });
    }),
  );
});

test('nothing to sum up is a defect', () => {
  expectError('E_INTERNAL', () => latencyOf([]));
});

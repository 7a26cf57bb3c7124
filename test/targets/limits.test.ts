import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkLimits, permitted } from '../../src/targets/limits.ts';
import type { Limit } from '../../src/targets/types.ts';

const limit = (range: Partial<Limit>): Limit => ({
  quantity: 'headDim',
  reason: 'a kernel',
  source: 'this test',
  evidence: 'established',
  ...range,
});

describe('checkLimits', () => {
  const rows = [
    { why: 'inside a range', range: { min: 1, max: 64 }, value: 64 },
    { why: 'below a range', range: { min: 1, max: 64 }, value: 0, says: 'head dim 0 is not in 1 to 64 (a kernel)' },
    { why: 'above a range', range: { min: 1, max: 64 }, value: 65, says: 'head dim 65 is not in 1 to 64 (a kernel)' },
    { why: 'above a maximum', range: { max: 8 }, value: 9, says: 'head dim 9 is not at most 8 (a kernel)' },
    { why: 'below a minimum', range: { min: 8 }, value: 7, says: 'head dim 7 is not at least 8 (a kernel)' },
    { why: 'in a list', range: { oneOf: [40, 64] }, value: 40 },
    {
      why: 'not in a list',
      range: { oneOf: [40, 64] },
      value: 48,
      says: 'head dim 48 is not one of 40, 64 (a kernel)',
    },
    { why: 'a multiple', range: { multipleOf: 16 }, value: 32 },
    {
      why: 'no multiple',
      range: { multipleOf: 16 },
      value: 40,
      says: 'head dim 40 is not a multiple of 16 (a kernel)',
    },
    {
      why: 'no whole number',
      range: { multipleOf: 1 },
      value: 1.5,
      says: 'head dim 1.5 is not a multiple of 1 (a kernel)',
    },
    {
      why: 'unknown',
      range: { max: 2048, multipleOf: 128 },
      value: undefined,
      says: 'head dim is not known and has to be at most 2048 and a multiple of 128 (a kernel)',
    },
    {
      why: 'not a number',
      range: { oneOf: [1] },
      value: Number.NaN,
      says: 'head dim is not known and has to be one of 1 (a kernel)',
    },
  ];
  for (const { why, range, value, says } of rows) {
    test(`a number that is ${why}`, () => {
      expect(checkLimits([limit(range)], { headDim: value })).toEqual(says === undefined ? [] : [says]);
    });
  }

  test('names every limit that does not hold, in the order of the limits', () => {
    const limits = [limit({ max: 4 }), limit({ quantity: 'batch', max: 2 }), limit({ quantity: 'heads', max: 9 })];
    expect(checkLimits(limits, { headDim: 5, batch: 3, heads: 9 })).toEqual([
      'head dim 5 is not at most 4 (a kernel)',
      'batch 3 is not at most 2 (a kernel)',
    ]);
  });

  test('a long list is cut short', () => {
    expect(permitted(limit({ oneOf: Array.from({ length: 40 }, (_, i) => i) }))).toBe(
      'one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …',
    );
  });

  test('refuses exactly the numbers that break a bound', () => {
    const bounds = fc.record(
      {
        min: fc.nat(50),
        max: fc.nat(50),
        oneOf: fc.array(fc.nat(50), { minLength: 1 }),
        multipleOf: fc.integer({ min: 1, max: 9 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(bounds, fc.nat(60), (range, value) => {
        const fits =
          value >= (range.min ?? 0) &&
          value <= (range.max ?? 60) &&
          (range.oneOf?.includes(value) ?? true) &&
          value % (range.multipleOf ?? 1) === 0;
        expect(checkLimits([limit(range)], { headDim: value })).toHaveLength(fits ? 0 : 1);
      }),
    );
  });
});

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/ir/data-type.ts';
import type { SessionTensor } from '../../src/runtime/session.ts';
import { difference, violations } from '../../src/verify/compare.ts';

function floats(...values: number[]): SessionTensor {
  return { dataType: DataType.FLOAT, dims: [values.length], data: Float32Array.from(values) };
}

describe('difference', () => {
  test('counts each figure as its name says', () => {
    const found = difference(floats(3, 4, 0), floats(3, 4, 1));
    expect(found).toMatchObject({ maxAbs: 1, maxRel: 1, worst: 2, notFinite: 0 });
    expect(found.rms).toBeCloseTo(Math.sqrt(1 / 3), 12);
    expect(found.referenceRms).toBeCloseTo(Math.sqrt(25 / 3), 12);
    expect(found.cosine).toBeCloseTo(25 / (5 * Math.sqrt(26)), 12);
    expect(found.psnr).toBeCloseTo(20 * Math.log10(4 / Math.sqrt(1 / 3)), 10);
  });

  test('equal tensors differ in nothing', () => {
    expect(difference(floats(1, -2), floats(1, -2))).toMatchObject({ maxAbs: 0, rms: 0, psnr: Infinity });
    expect(difference(floats(0, 0), floats(0, 0)).cosine).toBe(1);
  });

  test('the sign of zero is no difference, NaN beside a number is', () => {
    expect(difference(floats(0), floats(-0))).toMatchObject({ maxAbs: 0, notFinite: 0 });
    expect(difference(floats(1, Number.NaN), floats(1, 2)).notFinite).toBe(1);
    expect(difference(floats(Number.NaN), floats(Number.NaN)).notFinite).toBe(0);
    expect(difference(floats(Infinity), floats(-Infinity)).notFinite).toBe(1);
  });

  test('is the same both ways, but for what belongs to the reference', () => {
    const values = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(values, values, (x, y) => {
        const length = Math.min(x.length, y.length);
        const [a, b] = [floats(...x.slice(0, length)), floats(...y.slice(0, length))];
        const [there, back] = [difference(a, b), difference(b, a)];
        expect(back.maxAbs).toBe(there.maxAbs);
        expect(back.rms).toBeCloseTo(there.rms, 6);
        expect(back.cosine).toBeCloseTo(there.cosine, 9);
      }),
    );
  });

  test('reads half precision and 64-bit integers', () => {
    const half: SessionTensor = { dataType: DataType.FLOAT16, dims: [2], data: Uint16Array.of(0x3c00, 0xc000) };
    expect(difference(half, floats(1, -2)).maxAbs).toBe(0);
    const long: SessionTensor = { dataType: DataType.INT64, dims: [1], data: BigInt64Array.of(7n) };
    expect(difference(long, floats(5)).maxAbs).toBe(2);
  });
});

describe('violations', () => {
  const found = difference(floats(10, 0), floats(10.5, 0));

  test('none inside the bounds', () => {
    expect(violations(found, { maxAbs: 0.5, relativeRms: 0.1, cosine: 0.9 })).toEqual([]);
  });

  test('one for each bound that does not hold, with both figures', () => {
    const reasons = violations(difference(floats(1, 0), floats(0, 1)), { maxAbs: 0.5, relativeRms: 0.1, cosine: 0.9 });
    expect(reasons).toEqual([
      'largest difference 1.00 is above 0.500',
      'RMS difference 1.41 of the signal is above 0.100',
      'cosine 0.000000 is below 0.9',
    ]);
  });

  test('the absolute bound grows with a signal above one, not below', () => {
    expect(violations(difference(floats(100), floats(100.5)), { maxAbs: 0.01 })).toEqual([]);
    expect(violations(difference(floats(0.001), floats(0.1)), { maxAbs: 0.01 })).toHaveLength(1);
  });

  test('elements that are not finite are never accepted', () => {
    expect(violations(difference(floats(1), floats(Number.NaN)), {})).toHaveLength(1);
  });
});

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { guide, guideHalves, postQuantConv, unscaleLatents } from '../../src/diffusion/guidance.ts';
import { expectError } from '../support/errors.ts';

const { fround } = Math;
/** Without negative zeros. */
const unsigned = (values: Float32Array): Float32Array => values.map((value) => value + 0);
const anyValues = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -100, max: 100 }), { minLength: 1 });

describe('guidance', () => {
  test('is float32 at every operation', () => {
    const [u, t] = [fround(-0.74), fround(0.04)] as const;
    const expected = fround(u + fround(7.5 * fround(t - u)));
    expect(expected).not.toBe(fround(u + 7.5 * (t - u)));
    expect(guide(Float32Array.of(u), Float32Array.of(t), 7.5)).toEqual(Float32Array.of(expected));
  });

  test('of the two halves is that of two outputs; it ends where it should', () => {
    fc.assert(
      fc.property(anyValues, fc.float({ min: 0, max: 20, noNaN: true }), (values, scale) => {
        const u = Float32Array.from(values);
        const t = u.toReversed();
        const both = Float32Array.of(...u, ...t);
        expect(guideHalves(both, scale)).toEqual(guide(u, t, scale));
        expect(unsigned(guide(u, t, 0))).toEqual(unsigned(u));
        expect(unsigned(guide(u, u, scale))).toEqual(unsigned(u));
      }),
    );
  });

  test('refuses halves that are none', () => {
    expectError('E_LATENTS', () => guideHalves(new Float32Array(3), 7.5));
    expectError('E_LATENTS', () => guide(new Float32Array(3), new Float32Array(4), 7.5));
  });
});

describe('latents for the VAE', () => {
  const recorded = JSON.parse(
    readFileSync(resolve(import.meta.dirname, '../../fixtures/latents/post-quant-conv.json'), 'utf8'),
  ) as { checkpoint: string; weight: number[]; bias: number[]; dims: number[]; z: number[]; post_quant: number[] }[];

  test.each(recorded)(
    'post_quant_conv of $checkpoint is what torch computed',
    ({ weight, bias, dims, z, post_quant }) => {
      const pixels = (dims[2] as number) * (dims[3] as number);
      const found = postQuantConv(Float32Array.from(z), Float32Array.from(weight), Float32Array.from(bias), pixels);
      expect(found).toHaveLength(post_quant.length);
      for (const [i, value] of post_quant.entries()) {
        expect(Math.abs((found[i] as number) - value)).toBeLessThanOrEqual(5e-5 * Math.max(1, Math.abs(value)));
      }
    },
  );

  test('post_quant_conv refuses sizes that do not fit', () => {
    const [w, b] = [new Float32Array(16), new Float32Array(4)];
    expectError('E_LATENTS', () => postQuantConv(new Float32Array(17), w, b, 4));
    expectError('E_LATENTS', () => postQuantConv(new Float32Array(16), w, b, 0));
    expectError('E_LATENTS', () => postQuantConv(new Float32Array(16), w, b, 1.5));
    expectError('E_LATENTS', () => postQuantConv(new Float32Array(16), new Float32Array(15), b, 4));
    expectError('E_LATENTS', () => postQuantConv(new Float32Array(16), w, new Float32Array(3), 4));
  });

  test('scaling multiplies by the float32 reciprocal', () => {
    const x = Float32Array.of(1, -3.25, 17);
    expect(unscaleLatents(x)).toEqual(x.map((value) => value * fround(1 / 0.18215)));
    expect(unscaleLatents(x, 0.5)).toEqual(Float32Array.of(2, -6.5, 34));
    for (const factor of [0, -1, Number.NaN, Infinity]) expectError('E_LATENTS', () => unscaleLatents(x, factor));
  });
});

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toImages } from '../../src/diffusion/images.ts';
import { expectError } from '../support/errors.ts';

test('every value becomes the byte that NumPy makes of it', () => {
  const file = resolve(import.meta.dirname, '../../fixtures/latents/to-bytes.json');
  const { values, bytes } = JSON.parse(readFileSync(file, 'utf8')) as { values: number[]; bytes: number[] };
  expect(values).toHaveLength(500);
  const found = values.map((value) => toImages(Float32Array.of(value, 0, 0), [1, 3, 1, 1])[0]?.data[0]);
  expect(found).toEqual(bytes);
});

test('what is not a number is black', () => {
  const [image] = toImages(Float32Array.of(Number.NaN, Infinity, -Infinity), [1, 3, 1, 1]);
  expect(image?.data).toEqual(Uint8Array.of(0, 255, 0));
});

test('planes are woven together, image by image', () => {
  const anySize = fc.record({
    batch: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 1, max: 5 }),
    width: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(anySize, ({ batch, height, width }) => {
      const byteAt = (n: number, c: number, y: number, x: number): number => (n * 101 + c * 67 + y * 13 + x * 5) % 256;
      const output = new Float32Array(batch * 3 * height * width);
      for (let i = 0; i < output.length; i++) {
        const [x, y] = [i % width, Math.floor(i / width) % height];
        const plane = Math.floor(i / (width * height));
        output[i] = (byteAt(Math.floor(plane / 3), plane % 3, y, x) / 255) * 2 - 1;
      }
      const images = toImages(output, [batch, 3, height, width]);
      expect(images).toHaveLength(batch);
      for (const [n, image] of images.entries()) {
        expect(image).toMatchObject({ width, height });
        const wanted = Array.from({ length: height * width * 3 }, (_, i) =>
          byteAt(n, i % 3, Math.floor(i / 3 / width), Math.floor(i / 3) % width),
        );
        expect([...image.data]).toEqual(wanted);
      }
    }),
  );
});

test.each([
  [[1, 3, 1]],
  [[1, 4, 1, 1]],
  [[1, 1, 1, 3]],
  [[2, 3, 1, 1]],
  [[1, 3, 0, 1]],
  [[-1, 3, -1, 1]],
  [[1, 3, 0.5, 2]],
  [[]],
])('dimensions %j are refused', (dims) => {
  expectError('E_LATENTS', () => toImages(new Float32Array(3), dims));
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ContactSheet, shrink } from '../../src/diffusion/contact-sheet.ts';
import type { RgbImage } from '../../src/diffusion/images.ts';
import { expectError } from '../support/errors.ts';

function plain(width: number, height: number, colour: readonly [number, number, number]): RgbImage {
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, (_, i) => colour[i % 3] as number) };
}

function pixel({ width, data }: RgbImage, x: number, y: number): number[] {
  return [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
}

const grey = (values: readonly number[]): Uint8Array => Uint8Array.from(values.flatMap((v) => [v, v, v]));

describe('shrink', () => {
  test('takes the mean of whole pixels', () => {
    const image = { width: 4, height: 2, data: grey([0, 10, 100, 200, 20, 30, 50, 250]) };
    expect(shrink(image, 2, 1)).toEqual({ width: 2, height: 1, data: grey([15, 150]) });
  });

  test('counts a pixel on an edge in parts', () => {
    // Each of two pixels covers one and a half of three.
    const image = { width: 3, height: 1, data: grey([30, 90, 240]) };
    expect(shrink(image, 2, 1)).toEqual({ width: 2, height: 1, data: grey([50, 190]) });
  });

  const anyCase = fc
    .record({ width: fc.integer({ min: 1, max: 12 }), height: fc.integer({ min: 1, max: 12 }) })
    .chain(({ width, height }) =>
      fc.record({
        image: fc
          .uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 })
          .map((data) => ({ width, height, data })),
        to: fc.record({ width: fc.integer({ min: 1, max: width }), height: fc.integer({ min: 1, max: height }) }),
      }),
    );

  test('leaves the size that an image has, and keeps the mean of an image and its range', () => {
    fc.assert(
      fc.property(anyCase, ({ image, to }) => {
        expect(shrink(image, image.width, image.height)).toEqual(image);
        const small = shrink(image, to.width, to.height);
        const mean = ({ data }: RgbImage): number => data.reduce((a, b) => a + b, 0) / data.length;
        expect(Math.abs(mean(small) - mean(image))).toBeLessThanOrEqual(0.5 + 1e-9);
        expect(Math.min(...small.data)).toBeGreaterThanOrEqual(Math.min(...image.data));
        expect(Math.max(...small.data)).toBeLessThanOrEqual(Math.max(...image.data));
      }),
    );
  });

  test('never enlarges', () => {
    const image = plain(2, 2, [1, 2, 3]);
    for (const [width, height] of [
      [3, 1],
      [1, 3],
      [0, 1],
      [1, 0.5],
    ] as const) {
      expectError('E_IMAGE', () => shrink(image, width, height));
    }
  });
});

describe('a contact sheet', () => {
  test('has a place for each image, in order, on white', () => {
    const sheet = new ContactSheet(3, { cell: 4, gap: 2 });
    expect(sheet.image).toMatchObject({ width: 14, height: 14 });
    const colours = [
      [250, 0, 0],
      [0, 250, 0],
      [0, 0, 250],
    ] as const;
    for (const colour of colours) sheet.add(plain(8, 8, colour));
    const white = [255, 255, 255];
    expect(pixel(sheet.image, 2, 2)).toEqual(colours[0]);
    expect(pixel(sheet.image, 5, 5)).toEqual(colours[0]);
    expect(pixel(sheet.image, 8, 2)).toEqual(colours[1]);
    expect(pixel(sheet.image, 2, 8)).toEqual(colours[2]);
    for (const [x, y] of [
      [1, 2],
      [6, 2],
      [7, 5],
      [13, 13],
      [9, 9],
    ] as const)
      expect(pixel(sheet.image, x, y)).toEqual(white);
  });

  test('keeps proportions, centres, and enlarges nothing', () => {
    const sheet = new ContactSheet(2, { cell: 4, gap: 0, columns: 2 });
    sheet.add(plain(8, 4, [9, 9, 9]));
    sheet.add(plain(2, 2, [7, 7, 7]));
    const rows = Array.from({ length: 4 }, (_, y) => Array.from({ length: 8 }, (__, x) => pixel(sheet.image, x, y)[0]));
    const w = 255;
    expect(rows).toEqual([
      [w, w, w, w, w, w, w, w],
      [9, 9, 9, 9, w, 7, 7, w],
      [9, 9, 9, 9, w, 7, 7, w],
      [w, w, w, w, w, w, w, w],
    ]);
  });

  test('is no wider than its images need', () => {
    expect(new ContactSheet(2, { cell: 10, gap: 1, columns: 5 }).image).toMatchObject({ width: 23, height: 12 });
  });

  test('refuses one image too many, and layouts that cannot be', () => {
    const sheet = new ContactSheet(1);
    sheet.add(plain(1, 1, [0, 0, 0]));
    expectError('E_IMAGE', () => sheet.add(plain(1, 1, [0, 0, 0])));
    expectError('E_IMAGE', () => new ContactSheet(1).add({ width: 2, height: 2, data: new Uint8Array(3) }));
    for (const count of [0, -1, 1.5, Number.NaN, 1e6]) expectError('E_IMAGE', () => new ContactSheet(count));
    expectError('E_IMAGE', () => new ContactSheet(4, { columns: 0 }));
    expectError('E_IMAGE', () => new ContactSheet(4, { cell: 0 }));
    expectError('E_IMAGE', () => new ContactSheet(4, { gap: -1 }));
    expectError('E_IMAGE', () => new ContactSheet(4, { cell: Number.NaN }));
    // Sides that no PNG of ours has.
    expectError('E_IMAGE', () => new ContactSheet(10_000, { cell: 4, columns: 1 }));
  });
});

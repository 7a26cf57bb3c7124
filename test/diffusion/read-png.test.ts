import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RgbImage } from '../../src/diffusion/images.ts';
import { encodePng } from '../../src/diffusion/png.ts';
import { readPng } from '../../src/diffusion/read-png.ts';
import { SdgraphError } from '../../src/errors.ts';
import { expectError } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

const image: RgbImage = { width: 3, height: 2, data: Uint8Array.from({ length: 18 }, (_, i) => i * 13) };
const TEXT = new Map([
  ['Description', 'a fox'],
  ['Comment', 'ein Fuchs im Schnee, 雪の中の狐 🦊\nsecond line'],
]);

function file(bytes: Uint8Array): string {
  const path = join(tempDir(), 'x.png');
  writeFileSync(path, bytes);
  return path;
}

describe('what encodePng wrote', () => {
  test('comes back: size, texts, pixels', () => {
    const png = readPng(file(encodePng(image, TEXT)));
    expect(png).toMatchObject({ width: 3, height: 2, text: TEXT });
    expect(png.image()).toEqual(image);
  });

  test('comes back with whatever prompt', () => {
    const path = file(new Uint8Array());
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (prompt) => {
        writeFileSync(path, encodePng(image, new Map([['Description', prompt]])));
        const clean = prompt.replaceAll('\0', '\ufffd').replaceAll(/\r\n?/g, '\n');
        expect(readPng(path).text.get('Description')).toBe(clean);
      }),
      { numRuns: 200 },
    );
  });
});

describe('what is no whole image', () => {
  const whole = encodePng(image, TEXT);

  test('is refused wherever it is cut off', () => {
    const path = file(whole);
    for (let length = 0; length < whole.length - 4; length++) {
      writeFileSync(path, whole.subarray(0, length));
      expectError('E_IMAGE', () => readPng(path).image());
    }
  });

  test('is refused or read, whichever byte is wrong', () => {
    const path = file(whole);
    for (let at = 0; at < whole.length; at++) {
      const bytes = whole.slice();
      bytes[at] = (bytes[at] as number) ^ 0x80;
      writeFileSync(path, bytes);
      try {
        readPng(path).image();
      } catch (error) {
        expect(error, `byte ${at}`).toBeInstanceOf(SdgraphError);
      }
    }
  });

  test.each([
    ['another kind of file', Buffer.from('GIF89a, or anything else that is long enough')],
    ['nothing', Buffer.alloc(0)],
  ])('%s', (_what, bytes) => {
    const path = file(bytes);
    expect(expectError('E_IMAGE', () => readPng(path)).where).toEqual({ file: path });
  });

  test('no file at all', () => {
    expectError('E_FILE_READ', () => readPng(join(tempDir(), 'none.png')));
  });
});

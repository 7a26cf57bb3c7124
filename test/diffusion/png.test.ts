import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { PNG } from 'pngjs';
import { describe, expect, test } from 'vitest';
import { encodePng } from '../../src/diffusion/png.ts';
import { expectError } from '../support/errors.ts';

interface Chunk {
  readonly type: string;
  readonly content: Buffer;
}

/** The chunks of a file, each with a length and a checksum that hold. */
function chunksOf(file: Uint8Array): Chunk[] {
  const bytes = Buffer.from(file);
  expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  const chunks: Chunk[] = [];
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const body = bytes.subarray(at + 4, at + 8 + length);
    expect(bytes.readUInt32BE(at + 8 + length)).toBe(crc32(body));
    chunks.push({ type: body.subarray(0, 4).toString('latin1'), content: body.subarray(4) });
    at += length + 12;
  }
  return chunks;
}

/** The texts of a file, read as the PNG specification lays them out. */
function textsOf(file: Uint8Array): [string, string][] {
  return chunksOf(file).flatMap(({ type, content }): [string, string][] => {
    const end = content.indexOf(0);
    const keyword = content.subarray(0, end).toString('latin1');
    if (type === 'tEXt') return [[keyword, content.subarray(end + 1).toString('latin1')]];
    if (type !== 'iTXt') return [];
    // Not compressed, no language tag, no translated keyword.
    expect([...content.subarray(end + 1, end + 5)]).toEqual([0, 0, 0, 0]);
    return [[keyword, content.subarray(end + 5).toString('utf8')]];
  });
}

const anyImage = fc
  .record({ width: fc.integer({ min: 1, max: 20 }), height: fc.integer({ min: 1, max: 20 }) })
  .chain(({ width, height }) =>
    fc
      .uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 })
      .map((data) => ({ width, height, data })),
  );

describe('a PNG file', () => {
  test('decodes back to its pixels, with and without texts', () => {
    fc.assert(
      fc.property(anyImage, fc.string({ unit: 'binary' }), fc.boolean(), (image, text, withText) => {
        const file = encodePng(image, withText ? new Map([['Description', text]]) : undefined);
        const decoded = PNG.sync.read(Buffer.from(file));
        expect(decoded).toMatchObject({ width: image.width, height: image.height, depth: 8, alpha: false });
        const pixels = [...decoded.data].filter((_, i) => i % 4 !== 3);
        expect(pixels).toEqual([...image.data]);
        expect([...decoded.data].filter((_, i) => i % 4 === 3).every((alpha) => alpha === 255)).toBe(true);
      }),
    );
  });

  test('is 8-bit RGB; texts stand between header and pixels', () => {
    const image = { width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    const chunks = chunksOf(
      encodePng(
        image,
        new Map([
          ['Title', 'a'],
          ['Author', 'ж'],
        ]),
      ),
    );
    expect(chunks.map(({ type }) => type)).toEqual(['IHDR', 'tEXt', 'iTXt', 'IDAT', 'IEND']);
    // Depth 8, colour type 2, standard compression and filter, no interlacing.
    expect([...(chunks[0] as Chunk).content.subarray(8)]).toEqual([8, 2, 0, 0, 0]);
  });

  test('of a view into a larger buffer holds the pixels of the view', () => {
    const buffer = Uint8Array.from({ length: 20 }, (_, i) => i);
    const file = encodePng({ width: 1, height: 1, data: buffer.subarray(7, 10) });
    expect([...PNG.sync.read(Buffer.from(file)).data]).toEqual([7, 8, 9, 255]);
  });
});

describe('texts', () => {
  const image = { width: 1, height: 1, data: new Uint8Array(3) };

  test.each([
    ['plain', 'a photo of a cat', 'tEXt'],
    ['Latin-1', 'Salvador Dalí, naïve café', 'tEXt'],
    ['empty', '', 'tEXt'],
    ['several lines', 'seed: 1\nsteps: 2', 'tEXt'],
    ['curly quotes', 'a corgi’s head', 'iTXt'],
    ['another script', '日本語 😀', 'iTXt'],
    ['a control character', 'a\u0007b', 'iTXt'],
    ['a tab', 'a\tb', 'iTXt'],
  ])('%s', (_, text, type) => {
    const file = encodePng(image, new Map([['Description', text]]));
    expect(textsOf(file)).toEqual([['Description', text]]);
    expect(chunksOf(file)[1]?.type).toBe(type);
  });

  test('come back whatever they hold, save what PNG has no place for', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.stringMatching(/^[A-Za-z]{1,79}$/), fc.string({ unit: 'binary' })), {
          selector: ([k]) => k,
        }),
        (texts) => {
          const clean = texts.map(([k, v]) => {
            const text = Buffer.from(v.replaceAll('\0', '\ufffd')).toString('utf8');
            return [k, text.replaceAll(/\r\n?/g, '\n')];
          });
          expect(textsOf(encodePng(image, new Map(texts)))).toEqual(clean);
        },
      ),
    );
  });

  test('with half a surrogate or NUL are mended', () => {
    expect(textsOf(encodePng(image, new Map([['K', 'a\ud800b\0c']])))).toEqual([['K', 'a\ufffdb\ufffdc']]);
  });

  test.each(['', ' a', 'a ', 'a  b', 'a\nb', 'a\0b', 'ж', 'a\u00a0b', 'x'.repeat(80)])(
    'keyword %j is refused',
    (keyword) => {
      expectError('E_IMAGE', () => encodePng(image, new Map([[keyword, 'x']])));
    },
  );

  test('beyond any prompt are refused', () => {
    expectError('E_IMAGE', () => encodePng(image, new Map([['K', 'x'.repeat((1 << 20) + 1)]])));
  });
});

test.each([
  [0, 1, 0],
  [1, -1, 0],
  [1.5, 2, 9],
  [1, 1, 2],
  [1, 1, 4],
  [1e9, 1e9, 3],
  [Number.NaN, 1, 3],
])('an image of %d x %d with %d bytes is refused', (width, height, bytes) => {
  expectError('E_IMAGE', () => encodePng({ width, height, data: new Uint8Array(bytes) }));
});

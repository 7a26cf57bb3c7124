import { crc32 } from 'node:zlib';
import { PNG } from 'pngjs';
import { SdgraphError } from '../errors.ts';
import type { RgbImage } from './images.ts';

/** PNG's own limit is 2^31 - 1; pngjs makes everything in memory. */
const MAX_SIDE = 32_768;

/** Signature and header: where the text chunks go. The header chunk has 13 bytes of content. */
const HEADER_END = 8 + 12 + 13;

/** Longest text of a chunk: prompts are a few hundred characters. */
const MAX_TEXT = 1 << 20;

/**
 * Encodes an image as a PNG file: 8-bit RGB, no alpha.
 *
 * ```ts
 * writeFileAtomic('0_0.png', encodePng(image, new Map([['Description', prompt], ['Software', 'sdgraph']])));
 * ```
 *
 * @param text what to note in the file, by keyword. A keyword has 1 to 79 Latin-1 characters, no spaces at its ends
 * and none in a row. The text goes into a tEXt chunk where Latin-1 can hold it, otherwise into an iTXt chunk (UTF-8);
 * half surrogates and NUL, which neither can hold, become U+FFFD.
 * @throws SdgraphError `E_IMAGE` when the pixels do not fit the size, or for such a keyword
 */
export function encodePng(image: RgbImage, text: ReadonlyMap<string, string> = new Map()): Uint8Array {
  const { width, height, data } = image;
  requireImage(image);
  const chunks = [...text].map(([keyword, value]) => textChunk(keyword, value));
  const png = new PNG({ width, height });
  png.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const bytes = PNG.sync.write(png, { bitDepth: 8, colorType: 2, inputColorType: 2, inputHasAlpha: false });
  return new Uint8Array(Buffer.concat([bytes.subarray(0, HEADER_END), ...chunks, bytes.subarray(HEADER_END)]));
}

/**
 * Checks that an image is one: sides within bounds, and as many bytes as they need.
 *
 * @throws SdgraphError `E_IMAGE`
 */
export function requireImage({ width, height, data }: RgbImage): void {
  for (const side of [width, height]) {
    if (Number.isInteger(side) && side >= 1 && side <= MAX_SIDE) continue;
    throw imageError('an image cannot have this size', `sides of 1 to ${MAX_SIDE} pixels`, `${width} x ${height}`);
  }
  if (data.length !== width * height * 3) {
    throw imageError('pixels and size of an image do not fit', `${width * height * 3} bytes`, `${data.length}`);
  }
}

/** The typed error for images. */
export function imageError(reason: string, expected: string, found: string): SdgraphError {
  return new SdgraphError('E_IMAGE', reason, {}, { expected, found });
}

function textChunk(keyword: string, value: string): Buffer {
  if (!/^(?! )[ -~\u00a1-\u00ff]{1,79}(?<! )$/.test(keyword) || keyword.includes('  ')) {
    throw imageError('PNG does not take this keyword', '1 to 79 Latin-1 characters, single spaces inside', keyword);
  }
  if (value.length > MAX_TEXT) throw imageError('a text is too long', `at most ${MAX_TEXT}`, `${value.length}`);
  const clean = value.replaceAll(/\0|\p{Surrogate}/gu, '\ufffd').replaceAll(/\r\n?/g, '\n');
  // Latin-1 text has no control characters besides the line feed.
  if (/^[\n -~\u00a0-\u00ff]*$/.test(clean)) return chunk('tEXt', Buffer.from(`${keyword}\0${clean}`, 'latin1'));
  // Keyword, not compressed (flag and method), no language, no translated keyword.
  const head = Buffer.from(`${keyword}\0\0\0\0\0`, 'latin1');
  return chunk('iTXt', Buffer.concat([head, Buffer.from(clean, 'utf8')]));
}

/** A chunk: length, type, content, and the CRC of type and content. */
function chunk(type: string, content: Buffer): Buffer {
  const result = Buffer.alloc(content.length + 12);
  result.writeUInt32BE(content.length, 0);
  result.write(type, 4, 'latin1');
  content.copy(result, 8);
  result.writeUInt32BE(crc32(result.subarray(4, -4)), content.length + 8);
  return result;
}

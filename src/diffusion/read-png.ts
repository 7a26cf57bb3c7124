import { readFileSync } from 'node:fs';
import { PNG } from 'pngjs';
import { printable, SdgraphError } from '../errors.ts';
import { systemReason } from '../wire/source.ts';
import type { RgbImage } from './images.ts';
import { requireImage } from './png.ts';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Where the header chunk has the size: behind the signature, its length and its type. */
const WIDTH_AT = 16;

/** Length, type and checksum of a chunk. */
const CHUNK_FRAME = 12;

/** A PNG file of our own: what is noted in it, and its pixels on request. */
export interface PngFile {
  readonly width: number;
  readonly height: number;
  /** The text chunks by keyword. */
  readonly text: ReadonlyMap<string, string>;
  /** Decodes the pixels. */
  image(): RgbImage;
}

/**
 * Reads a PNG file as `encodePng` writes it.
 *
 * @throws SdgraphError `E_IMAGE` when it is none or is cut off, `E_FILE_READ`
 */
export function readPng(file: string): PngFile {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new SdgraphError('E_FILE_READ', `the image cannot be read: ${systemReason(cause)}`, { file }, { cause });
  }
  if (bytes.length < WIDTH_AT + 8 || !bytes.subarray(0, 8).equals(SIGNATURE)) throw damaged(file, 'no PNG header');
  const [width, height] = [bytes.readUInt32BE(WIDTH_AT), bytes.readUInt32BE(WIDTH_AT + 4)];
  return { width, height, text: textChunks(bytes, file), image: () => decode(bytes, file, width, height) };
}

/** Pixels are made only after the header was found to be plausible: the decoder allocates what it says. */
function decode(bytes: Buffer, file: string, width: number, height: number): RgbImage {
  const image = { width, height, data: new Uint8Array(0) };
  if (width <= 32_768 && height <= 32_768 && width * height <= 1 << 26) image.data = new Uint8Array(width * height * 3);
  requireImage(image);
  let rgba: Buffer;
  try {
    rgba = PNG.sync.read(bytes).data;
  } catch (cause) {
    throw damaged(file, cause instanceof Error ? cause.message : String(cause));
  }
  for (let from = 0, to = 0; to < image.data.length; from += 4, to += 3) {
    image.data.set(rgba.subarray(from, from + 3), to);
  }
  return image;
}

function textChunks(bytes: Buffer, file: string): Map<string, string> {
  const texts = new Map<string, string>();
  let at = SIGNATURE.length;
  while (at + CHUNK_FRAME <= bytes.length) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const content = bytes.subarray(at + 8, at + 8 + length);
    if (content.length < length) break;
    if (type === 'IEND') return texts;
    const keywordEnd = content.indexOf(0);
    if (keywordEnd > 0 && type === 'tEXt') {
      texts.set(content.toString('latin1', 0, keywordEnd), content.toString('latin1', keywordEnd + 1));
    } else if (keywordEnd > 0 && type === 'iTXt') {
      // Not compressed, without language and translated keyword: as `encodePng` writes it.
      texts.set(content.toString('latin1', 0, keywordEnd), content.toString('utf8', keywordEnd + 5));
    }
    at += CHUNK_FRAME + length;
  }
  throw damaged(file, 'it is cut off');
}

function damaged(file: string, found: string): SdgraphError {
  return new SdgraphError(
    'E_IMAGE',
    'the file is no whole PNG image',
    { file },
    { found: printable(found), hint: 'remove it; a run with --resume makes it again' },
  );
}

/**
 * Names in a file are bytes that claim to be UTF-8. Valid UTF-8 becomes the string one expects. A byte that is not part
 * of valid UTF-8 becomes a lone surrogate U+DC80..U+DCFF (the scheme of Python's `surrogateescape`), so that two
 * different names never collapse into one and every name can be written back to the bytes it came from.
 */

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const ESCAPE = 0xdc00;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the whole ASCII range is meant
const ASCII = /^[\u0000-\u007f]*$/;
const SURROGATE = /[\ud800-\udfff]/;

/** Longest run of bytes that is looked through for being ASCII before the decoder is asked. */
const SHORT = 48;

/** A string of the bytes [start, end) that are known to be ASCII; without the copies that concatenation would keep. */
const { latin1Slice } = Buffer.prototype as unknown as {
  readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string;
};

/** Decodes UTF-8 in [start, end); bytes that are not valid come out as lone surrogates, one a byte. */
export function decodeText(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (start === end) return '';
  if (end - start <= SHORT && isAscii(bytes, start, end)) return latin1Slice.call(bytes, start, end);
  const part = bytes.subarray(start, end);
  try {
    return decoder.decode(part);
  } catch {
    return decodeEscaping(part);
  }
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((bytes[at] as number) >= 0x80) return false;
  return true;
}

function decodeEscaping(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    text +=
      length === 0
        ? String.fromCharCode(ESCAPE + (bytes[at] as number))
        : decoder.decode(bytes.subarray(at, at + length));
    at += length === 0 ? 1 : length;
  }
  return text;
}

/** Length of the valid UTF-8 sequence at `at`, 0 when there is none. Ranges as in table 3-7 of the Unicode standard. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return 1;
  const length =
    first >= 0xc2 && first <= 0xdf ? 2 : (first & 0xf0) === 0xe0 ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  const second = bytes[at + 1] as number;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i = 2; i < length; i++) if (((bytes[at + i] as number) & 0xc0) !== 0x80) return 0;
  return length;
}

/** The inverse of {@link decodeText}: escaped bytes come back as they were. */
export function encodeText(text: string): Uint8Array {
  if (ASCII.test(text) || !SURROGATE.test(text)) return encoder.encode(text);
  const parts: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    if (code >= ESCAPE + 0x80 && code <= ESCAPE + 0xff) parts.push(code - ESCAPE);
    else parts.push(...encoder.encode(character));
  }
  return Uint8Array.from(parts);
}

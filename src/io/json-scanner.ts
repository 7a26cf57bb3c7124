/**
 * A strict reader for the JSON of file headers: objects, strings, whole numbers and lists of them, straight from bytes.
 *
 * `JSON.parse` keeps the last of two equal keys without a word, rounds integers, and says nothing about where it was;
 * two readers that disagree about a header are how a file means one thing to a scanner and another to a loader. The
 * caller says what comes next, so the depth of nesting is fixed by the caller, never by the file.
 */

/** What is wrong with a header, and at which byte of it. */
export class JsonScanError extends Error {
  override readonly name = 'JsonScanError';
  /** Byte offset from the start of the JSON. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Digits of 2^53. */
const MAX_DIGITS = 16;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads JSON front to back. Every method skips the white space before what it reads and throws {@link JsonScanError}. */
export class JsonScanner {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Byte offset of what comes next, white space skipped. */
  get offset(): number {
    this.#skipSpace();
    return this.#at;
  }

  /** An object: `onKey` must read the value of each key. Whether a key may come twice is for `onKey` to say. */
  object(onKey: (key: string, offset: number) => void): void {
    this.#expect(OPEN_BRACE, "'{'");
    if (this.#take(CLOSE_BRACE)) return;
    do {
      const at = this.offset;
      const key = this.string();
      this.#expect(COLON, "':'");
      onKey(key, at);
    } while (this.#take(COMMA));
    this.#expect(CLOSE_BRACE, "',' or '}'");
  }

  /** A string: valid UTF-8, no control characters, no half surrogates. */
  string(): string {
    this.#expect(QUOTE, 'a string');
    const bytes = this.#bytes;
    const begin = this.#at;
    let end = begin;
    let escaped = false;
    for (; ; end++) {
      const byte = bytes[end];
      if (byte === undefined) throw new JsonScanError('a string does not end', begin - 1);
      if (byte === QUOTE) break;
      if (byte < 0x20) throw new JsonScanError('a control character inside a string', end);
      if (byte === BACKSLASH) {
        escaped = true;
        end++;
      }
    }
    this.#at = end + 1;
    const text = decode(bytes.subarray(begin, end), begin);
    return escaped ? unescape(text, begin) : text;
  }

  /** A whole number from 0 to 2^53 - 1, written in plain digits. */
  integer(): number {
    const begin = this.offset;
    let end = begin;
    let value = 0;
    for (; ; end++) {
      const digit = (this.#bytes[end] ?? 0) - 0x30;
      if (digit < 0 || digit > 9 || end - begin > MAX_DIGITS) break;
      value = value * 10 + digit;
    }
    const leadingZero = end > begin + 1 && this.#bytes[begin] === 0x30;
    const tail = this.#bytes[end] ?? 0;
    const goesOn = tail === 0x2e || tail === 0x65 || tail === 0x45;
    if (end === begin || leadingZero || goesOn || !Number.isSafeInteger(value)) {
      throw new JsonScanError('not a whole number from 0 to 2^53 - 1', begin);
    }
    this.#at = end;
    return value;
  }

  /** A list of whole numbers as {@link integer}. */
  integers(): number[] {
    this.#expect(OPEN_BRACKET, "'['");
    const values: number[] = [];
    if (this.#take(CLOSE_BRACKET)) return values;
    do {
      values.push(this.integer());
    } while (this.#take(COMMA));
    this.#expect(CLOSE_BRACKET, "',' or ']'");
    return values;
  }

  /** Nothing but white space may be left. */
  end(): void {
    if (this.offset !== this.#bytes.byteLength) throw new JsonScanError('bytes after the end of the object', this.#at);
  }

  #skipSpace(): void {
    const bytes = this.#bytes;
    for (; ; this.#at++) {
      const byte = bytes[this.#at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
    }
  }

  #take(byte: number): boolean {
    this.#skipSpace();
    if (this.#bytes[this.#at] !== byte) return false;
    this.#at++;
    return true;
  }

  #expect(byte: number, what: string): void {
    if (!this.#take(byte)) throw new JsonScanError(`${what} is missing`, this.#at);
  }
}

function decode(bytes: Uint8Array, offset: number): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new JsonScanError('a string is not valid UTF-8', offset);
  }
}

function unescape(text: string, offset: number): string {
  let plain: string;
  try {
    plain = JSON.parse(`"${text}"`) as string;
  } catch {
    throw new JsonScanError('a string holds an escape that JSON does not have', offset);
  }
  if (/\p{Surrogate}/u.test(plain)) throw new JsonScanError('a string holds half a surrogate pair', offset);
  return plain;
}

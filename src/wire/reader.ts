import { SdgraphError } from '../errors.ts';
import { type ByteSource, readCopy } from './source.ts';
import { decodeText } from './text.ts';
import { WINDOW_SIZE, Window } from './window.ts';

/** Protobuf wire types. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const;

/** Deepest nesting of messages that is followed: the limit that protobuf's own parsers have. */
export const MAX_DEPTH = 100;

/** Longest text that is read: names, operator types, metadata. Strings of attributes and tensors are bytes, without limit. */
const MAX_TEXT = 16 << 20;

const LONGEST_VARINT = 10;
const TWO_32 = 0x1_0000_0000;

/**
 * Walks the fields of protobuf messages in a {@link ByteSource} without decoding what it is not asked for: a payload of
 * gigabytes costs one addition. `next` moves to a field and fills `field`, `wire`, `start`, `payload` and `end`; to look
 * inside a message field, set `position` to its `payload` and call `next` with its `end` as the limit.
 *
 * Errors: `E_WIRE_TRUNCATED`, `E_WIRE_VARINT`, `E_WIRE_TAG`, `E_WIRE_DEPTH`, `E_WIRE_LIMIT`, each with the byte offset.
 */
export class WireReader {
  readonly source: ByteSource;
  /** Offset of the next byte to look at. */
  position = 0;
  /** Number of the current field. */
  field = 0;
  /** Wire type of the current field. */
  wire = 0;
  /** Offset of the tag of the current field. */
  start = 0;
  /** Offset of its value: after the tag, and after the length where there is one. */
  payload = 0;
  /** Offset behind its value. */
  end = 0;
  /** Low half of the last varint, unsigned. */
  low = 0;
  /** High half of the last varint, unsigned. */
  high = 0;
  readonly #window: Window;

  constructor(source: ByteSource) {
    this.source = source;
    this.#window = Window.on(source);
  }

  /** Moves to the next field before `limit`; false when there is none. Afterwards `position` is `end`. */
  next(limit: number): boolean {
    if (this.position >= limit) return false;
    this.start = this.position;
    this.#readTag(limit);
    if (this.wire === WIRE.groupEnd) throw this.#error('E_WIRE_TAG', 'a group ends that never began');
    this.#readExtent(limit, 0);
    return true;
  }

  /** The current varint as a signed 64-bit integer. */
  bigint(): bigint {
    return (BigInt(this.high | 0) << 32n) | BigInt(this.low);
  }

  /** The current varint as protobuf reads an `int32` or enum: the low half, signed. */
  int32(): number {
    return this.low | 0;
  }

  /** The current 32-bit field as a float. */
  float(): number {
    this.#window.load(this.payload, 4);
    return this.#window.view.getFloat32(this.payload - this.#window.base, true);
  }

  /** Bytes of the current field's payload; a fresh copy that the caller owns. */
  bytes(): Uint8Array {
    const { payload, end } = this;
    if (end - payload > WINDOW_SIZE) return readCopy(this.source, payload, end - payload);
    this.#window.load(payload, end - payload);
    return this.#window.bytes.slice(payload - this.#window.base, end - this.#window.base);
  }

  /** The current field's payload as text, see {@link decodeText}; at most {@link MAX_TEXT} bytes. */
  string(): string {
    const { payload, end } = this;
    const length = end - payload;
    if (length <= WINDOW_SIZE) {
      this.#window.load(payload, length);
      const { bytes, base } = this.#window;
      return decodeText(bytes, payload - base, end - base);
    }
    if (length > MAX_TEXT) {
      const expected = `at most ${MAX_TEXT} bytes`;
      throw this.#error('E_WIRE_LIMIT', 'a name or text is longer than any real one', { expected, found: `${length}` });
    }
    return decodeText(readCopy(this.source, payload, length));
  }

  /** Appends the 64-bit integers of the current field, packed or single, to `into`. */
  int64s(into: bigint[]): void {
    if (this.wire === WIRE.varint) {
      into.push(this.bigint());
    } else if (this.wire === WIRE.bytes) {
      const { end } = this;
      this.position = this.payload;
      while (this.position < end) {
        this.readVarint(end);
        into.push(this.bigint());
      }
    }
  }

  /** Appends the floats of the current field, packed or single, to `into`. */
  floats(into: number[]): void {
    if (this.wire === WIRE.fixed32) {
      into.push(this.float());
    } else if (this.wire === WIRE.bytes) {
      const bytes = this.bytes();
      if (bytes.length % 4 !== 0) throw this.#error('E_WIRE_TRUNCATED', 'packed floats end in the middle of one');
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = 0; at < bytes.length; at += 4) into.push(view.getFloat32(at, true));
    }
  }

  #readTag(limit: number): void {
    this.readVarint(limit);
    const number = Math.floor((this.high * TWO_32 + this.low) / 8);
    if (this.high !== 0 || number === 0) throw this.#error('E_WIRE_TAG', `there is no field ${number}`);
    this.field = number;
    this.wire = this.low & 7;
    this.payload = this.position;
  }

  /** Finds where the value of the current field ends and moves there. */
  #readExtent(limit: number, depth: number): void {
    switch (this.wire) {
      case WIRE.varint:
        this.readVarint(limit);
        break;
      case WIRE.fixed64:
        this.#skip(8, limit);
        break;
      case WIRE.bytes: {
        this.readVarint(limit);
        this.payload = this.position;
        this.#skip(this.high * TWO_32 + this.low, limit);
        break;
      }
      case WIRE.groupStart:
        this.#skipGroup(limit, depth);
        break;
      case WIRE.fixed32:
        this.#skip(4, limit);
        break;
      default:
        throw this.#error('E_WIRE_TAG', `there is no wire type ${this.wire}`);
    }
    this.end = this.position;
  }

  #skipGroup(limit: number, depth: number): void {
    if (depth > MAX_DEPTH) throw this.#error('E_WIRE_DEPTH', `groups are nested more than ${MAX_DEPTH} deep`);
    const { start, field, payload } = this;
    for (;;) {
      if (this.position >= limit) throw this.#error('E_WIRE_TRUNCATED', 'a group has no end');
      this.#readTag(limit);
      if (this.wire === WIRE.groupEnd) {
        if (this.field !== field) throw this.#error('E_WIRE_TAG', `group ${field} is closed as group ${this.field}`);
        break;
      }
      this.#readExtent(limit, depth + 1);
    }
    Object.assign(this, { start, field, payload, wire: WIRE.groupStart });
  }

  #skip(length: number, limit: number): void {
    if (length > limit - this.position) {
      throw this.#error('E_WIRE_TRUNCATED', 'a field is longer than what is left', {
        expected: `at most ${limit - this.position} bytes`,
        found: `${length}`,
      });
    }
    this.position += length;
  }

  /** Reads a varint at `position` into `low` and `high`. */
  readVarint(limit: number): void {
    const longest = Math.min(LONGEST_VARINT, limit - this.position);
    this.#window.load(this.position, longest);
    const { bytes, base } = this.#window;
    let at = this.position - base;
    const first = bytes[at] as number;
    if (longest > 0 && first < 0x80) {
      this.low = first;
      this.high = 0;
      this.position++;
      return;
    }
    let low = 0;
    let high = 0;
    for (let i = 0; i < longest; i++) {
      const byte = bytes[at++] as number;
      const bits = byte & 0x7f;
      if (i < 4) low |= bits << (7 * i);
      else if (i === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (i < LONGEST_VARINT) high |= bits << (7 * i - 32);
      if (byte < 0x80) {
        this.low = low >>> 0;
        this.high = high >>> 0;
        this.position += i + 1;
        return;
      }
    }
    if (longest === LONGEST_VARINT) throw this.#error('E_WIRE_VARINT', 'an integer takes more than ten bytes');
    throw this.#error('E_WIRE_TRUNCATED', 'the bytes end inside an integer');
  }

  #error(
    code: 'E_WIRE_TRUNCATED' | 'E_WIRE_VARINT' | 'E_WIRE_TAG' | 'E_WIRE_DEPTH' | 'E_WIRE_LIMIT',
    reason: string,
    details: { expected?: string; found?: string } = {},
  ): SdgraphError {
    return new SdgraphError(code, reason, { file: this.source.label, offset: this.position }, details);
  }
}

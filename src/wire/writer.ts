import { SdgraphError } from '../errors.ts';
import { WIRE } from './reader.ts';
import { type Piece, pieceLength, Rope } from './rope.ts';
import { encodeText } from './text.ts';

const MASK_64 = (1n << 64n) - 1n;

/** The shortest varint for an integer; negative ones take ten bytes, as protobuf has it for `int32` and `int64`. Throws `E_INTERNAL` for other numbers. */
export function varint(value: number | bigint): Uint8Array {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new SdgraphError('E_INTERNAL', 'only whole numbers below 2^53 can be written', {}, { found: String(value) });
  }
  const bytes: number[] = [];
  if (typeof value === 'number' && value >= 0) {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
    bytes.push(rest);
  } else {
    let rest = BigInt(value) & MASK_64;
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
  }
  return Uint8Array.from(bytes);
}

function tag(field: number, wire: number): Uint8Array {
  return varint(field * 8 + wire);
}

/** A varint field: `int32`, `int64` or an enum. */
export function intField(field: number, value: number | bigint): Uint8Array {
  return join(tag(field, WIRE.varint), varint(value));
}

/** A `float` field. */
export function floatField(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return join(tag(field, WIRE.fixed32), bytes);
}

/** A `string` field. */
export function textField(field: number, value: string): Uint8Array {
  return bytesField(field, encodeText(value));
}

/** A `bytes` field, or a message whose bytes are at hand. */
export function bytesField(field: number, value: Uint8Array): Uint8Array {
  return join(tag(field, WIRE.bytes), varint(value.length), value);
}

/** A message or `bytes` field whose contents are copied when the model is saved. */
export function ropeField(field: number, contents: Rope | Piece): Rope {
  const length = contents instanceof Rope ? contents.length : pieceLength(contents);
  return Rope.of(join(tag(field, WIRE.bytes), varint(length))).add(contents);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

import { WireReader } from '../wire/reader.ts';
import type { Span } from '../wire/rope.ts';
import { elementType } from './data-type.ts';

/**
 * The elements of a tensor that keeps them in a typed field, in the form of `raw_data`, piece by piece.
 *
 * `int32_data` holds one byte of packed elements per integer for types under 8 bits, and the bit pattern for 16-bit
 * floats; `uint64_data` also holds uint32 (onnx.proto).
 */
export function* typedChunks(fields: readonly Span[], dataType: number, chunkSize: number): Generator<Uint8Array> {
  const { field: kind, bits } = elementType(dataType) ?? { field: undefined, bits: 0 };
  for (const field of fields) {
    if (kind === 'float_data' || kind === 'double_data') {
      yield* field.source.chunks(field.start, field.end - field.start, chunkSize);
    } else {
      yield* varintChunks(field, Math.max(8, bits) / 8, chunkSize);
    }
  }
}

/** Packed varints as little-endian integers of `width` bytes. */
function* varintChunks(field: Span, width: number, chunkSize: number): Generator<Uint8Array> {
  const reader = new WireReader(field.source);
  const room = Math.max(1, Math.floor(chunkSize / width));
  const chunk = new Uint8Array(room * width);
  const view = new DataView(chunk.buffer);
  let at = 0;
  reader.position = field.start;
  while (reader.position < field.end) {
    reader.readVarint(field.end);
    if (width === 1) view.setUint8(at, reader.low & 0xff);
    else if (width === 2) view.setUint16(at, reader.low & 0xffff, true);
    else view.setUint32(at, reader.low, true);
    if (width === 8) view.setUint32(at + 4, reader.high, true);
    at += width;
    if (at === chunk.length) {
      yield chunk;
      at = 0;
    }
  }
  if (at > 0) yield chunk.subarray(0, at);
}

/** The elements of a string tensor, one UTF-8 byte string each. */
export function typedStrings(fields: readonly Span[]): Uint8Array[] {
  return fields.map(({ source, start, end }) => source.read(start, end - start).slice());
}

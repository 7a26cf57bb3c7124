import { WIRE, WireReader } from '../wire/reader.ts';
import type { Span } from '../wire/rope.ts';
import { elementType } from './data-type.ts';

/** The longest element, complex128: pieces are a multiple of it, so that no element is cut. */
const LONGEST_ELEMENT = 16;

/** Occurrences of one typed data field (`float_data`, `int32_data`, ...) of a tensor, found when they are asked for. */
export interface TypedField {
  /** The TensorProto, in pieces where the file has it in pieces. */
  readonly segments: readonly Span[];
  /** Number of the field. */
  readonly id: number;
  /** Wire type of an element on its own; packed ones have a length in front. */
  readonly wire: number;
}

/** Payloads of the occurrences of a typed field in order; each holds one element or packed ones. */
export function* payloads({ segments, id, wire }: TypedField): Generator<Span> {
  for (const { source, start, end } of segments) {
    const reader = new WireReader(source);
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field !== id || (reader.wire !== wire && reader.wire !== WIRE.bytes)) continue;
      yield { source, start: reader.payload, end: reader.end };
    }
  }
}

/**
 * The elements of a tensor that keeps them in a typed field, in the form of `raw_data`, piece by piece. A piece lies in
 * one reused buffer.
 *
 * `int32_data` holds one byte of packed elements per integer for types under 8 bits, and the bit pattern for 16-bit
 * floats; `uint64_data` also holds uint32 (onnx.proto).
 *
 * @param expected bytes that the elements should take; only for the size of the buffer
 */
export function* typedChunks(
  field: TypedField,
  dataType: number,
  expected: number,
  chunkSize: number,
): Generator<Uint8Array> {
  const width = field.wire === WIRE.varint ? Math.max(8, elementType(dataType)?.bits ?? 8) / 8 : 0;
  const size = Math.max(1, Math.ceil(Math.min(expected, chunkSize) / LONGEST_ELEMENT)) * LONGEST_ELEMENT;
  const chunk = new Uint8Array(size);
  const view = new DataView(chunk.buffer);
  let at = 0;
  for (const { source, start, end } of payloads(field)) {
    const reader = new WireReader(source);
    reader.position = start;
    while (reader.position < end) {
      if (width === 0) {
        const length = Math.min(end - reader.position, size - at);
        source.readInto(chunk.subarray(at, at + length), reader.position);
        reader.position += length;
        at += length;
      } else {
        reader.readVarint(end);
        putInteger(view, at, width, reader);
        at += width;
      }
      if (at === size) {
        yield chunk;
        at = 0;
      }
    }
  }
  if (at > 0) yield chunk.subarray(0, at);
}

/** The low `width` bytes of the last varint, little-endian. */
function putInteger(view: DataView, at: number, width: number, { low, high }: WireReader): void {
  if (width === 1) view.setUint8(at, low & 0xff);
  else if (width === 2) view.setUint16(at, low & 0xffff, true);
  else view.setUint32(at, low, true);
  if (width === 8) view.setUint32(at + 4, high, true);
}

/** The elements of a string tensor, one UTF-8 byte string each. */
export function typedStrings(field: TypedField): Uint8Array[] {
  return Array.from(payloads(field), ({ source, start, end }) => source.read(start, end - start).slice());
}

import { WIRE, WireReader } from '../../wire/reader.ts';
import type { ByteSource } from '../../wire/source.ts';
import { OmRefusal } from './problems.ts';

/** One field of a message: number, wire type, and where its value is. */
export interface ProtoField {
  readonly id: number;
  readonly wire: number;
  /** Offset of the value in the source; of the contents for texts, bytes and messages. */
  readonly start: number;
  readonly end: number;
  /** Halves of a varint, unsigned; see {@link intOf}. */
  readonly low: number;
  readonly high: number;
}

/** What all messages of one file may hold together. Real files stay far below. */
const MAX_FIELDS = 24_000_000;
const MAX_TEXT_BYTES = 128 << 20;
const MAX_ELEMENTS = 1 << 20;
/** Longest single text. */
const MAX_TEXT = 1 << 20;

/** What is left of the limits; shared by all parts of a file. */
export class ProtoBudget {
  fields = MAX_FIELDS;
  textBytes = MAX_TEXT_BYTES;
  elements = MAX_ELEMENTS;

  /** Takes from a limit. @throws OmRefusal `limit` */
  take(kind: 'fields' | 'textBytes' | 'elements', amount: number): void {
    this[kind] -= amount;
    if (this[kind] < 0) throw new OmRefusal('limit', 'the description of the graph holds more than any real model');
  }
}

/**
 * Walks protobuf messages in place, within limits: nothing is read that is not asked for, and what is read is bounded
 * for the whole file. Errors: those of `WireReader` for damaged bytes, `OmRefusal` `limit` and `model-def-invalid`.
 */
export class ProtoWalk {
  readonly #reader: WireReader;
  readonly #budget: ProtoBudget;

  constructor(source: ByteSource, budget: ProtoBudget) {
    this.#reader = new WireReader(source);
    this.#budget = budget;
  }

  /** The fields of the message in [start, end), in order. Other messages may be walked between the steps. */
  *fields(start: number, end: number): Generator<ProtoField> {
    const reader = this.#reader;
    let position = start;
    for (;;) {
      reader.position = position;
      if (!reader.next(end)) return;
      this.#budget.take('fields', 1);
      if (reader.wire === WIRE.groupStart) {
        throw new OmRefusal('model-def-invalid', 'the description of the graph holds a group', {
          offset: reader.start,
        });
      }
      position = reader.position;
      yield {
        id: reader.field,
        wire: reader.wire,
        start: reader.payload,
        end: reader.end,
        low: reader.low,
        high: reader.high,
      };
    }
  }

  /** A text. */
  text({ start, end }: ProtoField): string {
    if (end - start > MAX_TEXT) {
      throw new OmRefusal('limit', 'a text is longer than any real one', {
        offset: start,
        expected: `at most ${MAX_TEXT} bytes`,
        found: `${end - start}`,
      });
    }
    this.#budget.take('textBytes', end - start);
    this.#reader.payload = start;
    this.#reader.end = end;
    return this.#reader.string();
  }

  /** Counts an element of a list that is kept: an empty one takes memory, too. */
  countElement(): void {
    this.#budget.take('elements', 1);
  }

  /** Appends the integers of a field, packed or single. */
  ints(field: ProtoField, into: bigint[]): void {
    this.#budget.take('elements', field.wire === WIRE.varint ? 1 : field.end - field.start);
    if (field.wire === WIRE.varint) into.push(intOf(field));
    else if (this.#select(field)) this.#reader.int64s(into);
  }

  /** Appends the floats of a field, packed or single. */
  floats(field: ProtoField, into: number[]): void {
    this.#budget.take('elements', field.end - field.start);
    if (this.#select(field)) this.#reader.floats(into);
  }

  /** Points the reader at a field again; false for wire types that hold no list. */
  #select({ wire, start, end }: ProtoField): boolean {
    Object.assign(this.#reader, { wire, payload: start, end });
    return wire === WIRE.bytes || wire === WIRE.fixed32;
  }
}

/** Whether a field holds a text, bytes or a message. */
export function isBytes({ wire }: ProtoField): boolean {
  return wire === WIRE.bytes;
}

/** Whether a field holds an integer, a bool or an enum. */
export function isVarint({ wire }: ProtoField): boolean {
  return wire === WIRE.varint;
}

/** The value of a varint, as a signed 64-bit integer. */
export function intOf({ low, high }: ProtoField): bigint {
  return (BigInt(high | 0) << 32n) | BigInt(low);
}

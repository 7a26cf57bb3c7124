import { SdgraphError } from '../errors.ts';
import { fieldIds } from '../wire/fields.ts';
import { MAX_DEPTH, WIRE, type WireReader } from '../wire/reader.ts';
import type { Span } from '../wire/rope.ts';

const OPSET = fieldIds('OperatorSetIdProto');
const ENTRY = fieldIds('StringStringEntryProto');

/** A field of the file: its payload, and where its tag begins. */
export interface Field extends Span {
  readonly fieldStart: number;
}

/** Reads the OperatorSetIdProto that the reader stands on. */
export function readOpset(reader: WireReader, into: Map<string, number>): void {
  let domain = '';
  let version = 0;
  for (const field of fieldsOf(reader)) {
    if (field === OPSET.domain && reader.wire === WIRE.bytes) domain = reader.string();
    if (field === OPSET.version && reader.wire === WIRE.varint) version = Number(reader.bigint());
  }
  into.set(domain, version);
}

/** Reads the StringStringEntryProto that the reader stands on. */
export function readEntry(reader: WireReader, into: Map<string, string>): void {
  let key = '';
  let value = '';
  for (const field of fieldsOf(reader)) {
    if (field === ENTRY.key && reader.wire === WIRE.bytes) key = reader.string();
    if (field === ENTRY.value && reader.wire === WIRE.bytes) value = reader.string();
  }
  into.set(key, value);
}

/** Walks the fields inside the message that the reader stands on, leaving the reader behind it. */
export function* fieldsOf(reader: WireReader): Generator<number> {
  const { end } = reader;
  reader.position = reader.payload;
  while (reader.next(end)) yield reader.field;
}

/** Refuses nesting that no real model has, before the call stack or the heap suffer from it. */
export function checkDepth(reader: WireReader, depth: number): void {
  if (depth <= MAX_DEPTH) return;
  throw new SdgraphError(
    'E_WIRE_DEPTH',
    'messages are nested too deep',
    { file: reader.source.label, offset: reader.start },
    {
      expected: `at most ${MAX_DEPTH} levels, as in protobuf's own parsers`,
    },
  );
}

/**
 * Parts that any file may have, and bytes that each further one must take on average. A part is something that takes
 * memory when a model is open: a node, an input or output, an attribute, a tensor, a typed value. Real ones take over
 * ten bytes, even with the shortest names.
 */
const FEW_PARTS = 1 << 16;
const LEAST_PART = 6;

/** Counts the parts of a model. A file of millions of empty ones is made to fill memory, and refused. */
export class PartCounter {
  readonly #reader: WireReader;
  readonly #most: number;
  #count = 0;

  constructor(reader: WireReader) {
    this.#reader = reader;
    this.#most = FEW_PARTS + Math.floor(reader.source.size / LEAST_PART);
  }

  /** Throws `E_WIRE_LIMIT` when these are too many. */
  add(parts = 1): void {
    this.#count += parts;
    if (this.#count <= this.#most) return;
    const { source, start } = this.#reader;
    throw new SdgraphError(
      'E_WIRE_LIMIT',
      'the model consists of more parts than its size explains',
      { file: source.label, offset: start },
      { expected: `at most ${this.#most} nodes, inputs, outputs, attributes, tensors and the like` },
    );
  }
}

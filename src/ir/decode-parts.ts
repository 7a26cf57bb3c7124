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

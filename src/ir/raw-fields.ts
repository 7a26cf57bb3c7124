/**
 * Which fields a message of the file holds: what the graph does not keep because it has no meaning for a rewrite, and a
 * checker has to see, such as a tensor that stores its elements twice.
 */

import { fieldIds } from '../wire/fields.ts';
import { FIELDS } from '../wire/generated/schema.ts';
import { WIRE, WireReader } from '../wire/reader.ts';
import type { Span } from '../wire/rope.ts';
import { fieldsOf } from './decode-parts.ts';
import { decodeSparseTensor } from './decode-tensor.ts';
import type { SparseTensor } from './sparse-tensor.ts';
import { decodeType, type ValueType } from './type.ts';

type Message = keyof typeof FIELDS;

const NAMES = new Map<Message, ReadonlyMap<number, string>>();

/** Names of the fields of a message by number. */
function namesOf(message: Message): ReadonlyMap<number, string> {
  const known = NAMES.get(message);
  if (known !== undefined) return known;
  const names = new Map(Object.entries<{ id: number }>(FIELDS[message]).map(([name, { id }]) => [id, name]));
  NAMES.set(message, names);
  return names;
}

/** How often each field occurs in a message of the file, by name. Fields that ONNX does not define are left out. */
export function fieldCounts(message: Message, segments: readonly Span[]): ReadonlyMap<string, number> {
  const names = namesOf(message);
  const counts = new Map<string, number>();
  for (const { source, start, end } of segments) {
    const reader = new WireReader(source);
    reader.position = start;
    while (reader.next(end)) {
      const name = names.get(reader.field);
      if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return counts;
}

/** The fields of TensorProto that hold elements. */
export type DataField =
  | 'float_data'
  | 'int32_data'
  | 'string_data'
  | 'int64_data'
  | 'raw_data'
  | 'double_data'
  | 'uint64_data';

const TENSOR = fieldIds('TensorProto');
const FIXED_WIDTH: ReadonlyMap<number, number> = new Map([
  [TENSOR.float_data, 4],
  [TENSOR.double_data, 8],
]);
const DATA_FIELDS: ReadonlyMap<number, DataField> = new Map([
  [TENSOR.float_data, 'float_data'],
  [TENSOR.int32_data, 'int32_data'],
  [TENSOR.string_data, 'string_data'],
  [TENSOR.int64_data, 'int64_data'],
  [TENSOR.raw_data, 'raw_data'],
  [TENSOR.double_data, 'double_data'],
  [TENSOR.uint64_data, 'uint64_data'],
]);

/**
 * How many values each field for elements holds in a TensorProto of the file: bytes for `raw_data`, numbers or strings
 * for the others. Empty fields are left out. Integers in typed fields are counted by reading them; nothing else is.
 */
export function dataFieldSizes(segments: readonly Span[]): ReadonlyMap<DataField, number> {
  const sizes = new Map<DataField, number>();
  for (const { source, start, end } of segments) {
    const reader = new WireReader(source);
    reader.position = start;
    while (reader.next(end)) {
      const name = DATA_FIELDS.get(reader.field);
      if (name === undefined) continue;
      const size = valuesIn(reader, name);
      // A single field that comes twice is what it was the last time; repeated ones add up.
      sizes.set(name, name === 'raw_data' ? size : (sizes.get(name) ?? 0) + size);
    }
  }
  for (const [name, size] of sizes) if (size === 0) sizes.delete(name);
  return sizes;
}

function valuesIn(reader: WireReader, name: DataField): number {
  if (reader.wire !== WIRE.bytes || name === 'string_data') return 1;
  const length = reader.end - reader.payload;
  if (name === 'raw_data') return length;
  const width = FIXED_WIDTH.get(reader.field);
  if (width !== undefined) return Math.floor(length / width);
  let count = 0;
  for (const chunk of reader.source.chunks(reader.payload, length)) {
    // The last byte of a variable-length integer is the one without the top bit.
    for (const byte of chunk) if (byte < 0x80) count++;
  }
  return count;
}

const FUNCTION = fieldIds('FunctionProto');
const ATTRIBUTE = fieldIds('AttributeProto');

/** Names of the attributes of a local function that have a default value (`attribute_proto`). */
export function defaultedAttributes(segments: readonly Span[]): string[] {
  const names: string[] = [];
  for (const { source, start, end } of segments) {
    const reader = new WireReader(source);
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field !== FUNCTION.attribute_proto || reader.wire !== WIRE.bytes) continue;
      const stop = reader.end;
      for (const field of fieldsOf(reader)) {
        if (field === ATTRIBUTE.name && reader.wire === WIRE.bytes) names.push(reader.string());
      }
      reader.position = stop;
    }
  }
  return names;
}

/** The sparse tensors that an attribute holds (`sparse_tensor`, `sparse_tensors`), which the graph itself does not need. */
export function sparseTensorsOf(segments: readonly Span[]): SparseTensor[] {
  const found: SparseTensor[] = [];
  const single: Span[] = [];
  for (const { source, start, end } of segments) {
    const reader = new WireReader(source);
    reader.position = start;
    while (reader.next(end)) {
      if (reader.wire !== WIRE.bytes) continue;
      const span = { source, start: reader.payload, end: reader.end };
      if (reader.field === ATTRIBUTE.sparse_tensor) single.push(span);
      else if (reader.field === ATTRIBUTE.sparse_tensors) found.push(decodeSparseTensor([span], undefined));
      reader.position = span.end;
    }
  }
  // Several occurrences of a single message are one message, in pieces.
  return single.length === 0 ? found : [decodeSparseTensor(single, undefined), ...found];
}

/** The type that an attribute holds (`tp`); undefined when it holds none. Throws `E_NOT_ONNX` when it cannot be read. */
export function typeOfAttribute(segments: readonly Span[]): ValueType | undefined {
  for (const { source, start, end } of segments) {
    const reader = new WireReader(source);
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === ATTRIBUTE.tp && reader.wire === WIRE.bytes) return decodeType(reader.bytes());
    }
  }
  return undefined;
}

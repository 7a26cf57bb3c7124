import { fieldIds } from '../wire/fields.ts';
import { type Piece, Rope, type Span } from '../wire/rope.ts';
import { splice } from '../wire/splice.ts';
import { bytesField, intField, ropeField, textField } from '../wire/writer.ts';
import type { Placement } from './encode.ts';
import type { SparseTensor } from './sparse-tensor.ts';
import type { Tensor } from './tensor.ts';

const F = fieldIds('TensorProto');
const SPARSE = fieldIds('SparseTensorProto');
const ENTRY = fieldIds('StringStringEntryProto');
const LOCATION = { default: 0, external: 1 } as const;

type Edits = Map<number, readonly (Piece | Rope)[]>;

/** The TensorProto of a tensor whose elements go to `placement`, or stay where they are. Undefined when it says so already. */
export function encodeTensor(tensor: Tensor, placement: Placement | undefined): Rope | undefined {
  if (tensor.clean && placement === undefined) return undefined;
  const edits: Edits = new Map();
  if (!tensor.clean) {
    edits.set(
      F.dims,
      tensor.dims.map((dim) => intField(F.dims, dim)),
    );
    edits.set(F.data_type, [intField(F.data_type, tensor.dataType)]);
    edits.set(F.name, tensor.name === '' ? [] : [textField(F.name, tensor.name)]);
  }
  if (placement?.kind === 'external') setExternal(edits, placement);
  else if (placement?.kind === 'inline') setInline(edits, [contents(tensor)]);
  else if (!tensor.clean) setStorage(edits, tensor);
  return splice(tensor.segments, edits);
}

function setStorage(edits: Edits, tensor: Tensor): void {
  const { storage } = tensor;
  if (storage.kind === 'memory') setInline(edits, [storage.bytes]);
  else if (storage.kind === 'strings') {
    setInline(edits, []);
    edits.set(
      F.string_data,
      storage.values.map((value) => bytesField(F.string_data, value)),
    );
  } else if (tensor.segments.length === 0) {
    // A new tensor over the elements of one from a file.
    if (storage.kind === 'external') setExternalEntries(edits, storage.entries);
    else setInline(edits, [contents(tensor)]);
  } else if (storage.kind === 'raw' && !isInside(storage.span, tensor.segments)) {
    setInline(edits, [storage.span]);
  }
}

function isInside(span: Span, segments: readonly Span[]): boolean {
  return segments.some(({ source, start, end }) => source === span.source && start <= span.start && span.end <= end);
}

/** Puts the elements into `raw_data` and removes every other place that could hold them. */
function setInline(edits: Edits, pieces: readonly Piece[]): void {
  clearData(edits);
  edits.set(
    F.raw_data,
    pieces.map((piece) => ropeField(F.raw_data, piece)),
  );
  edits.set(F.external_data, []);
  edits.set(F.data_location, []);
}

function setExternal(edits: Edits, { location, offset, length }: Placement & { kind: 'external' }): void {
  const entries = new Map([
    ['location', location],
    ['offset', String(offset)],
    ['length', String(length)],
  ]);
  setExternalEntries(edits, entries);
}

function setExternalEntries(edits: Edits, entries: ReadonlyMap<string, string>): void {
  clearData(edits);
  edits.set(
    F.external_data,
    [...entries].map(([key, value]) =>
      ropeField(F.external_data, Rope.of(textField(ENTRY.key, key), textField(ENTRY.value, value))),
    ),
  );
  edits.set(F.data_location, [intField(F.data_location, LOCATION.external)]);
}

function clearData(edits: Edits): void {
  for (const field of [F.raw_data, F.float_data, F.int32_data, F.int64_data, F.uint64_data, F.double_data]) {
    edits.set(field, []);
  }
  edits.set(F.string_data, []);
}

/** The elements of a tensor as they would stand in `raw_data`; a range of a file where they lie there already. */
export function contents(tensor: Tensor): Piece {
  const { storage } = tensor;
  if (storage.kind === 'memory') return storage.bytes;
  if (storage.kind === 'raw') return storage.span;
  if (storage.kind === 'external') {
    const { source, offset, length } = tensor.externalRange();
    return { source, start: offset, end: offset + length };
  }
  return tensor.read();
}

/** The SparseTensorProto of a renamed sparse tensor; undefined when the file says it already. */
export function encodeSparseTensor(tensor: SparseTensor): Rope | undefined {
  if (tensor.field !== undefined) return undefined;
  const values = encodeTensor(tensor.values, undefined);
  const indices = encodeTensor(tensor.indices, undefined);
  const edits: Edits = new Map();
  if (values !== undefined) edits.set(SPARSE.values, [ropeField(SPARSE.values, values)]);
  if (indices !== undefined) edits.set(SPARSE.indices, [ropeField(SPARSE.indices, indices)]);
  return splice(tensor.segments, edits);
}

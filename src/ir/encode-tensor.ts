import { fieldIds } from '../wire/fields.ts';
import { WIRE } from '../wire/reader.ts';
import { type Piece, Rope } from '../wire/rope.ts';
import { splice } from '../wire/splice.ts';
import { bytesField, intField, ropeField, textField } from '../wire/writer.ts';
import type { Placement } from './encode.ts';
import type { SparseTensor } from './sparse-tensor.ts';
import { type Tensor, TensorEdit, type TensorStorage } from './tensor.ts';
import { payloads, type TypedField } from './tensor-fields.ts';

const F = fieldIds('TensorProto');
const SPARSE = fieldIds('SparseTensorProto');
const ENTRY = fieldIds('StringStringEntryProto');
const LOCATION = { default: 0, external: 1 } as const;

type Edits = Map<number, readonly (Piece | Rope)[]>;

/** The TensorProto of a tensor whose elements go to `placement`, or stay where they are. Undefined when it says so already. */
export function encodeTensor(tensor: Tensor, placement: Placement | undefined): Rope | undefined {
  if (tensor.clean && placement === undefined) return undefined;
  const { edits: edited, segments, storage } = tensor;
  const edits: Edits = new Map();
  if ((edited & TensorEdit.dims) !== 0) {
    edits.set(
      F.dims,
      tensor.dims.map((dim) => intField(F.dims, dim)),
    );
  }
  if ((edited & TensorEdit.dataType) !== 0) edits.set(F.data_type, [intField(F.data_type, tensor.dataType)]);
  if ((edited & TensorEdit.name) !== 0) edits.set(F.name, tensor.name === '' ? [] : [textField(F.name, tensor.name)]);
  if (placement?.kind === 'external') setExternal(edits, storage, placement);
  else if (placement?.kind === 'inline') setInline(edits, [contents(tensor)]);
  else if ((edited & TensorEdit.storage) !== 0) setStorage(edits, tensor);
  return splice('TensorProto', segments, edits);
}

function setStorage(edits: Edits, { storage }: Tensor): void {
  if (storage.kind === 'memory') setInline(edits, [storage.bytes]);
  else if (storage.kind === 'raw') setInline(edits, [storage.span]);
  else if (storage.kind === 'external') setExternalEntries(edits, storage.entries);
  else {
    clearData(edits);
    if (storage.kind === 'typed') setTyped(edits, storage.field);
    else {
      edits.set(
        F.string_data,
        storage.values.map((value) => bytesField(F.string_data, value)),
      );
    }
  }
}

/** Copies the elements of a typed field from another tensor. Single numbers lie there as packed ones do. */
function setTyped(edits: Edits, field: TypedField | undefined): void {
  if (field === undefined) return;
  const { id, wire } = field;
  if (wire === WIRE.bytes)
    edits.set(
      id,
      Array.from(payloads(field), (payload) => ropeField(id, payload)),
    );
  else edits.set(id, [ropeField(id, Rope.of(...payloads(field)))]);
}

/** Puts the elements into `raw_data` and removes every other place that could hold them. */
function setInline(edits: Edits, pieces: readonly Piece[]): void {
  clearData(edits);
  edits.set(
    F.raw_data,
    pieces.map((piece) => ropeField(F.raw_data, piece)),
  );
}

/** Other entries, such as a checksum, are true of the same elements elsewhere too. */
function setExternal(edits: Edits, storage: TensorStorage, placement: Placement & { kind: 'external' }): void {
  const entries = new Map(storage.kind === 'external' ? storage.entries : []);
  entries.set('location', placement.location);
  entries.set('offset', String(placement.offset));
  entries.set('length', String(placement.length));
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

/** Every field that says where the elements are or holds them. */
const DATA = [F.raw_data, F.float_data, F.int32_data, F.int64_data, F.uint64_data, F.double_data, F.string_data];

function clearData(edits: Edits): void {
  for (const field of [...DATA, F.external_data, F.data_location]) edits.set(field, []);
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
  return splice('SparseTensorProto', tensor.segments, edits);
}

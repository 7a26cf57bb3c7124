import { SdgraphError } from '../errors.ts';
import { fieldIds } from '../wire/fields.ts';
import { WIRE, WireReader } from '../wire/reader.ts';
import type { Span } from '../wire/rope.ts';
import type { ExternalData } from '../wire/source.ts';
import { elementType } from './data-type.ts';
import { readEntry } from './decode-parts.ts';
import { SparseTensor } from './sparse-tensor.ts';
import { Tensor, type TensorStorage } from './tensor.ts';

const F = fieldIds('TensorProto');
const SPARSE = fieldIds('SparseTensorProto');
/** `TensorProto.DataLocation.EXTERNAL` (onnx.proto). */
const EXTERNAL = 1;

/** Wire type of a single element in each typed data field; packed ones come as bytes. */
const TYPED_WIRE: ReadonlyMap<number, number> = new Map([
  [F.float_data, WIRE.fixed32],
  [F.int32_data, WIRE.varint],
  [F.int64_data, WIRE.varint],
  [F.uint64_data, WIRE.varint],
  [F.double_data, WIRE.fixed64],
]);

/** Reads a TensorProto without its elements. `field` is the whole field when the file holds just this tensor. */
export function decodeTensor(segments: readonly Span[], external: ExternalData | undefined, field?: Span): Tensor {
  let name = '';
  let dataType = 0;
  let location = 0;
  let raw: Span | undefined;
  const dims: bigint[] = [];
  const entries = new Map<string, string>();
  const typed = new Map<number, Span[]>();
  for (const { source, start, end } of segments) {
    const reader = new WireReader(source);
    reader.position = start;
    while (reader.next(end)) {
      const { field: id, wire } = reader;
      if (id === F.dims) {
        const stop = reader.end;
        reader.int64s(dims);
        reader.position = stop;
      } else if (id === F.data_type && wire === WIRE.varint) dataType = reader.int32();
      else if (id === F.data_location && wire === WIRE.varint) location = reader.int32();
      else if (id === F.name && wire === WIRE.bytes) name = reader.string();
      else if (id === F.raw_data && wire === WIRE.bytes) raw = { source, start: reader.payload, end: reader.end };
      else if (id === F.external_data && wire === WIRE.bytes) readEntry(reader, entries);
      else if (wire === WIRE.bytes ? TYPED_WIRE.has(id) || id === F.string_data : TYPED_WIRE.get(id) === wire) {
        const spans = typed.get(id) ?? [];
        spans.push({ source, start: reader.payload, end: reader.end });
        typed.set(id, spans);
      }
    }
  }
  const kind = elementType(dataType)?.field;
  const fields = kind === undefined ? [] : (typed.get(F[kind]) ?? []);
  const storage: TensorStorage =
    location === EXTERNAL
      ? { kind: 'external', entries, data: external }
      : raw !== undefined
        ? { kind: 'raw', span: raw }
        : { kind: 'typed', fields };
  const init = { name, dataType, dims: dims.map((dim) => checkedDim(dim, segments)), storage, segments };
  return new Tensor({ ...init, field, clean: true });
}

/** A dimension as a number. One beyond 2^53 cannot belong to data that exists. */
function checkedDim(dim: bigint, [segment]: readonly Span[]): number {
  const value = Number(dim);
  if (Number.isSafeInteger(value)) return value;
  throw new SdgraphError(
    'E_TENSOR_DIMS',
    'a tensor has an impossibly large dimension',
    segment === undefined ? {} : { file: segment.source.label, offset: segment.start },
    { found: String(dim) },
  );
}

/** Reads a SparseTensorProto without its elements. */
export function decodeSparseTensor(
  segments: readonly Span[],
  external: ExternalData | undefined,
  field?: Span,
): SparseTensor {
  const values: Span[] = [];
  const indices: Span[] = [];
  const dims: bigint[] = [];
  for (const { source, start, end } of segments) {
    const reader = new WireReader(source);
    reader.position = start;
    while (reader.next(end)) {
      const span = { source, start: reader.payload, end: reader.end };
      if (reader.field === SPARSE.values && reader.wire === WIRE.bytes) values.push(span);
      else if (reader.field === SPARSE.indices && reader.wire === WIRE.bytes) indices.push(span);
      else if (reader.field === SPARSE.dims) {
        reader.int64s(dims);
        reader.position = span.end;
      }
    }
  }
  return new SparseTensor(
    decodeTensor(values, external),
    decodeTensor(indices, external),
    dims.map((dim) => checkedDim(dim, segments)),
    segments,
    field,
  );
}

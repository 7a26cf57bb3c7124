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
  [F.string_data, WIRE.bytes],
]);

/** Most dimensions that are read; libraries stop at 8 to 64. */
const MAX_RANK = 1024;

/** Reads a TensorProto without its elements. `field` is the whole field when the file holds just this tensor. */
export function decodeTensor(segments: readonly Span[], external: ExternalData | undefined, field?: Span): Tensor {
  let name = '';
  let dataType = 0;
  let location = 0;
  let raw: Span | undefined;
  const dims: number[] = [];
  const entries = new Map<string, string>();
  for (const { source, start, end } of segments) {
    const reader = new WireReader(source);
    reader.position = start;
    while (reader.next(end)) {
      const { field: id, wire } = reader;
      if (id === F.dims) readDims(reader, dims);
      else if (id === F.data_type && wire === WIRE.varint) dataType = reader.int32();
      else if (id === F.data_location && wire === WIRE.varint) location = reader.int32();
      else if (id === F.name && wire === WIRE.bytes) name = reader.string();
      else if (id === F.raw_data && wire === WIRE.bytes) raw = { source, start: reader.payload, end: reader.end };
      else if (id === F.external_data && wire === WIRE.bytes) readEntry(reader, entries);
    }
  }
  const storage = storageOf({ external: location === EXTERNAL, entries, data: external, raw, dataType, segments });
  return new Tensor({ name, dataType, dims, storage, segments, field, edits: 0 });
}

interface Found {
  readonly external: boolean;
  readonly entries: ReadonlyMap<string, string>;
  readonly data: ExternalData | undefined;
  readonly raw: Span | undefined;
  readonly dataType: number;
  readonly segments: readonly Span[];
}

function storageOf({ external, entries, data, raw, dataType, segments }: Found): TensorStorage {
  if (external) return { kind: 'external', entries, data };
  if (raw !== undefined) return { kind: 'raw', span: raw };
  const id = F[elementType(dataType)?.field ?? 'raw_data'];
  const wire = TYPED_WIRE.get(id);
  return { kind: 'typed', field: wire === undefined ? undefined : { segments, id, wire } };
}

/** Reads a field of dimensions, packed or single. Those that a number cannot hold become infinite: no data fits them. */
function readDims(reader: WireReader, into: number[]): void {
  const { end, wire } = reader;
  const push = (): void => {
    const dim = Number(reader.bigint());
    into.push(Number.isSafeInteger(dim) ? dim : dim * Number.POSITIVE_INFINITY);
    if (into.length <= MAX_RANK) return;
    throw new SdgraphError(
      'E_WIRE_LIMIT',
      'a tensor has more dimensions than any real one',
      { file: reader.source.label, offset: reader.position },
      { expected: `at most ${MAX_RANK}` },
    );
  };
  if (wire === WIRE.varint) push();
  else if (wire === WIRE.bytes) {
    for (reader.position = reader.payload; reader.position < end; ) {
      reader.readVarint(end);
      push();
    }
  }
}

/** Reads a SparseTensorProto without its elements. */
export function decodeSparseTensor(
  segments: readonly Span[],
  external: ExternalData | undefined,
  field?: Span,
): SparseTensor {
  const values: Span[] = [];
  const indices: Span[] = [];
  const dims: number[] = [];
  for (const { source, start, end } of segments) {
    const reader = new WireReader(source);
    reader.position = start;
    while (reader.next(end)) {
      const span = { source, start: reader.payload, end: reader.end };
      if (reader.field === SPARSE.values && reader.wire === WIRE.bytes) values.push(span);
      else if (reader.field === SPARSE.indices && reader.wire === WIRE.bytes) indices.push(span);
      else if (reader.field === SPARSE.dims) readDims(reader, dims);
    }
  }
  return new SparseTensor(decodeTensor(values, external), decodeTensor(indices, external), dims, segments, field);
}

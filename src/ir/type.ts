import { SdgraphError } from '../errors.ts';
import { fieldIds } from '../wire/fields.ts';
import { onnx } from '../wire/generated/onnx.js';
import { WIRE, WireReader } from '../wire/reader.ts';
import type { Piece, Rope, Span } from '../wire/rope.ts';
import { MemorySource } from '../wire/source.ts';
import { splice } from '../wire/splice.ts';
import { intField, ropeField, textField } from '../wire/writer.ts';
import { typeName } from './data-type.ts';

const TYPE = fieldIds('TypeProto');
const TENSOR = fieldIds('TypeProto.Tensor');
const SHAPE = fieldIds('TensorShapeProto');
const DIM = fieldIds('TensorShapeProto.Dimension');

/** One dimension: a number, the name of a symbolic one, or undefined when nothing is known. */
export type Dim = number | string | undefined;

/** A tensor's element type (a number of `DataType`) and shape; no shape means that not even the rank is known. */
export interface TensorType {
  readonly kind: 'tensor' | 'sparse tensor';
  readonly elemType: number;
  readonly shape?: readonly Dim[];
}

/** What a TypeProto says. */
export type ValueType =
  | TensorType
  | { readonly kind: 'sequence' | 'optional'; readonly element: ValueType }
  | { readonly kind: 'map'; readonly keyType: number; readonly value: ValueType }
  | { readonly kind: 'opaque' | 'unknown' };

const UNKNOWN: ValueType = { kind: 'unknown' };

/** Reads a TypeProto. Throws `E_NOT_ONNX` when the bytes are not one. */
export function decodeType(bytes: Uint8Array): ValueType {
  return fromProto(parse(bytes));
}

/** Writes a TypeProto. What `base` says besides is kept: unknown fields, denotations, dimensions that stay the same. */
export function encodeType(type: TensorType, base: Uint8Array = new Uint8Array(0)): Rope {
  const source = new MemorySource(base);
  const whole: Span[] = [{ source, start: 0, end: source.size }];
  const id = type.kind === 'tensor' ? TYPE.tensor_type : TYPE.sparse_tensor_type;
  const tensor = inside(whole, id);
  const edits = new Map<number, readonly (Piece | Rope)[]>([
    [TENSOR.elem_type, [intField(TENSOR.elem_type, type.elemType)]],
  ]);
  if (type.shape === undefined) edits.set(TENSOR.shape, []);
  else edits.set(TENSOR.shape, [ropeField(TENSOR.shape, encodeShape(type.shape, inside(tensor, TENSOR.shape)))]);
  const members = [TYPE.tensor_type, TYPE.sparse_tensor_type, TYPE.sequence_type, TYPE.map_type, TYPE.optional_type];
  const others = [...members, TYPE.opaque_type].map((member) => [member, [] as Rope[]] as const);
  const content = ropeField(
    id,
    splice(id === TYPE.tensor_type ? 'TypeProto.Tensor' : 'TypeProto.SparseTensor', tensor, edits),
  );
  return splice('TypeProto', whole, new Map<number, readonly Rope[]>([...others, [id, [content]]]));
}

function encodeShape(shape: readonly Dim[], old: readonly Span[]): Rope {
  const dims = inside(old, SHAPE.dim);
  const fields = shape.map((dim, i) => {
    const known = dims.length === shape.length ? dims[i] : undefined;
    if (known !== undefined && sameDim(known, dim)) return ropeField(SHAPE.dim, known);
    const edits = new Map<number, readonly Uint8Array[]>([
      [DIM.dim_value, typeof dim === 'number' ? [intField(DIM.dim_value, dim)] : []],
      [DIM.dim_param, typeof dim === 'string' ? [textField(DIM.dim_param, dim)] : []],
    ]);
    return ropeField(SHAPE.dim, splice('TensorShapeProto.Dimension', known === undefined ? [] : [known], edits));
  });
  return splice('TensorShapeProto', old, new Map([[SHAPE.dim, fields]]));
}

/** Whether the file says this dimension already, maybe in a way that writing it anew would lose. */
function sameDim({ source, start, end }: Span, dim: Dim): boolean {
  try {
    return dimFromProto(onnx.TensorShapeProto.Dimension.decode(source.read(start, end - start))) === dim;
  } catch {
    return false; // Broken text in a dimension: it is written anew.
  }
}

/** Contents of the occurrences of a message field. */
function inside(segments: readonly Span[], field: number): Span[] {
  const found: Span[] = [];
  for (const { source, start, end } of segments) {
    const reader = new WireReader(source);
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === field && reader.wire === WIRE.bytes) {
        found.push({ source, start: reader.payload, end: reader.end });
      }
    }
  }
  return found;
}

/** A type for people: `float32[2,4,64,64]`, `sequence(int64[?])`. */
export function formatType(type: ValueType | undefined): string {
  switch (type?.kind) {
    case 'tensor':
    case 'sparse tensor': {
      const shape = type.shape === undefined ? '' : `[${type.shape.map((dim) => dim ?? '?').join(',')}]`;
      return `${type.kind === 'tensor' ? '' : 'sparse '}${typeName(type.elemType)}${shape}`;
    }
    case 'sequence':
    case 'optional':
      return `${type.kind}(${formatType(type.element)})`;
    case 'map':
      return `map(${typeName(type.keyType)}, ${formatType(type.value)})`;
    default:
      return type?.kind ?? 'unknown';
  }
}

function parse(bytes: Uint8Array): onnx.TypeProto {
  try {
    return onnx.TypeProto.decode(bytes);
  } catch (cause) {
    throw new SdgraphError('E_NOT_ONNX', 'a type cannot be read', {}, { cause });
  }
}

function fromProto(proto: onnx.TypeProto.$Properties | null | undefined): ValueType {
  const tensor = proto?.tensor_type ?? proto?.sparse_tensor_type;
  if (tensor) {
    const shape = tensor.shape?.dim?.map(dimFromProto);
    const kind = proto?.tensor_type ? 'tensor' : 'sparse tensor';
    return { kind, elemType: tensor.elem_type ?? 0, ...(tensor.shape && shape ? { shape } : {}) };
  }
  if (proto?.sequence_type) return { kind: 'sequence', element: fromProto(proto.sequence_type.elem_type) };
  if (proto?.optional_type) return { kind: 'optional', element: fromProto(proto.optional_type.elem_type) };
  if (proto?.map_type) {
    return { kind: 'map', keyType: proto.map_type.key_type ?? 0, value: fromProto(proto.map_type.value_type) };
  }
  return proto?.opaque_type ? { kind: 'opaque' } : UNKNOWN;
}

function dimFromProto(dim: onnx.TensorShapeProto.Dimension.$Properties): Dim {
  if (dim.dim_param) return dim.dim_param;
  if (dim.dim_value === null || dim.dim_value === undefined) return undefined;
  const value = Number(dim.dim_value);
  // A negative extent is how some tools write "unknown"; one beyond 2^53 is nothing that can exist.
  return value >= 0 && Number.isSafeInteger(value) ? value : undefined;
}

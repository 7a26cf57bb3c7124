import Long from 'long';
import { SdgraphError } from '../errors.ts';
import { onnx } from '../wire/generated/onnx.js';
import { typeName } from './data-type.ts';

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

/** Writes a TypeProto; fields of `base` that do not contradict (unknown ones, denotations) are kept. */
export function encodeType(type: TensorType, base?: Uint8Array): Uint8Array {
  const proto = base === undefined ? new onnx.TypeProto() : parse(base);
  const field = type.kind === 'tensor' ? 'tensor_type' : 'sparse_tensor_type';
  const old = proto[field] ?? {};
  const dims = old.shape?.dim ?? [];
  proto[field] = { ...old, elem_type: type.elemType };
  if (type.shape === undefined) {
    proto[field].shape = null;
  } else {
    const keep = dims.length === type.shape.length;
    proto[field].shape = { ...old.shape, dim: type.shape.map((dim, i) => dimToProto(dim, keep ? dims[i] : undefined)) };
  }
  return onnx.TypeProto.encode(proto).finish();
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

function dimToProto(
  dim: Dim,
  old: onnx.TensorShapeProto.Dimension.$Properties | undefined,
): onnx.TensorShapeProto.Dimension.$Properties {
  return {
    ...old,
    dim_value: typeof dim === 'number' ? Long.fromNumber(dim) : null,
    dim_param: typeof dim === 'string' ? dim : null,
  };
}

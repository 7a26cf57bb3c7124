/** Element types of tensors: ONNX's `TensorProto.DataType` numbers and what is known of each. */

/** The numbers that ONNX gives the element types, by name. */
export { DataType } from '../wire/generated/schema.ts';

/** What is known of an element type. */
export interface ElementType {
  /** The number in the file. */
  readonly id: number;
  /** The name users know: `float32`, `int64`, `bfloat16`, ... */
  readonly name: string;
  /** The name in ONNX: `FLOAT`, `INT64`, ... */
  readonly onnx: string;
  /** Bits of one element; 0 for strings. Types under 8 bits are packed, first element in the low bits. */
  readonly bits: number;
  /** The field of TensorProto that holds the elements when `raw_data` does not. */
  readonly field: 'float_data' | 'int32_data' | 'int64_data' | 'double_data' | 'uint64_data' | 'string_data';
}

const TABLE: readonly (readonly [number, string, string, number, ElementType['field']])[] = [
  [1, 'float32', 'FLOAT', 32, 'float_data'],
  [2, 'uint8', 'UINT8', 8, 'int32_data'],
  [3, 'int8', 'INT8', 8, 'int32_data'],
  [4, 'uint16', 'UINT16', 16, 'int32_data'],
  [5, 'int16', 'INT16', 16, 'int32_data'],
  [6, 'int32', 'INT32', 32, 'int32_data'],
  [7, 'int64', 'INT64', 64, 'int64_data'],
  [8, 'string', 'STRING', 0, 'string_data'],
  [9, 'bool', 'BOOL', 8, 'int32_data'],
  [10, 'float16', 'FLOAT16', 16, 'int32_data'],
  [11, 'float64', 'DOUBLE', 64, 'double_data'],
  [12, 'uint32', 'UINT32', 32, 'uint64_data'],
  [13, 'uint64', 'UINT64', 64, 'uint64_data'],
  [14, 'complex64', 'COMPLEX64', 64, 'float_data'],
  [15, 'complex128', 'COMPLEX128', 128, 'double_data'],
  [16, 'bfloat16', 'BFLOAT16', 16, 'int32_data'],
  [17, 'float8e4m3fn', 'FLOAT8E4M3FN', 8, 'int32_data'],
  [18, 'float8e4m3fnuz', 'FLOAT8E4M3FNUZ', 8, 'int32_data'],
  [19, 'float8e5m2', 'FLOAT8E5M2', 8, 'int32_data'],
  [20, 'float8e5m2fnuz', 'FLOAT8E5M2FNUZ', 8, 'int32_data'],
  [21, 'uint4', 'UINT4', 4, 'int32_data'],
  [22, 'int4', 'INT4', 4, 'int32_data'],
  [23, 'float4e2m1', 'FLOAT4E2M1', 4, 'int32_data'],
  [24, 'float8e8m0', 'FLOAT8E8M0', 8, 'int32_data'],
  [25, 'uint2', 'UINT2', 2, 'int32_data'],
  [26, 'int2', 'INT2', 2, 'int32_data'],
];

const BY_ID: ReadonlyMap<number, ElementType> = new Map(
  TABLE.map(([id, name, onnx, bits, field]) => [id, { id, name, onnx, bits, field }]),
);

/** What is known of an element type, or undefined for a number that ONNX does not define. */
export function elementType(id: number): ElementType | undefined {
  return BY_ID.get(id);
}

/** The name of an element type for people; unknown ones as `type 77`. */
export function typeName(id: number): string {
  return BY_ID.get(id)?.name ?? `type ${id}`;
}

/** All element types, by number. */
export function elementTypes(): Iterable<ElementType> {
  return BY_ID.values();
}

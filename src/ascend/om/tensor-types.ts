/** Element types and formats as the graph engine numbers them; its numbers in protobuf are not those of the runtime. */

/** What is known of an element type of the graph engine. */
export interface OmElementType {
  /** Number in protobuf. */
  readonly proto: number;
  /** `aclDataType` of the runtime. */
  readonly acl: number;
  /** ONNX's name; the engine's own where ONNX has none. */
  readonly name: string;
  /** Bits of one element; 0 for strings. */
  readonly bits: number;
}

const TABLE: readonly (readonly [number, number, string, number])[] = [
  [1, 0, 'FLOAT', 32],
  [2, 1, 'FLOAT16', 16],
  [3, 2, 'INT8', 8],
  [4, 4, 'UINT8', 8],
  [5, 6, 'INT16', 16],
  [6, 7, 'UINT16', 16],
  [7, 3, 'INT32', 32],
  [8, 9, 'INT64', 64],
  [9, 8, 'UINT32', 32],
  [10, 10, 'UINT64', 64],
  [11, 12, 'BOOL', 8],
  [12, 11, 'DOUBLE', 64],
  [13, 13, 'STRING', 0],
  [16, 16, 'COMPLEX64', 64],
  [17, 17, 'COMPLEX128', 128],
  [27, 27, 'BFLOAT16', 16],
  [28, 29, 'INT4', 4],
  [29, 30, 'UINT1', 1],
  [32, 33, 'COMPLEX32', 32],
  [33, 34, 'HIFLOAT8', 8],
  [34, 35, 'FLOAT8E5M2', 8],
  [35, 36, 'FLOAT8E4M3FN', 8],
  [36, 37, 'FLOAT8E8M0', 8],
];

const TYPES: readonly OmElementType[] = TABLE.map(([proto, acl, name, bits]) => ({ proto, acl, name, bits }));
const BY_PROTO = new Map(TYPES.map((type) => [type.proto, type]));
const BY_ACL = new Map(TYPES.map((type) => [type.acl, type]));
const BY_NAME = new Map(TYPES.map((type) => [type.name, type]));

/** An element type by its number in protobuf. */
export function typeByProto(proto: number): OmElementType | undefined {
  return BY_PROTO.get(proto);
}

/** An element type by its `aclDataType`. */
export function typeByAcl(acl: number): OmElementType | undefined {
  return BY_ACL.get(acl);
}

/** An element type by its name. */
export function typeByName(name: string): OmElementType | undefined {
  return BY_NAME.get(name);
}

const FORMATS: ReadonlyMap<number, string> = new Map([
  [0, 'NCHW'],
  [1, 'NHWC'],
  [2, 'ND'],
  [3, 'NC1HWC0'],
  [4, 'FRACTAL_Z'],
  [12, 'NC1HWC0_C04'],
  [16, 'HWCN'],
  [27, 'NDHWC'],
  [29, 'FRACTAL_NZ'],
  [30, 'NCDHW'],
  [32, 'NDC1HWC0'],
  [33, 'FRACTAL_Z_3D'],
  [35, 'NC'],
  [47, 'NCL'],
]);
const FORMAT_NUMBERS = new Map([...FORMATS].map(([number, name]) => [name, number]));

/** The name of an `aclFormat`. */
export function formatName(format: number): string {
  return FORMATS.get(format) ?? `format ${format}`;
}

/** The `aclFormat` of a name; -1, which means undefined, for others. */
export function formatNumber(name: string): number {
  return FORMAT_NUMBERS.get(name) ?? -1;
}

/**
 * Bytes of a tensor without padding; null when a dimension is open, the type has no fixed size or is not known, or the
 * product is beyond 2^53.
 */
export function tensorBytes(shape: readonly number[] | null, bits: number | undefined): number | null {
  if (shape === null || bits === undefined || bits === 0 || shape.some((dim) => dim < 0)) return null;
  const elements = shape.reduce((product, dim) => product * dim, 1);
  const bytes = Math.ceil((elements * bits) / 8);
  return Number.isSafeInteger(elements * bits) ? bytes : null;
}

/**
 * Writes OM files for tests, byte by byte from the description of the format. It knows nothing of the reader or of the
 * writer under test: an error in one of them is not repeated here.
 */

/** A partition: its number and bytes. */
export interface Part {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** A whole file. */
export interface OmFile {
  readonly name: string;
  /** 1 until 2020, 2 since. Default 2. */
  readonly version?: 1 | 2;
  /** Use 64-bit tables. Default false. */
  readonly wide?: boolean;
  readonly modelType?: number;
  readonly encrypted?: boolean;
  readonly unknownModel?: boolean;
  /** The partitions of each model. */
  readonly models: readonly (readonly Part[])[];
}

/** The bytes of a file. */
export function omFile(file: OmFile): Uint8Array {
  const { name, version = 2, wide = false, modelType = 0, models } = file;
  const payload = Buffer.concat(models.map((parts) => modelBlock(parts, wide, modelType)));
  const header = Buffer.alloc(256);
  header.write('IMOD', 0, 'latin1');
  header.writeUInt32LE(256, 4);
  header.writeUInt32LE(version === 1 ? 0x10000000 : 0x20000000, 8);
  header.writeUInt32LE(wide ? 0 : payload.length, 76);
  header[80] = file.encrypted === true ? 1 : 0;
  header[82] = modelType;
  Buffer.from(name, 'utf8').copy(header, 84, 0, 31);
  header.writeUInt32LE(2, 152);
  if (version === 1) {
    header.write('1.11.z.0', 156, 'latin1');
    header[176] = 1;
  } else {
    header.writeUInt32LE(models.length, 156);
    header.write('1.11.z.0', 160, 'latin1');
    header[180] = 1;
    if (wide) header.writeBigUInt64LE(BigInt(payload.length), 184);
    header[193] = file.unknownModel === true ? 1 : 0;
  }
  return Uint8Array.from(Buffer.concat([header, payload]));
}

function modelBlock(parts: readonly Part[], wide: boolean, modelType: number): Buffer {
  const isWide = wide || modelType === 3;
  const table = Buffer.alloc(isWide ? 8 + 24 * parts.length : 4 + 12 * parts.length);
  table.writeUInt32LE(parts.length, 0);
  let offset = 0;
  for (const [i, { type, bytes }] of parts.entries()) {
    const at = isWide ? 8 + 24 * i : 4 + 12 * i;
    table.writeUInt32LE(type, at);
    if (isWide) {
      table.writeBigUInt64LE(BigInt(offset), at + 8);
      table.writeBigUInt64LE(BigInt(bytes.length), at + 16);
    } else {
      table.writeUInt32LE(offset, at + 4);
      table.writeUInt32LE(bytes.length, at + 8);
    }
    offset += bytes.length;
  }
  return Buffer.concat([table, ...parts.map(({ bytes }) => bytes)]);
}

/** A varint; negative numbers take ten bytes. */
function varint(value: bigint | number): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    bytes.push(Number(rest % 128n) + (rest >= 128n ? 128 : 0));
    rest /= 128n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

/** A field that holds an integer. */
export function num(id: number, value: bigint | number): Uint8Array {
  return Buffer.concat([varint(id * 8), varint(value)]);
}

/** A field that holds a text or a message of these parts. */
export function box(id: number, ...parts: readonly (Uint8Array | string)[]): Uint8Array {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'utf8') : part)));
  return Buffer.concat([varint(id * 8 + 2), varint(body.length), body]);
}

/** The value of an attribute. Bigints are integers, numbers are floats. */
export type AttrValue = string | bigint | number | boolean | readonly string[] | readonly bigint[] | readonly boolean[];

/** An entry of the map in field `id`. */
export function attr(id: number, key: string, value: AttrValue): Uint8Array {
  return box(id, box(1, key), box(2, attrValue(value)));
}

function attrValue(value: AttrValue): Uint8Array {
  if (typeof value === 'string') return box(2, value);
  if (typeof value === 'bigint') return num(3, value);
  if (typeof value === 'boolean') return num(5, value ? 1 : 0);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    return Buffer.concat([varint(4 * 8 + 5), bytes]);
  }
  const [first] = value;
  if (typeof first === 'string') return box(1, ...(value as readonly string[]).map((each) => box(2, each)), num(20, 1));
  const isBool = typeof first === 'boolean';
  const items = (value as readonly (bigint | boolean)[]).map((each) => varint(BigInt(each)));
  return box(1, box(isBool ? 5 : 3, ...items), num(20, isBool ? 4 : 2));
}

/** A tensor of a graph. */
export interface TensorSpec {
  /** Number in protobuf. */
  readonly dtype: number;
  readonly shape: readonly bigint[];
  readonly layout: string;
  readonly attrs?: Readonly<Record<string, AttrValue>>;
  /** Write the dimensions one by one, as old writers may. */
  readonly unpacked?: boolean;
}

/** A tensor in field `id`. */
function descriptor(id: number, { dtype, shape, layout, attrs = {}, unpacked = false }: TensorSpec): Uint8Array {
  const dims = unpacked ? shape.map((dim) => num(1, dim)) : [box(1, ...shape.map((dim) => varint(dim)))];
  return box(
    id,
    num(2, dtype),
    ...(shape.length === 0 ? [] : [box(3, ...dims)]),
    box(4, layout),
    ...Object.entries(attrs).map(([key, value]) => attr(5, key, value)),
  );
}

/** An operator of a graph. */
export interface OpSpec {
  readonly name: string;
  readonly type: string;
  readonly edges?: readonly string[];
  readonly attrs?: Readonly<Record<string, AttrValue>>;
  readonly inputs?: readonly TensorSpec[];
  readonly outputs?: readonly TensorSpec[];
  readonly sources?: readonly (readonly [string, number])[];
}

/** An operator as a field of a graph. */
function operator(op: OpSpec): Uint8Array {
  const { name, type, edges = [], attrs = {}, inputs = [], outputs = [], sources = [] } = op;
  return box(
    6,
    box(1, name),
    box(2, type),
    ...edges.map((edge) => box(5, edge)),
    ...Object.entries(attrs).map(([key, value]) => attr(10, key, value)),
    ...sources.map(([source]) => box(24, source)),
    ...(sources.length === 0 ? [] : [box(25, ...sources.map(([, index]) => varint(index)))]),
    ...inputs.map((tensor) => descriptor(33, tensor)),
    ...outputs.map((tensor) => descriptor(34, tensor)),
  );
}

/** The description of a graph. */
export function modelDef(
  name: string,
  operators: readonly OpSpec[],
  attrs: Readonly<Record<string, AttrValue>> = {},
): Uint8Array {
  return Buffer.concat([
    box(1, name),
    num(2, 2),
    box(7, box(1, `${name}_graph`), ...operators.map(operator)),
    ...Object.entries(attrs).map(([key, value]) => attr(11, key, value)),
  ]);
}

/** A line of the table of inputs and outputs. */
export interface LineSpec {
  readonly name: string;
  /** `aclDataType`. */
  readonly dtype: number;
  /** `aclFormat`. */
  readonly format: number;
  readonly shape: readonly bigint[];
  readonly range?: readonly (readonly [bigint, bigint])[];
}

/** A record of the table of inputs and outputs. */
export function record(kind: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(kind), u32(body.length), body]);
}

/** The record of all inputs (0) or outputs (1). */
export function lines(kind: 0 | 1, list: readonly LineSpec[]): Uint8Array {
  const parts = list.map(({ name, dtype, format, shape, range = [] }) => {
    const text = Buffer.from(name, 'utf8');
    return Buffer.concat([
      i64(64n),
      u32(format),
      u32(dtype),
      u32(text.length),
      u32(8 * shape.length),
      u32(8 * shape.length),
      u32(16 * range.length),
      text,
      ...shape.map(i64),
      ...shape.map(i64),
      ...range.flat().map(i64),
    ]);
  });
  return record(kind, u32(list.length), ...parts);
}

/** A list of texts as records hold it. */
export function texts(list: readonly string[]): Uint8Array {
  return Buffer.concat([
    u32(list.length),
    ...list.map((each) => u32(Buffer.byteLength(each))),
    ...list.map((each) => Buffer.from(each)),
  ]);
}

/** Four bytes. */
export function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Eight bytes. */
export function i64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}

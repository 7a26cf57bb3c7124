/** A writer of safetensors files that shares nothing with the reader under test. */

/** One tensor to write. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** How the header is laid out; a reader must not care. */
export interface Layout {
  /** Spaces after the header. Files from the reference implementation fill up to a multiple of eight. */
  readonly padding?: number;
  /** Spaces that `JSON.stringify` puts between tokens. */
  readonly indent?: number;
}

/** The bytes of a file: header entries and data in the order given. */
export function writeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata?: ReadonlyMap<string, string>,
  { padding = 0, indent = 0 }: Layout = {},
): Uint8Array {
  const entries: [string, unknown][] = [];
  if (metadata !== undefined) entries.push(['__metadata__', fromEntries([...metadata])]);
  let at = 0;
  for (const { name, dtype, shape, data } of tensors) {
    entries.push([name, { dtype, shape, data_offsets: [at, at + data.byteLength] }]);
    at += data.byteLength;
  }
  const header = JSON.stringify(fromEntries(entries), null, indent) + ' '.repeat(padding);
  return withHeader(
    header,
    tensors.map(({ data }) => data),
  );
}

/** The bytes of a file with any text or bytes as its header. */
export function withHeader(header: string | Uint8Array, data: readonly Uint8Array[] = [], size?: bigint): Uint8Array {
  const bytes = Buffer.from(header as string);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(size ?? BigInt(bytes.length));
  return Buffer.concat([prefix, bytes, ...data]);
}

/** An object whose keys may be called `__proto__`. */
function fromEntries(entries: readonly (readonly [string, unknown])[]): object {
  const object = {};
  for (const [key, value] of entries) {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return object;
}

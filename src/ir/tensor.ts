import { printable, SdgraphError } from '../errors.ts';
import type { Span } from '../wire/rope.ts';
import type { ByteSource, ExternalData } from '../wire/source.ts';
import { elementType, typeName } from './data-type.ts';
import { typedChunks, typedStrings } from './tensor-fields.ts';

/** Where the elements of a tensor are. */
export type TensorStorage =
  /** In the `raw_data` field: little-endian, packed. */
  | { readonly kind: 'raw'; readonly span: Span }
  /** In one of the typed fields (`float_data`, `int32_data`, ...): the payloads of its occurrences, in order. */
  | { readonly kind: 'typed'; readonly fields: readonly Span[] }
  /** In a file of its own or a range of one, below the folder of the model. */
  | {
      readonly kind: 'external';
      readonly entries: ReadonlyMap<string, string>;
      readonly data: ExternalData | undefined;
    }
  /** In memory, in the form of `raw_data`. */
  | { readonly kind: 'memory'; readonly bytes: Uint8Array }
  /** In memory, for string tensors: one UTF-8 byte string an element. */
  | { readonly kind: 'strings'; readonly values: readonly Uint8Array[] };

/** What a new tensor is made of. */
export interface TensorInit {
  readonly name?: string;
  /** Element type, a number of `DataType`. */
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly storage: TensorStorage;
  /** Occurrences of the TensorProto in the file; none for a new tensor. */
  readonly segments?: readonly Span[];
  /** The field in the file that holds just this tensor. */
  readonly field?: Span | undefined;
  /** Whether the message in the file says all that this object says; false after an edit. */
  readonly clean?: boolean;
}

const CHUNK = 1 << 20;

/**
 * A constant array: element type, dimensions, and a place where its elements are, which is read only when asked for.
 * Tensors do not change: an edit puts another tensor in the place of this one.
 */
export class Tensor {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly storage: TensorStorage;
  /** Where the TensorProto lies in the file; empty for a new tensor. */
  readonly segments: readonly Span[];
  /** @internal The whole field with tag and length, when the file holds just this tensor. */
  readonly field: Span | undefined;
  /** Whether nothing was changed since the file was read. */
  readonly clean: boolean;

  constructor({ name = '', dataType, dims, storage, segments = [], field, clean = false }: TensorInit) {
    this.name = name;
    this.dataType = dataType;
    this.dims = dims;
    this.storage = storage;
    this.segments = segments;
    this.field = field;
    this.clean = clean;
  }

  /** The same tensor under another name; fields that sdgraph does not know stay. */
  renamed(name: string): Tensor {
    return new Tensor({ ...this.#init(), name });
  }

  /** The same tensor with other dimensions and contents; fields that sdgraph does not know stay. */
  with(change: { dims?: readonly number[]; dataType?: number; storage?: TensorStorage }): Tensor {
    return new Tensor({ ...this.#init(), ...change });
  }

  #init(): TensorInit {
    const { name, dataType, dims, storage, segments } = this;
    return { name, dataType, dims, storage, segments, clean: false };
  }

  /** Number of elements. Throws `E_TENSOR_DIMS` for dimensions that no tensor can have. */
  get elementCount(): number {
    let count = 1;
    for (const dim of this.dims) {
      count *= dim;
      if (dim < 0 || !Number.isSafeInteger(count)) {
        throw new SdgraphError('E_TENSOR_DIMS', 'a tensor has impossible dimensions', this.#where, {
          expected: 'non-negative ones with a product below 2^53',
          found: `[${this.dims.join(', ')}]`,
        });
      }
    }
    return count;
  }

  /** Bytes that the elements take in packed little-endian form; 0 for strings. Throws `E_TENSOR_TYPE`, `E_TENSOR_DIMS`. */
  get byteLength(): number {
    const type = elementType(this.dataType);
    if (type === undefined) {
      throw new SdgraphError('E_TENSOR_TYPE', 'a tensor has an element type that ONNX does not define', this.#where, {
        found: String(this.dataType),
      });
    }
    return Math.ceil((this.elementCount * type.bits) / 8);
  }

  /** The elements piece by piece, packed and little-endian. A piece is valid only until the next one is asked for. */
  *chunks(chunkSize = CHUNK): Generator<Uint8Array> {
    const expected = this.byteLength;
    const { storage } = this;
    switch (storage.kind) {
      case 'memory':
        this.#checkSize(storage.bytes.length, expected);
        for (let at = 0; at < expected; at += chunkSize) yield storage.bytes.subarray(at, at + chunkSize);
        return;
      case 'raw': {
        const { source, start, end } = storage.span;
        this.#checkSize(end - start, expected);
        yield* source.chunks(start, expected, chunkSize);
        return;
      }
      case 'external': {
        const { source, offset, length } = this.externalRange();
        this.#checkSize(length, expected);
        yield* source.chunks(offset, expected, chunkSize);
        return;
      }
      case 'typed': {
        let found = 0;
        for (const chunk of typedChunks(storage.fields, this.dataType, chunkSize)) {
          found += chunk.length;
          if (found > expected) break;
          yield chunk;
        }
        this.#checkSize(found, expected);
        return;
      }
      default:
        throw new SdgraphError('E_TENSOR_TYPE', 'a string tensor has no bytes of fixed size', this.#where);
    }
  }

  /** The elements of a string tensor, each as UTF-8 bytes. Throws `E_TENSOR_TYPE` for any other, `E_TENSOR_SIZE`. */
  strings(): readonly Uint8Array[] {
    const { storage, elementCount } = this;
    if (elementType(this.dataType)?.bits !== 0 || (storage.kind !== 'strings' && storage.kind !== 'typed')) {
      throw new SdgraphError('E_TENSOR_TYPE', 'not a string tensor', this.#where, { found: typeName(this.dataType) });
    }
    const values = storage.kind === 'strings' ? storage.values : typedStrings(storage.fields);
    if (values.length !== elementCount) this.#checkSize(values.length, elementCount);
    return values;
  }

  /** All elements, packed and little-endian. For small tensors; large ones are read with {@link chunks}. */
  read(): Uint8Array {
    if (this.storage.kind === 'memory') {
      this.#checkSize(this.storage.bytes.length, this.byteLength);
      return this.storage.bytes;
    }
    const parts: Uint8Array[] = [];
    let length = 0;
    for (const chunk of this.chunks()) {
      parts.push(chunk.slice());
      length += chunk.length;
    }
    if (parts.length === 1) return parts[0] as Uint8Array;
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  /**
   * The range of a file that holds an external tensor.
   *
   * Throws `E_EXTERNAL_RANGE` when it does not lie in the file, and what opening external data throws.
   */
  externalRange(): { source: ByteSource; location: string; offset: number; length: number } {
    if (this.storage.kind !== 'external') throw new TypeError('not an external tensor');
    const { entries, data } = this.storage;
    const location = entries.get('location') ?? '';
    if (data === undefined) {
      throw new SdgraphError('E_EXTERNAL_MISSING', 'the model has external data but is not in a folder', this.#where, {
        found: printable(location),
        hint: 'open the model from its file, not from bytes',
      });
    }
    const source = data.open(location);
    const offset = this.#entry('offset', entries.get('offset') ?? '0');
    const length = this.#entry('length', entries.get('length') ?? String(Math.max(0, source.size - offset)));
    if (offset + length > source.size) {
      throw new SdgraphError('E_EXTERNAL_RANGE', 'external data goes past the end of its file', this.#where, {
        expected: `at most ${source.size} bytes in ${printable(location)}`,
        found: `offset ${offset}, length ${length}`,
        hint: 'the data file is truncated or belongs to another model',
      });
    }
    return { source, location, offset, length };
  }

  /** Whether every element is zero (negative zero counts), reading no further than the first that is not. */
  isZero(): boolean {
    if (elementType(this.dataType)?.bits === 0) return false;
    for (const chunk of this.chunks()) if (!allZero(chunk, this.dataType)) return false;
    return true;
  }

  #entry(key: string, text: string): number {
    const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value)) return value;
    throw new SdgraphError('E_EXTERNAL_RANGE', `the ${key} of external data is not a number of bytes`, this.#where, {
      expected: 'a non-negative decimal integer below 2^53',
      found: `'${printable(text)}'`,
    });
  }

  #checkSize(found: number, expected: number): void {
    if (found === expected) return;
    throw new SdgraphError('E_TENSOR_SIZE', 'a tensor holds the wrong number of bytes', this.#where, {
      expected: `${expected} for ${typeName(this.dataType)}[${this.dims.join(', ')}]`,
      found: String(found),
    });
  }

  get #where(): { name?: string; file?: string } {
    const file = this.segments[0]?.source.label;
    return { ...(file === undefined ? {} : { file }), ...(this.name === '' ? {} : { name: this.name }) };
  }
}

/** Bytes of one element and the bits of its last byte that count, for the float types that have a negative zero. */
const SIGNED_ZERO: ReadonlyMap<number, number> = new Map([
  [1, 4],
  [14, 4],
  [11, 8],
  [15, 8],
  [10, 2],
  [16, 2],
]);

const ZEROS = new Uint8Array(CHUNK);

function allZero(bytes: Uint8Array, dataType: number): boolean {
  if (Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) === 0) return true;
  const width = SIGNED_ZERO.get(dataType);
  if (width === undefined) return false;
  return bytes.every((byte, i) => (i % width === width - 1 ? byte & 0x7f : byte) === 0);
}

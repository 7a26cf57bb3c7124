import { printable, SdgraphError } from '../errors.ts';
import { checkRange } from '../wire/external-range.ts';
import type { Span } from '../wire/rope.ts';
import type { ByteSource, ExternalData } from '../wire/source.ts';
import { type ElementType, elementType, typeName } from './data-type.ts';
import { type TypedField, typedChunks, typedStrings } from './tensor-fields.ts';
import { allZero } from './zero.ts';

/** Where the elements of a tensor are. */
export type TensorStorage =
  /** In the `raw_data` field: little-endian, packed. */
  | { readonly kind: 'raw'; readonly span: Span }
  /** In one of the typed fields (`float_data`, `int32_data`, ...); undefined where the element type is unknown. */
  | { readonly kind: 'typed'; readonly field: TypedField | undefined }
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
  /** @internal What the message in the file does not say, as bits of {@link TensorEdit}; everything by default. */
  readonly edits?: number;
}

/** @internal Parts of a tensor that an edit reached, as bits. */
export const TensorEdit = { name: 1, dims: 2, dataType: 4, storage: 8, all: 15 } as const;

const CHUNK = 1 << 20;

/**
 * A constant array: element type, dimensions, and a place where its elements are, which is read only when asked for.
 * Tensors do not change: an edit puts another tensor in the place of this one.
 */
export class Tensor {
  readonly name: string;
  readonly dataType: number;
  /** Dimensions; an extent beyond 2^53 in a damaged file comes out as an infinity. */
  readonly dims: readonly number[];
  readonly storage: TensorStorage;
  /** Where the TensorProto lies in the file; empty for a new tensor. */
  readonly segments: readonly Span[];
  /** @internal The whole field with tag and length, when the file holds just this tensor. */
  readonly field: Span | undefined;
  /** @internal Parts that an edit reached, as bits of {@link TensorEdit}. */
  readonly edits: number;

  constructor({ name = '', dataType, dims, storage, segments = [], field, edits = TensorEdit.all }: TensorInit) {
    this.name = name;
    this.dataType = dataType;
    this.dims = dims;
    this.storage = storage;
    this.segments = segments;
    this.field = field;
    this.edits = edits;
  }

  /** Whether nothing was changed since the file was read. */
  get clean(): boolean {
    return this.edits === 0;
  }

  /** The same tensor under another name; fields that sdgraph does not know stay. */
  renamed(name: string): Tensor {
    if (name === this.name) return this;
    return new Tensor({ ...this.#init(), name, edits: this.edits | TensorEdit.name });
  }

  /**
   * The same tensor with other dimensions, element type or contents; fields that sdgraph does not know stay. Another
   * element type alone reads the same bytes as other elements.
   */
  with(change: { dims?: readonly number[]; dataType?: number; storage?: TensorStorage }): Tensor {
    const next = { ...this.#init(), ...change };
    let { edits } = this;
    if (change.dims !== undefined) edits |= TensorEdit.dims;
    if (change.dataType !== undefined) edits |= TensorEdit.dataType;
    if (change.storage !== undefined) edits |= TensorEdit.storage;
    if (next.dataType !== this.dataType && next.storage.kind === 'typed' && change.storage === undefined) {
      // Each typed field belongs to certain element types, so the elements move to raw_data.
      return new Tensor({ ...next, storage: { kind: 'memory', bytes: this.read() }, edits: TensorEdit.all });
    }
    return new Tensor({ ...next, edits });
  }

  #init(): TensorInit {
    const { name, dataType, dims, storage, segments } = this;
    return { name, dataType, dims, storage, segments };
  }

  /** Number of elements. Throws `E_TENSOR_DIMS` for dimensions that no tensor can have. */
  get elementCount(): number {
    const { dims } = this;
    const count = dims.includes(0) ? 0 : dims.reduce((product, dim) => product * dim, 1);
    if (Number.isSafeInteger(count) && dims.every((dim) => dim >= 0)) return count;
    throw new SdgraphError('E_TENSOR_DIMS', 'a tensor has impossible dimensions', this.#where, {
      expected: 'non-negative ones with a product below 2^53',
      found: formatDims(dims),
    });
  }

  #elementType(): ElementType {
    const type = elementType(this.dataType);
    if (type !== undefined) return type;
    throw new SdgraphError('E_TENSOR_TYPE', 'a tensor has an element type that ONNX does not define', this.#where, {
      found: String(this.dataType),
    });
  }

  /** Bytes that the elements take in packed little-endian form; 0 for strings. Throws `E_TENSOR_TYPE`, `E_TENSOR_DIMS`. */
  get byteLength(): number {
    const { bits } = this.#elementType();
    return Math.ceil((this.elementCount * bits) / 8);
  }

  /** The elements piece by piece, packed and little-endian. A piece is valid only until the next one is asked for. */
  *chunks(chunkSize = CHUNK): Generator<Uint8Array> {
    const { storage, byteLength: expected } = this;
    if (this.#elementType().bits === 0) {
      throw new SdgraphError('E_TENSOR_TYPE', 'a string tensor has no bytes of fixed size', this.#where);
    }
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
        const { field } = storage;
        for (const chunk of field === undefined ? [] : typedChunks(field, this.dataType, expected, chunkSize)) {
          found += chunk.length;
          if (found > expected) break;
          yield chunk;
        }
        this.#checkSize(found, expected);
        return;
      }
      case 'strings':
        this.#checkSize(0, expected);
    }
  }

  /** The elements of a string tensor, each as UTF-8 bytes. Throws `E_TENSOR_TYPE` for any other, `E_TENSOR_SIZE`. */
  strings(): readonly Uint8Array[] {
    const { storage, elementCount } = this;
    if (elementType(this.dataType)?.bits !== 0 || (storage.kind !== 'strings' && storage.kind !== 'typed')) {
      throw new SdgraphError('E_TENSOR_TYPE', 'not a string tensor', this.#where, { found: typeName(this.dataType) });
    }
    const typed = storage.kind === 'typed' && storage.field !== undefined ? typedStrings(storage.field) : [];
    const values = storage.kind === 'strings' ? storage.values : typed;
    if (values.length === elementCount) return values;
    throw new SdgraphError('E_TENSOR_SIZE', 'a tensor holds the wrong number of strings', this.#where, {
      expected: `${elementCount} for ${typeName(this.dataType)}${formatDims(this.dims)}`,
      found: String(values.length),
    });
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
    if (this.storage.kind !== 'external') {
      throw new SdgraphError('E_INTERNAL', 'only an external tensor has a range of a file', this.#where);
    }
    const { entries, data } = this.storage;
    const location = entries.get('location') ?? '';
    if (data === undefined) {
      throw new SdgraphError('E_EXTERNAL_MISSING', 'the model has external data but is not in a folder', this.#where, {
        found: printable(location),
        hint: 'open the model from its file, not from bytes',
      });
    }
    const source = this.#open(data, location);
    const where = { ...this.#where, file: source.label };
    return { source, location, ...checkRange(entries.get('offset'), entries.get('length'), source.size, where) };
  }

  #open(data: ExternalData, location: string): ByteSource {
    try {
      return data.open(location);
    } catch (error) {
      throw error instanceof SdgraphError ? error.at(this.#where) : error;
    }
  }

  /** Whether every element is zero (negative zero counts), reading no further than the first that is not. */
  isZero(): boolean {
    if (elementType(this.dataType)?.bits === 0) return false;
    for (const chunk of this.chunks()) if (!allZero(chunk, this.dataType)) return false;
    return true;
  }

  #checkSize(found: number, expected: number): void {
    if (found === expected) return;
    throw new SdgraphError('E_TENSOR_SIZE', 'a tensor holds the wrong number of bytes', this.#where, {
      expected: `${expected} for ${typeName(this.dataType)}${formatDims(this.dims)}`,
      found: String(found),
    });
  }

  get #where(): { name?: string; file?: string } {
    const file = this.segments[0]?.source.label;
    return { ...(file === undefined ? {} : { file }), ...(this.name === '' ? {} : { name: this.name }) };
  }
}

/** Dimensions for people; of very many, the first. */
function formatDims(dims: readonly number[]): string {
  const most = 8;
  return `[${dims.slice(0, most).join(', ')}${dims.length > most ? ', …' : ''}]`;
}

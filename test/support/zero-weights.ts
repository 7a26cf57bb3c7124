import type { TakeOptions, WeightSource } from '../../src/export/weights.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { Tensor } from '../../src/ir/tensor.ts';
import type { ByteSource } from '../../src/wire/source.ts';

/** A file of one byte repeated, of any size, that takes no space. */
class RepeatedSource implements ByteSource {
  readonly label = '<weights>';
  readonly size = Number.MAX_SAFE_INTEGER;
  readonly #byte: number;

  constructor(byte: number) {
    this.#byte = byte;
  }

  readInto(target: Uint8Array): void {
    target.fill(this.#byte);
  }

  read(_offset: number, length: number): Uint8Array {
    return new Uint8Array(length).fill(this.#byte);
  }

  *chunks(_offset: number, length: number, chunkSize = 1 << 20): Generator<Uint8Array> {
    for (let at = 0; at < length; at += chunkSize) yield this.read(at, Math.min(chunkSize, length - at));
  }

  close(): void {}
}

/**
 * A checkpoint of zeros, of any size: what is asked for is there, or, with a list of shapes, only what the list has in
 * that shape.
 */
export class ZeroWeights implements WeightSource {
  readonly folds: boolean;
  /** Names that were taken. */
  readonly taken = new Map<string, Tensor>();
  readonly #shapes: ReadonlyMap<string, readonly number[]> | undefined;
  readonly #source: ByteSource;

  /** @param byte what every weight consists of: 0x3c gives 0.0115, for graphs in which a sum with zeros is special */
  constructor(
    shapes?: Readonly<Record<string, readonly number[]>>,
    { folds = false, byte = 0 }: { folds?: boolean; byte?: number } = {},
  ) {
    this.#source = new RepeatedSource(byte);
    this.#shapes = shapes === undefined ? undefined : new Map(Object.entries(shapes));
    this.folds = folds;
  }

  take(name: string, shape: readonly number[], { transposed = false }: TakeOptions = {}): Tensor {
    const known = this.#shapes === undefined ? shape : this.#shapes.get(name);
    if (known?.join() !== shape.join()) throw new Error(`'${name}' is [${known?.join()}], not [${shape.join()}]`);
    const there = this.taken.get(name);
    if (there !== undefined) return there;
    const dims = transposed && this.folds ? shape.toReversed() : shape;
    const end = 4 * shape.reduce((product, dim) => product * dim, 1);
    const storage = { kind: 'raw', span: { source: this.#source, start: 0, end } } as const;
    const tensor = new Tensor({ name, dataType: DataType.FLOAT, dims, storage });
    this.taken.set(name, tensor);
    return tensor;
  }

  has(name: string): boolean {
    return this.#shapes === undefined ? this.taken.has(name) : this.#shapes.has(name);
  }

  /** Names of the list that nothing took. */
  get left(): string[] {
    return Array.from(this.#shapes?.keys() ?? []).filter((name) => !this.taken.has(name));
  }
}

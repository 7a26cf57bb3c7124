import type { ByteSource } from '../../src/wire/source.ts';
import { chunksByCopy, readCopy } from '../../src/wire/source.ts';

/** A source that says how many bytes were read through it. */
export class CountingSource implements ByteSource {
  readonly label: string;
  readonly size: number;
  readonly #source: ByteSource;
  /** Bytes read so far. */
  bytesRead = 0;

  constructor(source: ByteSource) {
    this.#source = source;
    this.label = source.label;
    this.size = source.size;
  }

  readInto(target: Uint8Array, offset: number): void {
    this.bytesRead += target.byteLength;
    this.#source.readInto(target, offset);
  }

  read(offset: number, length: number): Uint8Array {
    return readCopy(this, offset, length);
  }

  chunks(offset: number, length: number, chunkSize?: number): Generator<Uint8Array> {
    return chunksByCopy(this, offset, length, chunkSize);
  }

  close(): void {
    this.#source.close();
  }
}

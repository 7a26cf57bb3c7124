import { type ByteSource, MemorySource } from './source.ts';

/** Bytes read from a file at a time. Small, because most steps skip a weight and land somewhere else. */
export const WINDOW_SIZE = 64 * 1024;

/**
 * The part of a source that is at hand. All readers of one source share one window: they take turns, and a message
 * edited in ten thousand places does not need ten thousand buffers.
 */
export class Window {
  static readonly #of = new WeakMap<ByteSource, Window>();
  readonly #source: ByteSource;
  #buffer: Uint8Array | undefined;
  /** The bytes at hand. */
  bytes: Uint8Array = new Uint8Array(0);
  /** The same bytes for reading numbers. */
  view: DataView = new DataView(this.bytes.buffer);
  /** Offset in the source of the first byte at hand. */
  base = 0;

  private constructor(source: ByteSource) {
    this.#source = source;
  }

  /** The window of a source. */
  static on(source: ByteSource): Window {
    const known = Window.#of.get(source);
    if (known !== undefined) return known;
    const window = new Window(source);
    Window.#of.set(source, window);
    return window;
  }

  /** Makes `length` bytes from `offset` available, as far as the source has them; at most {@link WINDOW_SIZE}. */
  load(offset: number, length: number): void {
    if (offset >= this.base && offset + length <= this.base + this.bytes.length) return;
    if (this.#source instanceof MemorySource) {
      this.bytes = this.#source.read(0, this.#source.size);
      this.base = 0;
    } else {
      const size = Math.min(WINDOW_SIZE, this.#source.size - offset);
      this.#buffer ??= new Uint8Array(WINDOW_SIZE);
      // Emptied first: when the read fails, nothing stale may pass for these bytes.
      this.bytes = this.#buffer.subarray(0, 0);
      this.#source.readInto(this.#buffer.subarray(0, size), offset);
      this.bytes = this.#buffer.subarray(0, size);
      this.base = offset;
    }
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }
}

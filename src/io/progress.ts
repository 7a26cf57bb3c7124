import { setImmediate } from 'node:timers/promises';
import type { Piece } from '../wire/rope.ts';
import type { AtomicFile } from './atomic.ts';

/** Bytes of a range that are copied without a pause. */
const STEP = 16 << 20;

/** Longest time between pauses, in milliseconds. */
const SLICE = 50;

/** Writes pieces, counts their bytes and tells how far a save is. */
export class Progress {
  readonly #report: ((done: number, total: number) => void) | undefined;
  #expected = 0;
  #encoded = 0;
  #copied = 0;
  #paused = performance.now();

  constructor(report: ((done: number, total: number) => void) | undefined) {
    this.#report = report;
  }

  /** Announces bytes that are still to come. */
  expect(bytes: number): void {
    this.#expected += bytes;
  }

  /**
   * Writes a piece: bytes as they are, a range of a source streaming. Other work of the process has a turn every now and
   * then, so that a signal does not wait until gigabytes are written.
   */
  async copy(file: AtomicFile, piece: Piece): Promise<void> {
    if (piece instanceof Uint8Array) {
      file.write(piece);
      this.#encoded += piece.length;
      this.#tell();
      return;
    }
    const { source, end } = piece;
    for (let at = piece.start; at < end; at += STEP) {
      let before = 0;
      file.copyFrom(source, at, Math.min(STEP, end - at), (copied) => {
        this.#copied += copied - before;
        before = copied;
        this.#tell();
      });
      if (performance.now() - this.#paused < SLICE) continue;
      await setImmediate();
      this.#paused = performance.now();
    }
  }

  /** Bytes made for this save, and bytes copied from where they were. */
  get totals(): { encoded: number; copied: number } {
    return { encoded: this.#encoded, copied: this.#copied };
  }

  #tell(): void {
    this.#report?.(this.#encoded + this.#copied, this.#expected);
  }
}

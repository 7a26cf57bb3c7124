import type { Piece } from '../wire/rope.ts';
import type { AtomicFile } from './atomic.ts';

/** Writes pieces, counts their bytes and tells how far a save is. */
export class Progress {
  readonly #report: ((done: number, total: number) => void) | undefined;
  #expected = 0;
  #encoded = 0;
  #copied = 0;

  constructor(report: ((done: number, total: number) => void) | undefined) {
    this.#report = report;
  }

  /** Announces bytes that are still to come. */
  expect(bytes: number): void {
    this.#expected += bytes;
  }

  /** Writes a piece: bytes as they are, a range of a source streaming. */
  copy(file: AtomicFile, piece: Piece): void {
    if (piece instanceof Uint8Array) {
      file.write(piece);
      this.#encoded += piece.length;
      this.#tell();
      return;
    }
    let before = 0;
    file.copyFrom(piece.source, piece.start, piece.end - piece.start, (copied) => {
      this.#copied += copied - before;
      before = copied;
      this.#tell();
    });
  }

  /** Bytes made for this save, and bytes copied from where they were. */
  get totals(): { encoded: number; copied: number } {
    return { encoded: this.#encoded, copied: this.#copied };
  }

  #tell(): void {
    this.#report?.(this.#encoded + this.#copied, this.#expected);
  }
}

import type { ByteSource } from './source.ts';

/** A range of bytes in a source: `start` inclusive, `end` exclusive. */
export interface Span {
  readonly source: ByteSource;
  readonly start: number;
  readonly end: number;
}

/** A piece of output: bytes made here, or a range that is copied from a source when the time comes. */
export type Piece = Uint8Array | Span;

/** Number of bytes that a piece stands for. */
export function pieceLength(piece: Piece): number {
  return piece instanceof Uint8Array ? piece.length : piece.end - piece.start;
}

/**
 * Bytes that are not there yet: new bytes and ranges of files, in order. Building one costs nothing per byte, so a
 * message of gigabytes is edited by moving a few ranges. Ranges that touch are joined.
 */
export class Rope {
  readonly #pieces: Piece[] = [];
  #length = 0;

  static of(...pieces: Piece[]): Rope {
    const rope = new Rope();
    for (const piece of pieces) rope.add(piece);
    return rope;
  }

  /** Number of bytes that the rope stands for. */
  get length(): number {
    return this.#length;
  }

  get pieces(): readonly Piece[] {
    return this.#pieces;
  }

  /** Appends a piece or all pieces of another rope. */
  add(item: Piece | Rope): this {
    if (item instanceof Rope) {
      for (const piece of item.#pieces) this.#append(piece);
    } else {
      this.#append(item);
    }
    return this;
  }

  #append(piece: Piece): void {
    const length = pieceLength(piece);
    if (length === 0) return;
    this.#length += length;
    const last = this.#pieces.at(-1);
    if (last !== undefined && !(last instanceof Uint8Array) && !(piece instanceof Uint8Array)) {
      if (last.source === piece.source && last.end === piece.start) {
        this.#pieces[this.#pieces.length - 1] = { source: last.source, start: last.start, end: piece.end };
        return;
      }
    }
    this.#pieces.push(piece);
  }
}

/** All bytes of a rope in one array. For ropes that are known to be small. */
export function ropeBytes(rope: Rope): Uint8Array {
  const bytes = new Uint8Array(rope.length);
  let at = 0;
  for (const piece of rope.pieces) {
    if (piece instanceof Uint8Array) bytes.set(piece, at);
    else piece.source.readInto(bytes.subarray(at, at + pieceLength(piece)), piece.start);
    at += pieceLength(piece);
  }
  return bytes;
}

import type { Placement } from '../ir/encode.ts';
import { contents } from '../ir/encode-tensor.ts';
import type { Tensor } from '../ir/tensor.ts';
import { type Piece, pieceLength } from '../wire/rope.ts';
import type { ByteSource } from '../wire/source.ts';
import type { AtomicFile } from './atomic.ts';
import { ALIGNMENT } from './placement.ts';
import type { Progress } from './progress.ts';

/** Where a tensor was written in a data file. */
export interface Written {
  readonly tensor: Tensor;
  readonly offset: number;
  readonly length: number;
}

/** Writes tensors to a data file, each at a multiple of {@link ALIGNMENT}; tensors that share their elements share them there too. */
export async function writeTensors(
  file: AtomicFile,
  tensors: Iterable<Tensor>,
  progress: Progress,
): Promise<Written[]> {
  const pieces = Array.from(tensors, (tensor) => ({ tensor, piece: contents(tensor) }));
  progress.expect(pieces.reduce((sum, { piece }) => sum + pieceLength(piece), 0));
  const places = new SharedPlaces();
  const written: Written[] = [];
  for (const { tensor, piece } of pieces) {
    const length = pieceLength(piece);
    const known = places.find(piece);
    if (known !== undefined) {
      progress.expect(-length);
      written.push({ tensor, offset: known, length });
      continue;
    }
    file.write(new Uint8Array((ALIGNMENT - (file.position % ALIGNMENT)) % ALIGNMENT));
    const offset = file.position;
    places.add(piece, offset);
    await progress.copy(file, piece);
    written.push({ tensor, offset, length });
  }
  return written;
}

/** Remembers where a piece was written. */
class SharedPlaces {
  readonly #bytes = new Map<Uint8Array, number>();
  readonly #ranges = new Map<ByteSource, Map<string, number>>();

  find(piece: Piece): number | undefined {
    if (piece instanceof Uint8Array) return this.#bytes.get(piece);
    return this.#ranges.get(piece.source)?.get(`${piece.start}-${piece.end}`);
  }

  add(piece: Piece, offset: number): void {
    if (piece instanceof Uint8Array) {
      this.#bytes.set(piece, offset);
      return;
    }
    const known = this.#ranges.get(piece.source) ?? new Map<string, number>();
    known.set(`${piece.start}-${piece.end}`, offset);
    this.#ranges.set(piece.source, known);
  }
}

/** The placement of a tensor that was written to the file at `location`. */
export function placementOf({ offset, length }: Written, location: string): Placement {
  return { kind: 'external', location, offset, length };
}

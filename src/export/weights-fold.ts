import { SdgraphError } from '../errors.ts';
import { DataType, elementType, typeName } from '../ir/data-type.ts';
import { type ByteSource, checkWithin, chunksByCopy, type ExternalData, readCopy } from '../wire/source.ts';

/** Elements that are converted at a time. */
const BLOCK = 1 << 18;

/** A stored tensor and the form it is wanted in. */
export interface Fold {
  readonly source: ByteSource;
  /** Where the elements begin in the source. */
  readonly offset: number;
  /** Element type as stored and as wanted: FLOAT, FLOAT16 or (stored only) BFLOAT16. */
  readonly from: number;
  readonly to: number;
  /** Dimensions as stored. */
  readonly shape: readonly number[];
  /** Swap the two dimensions of a matrix. */
  readonly transposed: boolean;
}

/**
 * A tensor in another element type or order than it is stored in, as a file that does not exist: it is converted while
 * it is read. A transposed tensor is held in memory, one at a time and only while it is read from front to back.
 */
export class FoldedData implements ByteSource, ExternalData {
  readonly label: string;
  readonly size: number;
  readonly #fold: Fold;
  readonly #count: number;
  readonly #fromWidth: number;
  readonly #toWidth: number;
  #transposed: Uint8Array | undefined;

  constructor(fold: Fold) {
    this.#fold = fold;
    this.#count = fold.shape.reduce((product, dim) => product * dim, 1);
    this.#fromWidth = widthOf(fold.from);
    this.#toWidth = widthOf(fold.to);
    this.label = fold.source.label;
    this.size = this.#count * this.#toWidth;
    if (fold.transposed && fold.shape.length !== 2) {
      throw new SdgraphError(
        'E_INTERNAL',
        'only a matrix is transposed',
        {},
        { found: `${fold.shape.length} dimensions` },
      );
    }
  }

  open(): ByteSource {
    return this;
  }

  readInto(target: Uint8Array, offset: number): void {
    checkWithin(this, offset, target.length);
    const width = this.#toWidth;
    const end = offset + target.length;
    for (let at = offset; at < end; ) {
      const first = Math.floor(at / width);
      const last = Math.min(Math.ceil(end / width), first + BLOCK);
      const bytes = this.#convert(first, last);
      const skip = at - first * width;
      const piece = bytes.subarray(skip, Math.min(bytes.length, skip + end - at));
      target.set(piece, at - offset);
      at += piece.length;
    }
    if (end === this.size) this.#transposed = undefined;
  }

  read(offset: number, length: number): Uint8Array {
    return readCopy(this, offset, length);
  }

  chunks(offset: number, length: number, chunkSize?: number): Generator<Uint8Array> {
    return chunksByCopy(this, offset, length, chunkSize);
  }

  /** The file behind this belongs to the checkpoint. */
  close(): void {
    this.#transposed = undefined;
  }

  /** Elements `first` to `last` (exclusive), in the order and type that are wanted. */
  #convert(first: number, last: number): Uint8Array {
    const { source, offset, from, to, transposed } = this.#fold;
    const width = this.#fromWidth;
    const stored = transposed
      ? this.#transposedBytes().slice(first * width, last * width)
      : readAligned(source, offset + first * width, (last - first) * width);
    if (from === to) return stored;
    return convert(stored, from, to, this.label);
  }

  #transposedBytes(): Uint8Array {
    this.#transposed ??= transpose(this.#fold, this.#fromWidth);
    return this.#transposed;
  }
}

function widthOf(dataType: number): number {
  return (elementType(dataType)?.bits ?? 0) / 8;
}

/** Bytes at the begin of a buffer of their own, so that they can be seen as numbers. */
function readAligned(source: ByteSource, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  source.readInto(bytes, offset);
  return bytes;
}

/** Rows are read a few at a time, and written as runs of as many elements. */
function transpose({ source, offset, shape }: Fold, width: number): Uint8Array {
  const [rows = 0, columns = 0] = shape;
  const bytes = new Uint8Array(rows * columns * width);
  const to = width === 4 ? new Uint32Array(bytes.buffer) : new Uint16Array(bytes.buffer);
  const step = Math.max(1, Math.floor(BLOCK / Math.max(1, columns)));
  for (let top = 0; top < rows; top += step) {
    const height = Math.min(step, rows - top);
    const block = readAligned(source, offset + top * columns * width, height * columns * width);
    const from = width === 4 ? new Uint32Array(block.buffer) : new Uint16Array(block.buffer);
    for (let column = 0; column < columns; column++) {
      for (let row = 0; row < height; row++) {
        to[column * rows + top + row] = from[row * columns + column] as number;
      }
    }
  }
  return bytes;
}

/** Converts packed elements; `stored` begins a buffer of its own. */
function convert(stored: Uint8Array, from: number, to: number, file: string): Uint8Array {
  const bits = from === DataType.FLOAT ? new Uint32Array(stored.buffer) : widen(new Uint16Array(stored.buffer), from);
  if (to === DataType.FLOAT) return new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength);
  if (to !== DataType.FLOAT16) {
    throw new SdgraphError('E_INTERNAL', 'weights are converted to float32 or float16', {}, { found: typeName(to) });
  }
  const halves = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const value = floatBitsToHalf(bits[i] as number);
    if ((value & 0x7fff) === 0x7c00 && ((bits[i] as number) & 0x7fff_ffff) < 0x7f80_0000) {
      throw new SdgraphError(
        'E_CHECKPOINT_TENSOR',
        'a weight does not fit in float16',
        { file },
        {
          expected: 'magnitudes below 65520',
          hint: 'export with --dtype fp32',
        },
      );
    }
    halves[i] = value;
  }
  return new Uint8Array(halves.buffer);
}

/** The float32 bit patterns of 16-bit numbers. */
function widen(values: Uint16Array, from: number): Uint32Array {
  const bits = new Uint32Array(values.length);
  const isBfloat = from === DataType.BFLOAT16;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    bits[i] = isBfloat ? value << 16 : halfToFloatBits(value);
  }
  return bits;
}

/** The float32 of the same value as a half-precision number, both as bit patterns. */
function halfToFloatBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f80_0000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A denormal number: its leading one becomes the implicit one of a normal float32.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

/** The nearest half-precision number of a float32, ties to even, both as bit patterns. */
function floatBitsToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7e00;
  // 65520 and everything above is nearer to 65536, which is beyond the range.
  if (magnitude >= 0x477f_f000) return sign | 0x7c00;
  if (magnitude >= 0x3880_0000) return sign | roundShift(magnitude - 0x3800_0000, 13);
  // Below 2^-25, half of the smallest denormal number, everything is zero.
  if (magnitude < 0x3300_0000) return sign;
  return sign | roundShift((magnitude & 0x7f_ffff) | 0x80_0000, 126 - (magnitude >>> 23));
}

/** A positive number shifted right, rounded to the nearest, ties to even. */
function roundShift(value: number, by: number): number {
  const half = 2 ** (by - 1);
  const rest = value & (2 * half - 1);
  const floor = value >>> by;
  return rest > half || (rest === half && (floor & 1) === 1) ? floor + 1 : floor;
}

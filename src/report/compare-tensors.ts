import { statSync } from 'node:fs';
import { SdgraphError } from '../errors.ts';
import { elementType, typeName } from '../ir/data-type.ts';
import { SparseTensor } from '../ir/sparse-tensor.ts';
import type { Tensor } from '../ir/tensor.ts';

/** How two tensors relate: equal, different in a way that words can say, or not comparable because data is missing. */
export type TensorVerdict =
  | { readonly kind: 'same' }
  | { readonly kind: 'different'; readonly detail: string }
  | { readonly kind: 'unknown'; readonly detail: string };

const SAME: TensorVerdict = { kind: 'same' };

/** Codes that mean that a tensor's data is not there to be compared. */
const MISSING_CODES: ReadonlySet<string> = new Set([
  'E_EXTERNAL_ESCAPES',
  'E_EXTERNAL_MISSING',
  'E_EXTERNAL_NOT_FILE',
  'E_EXTERNAL_RANGE',
]);

/**
 * Compares type, dimensions and contents of two constants; names do not count, nor does how the elements are stored.
 * Contents are read piece by piece, and not at all when both lie in the same range of the same file.
 *
 * @param onBytes told of bytes that were compared
 */
export function compareTensors(
  a: Tensor | SparseTensor,
  b: Tensor | SparseTensor,
  onBytes?: (bytes: number) => void,
): TensorVerdict {
  if (a.dataType !== b.dataType) {
    return { kind: 'different', detail: `type: ${typeName(a.dataType)} → ${typeName(b.dataType)}` };
  }
  if (a.dims.length !== b.dims.length || a.dims.some((dim, i) => dim !== b.dims[i])) {
    return { kind: 'different', detail: `dimensions: [${a.dims.join(', ')}] → [${b.dims.join(', ')}]` };
  }
  if (a instanceof SparseTensor || b instanceof SparseTensor) {
    if (!(a instanceof SparseTensor && b instanceof SparseTensor))
      return { kind: 'different', detail: 'sparse or dense' };
    const values = compareTensors(a.values, b.values, onBytes);
    return values.kind === 'same' ? compareTensors(a.indices, b.indices, onBytes) : values;
  }
  try {
    return compareContents(a, b, onBytes);
  } catch (error) {
    if (error instanceof SdgraphError && MISSING_CODES.has(error.code))
      return { kind: 'unknown', detail: error.message };
    throw error;
  }
}

function compareContents(a: Tensor, b: Tensor, onBytes?: (bytes: number) => void): TensorVerdict {
  const bits = elementType(a.dataType)?.bits;
  if (bits === undefined) return { kind: 'unknown', detail: 'ONNX does not define the element type' };
  if (bits === 0) {
    const [left, right] = [a.strings(), b.strings()];
    const at = left.findIndex((text, i) => Buffer.compare(text, right[i] as Uint8Array) !== 0);
    return at === -1 ? SAME : differentFrom(at);
  }
  if (sharesRange(a, b)) return SAME;
  const at = firstDifference(a.chunks(), b.chunks(), onBytes);
  return at === undefined ? SAME : differentFrom(Math.floor((at * 8) / bits));
}

function differentFrom(element: number): TensorVerdict {
  return { kind: 'different', detail: `contents differ from element ${element} on` };
}

/** Whether both tensors are the same range of the same file, by whatever names it goes. */
function sharesRange(a: Tensor, b: Tensor): boolean {
  if (a.storage.kind !== 'external' || b.storage.kind !== 'external') return false;
  const [left, right] = [a.externalRange(), b.externalRange()];
  if (left.offset !== right.offset || left.length !== right.length || left.length !== a.byteLength) return false;
  const [one, other] = [left, right].map(({ source }) =>
    statSync(source.label, { bigint: true, throwIfNoEntry: false }),
  );
  return one !== undefined && other !== undefined && one.dev === other.dev && one.ino === other.ino;
}

/** Offset of the first byte that differs between two streams, whose pieces may be cut differently. */
function firstDifference(
  left: Iterable<Uint8Array>,
  right: Iterable<Uint8Array>,
  onBytes?: (bytes: number) => void,
): number | undefined {
  const [a, b] = [new Cursor(left), new Cursor(right)];
  for (let offset = 0; ; ) {
    const [x, y] = [a.rest(), b.rest()];
    if (x === undefined || y === undefined) return x === y ? undefined : offset;
    const length = Math.min(x.length, y.length);
    if (Buffer.compare(x.subarray(0, length), y.subarray(0, length)) !== 0) {
      return offset + x.findIndex((byte, i) => byte !== y[i]);
    }
    a.skip(length);
    b.skip(length);
    offset += length;
    onBytes?.(length);
  }
}

/** What is left of a stream of pieces. */
class Cursor {
  readonly #pieces: Iterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);

  constructor(pieces: Iterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.iterator]();
  }

  /** The unread part of the current piece; undefined at the end. */
  rest(): Uint8Array | undefined {
    while (this.#piece.length === 0) {
      const next = this.#pieces.next();
      if (next.done === true) return undefined;
      this.#piece = next.value;
    }
    return this.#piece;
  }

  skip(bytes: number): void {
    this.#piece = this.#piece.subarray(bytes);
  }
}

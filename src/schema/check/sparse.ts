import { DataType, typeName } from '../../ir/data-type.ts';
import type { SparseTensor } from '../../ir/sparse-tensor.ts';
import type { Tensor } from '../../ir/tensor.ts';
import type { CheckContext } from './context.ts';
import type { About } from './places.ts';

/** Bytes read at a time: a whole number of indices. */
const CHUNK = 1 << 16;

/**
 * Values, indices and dimensions of a sparse tensor: values are a list, indices say where each belongs, as places in the
 * flattened tensor (rank 1) or one coordinate an axis (rank 2), ascending, each place at most once.
 */
export function checkSparse({ values, indices, dims }: SparseTensor, about: About, context: CheckContext): void {
  const fail = (message: string, expected?: string, found?: string): void =>
    context.report('sparse-tensor', about, message, { expected, found });
  const count = values.dims[0] ?? 0;
  if (values.dims.length !== 1) {
    fail('the values of a sparse tensor are not a list', 'rank 1', `rank ${values.dims.length}`);
  } else if (dims.length === 0 || dims.some((dim) => dim <= 0)) {
    fail('the dimensions of a sparse tensor are not positive', 'at least one', `[${dims.join(', ')}]`);
  } else if (indices.dataType === 0) {
    if (count > 0) fail('a sparse tensor has values but no indices');
  } else if (indices.dataType !== DataType.INT64) {
    fail('the indices of a sparse tensor have another type', 'int64', typeName(indices.dataType));
  } else {
    const coordinates = indices.dims.length === 2;
    const expected = coordinates ? [count, dims.length] : [count];
    if (expected.join() === indices.dims.join()) checkOrder(indices, coordinates ? dims : [product(dims)], fail);
    else
      fail(
        'the indices of a sparse tensor do not match its values',
        `[${expected.join(', ')}]`,
        `[${indices.dims.join(', ')}]`,
      );
  }
}

/** Ascending indices within the extents, axis by axis. */
function checkOrder(indices: Tensor, extents: readonly number[], fail: (message: string) => void): void {
  let previous: number[] | undefined;
  let current: number[] = [];
  for (const index of numbers(indices)) {
    const extent = extents[current.length] as number;
    if (index < 0 || index >= extent) return fail('an index of a sparse tensor lies outside of its dimensions');
    current.push(index);
    if (current.length < extents.length) continue;
    if (previous !== undefined && !isBefore(previous, current)) {
      return fail('the indices of a sparse tensor are not in ascending order');
    }
    previous = current;
    current = [];
  }
  return undefined;
}

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  for (const [i, index] of a.entries()) if (index !== b[i]) return index < (b[i] as number);
  return false;
}

/** The integers of a tensor one by one; those beyond 2^53 are rounded, which keeps them outside of any extent. */
function* numbers(indices: Tensor): Generator<number> {
  for (const chunk of indices.chunks(CHUNK)) {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let at = 0; at < chunk.byteLength; at += 8) yield Number(view.getBigInt64(at, true));
  }
}

function product(dims: readonly number[]): number {
  return dims.reduce((total, dim) => total * dim, 1);
}

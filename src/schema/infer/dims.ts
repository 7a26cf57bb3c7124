import type { Dim } from '../../ir/type.ts';
import { Contradiction, type Shape } from './fact.ts';

/** The number when it can be an extent, else unknown. */
export function extent(value: number | bigint): Dim {
  const number = Number(value);
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** Extents multiplied; unknown when one is, except that a zero makes zero. A single symbol times ones stays itself. */
export function product(dims: readonly Dim[]): Dim {
  if (dims.includes(0)) return 0;
  const rest = dims.filter((dim) => dim !== 1);
  if (rest.length === 0) return 1;
  if (rest.length === 1) return rest[0];
  let total = 1n;
  for (const dim of rest) {
    if (typeof dim !== 'number') return undefined;
    total *= BigInt(dim);
    if (total > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return Number(total);
}

/** The sum of two extents; unknown when one is, except next to a zero. */
export function sum(a: Dim, b: Dim): Dim {
  if (a === 0) return b;
  if (b === 0) return a;
  return typeof a === 'number' && typeof b === 'number' ? extent(a + b) : undefined;
}

/** Applies a formula to an extent that is a number. */
export function mapDim(dim: Dim, formula: (size: number) => number): Dim {
  return typeof dim === 'number' ? extent(formula(dim)) : undefined;
}

/**
 * One extent known from two sources that must agree. Throws {@link Contradiction} when they are different numbers; of
 * two symbols the first stays.
 */
export function sameDim(a: Dim, b: Dim, what = 'dimensions'): Dim {
  if (typeof a === 'number' && typeof b === 'number' && a !== b)
    throw new Contradiction(`${what} ${a} and ${b} differ`);
  if (typeof a === 'number') return a;
  return typeof b === 'number' ? b : (a ?? b);
}

/** One shape known from two sources that must agree; see {@link sameDim}. */
export function sameShape(a: Shape | undefined, b: Shape | undefined, what = 'shapes'): Shape | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.length !== b.length) throw new Contradiction(`${what} have ranks ${a.length} and ${b.length}`);
  return a.map((dim, i) => sameDim(dim, b[i], `${what} in dimension ${i}:`));
}

/** What an element-wise operator makes of two extents. */
export function broadcastDim(a: Dim, b: Dim): Dim {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  if (typeof a === 'number') {
    if (typeof b === 'number') throw new Contradiction(`dimensions ${a} and ${b} do not broadcast`);
    return a;
  }
  return typeof b === 'number' ? b : undefined;
}

/** Shape of an element-wise result (numpy's rule); unknown when the rank of an operand is. */
export function broadcast(...shapes: readonly (Shape | undefined)[]): Shape | undefined {
  let result: Shape = [];
  for (const shape of shapes) {
    if (shape === undefined) return undefined;
    const [long, short] = shape.length > result.length ? [shape, result] : [result, shape];
    const offset = long.length - short.length;
    result = long.map((dim, i) => (i < offset ? dim : broadcastDim(dim, short[i - offset])));
  }
  return result;
}

/** A shape of that rank of which nothing else is known. */
export function unknownDims(rank: number): Shape {
  return Array.from({ length: rank }, () => undefined);
}

/** An axis counted from the front. Throws {@link Contradiction} when the tensor has no such axis. */
export function axisIn(axis: number, rank: number): number {
  if (Number.isInteger(axis) && axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  throw new Contradiction(`axis ${axis} does not exist in a tensor of rank ${rank}`);
}

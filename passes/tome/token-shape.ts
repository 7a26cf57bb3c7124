/**
 * Shapes in which the number of tokens is a variable: what stays true of a shape when tokens are merged away.
 *
 * An axis is a product of factors in row-major order, where `T` stands for the tokens: `[2, 'T']` is an axis of 2·T
 * elements, batch outside, tokens inside. An empty product is an axis of extent 1.
 */

/** The number of tokens, which is about to change. */
export const T = 'T';
export type Factor = number | typeof T;
export type Extent = readonly Factor[];
export type TokenShape = readonly Extent[];

/** A shape that has nothing to do with tokens. */
export function fixedShape(dims: readonly number[]): TokenShape {
  return dims.map((dim) => (dim === 1 ? [] : [dim]));
}

/** The extent for a given number of tokens. */
export function sizeOf(extent: Extent, tokens: number): number {
  return extent.reduce<number>((size, factor) => size * (factor === T ? tokens : factor), 1);
}

export function hasTokens(extent: Extent): boolean {
  return extent.includes(T);
}

/** Whether two axes have the same extent for any number of tokens, counted in the same order. */
export function sameExtent(a: Extent, b: Extent): boolean {
  return a.length === b.length && a.every((factor, i) => factor === b[i]);
}

export function sameShape(a: TokenShape, b: TokenShape): boolean {
  return a.length === b.length && a.every((extent, i) => sameExtent(extent, b[i] as Extent));
}

/** The common shape of operands under NumPy's broadcasting; undefined when they fit only by chance, or not at all. */
export function broadcast(shapes: readonly TokenShape[]): TokenShape | undefined {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  const result: Extent[] = [];
  for (let axis = 1; axis <= rank; axis++) {
    let common: Extent = [];
    for (const shape of shapes) {
      const extent = shape.at(-axis) ?? [];
      if (extent.length === 0 || shape.length < axis) continue;
      if (common.length > 0 && !sameExtent(common, extent)) return undefined;
      common = extent;
    }
    result.unshift(common);
  }
  return result;
}

/** The shape of a MatMul of operands of rank 2 or more. */
export function matMul(a: TokenShape, b: TokenShape): TokenShape | undefined {
  const [rows, inner] = a.slice(-2);
  const [depth, columns] = b.slice(-2);
  if (inner === undefined || columns === undefined || rows === undefined || depth === undefined) return undefined;
  if (!sameExtent(inner, depth)) return undefined;
  const batch = broadcast([a.slice(0, -2), b.slice(0, -2)]);
  return batch === undefined ? undefined : [...batch, rows, columns];
}

/**
 * Where the factors of `shape` end up when it is reshaped into `dims`, whatever the number of tokens; `tokens` is the
 * one that `dims` were written for. Undefined when an axis of the result would cut through the tokens.
 */
export function reshape(shape: TokenShape, dims: readonly number[], tokens: number): TokenShape | undefined {
  const rest = shape.flat();
  const result: Extent[] = [];
  for (const dim of dims) {
    const extent: Factor[] = [];
    let left = dim;
    while (left > 1) {
      const factor = rest.shift();
      if (factor === undefined) return undefined;
      const size = factor === T ? tokens : factor;
      if (left % size === 0) {
        extent.push(factor);
        left /= size;
      } else if (factor !== T && factor % left === 0) {
        extent.push(left);
        rest.unshift(factor / left);
        left = 1;
      } else {
        return undefined;
      }
    }
    result.push(merged(extent));
  }
  return rest.length === 0 ? result : undefined;
}

/** Joins neighbouring numbers, so that equal extents have equal factors. */
function merged(extent: readonly Factor[]): Extent {
  const result: Factor[] = [];
  for (const factor of extent) {
    const last = result.at(-1);
    if (typeof factor === 'number' && typeof last === 'number') result[result.length - 1] = last * factor;
    else result.push(factor);
  }
  return result;
}

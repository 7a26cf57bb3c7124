/**
 * Token merging written down once more, as loops over the formulas of the operators, to compare graphs with. Nothing
 * here is shared with the passes or with the lowering of the operators.
 */

/** A batch of matrices: `rows[batch][row][column]`. */
export type Rows = readonly (readonly (readonly number[])[])[];
/** A batch of vectors. */
export type Lists = readonly (readonly number[])[];

/** Cuts the flat data of a `[batch, rows, columns]` tensor. */
export function toRows(data: ArrayLike<number>, dims: readonly number[]): number[][][] {
  const [batch = 0, rows = 0, columns = 0] = dims;
  return Array.from({ length: batch }, (_, b) =>
    Array.from({ length: rows }, (__, r) =>
      Array.from({ length: columns }, (___, c) => data[(b * rows + r) * columns + c] as number),
    ),
  );
}

const at = <E>(list: readonly E[], index: number): E => {
  if (!(index in list)) throw new RangeError(`index ${index} is outside a list of ${list.length}`);
  return list[index] as E;
};

/** Largest element of each row and where it first stands. */
export function findMax(scores: Rows): { values: number[][]; indices: number[][] } {
  const indices = scores.map((matrix) => matrix.map((row) => row.indexOf(Math.max(...row))));
  const values = scores.map((matrix) => matrix.map((row) => Math.max(...row)));
  return { values, indices };
}

/** Positions of the elements, the largest first; equal ones in their order. */
export function sortDescending(values: Lists): number[][] {
  return values.map((list) => {
    const order = [...list.keys()];
    return order.toSorted((i, j) => at(list, j) - at(list, i) || i - j);
  });
}

/** Kept sources, sums in eight slabs, and counts. */
export function merge(
  a: Rows,
  b: Rows,
  order: Lists,
  nearest: Lists,
  merged: number,
): { kept: number[][][]; sums: number[][][][]; counts: number[][][] } {
  const perSlab = Math.floor(merged / 8);
  const kept: number[][][] = [];
  const sums: number[][][][] = [];
  const counts: number[][][] = [];
  for (const [n, sources] of a.entries()) {
    const destinations = at(b, n);
    const positions = at(order, n);
    kept.push(positions.slice(merged).map((position) => [...at(sources, position)]));
    const slabs = Array.from({ length: 8 }, (_, slab) =>
      destinations.map((row) => row.map((value) => (slab === 0 ? value : 0))),
    );
    const count = Array.from({ length: 8 }, (_, slab) => destinations.map((): number => (slab === 0 ? 1 : 0)));
    for (let s = 0; s < merged; s++) {
      const slab = perSlab === 0 ? 7 : Math.min(7, Math.floor(s / perSlab));
      const source = at(positions, s);
      const target = at(at(nearest, n), source);
      const row = at(at(slabs, slab), target);
      for (const [c, value] of at(sources, source).entries()) row[c] = at(row, c) + value;
      const counter = at(count, slab);
      counter[target] = at(counter, target) + 1;
    }
    sums.push(slabs);
    counts.push(count);
  }
  return { kept, sums, counts };
}

/** Tokens in their old places; merged ones are copies of their destination. */
export function unmerge(
  y: Rows,
  indexA: Lists,
  indexB: Lists,
  order: Lists,
  nearest: Lists,
  merged: number,
): number[][][] {
  return y.map((rows, n) => {
    const positions = at(order, n);
    const kept = positions.length - merged;
    const result: number[][] = [];
    for (let i = 0; i < kept; i++) result[at(at(indexA, n), at(positions, merged + i))] = [...at(rows, i)];
    for (const [j, token] of at(indexB, n).entries()) result[token] = [...at(rows, kept + j)];
    for (let i = 0; i < merged; i++) {
      const source = at(positions, i);
      result[at(at(indexA, n), source)] = [...at(rows, kept + at(at(nearest, n), source))];
    }
    return result;
  });
}

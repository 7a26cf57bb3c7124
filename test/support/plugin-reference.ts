/**
 * What the Ascend plugin operators compute, written as plainly as possible from ascend-ops.md: loops over numbers in
 * double precision, no shared code with the lowering that it checks.
 */

/** A dense array in C order. */
export interface Dense {
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

export function dense(dims: readonly number[], at: (index: readonly number[]) => number): Dense {
  const data: number[] = [];
  const walk = (prefix: readonly number[]): void => {
    if (prefix.length === dims.length) {
      data.push(at(prefix));
      return;
    }
    for (let i = 0; i < (dims[prefix.length] as number); i++) walk([...prefix, i]);
  };
  walk([]);
  return { dims, data };
}

function get({ dims, data }: Dense, ...index: number[]): number {
  return data[index.reduce((flat, i, axis) => flat * (dims[axis] as number) + i, 0)] as number;
}

/** `softmax(scale * q kᵀ) v` for `[B,H,N,D]`. */
export function attentionReference(q: Dense, k: Dense, v: Dense, scale: number): Dense {
  const [, , , depth] = q.dims as [number, number, number, number];
  const keys = k.dims[2] as number;
  return dense(q.dims, ([b, h, i, d]) => {
    const at = [b as number, h as number] as const;
    const scores = Array.from({ length: keys }, (_, j) => {
      let dot = 0;
      for (let x = 0; x < depth; x++) dot += get(q, ...at, i as number, x) * get(k, ...at, j, x);
      return dot * scale;
    });
    const peak = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - peak));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.reduce((sum, weight, j) => sum + weight * get(v, ...at, j, d as number), 0) / total;
  });
}

/** `[B,N,H,D]` as `[B,H,N,D]` and back. */
export function swapHeads(x: Dense): Dense {
  const [b, n, h, d] = x.dims as [number, number, number, number];
  return dense([b, h, n, d], ([i, j, k, l]) => get(x, i as number, k as number, j as number, l as number));
}

/** Largest of the last axis and its first position. */
export function findMaxReference(x: Dense): { values: Dense; indices: Dense } {
  const rows = x.dims.slice(0, -1);
  const width = x.dims.at(-1) as number;
  const row = (index: readonly number[]): number[] => Array.from({ length: width }, (_, i) => get(x, ...index, i));
  return {
    values: dense(rows, (index) => Math.max(...row(index))),
    indices: dense(rows, (index) => row(index).indexOf(Math.max(...row(index)))),
  };
}

/** Kept tokens, sums and counts of eight slabs (section 4). */
export function tomeMergeReference(
  a: Dense,
  b: Dense,
  order: Dense,
  nearest: Dense,
  rate: number,
): { kept: Dense; sums: Dense; counts: Dense } {
  const [batch, countA, channels] = a.dims as [number, number, number];
  const countB = b.dims[1] as number;
  const merged = Math.trunc((countA + countB) * rate);
  const step = Math.floor(merged / 8);
  const slabOf = (row: number): number => Math.min(7, step === 0 ? 7 : Math.floor(row / step));
  const members = (n: number, g: number, j: number): number[] => {
    const rows = Array.from({ length: merged }, (_, row) => row).filter((row) => slabOf(row) === g);
    return rows.map((row) => get(order, n, row)).filter((token) => get(nearest, n, token) === j);
  };
  return {
    kept: dense([batch, countA - merged, channels], ([n, i, c]) =>
      get(a, n as number, get(order, n as number, merged + (i as number)), c as number),
    ),
    sums: dense([batch, 8, countB, channels], ([n, g, j, c]) => {
      const own = g === 0 ? get(b, n as number, j as number, c as number) : 0;
      return members(n as number, g as number, j as number).reduce(
        (sum, token) => sum + get(a, n as number, token, c as number),
        own,
      );
    }),
    counts: dense(
      [batch, 8, countB],
      ([n, g, j]) => (g === 0 ? 1 : 0) + members(n as number, g as number, j as number).length,
    ),
  };
}

/** Every token back in its place (section 5). */
export function tomeUnmergeReference(
  y: Dense,
  indexA: Dense,
  indexB: Dense,
  order: Dense,
  nearest: Dense,
  rate: number,
): Dense {
  const [batch, , channels] = y.dims as [number, number, number];
  const countA = indexA.dims[1] as number;
  const countB = indexB.dims[1] as number;
  const merged = Math.trunc((countA + countB) * rate);
  const kept = countA - merged;
  const rows = Array.from({ length: batch }, (_, n) => {
    const source = Array.from({ length: countA + countB }, () => -1);
    for (let i = 0; i < kept; i++) source[get(indexA, n, get(order, n, merged + i))] = i;
    for (let j = 0; j < countB; j++) source[get(indexB, n, j)] = kept + j;
    for (let i = 0; i < merged; i++) {
      const token = get(order, n, i);
      source[get(indexA, n, token)] = kept + get(nearest, n, token);
    }
    return source;
  });
  return dense([batch, countA + countB, channels], ([n, i, c]) =>
    get(y, n as number, rows[n as number]?.[i as number] as number, c as number),
  );
}

/** First half times `u * sigmoid(1.702 u)` of the second half of the last axis. */
export function sliceTransGeluMulReference(x: Dense): Dense {
  const half = (x.dims.at(-1) as number) / 2;
  return dense([...x.dims.slice(0, -1), half], (index) => {
    const c = index.at(-1) as number;
    const gate = get(x, ...index.slice(0, -1), half + c);
    return (get(x, ...index) * gate) / (1 + Math.exp(-1.702 * gate));
  });
}

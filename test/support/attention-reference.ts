import { blockPath, weightsOf } from './attention-blocks.ts';
import { findMax, merge, type Rows, sortDescending, unmerge } from './tome-reference.ts';

/** Token lists and how many tokens merge. */
export interface MergePlan {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly merged: number;
}

/**
 * What a block of `attentionModel` (projections without bias) computes, in loops and double precision; with a plan, as
 * the paper on token merging describes it: similar tokens are averaged before the attention and copied behind it.
 */
export function referenceBlock(x: Rows, index: number, heads: number, plan?: MergePlan): number[][][] {
  const path = blockPath(index);
  const normed = x.map((rows) => rows.map((row) => layerNorm(row, `${path}/norm1`)));
  if (plan === undefined) return add(attend(normed, `${path}/attn1`, heads), x);
  const { a, b, merged } = plan;
  const pick = (values: Rows, list: readonly number[]): number[][][] =>
    values.map((rows) => list.map((position) => [...(rows[position] as number[])]));
  const unit = x.map((rows) => rows.map((row) => row.map((value) => value / Math.hypot(...row))));
  const scores = unit.map((_, n) =>
    (pick(unit, a)[n] as number[][]).map((source) =>
      (pick(unit, b)[n] as number[][]).map((target) => dot(source, target)),
    ),
  );
  const { values, indices } = findMax(scores);
  const order = sortDescending(values);
  const { kept, sums, counts } = merge(pick(normed, a), pick(normed, b), order, indices, merged);
  const tokens = kept.map((rows, n) => {
    const means = b.map((_, j) => {
      const count = (counts[n] as number[][]).reduce((total, slab) => total + (slab[j] as number), 0);
      const parts = (sums[n] as number[][][]).map((slab) => slab[j] as number[]);
      return (parts[0] as number[]).map(
        (_v, c) => parts.reduce((total, part) => total + (part[c] as number), 0) / count,
      );
    });
    return [...rows, ...means];
  });
  const lists = x.map(() => ({ a, b }));
  const result = attend(tokens, `${path}/attn1`, heads);
  const whole = unmerge(
    result,
    lists.map((each) => each.a),
    lists.map((each) => each.b),
    order,
    indices,
    merged,
  );
  return add(whole, x);
}

function layerNorm(row: readonly number[], path: string): number[] {
  const scale = weightsOf(`${path}.weight`, row.length, 0.5);
  const bias = weightsOf(`${path}.bias`, row.length, 0.5);
  const mean = row.reduce((total, value) => total + value, 0) / row.length;
  const variance = row.reduce((total, value) => total + (value - mean) ** 2, 0) / row.length;
  return row.map(
    (value, c) => ((value - mean) / Math.sqrt(variance + 1e-5)) * (scale[c] as number) + (bias[c] as number),
  );
}

function attend(tokens: Rows, path: string, heads: number): number[][][] {
  return tokens.map((rows) => {
    const channels = (rows[0] as number[]).length;
    const depth = channels / heads;
    const [q, k, v] = ['to_q', 'to_k', 'to_v'].map((name) => linear(rows, `${path}/${name}`)) as [
      number[][],
      number[][],
      number[][],
    ];
    const mixed = rows.map((row) => row.map(() => 0));
    for (let head = 0; head < heads; head++) {
      const part = (row: readonly number[]): number[] => row.slice(head * depth, (head + 1) * depth);
      const keys = k.map(part);
      for (const [i, query] of q.map(part).entries()) {
        const scores = keys.map((key) => dot(query, key) / Math.sqrt(depth));
        const largest = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - largest));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const target = mixed[i] as number[];
        for (let c = 0; c < depth; c++) {
          const column = head * depth + c;
          target[column] =
            weights.reduce((sum, weight, j) => sum + weight * ((v[j] as number[])[column] as number), 0) / total;
        }
      }
    }
    const bias = weightsOf(`${path}/to_out.0.bias`, channels, 0.5);
    return linear(mixed, `${path}/to_out.0`).map((row) => row.map((value, c) => value + (bias[c] as number)));
  });
}

function linear(rows: readonly (readonly number[])[], path: string): number[][] {
  const channels = (rows[0] as number[]).length;
  const weights = weightsOf(`${path}.weight`, channels * channels, 0.1);
  const columns = Array.from({ length: channels }, (_, c) =>
    Array.from({ length: channels }, (__, r) => weights[r * channels + c] as number),
  );
  return rows.map((row) => columns.map((column) => dot(row, column)));
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((total, value, i) => total + value * (b[i] as number), 0);
}

function add(a: Rows, b: Rows): number[][][] {
  return a.map((rows, n) =>
    rows.map((row, r) => row.map((value, c) => value + ((b[n] as number[][])[r] as number[])[c]!)),
  );
}

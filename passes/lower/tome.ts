import { floatTensor } from '../../src/ir/constants.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Value } from '../../src/ir/value.ts';
import type { Builder } from '../../src/rewrite/builder.ts';
import { CannotLower, dims, input, type Lower, type Lowering } from './context.ts';

/** Slabs over which TomeMerged spreads its sums: one for each core (ascend-ops, section 4). */
const SLABS = 8;

/** Sizes of a merge: batch, source tokens, destination tokens, channels, merged tokens. */
interface Sizes {
  readonly batch: number;
  readonly a: number;
  readonly b: number;
  readonly channels: number;
  readonly merged: number;
}

/** The number of merged tokens: half of all unless the node says otherwise, rounded towards zero. */
function mergedTokens({ node }: Lowering, tokens: number): number {
  const attribute = ['topRRate', 'top_rate', 'top_r_rate'].map((name) => node.attribute(name)).find(Boolean);
  return Math.trunc(tokens * (attribute?.float ?? 0.5));
}

/** Kept tokens, partial sums and counts (ascend-ops, section 4). */
export const lowerTomeMerge: Lower = (lowering) => {
  const { build } = lowering;
  const [batch, a, channels] = dims(lowering, 0, 3) as [number, number, number];
  const b = dims(lowering, 1, 3)[1] as number;
  const merged = mergedTokens(lowering, a + b);
  if (merged >= a) throw new CannotLower(`${merged} of ${a} source tokens cannot be merged away`);
  const sizes: Sizes = { batch, a, b, channels, merged };
  const half =
    lowering.emulate === 'fp16' ? (value: Value): Value => build.half(value) : (value: Value): Value => value;
  const [tokensA, tokensB, order, nearest] = [0, 1, 2, 3].map((i) => input(lowering, i)) as [
    Value,
    Value,
    Value,
    Value,
  ];
  const first = build.sliceAxis(order, 1, 0, merged);
  const kept = build.op(
    'GatherElements',
    [half(tokensA), spread(build, build.sliceAxis(order, 1, merged, a), batch, a - merged, channels)],
    { axis: 1 },
  );
  const moved = build.op('GatherElements', [half(tokensA), spread(build, first, batch, merged, channels)], { axis: 1 });
  const target = build.op('GatherElements', [nearest, first], { axis: 1 });
  const slabs = slabRanges(merged).map((range) => slab(build, sizes, range, moved, target));
  const sums = build.concat(
    slabs.map(({ sum }) => sum),
    1,
  );
  const counts = build.concat(
    slabs.map(({ count }) => count),
    1,
  );
  const own = build.constant(
    floatTensor(
      Array.from({ length: SLABS }, (_, i) => (i === 0 ? 1 : 0)),
      [1, SLABS, 1],
    ),
  );
  const ownSum = build.op('Mul', [build.unsqueeze(half(tokensB), [1]), build.unsqueeze(own, [3])]);
  return [half(kept), half(build.op('Add', [sums, ownSum])), build.op('Add', [counts, own])];
};

/** Rows `[start, end)` of the merged tokens that each slab adds up; the last one takes the rest. */
function slabRanges(merged: number): { start: number; end: number }[] {
  const rows = Math.floor(merged / SLABS);
  return Array.from({ length: SLABS }, (_, i) => ({ start: i * rows, end: i === SLABS - 1 ? merged : (i + 1) * rows }));
}

/** One slab: sums `[B,1,Bn,C]` and counts `[B,1,Bn]` of the tokens that go to each destination. */
function slab(
  build: Builder,
  { batch, b, channels }: Sizes,
  { start, end }: { start: number; end: number },
  moved: Value,
  target: Value,
): { sum: Value; count: Value } {
  if (end === start) {
    const zeros = (...shape: number[]): Value =>
      build.constant(
        floatTensor(
          Array.from({ length: shape.reduce((x, y) => x * y, 1) }, () => 0),
          shape,
        ),
      );
    return { sum: zeros(batch, 1, b, channels), count: zeros(batch, 1, b) };
  }
  const rows = build.sliceAxis(moved, 1, start, end);
  const values = build.constant(floatTensor([0, 1], [2]));
  const hot = build.op('OneHot', [build.sliceAxis(target, 1, start, end), build.int64([b]), values], { axis: 1 });
  return {
    sum: build.unsqueeze(build.op('MatMul', [hot, rows]), [1]),
    count: build.unsqueeze(build.reduceSum(hot, [2], false), [1]),
  };
}

/** Every token back in its place: kept ones, destinations, and copies of its destination for a merged one (section 5). */
export const lowerTomeUnmerge: Lower = (lowering) => {
  const { build } = lowering;
  const [batch, count, channels] = dims(lowering, 0, 3) as [number, number, number];
  const a = dims(lowering, 1, 2)[1] as number;
  const b = dims(lowering, 2, 2)[1] as number;
  const merged = mergedTokens(lowering, a + b);
  const kept = a - merged;
  if (count !== kept + b) throw new CannotLower(`${count} tokens cannot be spread over ${a + b}`);
  const tokens = input(lowering, 0);
  const indexA = input(lowering, 1);
  const indexB = input(lowering, 2);
  const order = input(lowering, 3);
  const nearest = input(lowering, 4);
  const rowsOf = (length: number, from: number): Value =>
    build.int64(
      Array.from({ length: batch * length }, (_, i) => (i % length) + from),
      [batch, length],
    );
  const zeros = (length: number): Value =>
    build.int64(
      Array.from({ length: batch * length }, () => 0),
      [batch, length],
    );
  const rank = build.op('ScatterElements', [zeros(a), order, rowsOf(a, 0)], { axis: 1 });
  const isMerged = build.op('Less', [rank, build.int64([merged], [])]);
  const keptRow = build.op('Sub', [rank, build.int64([merged], [])]);
  const destination = build.op('Add', [build.cast(nearest, DataType.INT64), build.int64([kept], [])]);
  const rowOfA = build.op('Where', [isMerged, destination, keptRow]);
  const withA = build.op('ScatterElements', [zeros(a + b), indexA, rowOfA], { axis: 1 });
  const rows = build.op('ScatterElements', [withA, indexB, rowsOf(b, kept)], { axis: 1 });
  return [build.op('GatherElements', [tokens, spread(build, rows, batch, a + b, channels)], { axis: 1 })];
};

/** Indices `[B,N]` repeated along a new last axis: `[B,N,C]`. */
function spread(build: Builder, indices: Value, batch: number, tokens: number, channels: number): Value {
  return build.op('Expand', [build.unsqueeze(indices, [2]), build.int64([batch, tokens, channels])]);
}

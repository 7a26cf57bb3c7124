import * as fc from 'fast-check';
import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { lowerPluginOps } from '../../../passes/lower-plugin-ops.ts';
import { Attribute } from '../../../src/ir/attribute.ts';
import { DataType } from '../../../src/ir/data-type.ts';
import { pipeline } from '../../../src/rewrite/pipeline.ts';
import { buildModel } from '../../support/model-builder.ts';
import { runModel } from '../../support/run-model.ts';
import { findMax, merge, type Rows, sortDescending, toRows, unmerge } from '../../support/tome-reference.ts';

interface Case {
  readonly opset: number;
  readonly batch: number;
  readonly a: number;
  readonly b: number;
  readonly channels: number;
  readonly rate: number;
  readonly seed: number;
}

/** Sizes where fewer tokens merge than there are sources; multiples of eight are the exception. */
const cases: fc.Arbitrary<Case> = fc
  .record({
    opset: fc.constantFrom(11, 13, 18),
    batch: fc.integer({ min: 1, max: 3 }),
    a: fc.integer({ min: 2, max: 40 }),
    b: fc.integer({ min: 1, max: 12 }),
    channels: fc.integer({ min: 1, max: 5 }),
    rate: fc.constantFrom(0, 0.25, 0.5),
    seed: fc.nat(),
  })
  .filter(({ a, b, rate }) => Math.trunc((a + b) * rate) < a);

/** Small whole numbers, so that ties are common and float32 sums are exact. */
function wholeNumbers(count: number, seed: number): Float32Array {
  let state = seed & 0x7fffffff;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 16) % 7;
  });
}

/** A permutation of the tokens, cut into two lists. */
function partition(tokens: number, a: number, seed: number): { a: number[]; b: number[] } {
  const keys = wholeNumbers(tokens, seed);
  const order = [...keys.keys()].toSorted((i, j) => (keys[i] as number) - (keys[j] as number) || i - j);
  return { a: order.slice(0, a), b: order.slice(a) };
}

async function run(each: Case, types: { merge: string; unmerge: string; rate: string }) {
  const { opset, batch, a, b, channels, rate, seed } = each;
  const merged = Math.trunc((a + b) * rate);
  const lists = partition(a + b, a, seed);
  const model = buildModel(opset, (g) => {
    const scores = g.input('scores', [batch, a, b]);
    const tokensA = g.input('tokensA', [batch, a, channels]);
    const tokensB = g.input('tokensB', [batch, b, channels]);
    const y = g.input('y', [batch, a + b - merged, channels]);
    const [values, nearest] = g.ops('FindMax', [scores], { outputs: ['values', 'nearest'] });
    const sort = [Attribute.int('axis', -1), Attribute.int('largest', 1)];
    const order = g.ops('TopK', [values, g.ints([a])], { outputs: 2, attributes: sort })[1];
    const attributes = rate === 0.5 ? [] : [Attribute.float(types.rate, rate)];
    const outputs = ['kept', 'sums', 'counts'];
    const parts = g.ops(types.merge, [tokensA, tokensB, order, nearest], { outputs, attributes });
    const repeat = (list: readonly number[]) =>
      g.ints(Array.from({ length: batch }, () => list).flat(), [batch, list.length]);
    const whole = g.op(types.unmerge, [y, repeat(lists.a), repeat(lists.b), order, nearest], {
      outputs: ['whole'],
      attributes,
    });
    for (const value of [values, ...parts, whole]) if (value !== undefined) g.output(value);
    if (nearest !== undefined) g.output(nearest, undefined, DataType.INT64);
  });
  const report = await pipeline([lowerPluginOps()]).run(model);
  expect(report.passes[0]?.sites.map(({ status }) => status)).toEqual(['applied', 'applied', 'applied']);
  const feed = (name: string, rows: number, columns: number): [string, ort.Tensor] => {
    const data = wholeNumbers(batch * rows * columns, seed + name.length);
    return [name, new ort.Tensor('float32', data, [batch, rows, columns])];
  };
  const feeds = Object.fromEntries([
    feed('scores', a, b),
    feed('tokensA', a, channels),
    feed('tokensB', b, channels),
    feed('y', a + b - merged, channels),
  ]);
  const found = await runModel(model, feeds);
  const rows = (name: string): Rows => toRows(feeds[name]?.data as Float32Array, feeds[name]?.dims ?? []);
  return { found, rows, lists, merged };
}

const spellings = [
  { merge: 'TomeMerged', unmerge: 'TomeUnmerge', rate: 'topRRate' },
  { merge: 'TomeMerge', unmerge: 'TomeUnmerged', rate: 'top_rate' },
];

test.each(spellings)('$merge and $unmerge as standard operators do what their formulas say', async (types) => {
  await fc.assert(
    fc.asyncProperty(cases, async (each) => {
      const { found, rows, lists, merged } = await run(each, types);
      const { values, indices } = findMax(rows('scores'));
      const order = sortDescending(values);
      const { kept, sums, counts } = merge(rows('tokensA'), rows('tokensB'), order, indices, merged);
      const repeat = (list: readonly number[]) => Array.from({ length: each.batch }, () => list);
      const whole = unmerge(rows('y'), repeat(lists.a), repeat(lists.b), order, indices, merged);
      const { batch, a, b, channels } = each;
      const expected = {
        values: { dims: [batch, a], data: values.flat() },
        nearest: { dims: [batch, a], data: indices.flat() },
        kept: { dims: [batch, a - merged, channels], data: kept.flat(2) },
        sums: { dims: [batch, 8, b, channels], data: sums.flat(3) },
        counts: { dims: [batch, 8, b], data: counts.flat(2) },
        whole: { dims: [batch, a + b, channels], data: whole.flat(2) },
      };
      expect(Object.fromEntries(found)).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});

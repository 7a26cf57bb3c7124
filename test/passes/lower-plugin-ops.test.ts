import * as fc from 'fast-check';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { lowerPluginOps } from '../../passes/lower-plugin-ops.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import { Tensor } from '../../src/ir/tensor.ts';
import type { Value } from '../../src/ir/value.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { applyPass, reasons } from '../support/apply-pass.ts';
import { buildModel, type GraphBuilder } from '../support/model-builder.ts';
import {
  attentionReference,
  type Dense,
  dense,
  findMaxReference,
  sliceTransGeluMulReference,
  swapHeads,
  tomeMergeReference,
  tomeUnmergeReference,
} from '../support/plugin-reference.ts';
import { runModel, someFloats } from '../support/run-model.ts';

const OPSETS = [11, 13, 18];
const opset = fc.constantFrom(...OPSETS);

/** A model of one plugin operator over graph inputs, and what to feed it. */
function single(
  version: number,
  opType: string,
  inputs: Readonly<Record<string, Dense>>,
  outputs: number,
  options: { ints?: readonly string[]; attributes?: readonly Attribute[] } = {},
): { model: Model; feeds: Record<string, ort.Tensor> } {
  const isInt = (name: string): boolean => options.ints?.includes(name) === true;
  const model = buildModel(version, (graph: GraphBuilder) => {
    const values = Object.entries(inputs).map(([name, { dims }]) =>
      graph.input(name, dims, isInt(name) ? DataType.INT64 : DataType.FLOAT),
    );
    const results = graph.ops(opType, values, { outputs, attributes: options.attributes ?? [] });
    for (const value of results) graph.graph.addOutput(value);
  });
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { dims, data }]) => [
      name,
      isInt(name)
        ? new ort.Tensor('int64', BigInt64Array.from(data, BigInt), dims)
        : new ort.Tensor('float32', Float32Array.from(data), dims),
    ]),
  );
  return { model, feeds };
}

async function lowered(
  model: Model,
  feeds: Record<string, ort.Tensor>,
  emulate: 'none' | 'fp16' = 'none',
): Promise<Dense[]> {
  await pipeline([lowerPluginOps({ emulate })]).run(model);
  return [...(await runModel(model, feeds)).values()];
}

function random(dims: readonly number[], seed: number): Dense {
  const data = someFloats(
    dims.reduce((product, dim) => product * dim, 1),
    seed,
  );
  let at = 0;
  return dense(dims, () => data[at++] as number);
}

function expectClose(found: Dense | undefined, wanted: Dense, tolerance = 1e-5): void {
  expect(found?.dims).toEqual(wanted.dims);
  const worst = Math.max(0, ...wanted.data.map((x, i) => Math.abs(x - (found?.data[i] as number))));
  expect(worst).toBeLessThanOrEqual(tolerance);
}

const seed = fc.integer({ min: 1, max: 1_000_000 });
const heads = fc.record({
  batch: fc.integer({ min: 1, max: 2 }),
  heads: fc.integer({ min: 1, max: 3 }),
  queries: fc.integer({ min: 1, max: 9 }),
  keys: fc.integer({ min: 1, max: 9 }),
  depth: fc.constantFrom(4, 8, 40),
});

describe('attention operators equal their definition', () => {
  test('FlashAttentionTik: no scale, [B,H,N,D]', async () => {
    await fc.assert(
      fc.asyncProperty(opset, heads, seed, async (version, size, start) => {
        const q = random([size.batch, size.heads, size.queries, size.depth], start);
        const k = random([size.batch, size.heads, size.keys, size.depth], start + 1);
        const v = random([size.batch, size.heads, size.keys, size.depth], start + 2);
        const { model, feeds } = single(version, 'FlashAttentionTik', { q, k, v }, 1);
        expectClose((await lowered(model, feeds))[0], attentionReference(q, k, v, 1), 1e-4);
      }),
      { numRuns: 25 },
    );
  });

  test('UnpadFlashAttentionMix: 1/sqrt(D), [B,N,H,D]', async () => {
    await fc.assert(
      fc.asyncProperty(opset, heads, seed, async (version, size, start) => {
        const q = random([size.batch, size.queries, size.heads, size.depth], start);
        const k = random([size.batch, size.keys, size.heads, size.depth], start + 1);
        const v = random([size.batch, size.keys, size.heads, size.depth], start + 2);
        const wanted = swapHeads(
          attentionReference(swapHeads(q), swapHeads(k), swapHeads(v), 1 / Math.sqrt(size.depth)),
        );
        const { model, feeds } = single(version, 'UnpadFlashAttentionMix', { q, k, v }, 1);
        expectClose((await lowered(model, feeds))[0], wanted);
      }),
      { numRuns: 25 },
    );
  });

  test.each(['BNSD', 'BSND'])('PromptFlashAttention: scale and layout %s as attributes', async (layout) => {
    const [q, k, v] = [1, 2, 3].map((start) => random([2, 3, 5, 8], start)) as [Dense, Dense, Dense];
    const attributes = [
      Attribute.int('num_heads', 3),
      Attribute.float('scale_value', 0.25),
      Attribute.string('input_layout', layout),
    ];
    const { model, feeds } = single(13, 'PromptFlashAttention', { q, k, v }, 1, { attributes });
    const wanted =
      layout === 'BNSD'
        ? attentionReference(q, k, v, 0.25)
        : swapHeads(attentionReference(swapHeads(q), swapHeads(k), swapHeads(v), 0.25));
    expectClose((await lowered(model, feeds))[0], wanted);
  });

  test('float16 emulation stays near, and is not float32', async () => {
    const [q, k, v] = [1, 2, 3].map((start) => random([1, 2, 64, 40], start)) as [Dense, Dense, Dense];
    const scaled = { ...q, data: q.data.map((x) => x / Math.sqrt(40)) };
    const { model, feeds } = single(13, 'FlashAttentionTik', { q: scaled, k, v }, 1);
    const [found] = await lowered(model, feeds, 'fp16');
    const wanted = attentionReference(scaled, k, v, 1);
    expectClose(found, wanted, 5e-2);
    expect(Math.max(...wanted.data.map((x, i) => Math.abs(x - (found?.data[i] as number))))).toBeGreaterThan(1e-5);
  });
});

describe('token merging operators equal their definition', () => {
  const sizes = fc.record({
    batch: fc.integer({ min: 1, max: 2 }),
    b: fc.integer({ min: 1, max: 6 }),
    a: fc.integer({ min: 8, max: 24 }),
    channels: fc.constantFrom(1, 4),
  });

  function indices(
    { batch, a, b }: { batch: number; a: number; b: number },
    start: number,
  ): { order: Dense; nearest: Dense } {
    const noise = random([batch, a], start);
    const orders = Array.from({ length: batch }, (_, n) =>
      Array.from({ length: a }, (_unused, i) => i).toSorted(
        (x, y) => (noise.data[n * a + x] as number) - (noise.data[n * a + y] as number),
      ),
    );
    return {
      order: dense([batch, a], ([n, i]) => orders[n as number]?.[i as number] as number),
      nearest: dense(
        [batch, a],
        ([n, i]) => Math.abs(Math.floor((noise.data[(n as number) * a + (i as number)] as number) * 1000)) % b,
      ),
    };
  }

  test('TomeMerged', async () => {
    await fc.assert(
      fc.asyncProperty(opset, sizes, seed, async (version, size, start) => {
        const a = random([size.batch, size.a, size.channels], start);
        const b = random([size.batch, size.b, size.channels], start + 1);
        const { order, nearest } = indices(size, start + 2);
        const { model, feeds } = single(version, 'TomeMerged', { a, b, order, nearest }, 3, {
          ints: ['order', 'nearest'],
        });
        const [kept, sums, counts] = await lowered(model, feeds);
        const wanted = tomeMergeReference(a, b, order, nearest, 0.5);
        expectClose(kept, wanted.kept);
        expectClose(sums, wanted.sums);
        expectClose(counts, wanted.counts, 0);
      }),
      { numRuns: 25 },
    );
  });

  test.each(['TomeUnmerge', 'TomeUnmerged'])('%s', async (opType) => {
    await fc.assert(
      fc.asyncProperty(opset, sizes, seed, async (version, size, start) => {
        const total = size.a + size.b;
        const merged = Math.trunc(total / 2);
        const y = random([size.batch, total - merged, size.channels], start);
        const { order, nearest } = indices(size, start + 1);
        const places = Array.from({ length: total }, (_, i) => i).toSorted(
          (p, q) => ((p * 7919) % total) - ((q * 7919) % total) || p - q,
        );
        const idxA = dense([size.batch, size.a], ([, i]) => places[i as number] as number);
        const idxB = dense([size.batch, size.b], ([, i]) => places[size.a + (i as number)] as number);
        const inputs = { y, idxA, idxB, order, nearest };
        const { model, feeds } = single(version, opType, inputs, 1, { ints: ['idxA', 'idxB', 'order', 'nearest'] });
        expectClose((await lowered(model, feeds))[0], tomeUnmergeReference(y, idxA, idxB, order, nearest, 0.5), 0);
      }),
      { numRuns: 25 },
    );
  });

  test('a rate is read under either name', async () => {
    const a = random([1, 8, 2], 1);
    const b = random([1, 4, 2], 2);
    const { order, nearest } = indices({ batch: 1, a: 8, b: 4 }, 3);
    for (const name of ['topRRate', 'top_rate']) {
      const { model, feeds } = single(11, 'TomeMerge', { a, b, order, nearest }, 3, {
        ints: ['order', 'nearest'],
        attributes: [Attribute.float(name, 0.25)],
      });
      expectClose((await lowered(model, feeds))[0], tomeMergeReference(a, b, order, nearest, 0.25).kept);
    }
  });

  test('FindMax: the first of several equal maxima', async () => {
    await fc.assert(
      fc.asyncProperty(
        opset,
        fc.array(fc.integer({ min: -2, max: 2 }), { minLength: 24, maxLength: 24 }),
        async (version, data) => {
          const x = { dims: [2, 3, 4], data };
          const { model, feeds } = single(version, 'FindMax', { x }, 2);
          const [values, indices2] = await lowered(model, feeds);
          const wanted = findMaxReference(x);
          expectClose(values, wanted.values, 0);
          expectClose(indices2, wanted.indices, 0);
        },
      ),
      { numRuns: 25 },
    );
  });
});

test('SliceTransGeluMul equals its definition', async () => {
  for (const version of OPSETS) {
    const x = random([2, 5, 12], version);
    const { model, feeds } = single(version, 'SliceTransGeluMul', { x }, 1);
    expectClose((await lowered(model, feeds))[0], sliceTransGeluMulReference(x));
  }
});

describe('quantization operators', () => {
  /** AscendQuant, Conv with int8 weights, AscendDequant: what modelslim writes (ascend-ops, section 8.3). */
  function quantizedConv(scales: readonly number[]): Model {
    return buildModel(11, (graph) => {
      const x = graph.input('x', [1, 1, 3, 3]);
      const bytes = (values: readonly number[], dims: readonly number[], dataType: number): Value =>
        graph.tensor(
          new Tensor({
            name: 'w',
            dataType,
            dims,
            storage: { kind: 'memory', bytes: Uint8Array.from(values.map((v) => v & 0xff)) },
          }),
        );
      const scaleBytes = new Uint8Array(scales.length * 8);
      for (const [i, scale] of scales.entries()) new DataView(scaleBytes.buffer).setFloat32(i * 8, scale, true);
      const deq = graph.tensor(
        new Tensor({
          name: 's',
          dataType: DataType.UINT64,
          dims: [scales.length],
          storage: { kind: 'memory', bytes: scaleBytes },
        }),
      );
      const quant = graph.op('AscendQuant', [x], {
        attributes: [Attribute.float('scale', 10), Attribute.float('offset', -3)],
      });
      const weight = bytes([1, -2, 3, 4, -5, 6, 7, -8, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1], [2, 1, 3, 3], DataType.INT8);
      const conv = graph.op('Conv', [quant, weight], { attributes: [Attribute.ints('pads', [1, 1, 1, 1])] });
      graph.output(graph.op('AscendDequant', [conv, deq]), [1, 2, 3, 3]);
    });
  }

  test.each([[[0.5]], [[0.5, 0.25]]])('the triple with offset is one unit, scales %j', async (scales) => {
    const x = random([1, 1, 3, 3], 5);
    const model = quantizedConv(scales);
    const [found] = await lowered(model, { x: new ort.Tensor('float32', Float32Array.from(x.data), x.dims) });
    const round = (value: number): number => {
      const floor = Math.floor(value);
      const rest = value - floor;
      return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
    };
    const xq = x.data.map(
      (value) => Math.max(-128, Math.min(127, round(Math.fround(Math.fround(value) * 10) - 3))) + 3,
    );
    const weights = [[1, -2, 3, 4, -5, 6, 7, -8, 9], Array.from({ length: 9 }, () => 1)];
    const wanted = dense([1, 2, 3, 3], ([, o, r, c]) => {
      let sum = 0;
      for (let i = 0; i < 9; i++) {
        const [row, column] = [(r as number) + Math.floor(i / 3) - 1, (c as number) + (i % 3) - 1];
        if (row < 0 || row > 2 || column < 0 || column > 2) continue;
        sum += (weights[o as number]?.[i] as number) * (xq[row * 3 + column] as number);
      }
      return sum * (scales[o as number] ?? scales[0] ?? Number.NaN);
    });
    expectClose(found, wanted);
    expect([...model.graph.nodes].map(({ opType }) => opType)).not.toContain('AscendQuant');
  });
});

test('what cannot be lowered is refused with a reason and left as it was', async () => {
  const model = buildModel(11, (graph) => {
    const q = graph.input('q', ['batch', 'heads', 'tokens', 'depth']);
    graph.output(graph.op('UnpadFlashAttentionMix', [q, q, q], { name: 'attention' }));
  });
  const { revision } = model;
  const report = await applyPass(model, lowerPluginOps());
  expect(reasons(report)).toEqual(['refused attention: the shape of input 0 is not known']);
  expect(model.revision).toBe(revision);
});

test('an operator that reads another one is lowered in the same run', async () => {
  const model = buildModel(13, (graph) => {
    const x = graph.input('x', [1, 2, 16, 96]);
    const first = graph.op('FlashAttentionTik', [x, x, x]);
    graph.output(graph.op('SliceTransGeluMul', [graph.op('FlashAttentionTik', [first, x, x])]));
  });
  const report = await applyPass(model, lowerPluginOps());
  expect(report.sites.map(({ status }) => status)).toEqual(['applied', 'applied', 'applied']);
});

test('values keep their names and a second run changes nothing', async () => {
  const q = random([1, 2, 4, 8], 1);
  const { model } = single(11, 'FlashAttentionTik', { q, k: q, v: q }, 1);
  const [name] = model.graph.outputs.map((value) => value.name);
  expect((await applyPass(model, lowerPluginOps())).changed).toBe(true);
  expect(model.graph.outputs.map((value) => value.name)).toEqual([name]);
  expect((await applyPass(model, lowerPluginOps())).changed).toBe(false);
});

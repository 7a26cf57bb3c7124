import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { type InsertTomeOptions, insertTome } from '../../passes/insert-tome.ts';
import { lowerPluginOps } from '../../passes/lower-plugin-ops.ts';
import { tomeIndices } from '../../passes/tome/indices.ts';
import type { Model } from '../../src/ir/model.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { loadTarget } from '../../src/targets/index.ts';
import { type AttentionModelOptions, attentionModel } from '../support/attention-blocks.ts';
import { type MergePlan, referenceBlock } from '../support/attention-reference.ts';
import { runModel, someFloats } from '../support/run-model.ts';
import { type Rows, toRows } from '../support/tome-reference.ts';

const BATCH = 2;
const CHANNELS = 32;
const HEIGHT = 16;
const WIDTH = 32;
const TOKENS = HEIGHT * WIDTH;

/** `[batch, channels, height, width]` latents as tokens, `[batch][token][channel]`. */
function tokensOf(latents: Float32Array, batch: number): Rows {
  const planes = toRows(latents, [batch, CHANNELS, TOKENS]);
  return planes.map((plane) => Array.from({ length: TOKENS }, (_, t) => plane.map((channel) => channel[t] as number)));
}

async function runLowered(model: Model, latents: Float32Array, batch = BATCH): Promise<readonly number[]> {
  await pipeline([lowerPluginOps()]).run(model);
  const feeds = { latents: new ort.Tensor('float32', latents, [batch, CHANNELS, HEIGHT, WIDTH]) };
  return (await runModel(model, feeds)).get('sample')?.data ?? [];
}

async function merged(built: AttentionModelOptions, options: Partial<InsertTomeOptions> = {}): Promise<Model> {
  const model = attentionModel(built);
  await pipeline([insertTome({ count: built.blocks ?? 1, ...options })]).run(model);
  return model;
}

function largestDifference(found: readonly number[], expected: readonly number[]): number {
  expect(found).toHaveLength(expected.length);
  return found.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (expected[i] as number))), 0);
}

/** Back to `[batch, channels, height, width]`. */
function flatten(rows: Rows): number[] {
  return rows.flatMap((plane) =>
    Array.from({ length: CHANNELS }, (_, c) => plane.map((row) => row[c] as number)).flat(),
  );
}

const plan = (seed = 0): MergePlan => ({
  ...tomeIndices(HEIGHT, WIDTH, { kind: 'random', seed }),
  merged: TOKENS / 2,
});

describe('the rewritten block computes what the description of token merging says', () => {
  const rows: { why: string; built: AttentionModelOptions; options?: Partial<InsertTomeOptions> }[] = [
    { why: 'opset 11', built: {} },
    { why: 'opset 13, axes as inputs (H9)', built: { opset: 13 } },
    { why: 'opset 17, LayerNormalization', built: { opset: 17, norm: 'operator' } },
    { why: 'opset 18, axes of all reductions as inputs (H9)', built: { opset: 18 } },
    { why: 'FlashAttentionTik', built: { attention: 'FlashAttentionTik' } },
    { why: 'UnpadFlashAttentionMix', built: { attention: 'UnpadFlashAttentionMix' } },
    { why: 'PromptFlashAttention', built: { attention: 'PromptFlashAttention', opset: 13 } },
    { why: 'ReduceMax and ArgMax, opset 11', built: {}, options: { target: loadTarget('ascend310p-cann-8.1') } },
    {
      why: 'ReduceMax and ArgMax, opset 18',
      built: { opset: 18 },
      options: { target: loadTarget('ascend310p-cann-8.1') },
    },
    { why: 'lengths that cannot overflow (H29)', built: {}, options: { stableNorm: true } },
    { why: 'lengths that cannot overflow, opset 18 (H29)', built: { opset: 18 }, options: { stableNorm: true } },
    { why: 'another seed (H10)', built: {}, options: { seed: 5 } },
    { why: 'batch 4 (H13)', built: { batch: 4 } },
  ];
  test.each(rows)('$why', async ({ built, options = {} }) => {
    const { batch = BATCH } = built as { batch?: number };
    const latents = someFloats(batch * CHANNELS * TOKENS, 3);
    const model = await merged(built, options);
    const found = await runLowered(model, latents, batch);
    const expected = flatten(referenceBlock(tokensOf(latents, batch), 0, 2, plan(options.seed)));
    expect(largestDifference(found, expected)).toBeLessThan(1e-4);
  });
});

test('without merging the reference and the model agree, so that the comparison above means something', async () => {
  const latents = someFloats(BATCH * CHANNELS * TOKENS, 3);
  const found = await runLowered(attentionModel(), latents);
  const plain = flatten(referenceBlock(tokensOf(latents, BATCH), 0, 2));
  const other = flatten(referenceBlock(tokensOf(latents, BATCH), 0, 2, plan()));
  expect(largestDifference(found, plain)).toBeLessThan(1e-4);
  expect(largestDifference(other, plain)).toBeGreaterThan(1e-2);
});

test('tokens that are all equal lose nothing by merging', async () => {
  const channel = someFloats(BATCH * CHANNELS, 9);
  const latents = new Float32Array(BATCH * CHANNELS * TOKENS).map((_, i) => channel[Math.floor(i / TOKENS)] as number);
  const expected = await runLowered(attentionModel({ blocks: 2 }), latents);
  const found = await runLowered(await merged({ blocks: 2 }), latents);
  expect(largestDifference(found, expected)).toBeLessThan(1e-4);
});

test('a smooth picture comes out close to the original, and closer than a rough one', async () => {
  const difference = async (latents: Float32Array): Promise<number> => {
    const expected = await runLowered(attentionModel(), latents);
    return largestDifference(await runLowered(await merged({}), latents), expected);
  };
  const smooth = Float32Array.from({ length: BATCH * CHANNELS * TOKENS }, (_, i) => {
    const [y, x] = [Math.floor((i % TOKENS) / WIDTH), i % WIDTH];
    return Math.sin((x + y) / 100 + Math.floor(i / TOKENS));
  });
  const rough = someFloats(BATCH * CHANNELS * TOKENS, 4);
  const [near, far] = [await difference(smooth), await difference(rough)];
  expect(near).toBeLessThan(0.02);
  expect(near).toBeLessThan(far / 2);
});

test('a token of zeros gives NaN as upstream has it, and a number with stableNorm (H29)', async () => {
  const latents = someFloats(BATCH * CHANNELS * TOKENS, 3).map((value, i) => (i % TOKENS === 0 ? 0 : value));
  const numbers = await runLowered(await merged({}, { stableNorm: true }), latents);
  expect(numbers.every(Number.isFinite)).toBe(true);
  // The NaN reaches the scores of one token only, and comparisons with it decide at random: nothing to assert but the norm.
  const model = await merged({});
  const norm = model.graph.value('/down_blocks.0/attentions.0/transformer_blocks.0/tome1/Div_output');
  if (norm !== undefined) model.graph.addOutput(norm, { kind: 'tensor', elemType: 1 });
  await pipeline([lowerPluginOps()]).run(model);
  const feeds = { latents: new ort.Tensor('float32', latents, [BATCH, CHANNELS, HEIGHT, WIDTH]) };
  const units = (await runModel(model, feeds)).get(norm?.name ?? '')?.data ?? [];
  expect(units.filter(Number.isNaN)).toHaveLength(BATCH * CHANNELS);
});

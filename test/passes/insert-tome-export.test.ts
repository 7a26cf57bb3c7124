import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { insertTome } from '../../passes/insert-tome.ts';
import { int32Timestep } from '../../passes/int32-timestep.ts';
import { lowerPluginOps } from '../../passes/lower-plugin-ops.ts';
import { removeZeroAdd } from '../../passes/remove-zero-add.ts';
import { openModel } from '../../src/io/open.ts';
import type { Model } from '../../src/ir/model.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { countSites } from '../../src/rewrite/report.ts';
import { loadTarget } from '../../src/targets/index.ts';
import { runModel, someFloats } from '../support/run-model.ts';

const open = (name: string): Promise<Model> => {
  const file = new URL(`../../fixtures/torch-export/${name}/unet.onnx.gz`, import.meta.url);
  return openModel(new Uint8Array(gunzipSync(readFileSync(file))));
};

function floatsFor(model: Model, input: number): ort.Tensor {
  const dims = (model.graph.inputs[input]?.shape ?? []).map(Number);
  return new ort.Tensor(
    'float32',
    someFloats(
      dims.reduce((a, b) => a * b, 1),
      11 + input,
    ),
    dims,
  );
}

async function outputOf(model: Model, t: ort.Tensor): Promise<readonly number[]> {
  const feeds = { latent_model_input: floatsFor(model, 0), t, encoder_hidden_states: floatsFor(model, 2) };
  return [...(await runModel(model, feeds)).values()][0]?.data ?? [];
}

const rms = (values: readonly number[]): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);

/** The built-in CANN profile takes the 256 tokens of these small latents; FindMax of the other does not. */
const target = loadTarget('ascend310p-cann-8.1');

describe.each(['sd15', 'sd21'])('%s as torch exports it', (name) => {
  test('computes nearly the same with merged tokens and an int32 timestep', async () => {
    const [before, after] = [await open(name), await open(name)];
    const report = await pipeline([removeZeroAdd(), insertTome({ count: 5, target }), int32Timestep()]).run(after);
    expect(countSites(report.passes[1]?.sites ?? [])).toMatchObject({ applied: 5, refused: 0 });
    await pipeline([lowerPluginOps()]).run(after);
    const expected = await outputOf(before, new ort.Tensor('int64', [501n], [1]));
    const found = await outputOf(after, new ort.Tensor('int32', [501], [1]));
    const difference = rms(found.map((value, i) => value - (expected[i] as number)));
    expect(found).toHaveLength(expected.length);
    expect(difference).toBeLessThan(rms(expected) * 0.05);
    expect(difference).toBeGreaterThan(0);
  });

  test('does not merge without the profile that takes so few tokens', async () => {
    const model = await open(name);
    const error = pipeline([removeZeroAdd(), insertTome({ count: 5 })]).run(model);
    await expect(error).rejects.toMatchObject({
      code: 'E_REWRITE_MISSING',
      found: expect.stringContaining('last axis 64 is not a multiple of 128 (FindMax kernel)') as string,
    });
  });

  test('has to lose its folded zeros first', async () => {
    const error = pipeline([insertTome({ count: 5, target })]).run(await open(name));
    await expect(error).rejects.toMatchObject({
      found: expect.stringContaining(
        'fits 256 tokens only; if it holds zeros, remove-zero-add takes it away',
      ) as string,
    });
  });
});

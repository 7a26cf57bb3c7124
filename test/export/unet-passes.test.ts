import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { modifyOnnx } from '../../passes/presets.ts';
import type { UNetConfig } from '../../src/export/config-unet.ts';
import { buildUNet, type UNetOptions } from '../../src/export/unet.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { countSites, type Report } from '../../src/rewrite/report.ts';
import { ZeroWeights } from '../support/zero-weights.ts';

const shared = {
  sampleSize: 64,
  inChannels: 4,
  outChannels: 4,
  blockOutChannels: [320, 640, 1280, 1280],
  downAttention: [true, true, true, false],
  upAttention: [false, true, true, true],
  layersPerBlock: 2,
  normGroups: 32,
  normEps: 1e-5,
  flipSinToCos: true,
  freqShift: 0,
} as const;
const sd21 = { ...shared, heads: [5, 10, 20, 20], crossAttentionDim: 1024, useLinearProjection: true } as const;
/** Stable Diffusion at full size. */
const configs: Readonly<Record<'sd15' | 'sd21-base' | 'sd21-768', UNetConfig>> = {
  sd15: {
    ...shared,
    heads: [8, 8, 8, 8],
    crossAttentionDim: 768,
    useLinearProjection: false,
    upcastAttention: false,
  },
  'sd21-base': { ...sd21, upcastAttention: false },
  'sd21-768': { ...sd21, sampleSize: 96, upcastAttention: true },
};
type Name = keyof typeof configs;

/** The tensors of the real checkpoint; those of the larger model are the same as of the base. */
function weightsOf(name: Name, folds: boolean): ZeroWeights {
  const file = `../../fixtures/sd-weights/${name === 'sd15' ? 'sd15' : 'sd21-base'}/unet.json.gz`;
  const shapes: unknown = JSON.parse(gunzipSync(readFileSync(new URL(file, import.meta.url))).toString());
  return new ZeroWeights(shapes as Record<string, number[]>, { folds, byte: 0x3c });
}

/** What upstream's recipe finds: how many places each pass rewrites, and why it leaves others. */
async function optimize(
  name: Name,
  faSoc: 'Duo' | 'A2',
  { folds = false, ...options }: UNetOptions & { folds?: boolean } = {},
): Promise<{ applied: Record<string, number>; refusals: string[] }> {
  const weights = weightsOf(name, folds);
  const model = buildUNet(configs[name], weights, options);
  expect(weights.left).toEqual([]);
  const recipe = modifyOnnx({ faSoc, tome: 5, fasterGelu: faSoc === 'Duo' });
  return summarize(await pipeline(recipe).run(model, { allowMissing: true }));
}

function summarize({ passes }: Report): { applied: Record<string, number>; refusals: string[] } {
  const applied = Object.fromEntries(passes.map(({ pass, sites }) => [pass, countSites(sites).applied]));
  const refused = passes.flatMap(({ sites }) => sites.filter(({ status }) => status === 'refused'));
  return { applied, refusals: [...new Set(refused.map(({ reason }) => reason))] };
}

const duo = {
  'remove-zero-add': 0,
  'fuse-flash-attention': 32,
  'insert-tome': 5,
  'int32-timestep': 1,
  'faster-gelu': 16,
  'split-slices': 2,
  'eliminate-unused': 0,
};
const a2 = {
  'remove-zero-add': 0,
  'fuse-flash-attention': 5,
  'insert-tome': 5,
  'int32-timestep': 1,
  'split-slices': 34,
  'eliminate-unused': 0,
};

describe("upstream's recipe on the UNet at full size", () => {
  const opsets = [11, 13, 17, 18];
  const rows = (['sd15', 'sd21-base'] as const).flatMap((name) =>
    opsets.flatMap((opset) => [false, true].map((folds) => ({ name, opset, folds }))),
  );
  test.each(rows)('finds every place in $name of opset $opset, folded: $folds', async ({ name, opset, folds }) => {
    expect(await optimize(name, 'Duo', { opset, folds })).toEqual({ applied: duo, refusals: [] });
    expect(await optimize(name, 'A2', { opset, folds })).toEqual({ applied: a2, refusals: [] });
  });

  test('of opset 21 leaves alone what the kernels of the target do not take there', async () => {
    const { applied, refusals } = await optimize('sd15', 'Duo', { opset: 21 });
    expect(applied).toEqual({ ...duo, 'fuse-flash-attention': 0 });
    for (const reason of refusals) expect(reason).toMatch(/opset/);
    expect(await optimize('sd15', 'A2', { opset: 21 })).toEqual({ applied: a2, refusals: [] });
  });

  test('finds the same places for one half of the guidance, and with the timestep as compilers want it', async () => {
    const found = await optimize('sd15', 'Duo', { parallel: true, timestep: 'int32' });
    expect(found).toEqual({ applied: { ...duo, 'int32-timestep': 0 }, refusals: [] });
  });

  test('fuses attention whose scores are computed in float32; merging tokens is beyond the kernels at 96x96', async () => {
    const { applied, refusals } = await optimize('sd21-768', 'Duo');
    expect(applied).toEqual({ ...duo, 'insert-tome': 0 });
    expect(refusals).toEqual([expect.stringMatching(/last axis 2304 is not in 1 to 2048/) as string]);
  });

  test('of float16 fuses attention over weights that the graph converts; merging tokens needs float32', async () => {
    const { applied, refusals } = await optimize('sd15', 'A2', { dtype: 'fp16' });
    expect(applied).toEqual({ ...a2, 'insert-tome': 0 });
    for (const reason of refusals) expect(reason).toMatch(/is not float32/);
  });
});

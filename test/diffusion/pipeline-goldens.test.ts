import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fuseFlashAttention } from '../../passes/fuse-flash-attention.ts';
import { int32Timestep } from '../../passes/int32-timestep.ts';
import { loadCheckpoint } from '../../src/diffusion/checkpoint.ts';
import { postQuantConv } from '../../src/diffusion/guidance.ts';
import { textToImage } from '../../src/diffusion/open-pipeline.ts';
import type { ImageResult, PipelineEvent } from '../../src/diffusion/pipeline-types.ts';
import { readPostQuantConv } from '../../src/diffusion/post-quant-conv.ts';
import { SCHEDULER_NAMES } from '../../src/diffusion/schedulers/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { expectNear, expectSamePixels, writeTinyModels } from '../support/tiny-pipeline.ts';
import { ARCHITECTURES, type Architecture, golden, goldens, tinySd } from '../support/tiny-sd.ts';
import { rewrite, tinyTarget } from '../support/tiny-unets.ts';

interface Settings {
  readonly steps: number;
  readonly guidance_scale: number;
  readonly prompts: readonly string[];
  readonly schedulers: Readonly<Record<string, { readonly timesteps: readonly number[] }>>;
}

function settingsOf(architecture: Architecture): Settings {
  return JSON.parse(readFileSync(join(tinySd(architecture), 'golden.json'), 'utf8')) as Settings;
}

/** Images of the golden prompts, with the latents of each batch at each step. */
async function generate(
  architecture: Architecture,
  scheduler: (typeof SCHEDULER_NAMES)[number],
  modelDir: string,
): Promise<{ results: ImageResult[]; latents: Float32Array[][]; events: PipelineEvent[] }> {
  const { steps, guidance_scale: guidanceScale, prompts } = settingsOf(architecture);
  const noise = golden(goldens(architecture), 'noise').data as Float32Array;
  const latents: Float32Array[][] = [];
  const events: PipelineEvent[] = [];
  const results: ImageResult[] = [];
  const run = textToImage({
    model: tinySd(architecture),
    modelDir,
    prompts,
    steps,
    guidanceScale,
    scheduler,
    latents: noise,
    threads: 1,
    onEvent: (event) => {
      events.push(event);
      if (event.type === 'batch') latents.push([]);
      if (event.type === 'step') latents.at(-1)?.push(event.latents);
    },
  });
  for await (const result of run) results.push(result);
  return { results, latents, events };
}

/** Slice `at` of the rows `step` of latents [steps + 1, B, 4, S, S]. */
function rowOf(all: Float32Array, step: number, batch: number, at: number, size: number): Float32Array {
  return all.subarray((step * batch + at) * size, (step * batch + at + 1) * size);
}

function expectGolden(
  architecture: Architecture,
  scheduler: string,
  { results, latents }: Awaited<ReturnType<typeof generate>>,
  tolerance: { readonly latents: number; readonly pixels: number },
): void {
  const wanted = goldens(architecture);
  const rows = golden(wanted, `${scheduler}.latents`);
  const [, batch = 0, ...rest] = rows.dims;
  const size = rest.reduce((a, b) => a * b, 1);
  for (let image = 0; image < batch; image++) {
    const found = latents[image] ?? [];
    expect(found).toHaveLength(settingsOf(architecture).steps + 1);
    for (const [step, x] of found.entries()) {
      const row = rowOf(rows.data as Float32Array, step, batch, image, size);
      expectNear(x, row, tolerance.latents, `image ${image}, step ${step}`);
    }
  }
  const pixels = golden(wanted, `${scheduler}.image_u8`).data as Uint8Array;
  const made = Uint8Array.from(results.flatMap(({ image }) => [...image.data]));
  expectSamePixels(made, pixels, tolerance.pixels);
}

describe.each(ARCHITECTURES)('%s, models as torch exported them', (architecture) => {
  test.each(SCHEDULER_NAMES)('%s: latents at every step and images', async (scheduler) => {
    const made = await generate(architecture, scheduler, writeTinyModels(tempDir(), architecture));
    const timesteps = made.events.flatMap((event) => (event.type === 'step' ? [event.timestep] : [])).slice(1, 5);
    expect(timesteps).toEqual(settingsOf(architecture).schedulers[scheduler]?.timesteps.map(Math.trunc));
    expectGolden(architecture, scheduler, made, { latents: 5e-5, pixels: 0.001 });
    const warned = made.events.filter(({ type }) => type === 'warning');
    // One prompt of sd21 is far too long.
    expect(warned).toHaveLength(architecture === 'sd21' ? 1 : 0);
  });

  test('token ids and what comes in front of the decoder', async () => {
    const wanted = goldens(architecture);
    const { tokenizer, sampleSize } = await loadCheckpoint(tinySd(architecture));
    const ids = (text: string): readonly number[] => tokenizer.encode(text).ids;
    const { prompts } = settingsOf(architecture);
    expect(prompts.flatMap(ids)).toEqual(Array.from(golden(wanted, 'ids.cond').data as BigInt64Array, Number));
    expect(prompts.flatMap(() => ids(''))).toEqual(
      Array.from(golden(wanted, 'ids.uncond').data as BigInt64Array, Number),
    );
    const { weight, bias } = readPostQuantConv(tinySd(architecture));
    const z = golden(wanted, 'vae.z').data as Float32Array;
    const found = postQuantConv(z, weight, bias, sampleSize ** 2);
    expectNear(found, golden(wanted, 'vae.post_quant').data as Float32Array, 2e-6);
  });
});

test('with fused attention and an int32 timestep the images are the same', async () => {
  const modelDir = writeTinyModels(tempDir(), 'sd15');
  const target = await tinyTarget('tiny-310p');
  const unet = join(modelDir, 'unet/unet.onnx');
  await rewrite(unet, join(modelDir, 'unet/unet_md.onnx'), [int32Timestep(), fuseFlashAttention({ target })]);
  const made = await generate('sd15', 'DDIM', modelDir);
  expectGolden('sd15', 'DDIM', made, { latents: 5e-5, pixels: 0.001 });
});

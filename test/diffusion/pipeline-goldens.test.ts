import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fuseFlashAttention } from '../../passes/fuse-flash-attention.ts';
import { int32Timestep } from '../../passes/int32-timestep.ts';
import { loadCheckpoint } from '../../src/diffusion/checkpoint.ts';
import { postQuantConv } from '../../src/diffusion/guidance.ts';
import { readPostQuantConv } from '../../src/diffusion/post-quant-conv.ts';
import { SCHEDULER_NAMES } from '../../src/diffusion/schedulers/index.ts';
import { expectGoldens, generateGoldens, settingsOf } from '../support/golden-images.ts';
import { tempDir } from '../support/temp-dir.ts';
import { expectNear, writeTinyModels } from '../support/tiny-pipeline.ts';
import { ARCHITECTURES, golden, goldens, tinySd } from '../support/tiny-sd.ts';
import { rewrite, tinyTarget } from '../support/tiny-unets.ts';

describe.each(ARCHITECTURES)('%s, models as torch exported them', (architecture) => {
  test.each(SCHEDULER_NAMES)('%s: latents at every step and images', async (scheduler) => {
    const made = await generateGoldens(architecture, scheduler, {
      modelDir: writeTinyModels(tempDir(), architecture),
    });
    const timesteps = made.events.flatMap((event) => (event.type === 'step' ? [event.timestep] : [])).slice(1, 5);
    expect(timesteps).toEqual(settingsOf(architecture).schedulers[scheduler]?.timesteps.map(Math.trunc));
    expectGoldens(architecture, scheduler, made);
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
  const made = await generateGoldens('sd15', 'DDIM', { modelDir });
  expectGoldens('sd15', 'DDIM', made);
});

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openPipeline, textToImage } from '../../src/diffusion/open-pipeline.ts';
import { expectRejection } from '../support/errors.ts';
import { fakeModels } from '../support/fake-models.ts';
import { tempDir } from '../support/temp-dir.ts';
import { writeTinyModels } from '../support/tiny-pipeline.ts';
import { tinySd } from '../support/tiny-sd.ts';

const MODEL = tinySd('sd15');

async function first(options: Partial<Parameters<typeof textToImage>[0]>): Promise<unknown> {
  return (await textToImage({ model: MODEL, prompts: 'a', steps: 1, ...options }).next()).value;
}

describe('with sessions', () => {
  test('they are used, and closed at the end', async () => {
    const sessions = fakeModels();
    const names: string[] = [];
    for await (const { name } of textToImage({ model: MODEL, sessions, prompts: ['a', 'b'], steps: 1, seed: 1 })) {
      names.push(name);
    }
    expect(names).toEqual(['0_0.png', '1_0.png']);
    expect(sessions.calls.slice(-3)).toEqual(['clip closed', 'unet closed', 'vae closed']);
  });

  test('they are closed when a model fails', async () => {
    const failure = new Error('lost');
    const sessions = fakeModels({
      onRun: (model) => {
        if (model === 'vae') throw failure;
      },
    });
    await expect(first({ sessions })).rejects.toBe(failure);
    expect(sessions.calls.slice(-3)).toEqual(['clip closed', 'unet closed', 'vae closed']);
  });

  test('they stay open when they do not fit, or nothing can be made of what is asked for', async () => {
    const sessions = fakeModels({ side: 8 });
    await expectRejection('E_MODELS', () => first({ sessions }));
    await expectRejection('E_SCHEDULER', () => first({ sessions, steps: 0 }));
    expect(sessions.calls).toEqual([]);
  });

  test('the weights of the host are wanted only where the model does not have them', async () => {
    const sessions = fakeModels();
    const latents: unknown[] = [];
    for (const vaePostQuant of ['host', 'model'] as const) {
      const pipeline = await openPipeline({ model: MODEL, sessions, vaePostQuant });
      await pipeline.generate({ prompts: 'a', steps: 1, seed: 1 }).next();
      latents.push(sessions.fed.get('vae')?.[0]);
    }
    expect(latents[0]).not.toEqual(latents[1]);
  });
});

describe('with files', () => {
  test('two devices on the CPU', async () => {
    const modelDir = writeTinyModels(tempDir(), 'sd15');
    // The UNet of the fixture has batch 2: it is for one device.
    const error = await expectRejection('E_MODELS', () => openPipeline({ model: MODEL, modelDir, devices: [1, 0] }));
    expect(error.message).toMatch(/for one device/);
  });

  test('another batch size than theirs', async () => {
    const modelDir = writeTinyModels(tempDir(), 'sd15');
    await expectRejection('E_MODELS', () => openPipeline({ model: MODEL, modelDir, batchSize: 2 }));
  });

  test('a decoder that is no model, or missing', async () => {
    const modelDir = writeTinyModels(tempDir(), 'sd15');
    writeFileSync(join(modelDir, 'vae/vae.onnx'), 'no model');
    await expectRejection('E_WIRE_TAG', () => openPipeline({ model: MODEL, modelDir }));
    rmSync(join(modelDir, 'vae'), { recursive: true });
    await expectRejection('E_MODELS', () => openPipeline({ model: MODEL, modelDir }));
  });
});

describe('refused before models are looked for', () => {
  test.each([
    { why: 'no device', options: { devices: [] } },
    { why: 'three devices', options: { devices: [0, 1, 2] } },
    { why: 'the same device twice', options: { devices: [1, 1] } },
    { why: 'device 256', options: { devices: [256] } },
    { why: 'device -1', options: { devices: [0, -1] } },
    { why: 'half a device', options: { devices: [0.5] } },
    { why: 'batch size 0', options: { batchSize: 0 } },
    { why: 'another vaePostQuant', options: { vaePostQuant: 'device' as 'host' } },
  ])('$why', async ({ options }) => {
    await expectRejection('E_PIPELINE', () => first({ modelDir: 'nowhere', ...options }));
  });

  test('prompts, steps and signal', async () => {
    await expectRejection('E_PROMPTS', () => first({ modelDir: 'nowhere', prompts: [] }));
    await expectRejection('E_SCHEDULER', () => first({ modelDir: 'nowhere', steps: 2000 }));
    await expect(first({ modelDir: 'nowhere', signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    await expectRejection('E_MODELS', () => first({ modelDir: 'nowhere' }));
  });
});

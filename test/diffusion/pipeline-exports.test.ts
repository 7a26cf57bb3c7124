import { expect, test } from 'vitest';
import { type ExportOptions, exportCheckpoint } from '../../src/export/export.ts';
import { expectGoldenLatents, expectGoldens, generateGoldens } from '../support/golden-images.ts';
import { tempDir } from '../support/temp-dir.ts';
import { type Architecture, tinySd } from '../support/tiny-sd.ts';

async function exported(architecture: Architecture, options: Partial<ExportOptions>): Promise<string> {
  const outputDir = tempDir();
  await exportCheckpoint({ model: tinySd(architecture), outputDir, weights: 'copy', ...options });
  return outputDir;
}

test.each([
  { why: 'a batch of two', architecture: 'sd15', options: { batchSize: 2 }, devices: [0] },
  { why: 'two devices', architecture: 'sd15', options: { parallel: true }, devices: [1, 0] },
  {
    why: 'two devices, a batch of two',
    architecture: 'sd21',
    options: { batchSize: 2, parallel: true },
    devices: [0, 3],
  },
  { why: 'an int32 timestep', architecture: 'sd21', options: { timestep: 'int32', opset: 17 }, devices: [0] },
  { why: 'post_quant_conv in the decoder', architecture: 'sd15', options: { vaePostQuant: true }, devices: [0] },
  { why: 'the same with casts', architecture: 'sd21', options: { vaePostQuant: true, opset: 13 }, devices: [0] },
] as const)('$why: the images of torch', async ({ architecture, options, devices }) => {
  const modelDir = await exported(architecture, options);
  for (const scheduler of ['DDIM', 'DPM'] as const) {
    const run = await generateGoldens(architecture, scheduler, { modelDir, devices });
    expect(run.latents).toHaveLength('batchSize' in options ? 1 : 2);
    expectGoldens(architecture, scheduler, run);
  }
});

test('float16 models: nearly the latents of torch', async () => {
  const modelDir = await exported('sd15', { dtype: 'fp16' });
  const run = await generateGoldens('sd15', 'DDIM', { modelDir });
  expectGoldenLatents('sd15', 'DDIM', run, 0.005);
  expect(run.events.filter(({ type }) => type === 'warning')).toEqual([]);
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { modifyOnnx } from '../../passes/index.ts';
import { loadTarget, type Target } from '../../src/targets/index.ts';
import { verifyModels } from '../../src/verify/verify.ts';
import { tempDir } from '../support/temp-dir.ts';
import { rewrite, tinyTarget, tinyTargetPath, writeTinyUnet } from '../support/tiny-unets.ts';

let folder: string;

beforeEach(() => {
  folder = tempDir();
});

describe('the profiles for tiny models', () => {
  test.each([
    ['tiny-310p', 'ascend310p-aie-7.0'],
    ['tiny-910b', 'ascend910b-aie-7.0'],
  ] as const)('%s is %s without its limits, and says so', async (name, original) => {
    const tiny = await tinyTarget(name);
    expect(tiny.title).toContain('NOT A REAL TARGET');
    const unlimited = (target: Target): unknown =>
      JSON.parse(
        JSON.stringify({ ...target, $schema: '', name: '', title: '' }, (key, value: unknown) =>
          key === 'limits' || key === 'rules' ? [] : value,
        ),
      );
    expect(unlimited(tiny)).toEqual(unlimited(loadTarget(original)));
    const text = readFileSync(tinyTargetPath(name), 'utf8');
    expect(text.match(/"(?:limits|rules)": \[\]/g)?.length).toBe(text.match(/"(?:limits|rules)":/g)?.length);
  });
});

describe.each(['sd15', 'sd21'] as const)('%s as torch exports it', (name) => {
  test('the clean-up alone computes the very same', async () => {
    const unet = writeTinyUnet(folder, name);
    const out = await rewrite(unet, join(folder, 'out.onnx'), modifyOnnx());
    const report = await verifyModels(unet, out, { tolerance: 'bit-exact' });
    expect(report).toMatchObject({ ok: true, notes: [], departure: null });
    expect(report.inputs.map(({ name: input, dataType }) => [input, dataType])).toEqual([
      ['latent_model_input', 'float32'],
      ['t', 'int64'],
      ['encoder_hidden_states', 'float32'],
    ]);
  });

  test.each([
    ['Duo', 'tiny-310p', {}, 'exact'],
    ['A2', 'tiny-910b', {}, 'exact'],
    ['fused GELU', 'tiny-310p', { faSoc: 'None', fasterGelu: true }, 'faster-gelu'],
    ['merged tokens', 'tiny-310p', { faSoc: 'None', tome: 5 }, 'tome'],
    ['everything', 'tiny-310p', { tome: 5, fasterGelu: true }, 'tome'],
  ] as const)('%s stays inside its preset', async (_what, profile, options, preset) => {
    const unet = writeTinyUnet(folder, name);
    const target = await tinyTarget(profile);
    const out = await rewrite(unet, join(folder, 'out.onnx'), modifyOnnx({ ...options, target }));
    const report = await verifyModels(unet, out);
    expect(report).toMatchObject({ ok: true, preset });
    const [output] = report.outputs;
    const relative = (output?.difference?.rms ?? 1) / (output?.difference?.referenceRms ?? 1);
    // A lossy rewrite that loses nothing was not made.
    if (preset === 'exact') expect(relative).toBeLessThan(2e-6);
    else expect(relative).toBeGreaterThan(1e-3);
  });
});

test('float16 steps of the kernels show, and stay in bounds', async () => {
  const unet = writeTinyUnet(folder);
  const out = await rewrite(unet, join(folder, 'out.onnx'), modifyOnnx({ target: await tinyTarget('tiny-310p') }));
  const exact = await verifyModels(unet, out);
  const emulated = await verifyModels(unet, out, { emulate: 'fp16' });
  expect(emulated).toMatchObject({ ok: true, preset: 'fp16', emulate: 'fp16' });
  const rms = (report: typeof exact): number => report.outputs[0]?.difference?.rms ?? 0;
  expect(rms(emulated)).toBeGreaterThan(100 * rms(exact));
  const alone = await verifyModels(out, out, { emulate: 'fp16' });
  expect(rms(alone)).toBeGreaterThan(0);
  expect(alone.notes).toEqual([]);
});

describe('where the weights are', () => {
  test.each(['single', 'inline', 'copy'] as const)(
    '%s, in another folder than those of the reference',
    async (policy) => {
      const unet = writeTinyUnet(folder);
      const reference = await rewrite(unet, join(folder, 'reference.onnx'), [], undefined, { externalData: 'single' });
      const target = await tinyTarget('tiny-310p');
      const options = { externalData: policy };
      const out = await rewrite(reference, join(tempDir(), 'out.onnx'), modifyOnnx({ target }), undefined, options);
      expect(await verifyModels(reference, out)).toMatchObject({ ok: true });
    },
  );

  test('models that are too large for memory go through a temporary file, which is gone afterwards', async () => {
    const unet = writeTinyUnet(folder);
    const out = await rewrite(unet, join(tempDir(), 'out.onnx'), modifyOnnx(), undefined, { externalData: 'single' });
    const temporary = tempDir();
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = temporary;
    try {
      const report = await verifyModels(unet, out, { session: { maxInMemory: 0 }, tolerance: 'bit-exact' });
      expect(report.ok).toBe(true);
      expect(readdirSync(temporary)).toEqual([]);
      process.env['TMPDIR'] = join(temporary, 'none');
      await expect(verifyModels(unet, out, { session: { maxInMemory: 0 } })).rejects.toMatchObject({
        code: 'E_FILE_WRITE',
      });
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  });
});

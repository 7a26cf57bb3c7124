import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadCheckpoint } from '../../src/diffusion/checkpoint.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { expectRejection } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';
import { tinySd } from '../support/tiny-sd.ts';

/** A copy of a miniature checkpoint without its weights, with keys of a file set; undefined removes a key. */
function copyWith(file = 'unet/config.json', keys: Readonly<Record<string, unknown>> = {}): string {
  const dir = join(tempDir(), 'checkpoint');
  cpSync(tinySd('sd15'), dir, { recursive: true, filter: (path) => !path.endsWith('.safetensors') });
  const path = join(dir, file);
  const config = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify({ ...config, ...keys }));
  return dir;
}

test('a checkpoint, without a look at its weights', async () => {
  const { tokenizer, ...rest } = await loadCheckpoint(copyWith());
  expect(rest).toMatchObject({
    sampleSize: 16,
    pixelsPerLatent: 8,
    scalingFactor: 0.18215,
    hasSafetyChecker: false,
    schedulerConfig: { beta_schedule: 'scaled_linear' },
  });
  expect(tokenizer.maxLength).toBe(77);
});

test.each([
  { version: '0.8.1', size: 32, wanted: 64 },
  { version: '0.8.1', size: 96, wanted: 96 },
  { version: '0.9.0.dev0', size: 32, wanted: 32 },
  { version: '0.10.0', size: 32, wanted: 32 },
  { version: '1.0.0', size: 32, wanted: 32 },
  { version: undefined, size: 32, wanted: 32 },
])('sample_size $size written by version $version means $wanted', async ({ version, size, wanted }) => {
  const dir = copyWith('unet/config.json', { _diffusers_version: version, sample_size: size });
  expect((await loadCheckpoint(dir)).sampleSize).toBe(wanted);
});

test.each([
  { entry: ['stable_diffusion', 'StableDiffusionSafetyChecker'], wanted: true },
  { entry: [null, null], wanted: false },
  { entry: null, wanted: false },
  { entry: undefined, wanted: false },
])('safety checker $entry', async ({ entry, wanted }) => {
  const dir = copyWith('model_index.json', { safety_checker: entry });
  expect((await loadCheckpoint(dir)).hasSafetyChecker).toBe(wanted);
});

test('the index is not needed', async () => {
  const dir = copyWith();
  rmSync(join(dir, 'model_index.json'));
  expect((await loadCheckpoint(dir)).hasSafetyChecker).toBe(false);
});

test('other values of the VAE', async () => {
  const dir = copyWith('vae/config.json', { scaling_factor: 0.13025, block_out_channels: [8, 8, 8] });
  expect(await loadCheckpoint(dir)).toMatchObject({ scalingFactor: 0.13025, pixelsPerLatent: 4 });
});

describe('refused', () => {
  test('names of hub repositories, with the way to get them', async () => {
    const error = await expectRejection('E_CHECKPOINT', () => loadCheckpoint('stabilityai/stable-diffusion-2-1-base'));
    expect(error.hint).toContain('hf download stabilityai/stable-diffusion-2-1-base');
  });

  test('files', async () => {
    const file = join(copyWith(), 'model_index.json');
    await expectRejection('E_CHECKPOINT', () => loadCheckpoint(file));
  });

  test.each([
    'unet/config.json',
    'vae/config.json',
    'scheduler/scheduler_config.json',
    'tokenizer/vocab.json',
    'tokenizer/merges.txt',
  ])('a checkpoint without %s', async (file) => {
    const dir = copyWith();
    rmSync(join(dir, file));
    const error = await expectRejection('E_CHECKPOINT', () => loadCheckpoint(dir));
    expect(error.expected).toBe(file);
  });

  const values: readonly { file: string; key: string; value: unknown }[] = [
    { file: 'unet/config.json', key: 'in_channels', value: 9 },
    { file: 'unet/config.json', key: 'in_channels', value: undefined },
    { file: 'unet/config.json', key: 'sample_size', value: [64, 64] },
    { file: 'unet/config.json', key: 'sample_size', value: 0 },
    { file: 'unet/config.json', key: 'sample_size', value: 1e9 },
    { file: 'unet/config.json', key: '_diffusers_version', value: 'new' },
    { file: 'unet/config.json', key: '_diffusers_version', value: 9 },
    { file: 'vae/config.json', key: 'scaling_factor', value: 0 },
    { file: 'vae/config.json', key: 'scaling_factor', value: '0.18215' },
    { file: 'vae/config.json', key: 'block_out_channels', value: [] },
    { file: 'vae/config.json', key: 'block_out_channels', value: 4 },
  ];
  test.each(values)('$key $value', async ({ file, key, value }) => {
    const dir = copyWith(file, { [key]: value });
    const error = await expectRejection('E_CHECKPOINT_CONFIG', () => loadCheckpoint(dir));
    expect(error.where).toEqual({ file: join(dir, file), name: key });
  });

  const contents: readonly { file: string; content: string; code: ErrorCode }[] = [
    { file: 'unet/config.json', content: '[1]', code: 'E_CHECKPOINT' },
    { file: 'vae/config.json', content: '{', code: 'E_CHECKPOINT' },
    { file: 'model_index.json', content: 'null', code: 'E_CHECKPOINT' },
    { file: 'scheduler/scheduler_config.json', content: '3', code: 'E_SCHEDULER' },
    { file: 'tokenizer/vocab.json', content: '{}', code: 'E_TOKENIZER' },
  ];
  test.each(contents)('$file with $content', async ({ file, content, code }) => {
    const dir = copyWith();
    writeFileSync(join(dir, file), content);
    await expectRejection(code, () => loadCheckpoint(dir));
  });
});

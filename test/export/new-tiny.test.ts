import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { createTokenizer } from '../../src/diffusion/tokenizer.ts';
import { exportCheckpoint } from '../../src/export/export.ts';
import { newTinyCheckpoint } from '../../src/export/new-tiny.ts';
import { openSafetensors } from '../../src/io/safetensors.ts';
import { expectRejection } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

const FILES = [
  'model_index.json',
  'scheduler/scheduler_config.json',
  'text_encoder/config.json',
  'text_encoder/model.safetensors',
  'tokenizer/merges.txt',
  'tokenizer/special_tokens_map.json',
  'tokenizer/tokenizer_config.json',
  'tokenizer/vocab.json',
  'unet/config.json',
  'unet/diffusion_pytorch_model.safetensors',
  'vae/config.json',
  'vae/diffusion_pytorch_model.safetensors',
];

function digest(dir: string): string {
  const hash = createHash('sha256');
  for (const file of FILES) hash.update(file).update(readFileSync(join(dir, file)));
  return hash.digest('hex');
}

function shapesIn(path: string): Record<string, readonly number[]> {
  const file = openSafetensors(path);
  file.close();
  return Object.fromEntries([...file.tensors].map(([name, { shape }]) => [name, shape]));
}

function realShapes(model: string, part: string): Record<string, readonly number[]> {
  const url = new URL(`../../fixtures/sd-weights/${model}/${part}.json.gz`, import.meta.url);
  const shapes = JSON.parse(gunzipSync(readFileSync(url)).toString()) as Record<string, readonly number[]>;
  const { 'text_model.embeddings.position_ids': _, ...parameters } = shapes;
  return parameters;
}

describe.each(['sd15', 'sd21'] as const)('%s', (architecture) => {
  test('is complete, and the same for the same seed', async () => {
    const dirs = [1, 1, 2].map((seed) => ({ seed, out: join(tempDir(), 'tiny') }));
    for (const { seed, out } of dirs) await newTinyCheckpoint({ out, architecture, seed });
    const found = readdirSync(dirs[0]?.out ?? '', { recursive: true, withFileTypes: true }).filter((each) =>
      each.isFile(),
    );
    expect(found).toHaveLength(FILES.length);
    const [first, again, other] = dirs.map(({ out }) => digest(out));
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  test('has the tensors of the real checkpoint at full size, takes no room, and is exported whole', async () => {
    const out = join(tempDir(), 'full');
    await newTinyCheckpoint({ out, architecture, fullSize: true, sparse: true });
    const real = architecture === 'sd15' ? 'sd15' : 'sd21-base';
    for (const [part, file] of [
      ['text_encoder', 'model'],
      ['unet', 'diffusion_pytorch_model'],
      ['vae', 'diffusion_pytorch_model'],
    ] as const) {
      const path = join(out, part, `${file}.safetensors`);
      expect(shapesIn(path)).toEqual(realShapes(real, part));
      expect(statSync(path).blocks * 512).toBeLessThan(1 << 20);
    }
    const { models } = await exportCheckpoint({ model: out, outputDir: out, weights: 'link' });
    // Every tensor is used: what is left over would be a warning. The host has the two of post_quant_conv.
    expect(models.map(({ tensors }) => tensors)).toEqual([architecture === 'sd15' ? 196 : 372, 686, 138]);
    const warnings = models.flatMap((model) => model.warnings);
    expect(warnings.filter((warning) => !warning.includes('hard links'))).toEqual([]);
    expect(models.map(({ weightBytes }) => weightBytes)).toEqual([0, 0, 0]);
  });

  test('runs, and its activations are neither lost nor beyond bounds', async () => {
    const out = join(tempDir(), 'tiny');
    await newTinyCheckpoint({ out, architecture, dtype: 'fp16' });
    await exportCheckpoint({ model: out, outputDir: out, weights: 'copy', parallel: true });
    const random = (dims: readonly number[]): ort.Tensor => {
      const size = dims.reduce((product, dim) => product * dim, 1);
      return new ort.Tensor(
        'float32',
        Float32Array.from({ length: size }, (_, i) => Math.sin(i * 12.9898)),
        dims,
      );
    };
    const width = architecture === 'sd15' ? 32 : 40;
    const cases = [
      [
        'clip',
        {
          prompt: new ort.Tensor(
            'int64',
            BigInt64Array.from({ length: 77 }, (_, i) => BigInt(i)),
            [1, 77],
          ),
        },
      ],
      [
        'unet',
        {
          latent_model_input: random([1, 4, 16, 16]),
          t: new ort.Tensor('int64', BigInt64Array.of(500n), [1]),
          encoder_hidden_states: random([1, 77, width]),
        },
      ],
      ['vae', { latents: random([1, 4, 16, 16]) }],
    ] as const;
    for (const [name, feeds] of cases) {
      const session = await ort.InferenceSession.create(join(out, name, `${name}.onnx`));
      const output = (await session.run(feeds))[session.outputNames[0] ?? ''] as ort.Tensor;
      await session.release();
      const most = (output.data as Float32Array).reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      expect(most, name).toBeGreaterThan(0.05);
      expect(most, name).toBeLessThan(100);
    }
  });
});

test('the tokenizer fits the text encoder', async () => {
  const out = join(tempDir(), 'tiny');
  await newTinyCheckpoint({ out });
  const vocabulary = JSON.parse(readFileSync(join(out, 'tokenizer/vocab.json'), 'utf8')) as Record<string, number>;
  expect(Object.values(vocabulary).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 800 }, (_, id) => id));
  const tokenizer = await createTokenizer(join(out, 'tokenizer'));
  const { ids } = tokenizer.encode('A photo of the OCEAN, zürich 42!');
  expect(ids[0]).toBe(798);
  expect(ids).toContain(799);
  expect(Math.max(...Array.from(ids, Number))).toBeLessThan(800);
  // Words of the text that merges were learned from are few tokens.
  expect(ids.indexOf(799)).toBeLessThan(25);
});

test('nothing is replaced, and a failure leaves nothing', async () => {
  const dir = tempDir();
  mkdirSync(join(dir, 'full'));
  writeFileSync(join(dir, 'full/mine'), '');
  await expectRejection('E_FILE_WRITE', () => newTinyCheckpoint({ out: join(dir, 'full') }));
  writeFileSync(join(dir, 'file'), '');
  await expectRejection('E_FILE_WRITE', () => newTinyCheckpoint({ out: join(dir, 'file') }));
  await expectRejection('E_EXPORT', () => newTinyCheckpoint({ out: join(dir, 'seed'), seed: -1 }));
  const stop = (): void => {
    throw new Error('stop');
  };
  await expect(newTinyCheckpoint({ out: join(dir, 'stopped'), onProgress: stop })).rejects.toThrow('stop');
  expect(readdirSync(dir).toSorted()).toEqual(['file', 'full']);
  mkdirSync(join(dir, 'empty'));
  await newTinyCheckpoint({ out: join(dir, 'empty') });
  expect(existsSync(join(dir, 'empty/model_index.json'))).toBe(true);
});

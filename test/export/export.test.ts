import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { type ExportOptions, exportCheckpoint } from '../../src/export/export.ts';
import { openModel } from '../../src/io/open.ts';
import { expectRejection } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';
import { ARCHITECTURES, type Architecture, golden, goldens, tinySd } from '../support/tiny-sd.ts';

async function run(path: string, feeds: Record<string, ort.Tensor>): Promise<ort.Tensor> {
  const session = await ort.InferenceSession.create(path);
  try {
    const results = await session.run(feeds);
    return results[session.outputNames[0] ?? ''] as ort.Tensor;
  } finally {
    await session.release();
  }
}

function distance(a: ort.Tensor, b: ort.Tensor): number {
  const [x, y] = [a.data as Float32Array, b.data as Float32Array];
  expect(x.length).toBe(y.length);
  const scale = y.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  return x.reduce((most, value, i) => Math.max(most, Math.abs(value - (y[i] as number))), 0) / scale;
}

/** The UNet of the record has one latent and one timestep; a parallel graph takes the batch as it is. */
async function unetDistance(arch: Architecture, path: string): Promise<number> {
  const record = goldens(arch);
  const steps = golden(record, 'unet.t');
  const feeds = {
    latent_model_input: golden(record, 'unet.in'),
    t: new ort.Tensor('int64', BigInt64Array.of(BigInt(Number(steps.data[0]))), [1]),
    encoder_hidden_states: golden(record, 'unet.emb'),
  };
  return distance(await run(path, feeds), golden(record, 'unet.out'));
}

function unetBatch(arch: Architecture): number {
  return golden(goldens(arch), 'unet.in').dims[0] ?? 0;
}

/** A checkpoint of one's own to damage or move. */
function copyOf(arch: Architecture, folder = join(tempDir(), 'checkpoint')): string {
  cpSync(tinySd(arch), folder, { recursive: true });
  return folder;
}

const unet = { only: ['unet'], parallel: true } as const;

describe.each(ARCHITECTURES)('the checkpoint of %s', (arch) => {
  test.each(['copy', 'link', 'reference'] as const)('computes what torch does with weights by %s', async (weights) => {
    const model = copyOf(arch);
    const outputDir = weights === 'reference' ? model : tempDir();
    const options: ExportOptions = { model, outputDir, batchSize: unetBatch(arch), ...unet, weights };
    const { models } = await exportCheckpoint(options);
    expect(models.map((each) => [each.name, each.weights])).toEqual([['unet', weights]]);
    expect(models[0]?.weightBytes === 0).toBe(weights !== 'copy');
    expect(await unetDistance(arch, join(outputDir, 'unet/unet.onnx'))).toBeLessThan(2e-5);
  });

  test('folded weights compute the same with fewer nodes', async () => {
    const outputDir = tempDir();
    const options: ExportOptions = { model: tinySd(arch), outputDir, batchSize: unetBatch(arch), ...unet };
    const { models: plain } = await exportCheckpoint({ ...options, weights: 'copy' });
    const { models: folded } = await exportCheckpoint({ ...options, fold: true, weights: 'copy' });
    expect(folded[0]?.nodes).toBeLessThan(plain[0]?.nodes ?? 0);
    expect(await unetDistance(arch, join(outputDir, 'unet/unet.onnx'))).toBeLessThan(2e-5);
    using model = await openModel(join(outputDir, 'unet/unet.onnx'));
    const converters = [...model.graph.nodesOf('Cast'), ...model.graph.nodesOf('Transpose')];
    expect(converters.filter(({ inputs }) => inputs[0]?.initializer !== undefined)).toEqual([]);
  });

  test('all models have the names, types and shapes of upstream, and use every tensor', async () => {
    const { models } = await exportCheckpoint({
      model: tinySd(arch),
      outputDir: tempDir(),
      batchSize: 2,
      weights: 'copy',
    });
    const width = arch === 'sd15' ? 32 : 40;
    expect(models.map(({ inputs, outputs }) => [inputs, outputs.slice(0, 1)])).toEqual([
      [[{ name: 'prompt', type: 'int64[2,77]' }], [{ name: 'text_embeddings', type: `float32[2,77,${width}]` }]],
      [
        [
          { name: 'latent_model_input', type: 'float32[4,4,16,16]' },
          { name: 't', type: 'int64[1]' },
          { name: 'encoder_hidden_states', type: `float32[4,77,${width}]` },
        ],
        [{ name: 'sample', type: 'float32[4,4,16,16]' }],
      ],
      [[{ name: 'latents', type: 'float32[2,4,16,16]' }], [{ name: 'image', type: 'float32[2,3,128,128]' }]],
    ]);
    expect(models.flatMap(({ warnings }) => warnings)).toEqual([]);
  });
});

test('weights that lie elsewhere are copied, and the report says why', async () => {
  const { models } = await exportCheckpoint({ model: tinySd('sd15'), outputDir: tempDir(), ...unet });
  expect(models[0]?.weights).toBe('copy');
  expect(models[0]?.warnings).toEqual([expect.stringContaining('is not in or below')]);
});

test('a reference writes nothing but the model, and leaves the checkpoint as it was', async () => {
  const model = copyOf('sd15');
  const weights = join(model, 'unet/diffusion_pytorch_model.safetensors');
  const before = readFileSync(weights);
  const { models } = await exportCheckpoint({ model, outputDir: model, ...unet });
  expect(models[0]?.files.map(({ path }) => path)).toEqual([join(model, 'unet/unet.onnx')]);
  expect(statSync(join(model, 'unet/unet.onnx')).size).toBeLessThan(1_000_000);
  expect(readFileSync(weights).equals(before)).toBe(true);
  expect(readdirSync(join(model, 'unet')).toSorted()).toEqual([
    'config.json',
    'diffusion_pytorch_model.safetensors',
    'unet.onnx',
  ]);
});

test('a file with further names is copied unless links are allowed, because readers refuse it', async () => {
  const model = copyOf('sd15');
  linkSync(join(model, 'unet/diffusion_pytorch_model.safetensors'), join(model, 'second'));
  const { models: copies } = await exportCheckpoint({ model, outputDir: model, ...unet });
  expect(copies[0]).toMatchObject({ weights: 'copy', warnings: [expect.stringContaining('further names')] });
  const { models: references } = await exportCheckpoint({ model, outputDir: model, ...unet, followLinks: true });
  expect(references[0]?.weights).toBe('reference');
});

test('float16 and int32 graphs have inputs of these types', async () => {
  const options = { model: tinySd('sd21'), outputDir: tempDir(), dtype: 'fp16', timestep: 'int32', opset: 17 } as const;
  const { models } = await exportCheckpoint({ ...options, ...unet, weights: 'copy' });
  expect(models[0]?.inputs.map(({ type }) => type.replace(/\[.*/u, ''))).toEqual(['float16', 'int32', 'float16']);
});

test('post_quant_conv in the graph is used', async () => {
  const options = { model: tinySd('sd15'), only: ['vae'], weights: 'copy', batchSize: 2 } as const;
  const { models } = await exportCheckpoint({ ...options, outputDir: tempDir(), vaePostQuant: true });
  const { models: without } = await exportCheckpoint({ ...options, outputDir: tempDir() });
  expect((models[0]?.tensors ?? 0) - (without[0]?.tensors ?? 0)).toBe(2);
});

describe('files of a checkpoint', () => {
  const vae = { only: ['vae'], weights: 'copy' } as const;
  const plain = 'vae/diffusion_pytorch_model.safetensors';

  function exported(model: string, more: Partial<ExportOptions> = {}): ReturnType<typeof exportCheckpoint> {
    return exportCheckpoint({ model, outputDir: tempDir(), ...vae, ...more });
  }

  test('the only variant is taken, and one of several has to be named', async () => {
    const model = copyOf('sd15');
    renameSync(join(model, plain), join(model, 'vae/diffusion_pytorch_model.fp16.safetensors'));
    expect((await exported(model)).models[0]?.variant).toBe('fp16');
    cpSync(
      join(model, 'vae/diffusion_pytorch_model.fp16.safetensors'),
      join(model, 'vae/diffusion_pytorch_model.non_ema.safetensors'),
    );
    const { hint } = await expectRejection('E_CHECKPOINT', () => exported(model));
    expect(hint).toContain('--variant non_ema');
    expect((await exported(model, { variant: 'non_ema' })).models[0]?.variant).toBe('non_ema');
    await expectRejection('E_CHECKPOINT', () => exported(model, { variant: 'bf16' }));
    await expectRejection('E_CHECKPOINT', () => exported(model, { variant: '../x' }));
  });

  test('pickles are refused, with advice', async () => {
    const model = copyOf('sd15');
    renameSync(join(model, plain), join(model, 'vae/diffusion_pytorch_model.bin'));
    const { hint } = await expectRejection('E_CHECKPOINT', () => exported(model));
    expect(hint).toContain('safe_serialization');
  });

  test('a single file, a missing directory and a hub cache are told apart', async () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'v1-5.ckpt'), 'x');
    mkdirSync(join(dir, 'cache/snapshots'), { recursive: true });
    expect((await expectRejection('E_CHECKPOINT', () => exported(join(dir, 'v1-5.ckpt')))).hint).toContain('convert');
    await expectRejection('E_CHECKPOINT', () => exported(join(dir, 'none')));
    expect((await expectRejection('E_CHECKPOINT', () => exported(join(dir, 'cache')))).hint).toContain('snapshots');
  });

  test('a link out of the checkpoint is refused unless links are allowed', async () => {
    const model = copyOf('sd15');
    const elsewhere = join(tempDir(), 'weights.safetensors');
    renameSync(join(model, plain), elsewhere);
    symlinkSync(elsewhere, join(model, plain));
    const { hint } = await expectRejection('E_CHECKPOINT', () => exported(model));
    expect(hint).toContain('--follow-links');
    expect((await exported(model, { followLinks: true })).models).toHaveLength(1);
  });

  test('the links of a hub cache are followed, into blobs only', async () => {
    const cache = join(tempDir(), 'models--a--b');
    const model = copyOf('sd15', join(cache, 'snapshots/0123'));
    mkdirSync(join(cache, 'blobs'));
    for (const name of [plain, 'vae/config.json', 'unet/config.json']) {
      const blob = join(cache, 'blobs', name.replaceAll(/\W/gu, ''));
      renameSync(join(model, name), blob);
      symlinkSync(join('../../../blobs', name.replaceAll(/\W/gu, '')), join(model, name));
    }
    expect((await exported(model)).models).toHaveLength(1);
    // A reference would be a link that leads out of the folder of the model, which runtimes refuse.
    const { models } = await exportCheckpoint({ model, outputDir: model, only: ['vae'] });
    expect(models[0]?.weights).toBe('copy');
    renameSync(join(cache, 'blobs'), join(cache, 'other'));
    symlinkSync('../../../other/vaeconfigjson', join(model, 'link'));
    rmSync(join(model, 'vae/config.json'));
    symlinkSync('../../../other/vaeconfigjson', join(model, 'vae/config.json'));
    await expectRejection('E_CHECKPOINT', () => exported(model));
  });

  test('an index may only name files beside it, that hold what it says', async () => {
    const model = copyOf('sd15');
    const first = 'diffusion_pytorch_model-00001-of-00001.safetensors';
    renameSync(join(model, plain), join(model, 'vae', first));
    const bytes = readFileSync(join(model, 'vae', first));
    const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString()) as object;
    const names = Object.keys(header).filter((name) => name !== '__metadata__');
    const index = (map: unknown): void => {
      const text = JSON.stringify({ metadata: { total_size: 1 }, weight_map: map });
      writeFileSync(join(model, `${plain}.index.json`), text);
    };
    const all = Object.fromEntries(names.map((name) => [name, first]));
    index(all);
    expect((await exported(model)).models[0]?.warnings).toEqual([]);
    const hostile = [
      '../x.safetensors',
      '/etc/passwd',
      'a/b.safetensors',
      'a\\b.safetensors',
      '.hidden.safetensors',
      'x.bin',
      7,
      null,
      '',
    ];
    for (const file of hostile) {
      index({ ...all, [names[0] ?? '']: file });
      await expectRejection('E_CHECKPOINT', () => exported(model));
    }
    for (const map of [{}, [], null, 'x', { ...all, extra: first }, Object.fromEntries(Object.entries(all).slice(1))]) {
      index(map);
      await expectRejection('E_CHECKPOINT', () => exported(model));
    }
    index({ ...all, extra: 'missing.safetensors' });
    await expectRejection('E_FILE_MISSING', () => exported(model));
    writeFileSync(join(model, `${plain}.index.json`), '{"weight_map":');
    await expectRejection('E_CHECKPOINT', () => exported(model));
  });
});

describe('a failed export', () => {
  test('leaves nothing of itself, neither model nor link', async () => {
    const model = copyOf('sd15');
    const config = join(model, 'vae/config.json');
    writeFileSync(config, readFileSync(config, 'utf8').replace('"latent_channels": 4', '"latent_channels": 5'));
    const outputDir = tempDir();
    await expectRejection('E_CHECKPOINT_CONFIG', () => exportCheckpoint({ model, outputDir, weights: 'link' }));
    writeFileSync(
      config,
      readFileSync(config, 'utf8')
        .replace('"layers_per_block": 2', '"layers_per_block": 3')
        .replace('"latent_channels": 5', '"latent_channels": 4'),
    );
    const { where } = await expectRejection('E_CHECKPOINT_TENSOR', () =>
      exportCheckpoint({ model, outputDir, weights: 'link' }),
    );
    expect(where.name).toContain('decoder.');
    const left = readdirSync(outputDir, { recursive: true, withFileTypes: true }).filter(
      (entry) => !entry.isDirectory(),
    );
    expect(left.map(({ name }) => name)).toEqual([]);
  });

  test('leaves no empty folders either, and folders that were there', async () => {
    const dir = tempDir();
    const model = join(dir, 'checkpoint');
    cpSync(tinySd('sd15'), model, { recursive: true });
    rmSync(join(model, 'unet/diffusion_pytorch_model.safetensors'));
    await expectRejection('E_CHECKPOINT', () => exportCheckpoint({ model, outputDir: join(dir, 'a/b') }));
    expect(readdirSync(dir)).toEqual(['checkpoint']);
    mkdirSync(join(dir, 'there'));
    await expectRejection('E_CHECKPOINT', () => exportCheckpoint({ model, outputDir: join(dir, 'there') }));
    expect(readdirSync(join(dir, 'there'))).toEqual([]);
  });

  test('a link does not take the name of another file', async () => {
    const outputDir = tempDir();
    const other = join(outputDir, 'unet/diffusion_pytorch_model.safetensors');
    mkdirSync(dirname(other), { recursive: true });
    writeFileSync(other, 'mine');
    const model = copyOf('sd15');
    await expectRejection('E_EXPORT', () => exportCheckpoint({ model, outputDir, ...unet, weights: 'link' }));
    expect(readFileSync(other, 'utf8')).toBe('mine');
    rmSync(other);
    linkSync(join(model, 'unet/diffusion_pytorch_model.safetensors'), other);
    const { models } = await exportCheckpoint({ model, outputDir, ...unet, weights: 'link' });
    expect(models[0]?.weights).toBe('link');
  });

  test.each([
    { opset: 10 },
    { opset: 22 },
    { opset: 12.5 },
    { batchSize: 0 },
    { only: [] },
    { fold: true, weights: 'link' },
  ] satisfies Partial<ExportOptions>[])('%o is refused', async (options) => {
    const outputDir = join(tempDir(), 'out');
    await expectRejection('E_EXPORT', () => exportCheckpoint({ model: tinySd('sd15'), outputDir, ...options }));
    expect(existsSync(join(outputDir, 'clip/clip.onnx'))).toBe(false);
  });
});

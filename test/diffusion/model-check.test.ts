import { beforeAll, describe, expect, test } from 'vitest';
import { type Checkpoint, loadCheckpoint } from '../../src/diffusion/checkpoint.ts';
import { checkModels } from '../../src/diffusion/model-check.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { SessionPort } from '../../src/runtime/session.ts';
import { expectError } from '../support/errors.ts';
import { type FakeModelOptions, fakeModels } from '../support/fake-models.ts';
import { tinySd } from '../support/tiny-sd.ts';

let checkpoint: Checkpoint;
beforeAll(async () => {
  checkpoint = await loadCheckpoint(tinySd('sd15'));
});

const check = (options: FakeModelOptions, batchSize?: number): unknown =>
  checkModels(fakeModels(options), checkpoint, batchSize);

/** Changes one port. */
function port(model: string, kind: 'input' | 'output', index: number, change: Partial<SessionPort>): FakeModelOptions {
  return {
    port: (name, side, i, given) => (name === model && side === kind && i === index ? { ...given, ...change } : given),
  };
}

/** Opens the first dimension of everything. */
const dynamic: FakeModelOptions['port'] = (_model, _kind, _index, given) =>
  given.name === 't' ? given : { ...given, shape: ['batch', ...given.shape.slice(1)] };

describe('fit', () => {
  test.each([
    { why: 'one device', options: {}, batchSize: undefined, batch: 1, unetBatch: 2 },
    { why: 'more at once', options: { batch: 4 }, batchSize: 4, batch: 4, unetBatch: 8 },
    { why: 'two devices', options: { batch: 2, twoDevices: true }, batchSize: undefined, batch: 2, unetBatch: 2 },
    { why: 'a UNet of batch B on one device', options: { unetBatch: 1 }, batchSize: 1, batch: 1, unetBatch: 1 },
    { why: 'open batches', options: { port: dynamic }, batchSize: 3, batch: 3, unetBatch: 6 },
    { why: 'open batches, none asked for', options: { port: dynamic }, batchSize: undefined, batch: 1, unetBatch: 2 },
    {
      why: 'a scalar timestep',
      options: port('unet', 'input', 1, { shape: [] }),
      batchSize: 1,
      batch: 1,
      unetBatch: 2,
    },
  ])('$why', ({ options, batchSize, batch, unetBatch }) => {
    expect(check(options, batchSize)).toEqual({ batch, unetBatch, tokens: 77, hidden: 8 });
  });

  test('a UNet alone says the batch size', () => {
    const open: FakeModelOptions['port'] = (model, kind, index, given) =>
      model === 'unet' || model === 'second' ? given : (dynamic?.(model, kind, index, given) ?? given);
    expect(check({ batch: 3, port: open })).toMatchObject({ batch: 3, unetBatch: 6 });
    expect(check({ batch: 3, twoDevices: true, port: open })).toMatchObject({ batch: 3, unetBatch: 3 });
  });
});

describe('refused', () => {
  const cases: readonly { why: string; options: FakeModelOptions; batchSize?: number; says: RegExp }[] = [
    {
      why: 'another batch size than asked for',
      options: { batch: 2 },
      batchSize: 1,
      says: /text encoder.*batch size 1/,
    },
    { why: 'a UNet of another batch', options: { batch: 2, unetBatch: 3 }, says: /UNet.*another batch/ },
    { why: 'a UNet for one device on two', options: { twoDevices: true, unetBatch: 2 }, says: /for one device/ },
    {
      why: 'a decoder of another batch',
      options: port('vae', 'input', 0, { shape: [2, 4, 16, 16] }),
      says: /VAE.*batch/,
    },
    { why: 'latents of another size', options: { side: 8 }, says: /UNet.*\[2,4,16,16\].*\[2,4,8,8\]/ },
    {
      why: 'embeddings of another width',
      options: port('unet', 'input', 2, { shape: [2, 77, 9] }),
      says: /UNet.*\[2,77,8\].*\[2,77,9\]/,
    },
    { why: 'fewer tokens', options: port('clip', 'input', 0, { shape: [1, 64] }), says: /text encoder.*\[1,77\]/ },
    {
      why: 'a float timestep',
      options: port('unet', 'input', 1, { dataType: DataType.FLOAT }),
      says: /'t'.*int64 or int32/,
    },
    { why: 'a timestep for each row', options: port('unet', 'input', 1, { shape: [2] }), says: /'t'/ },
    { why: 'double latents', options: port('vae', 'input', 0, { dataType: DataType.DOUBLE }), says: /VAE/ },
    { why: 'float ids', options: port('clip', 'input', 0, { dataType: DataType.FLOAT }), says: /text encoder/ },
    {
      why: 'smaller images',
      options: port('vae', 'output', 0, { shape: [1, 3, 64, 64] }),
      says: /VAE.*\[1,3,128,128\]/,
    },
    { why: 'NHWC images', options: port('vae', 'output', 0, { shape: [1, 128, 128, 3] }), says: /VAE/ },
    { why: 'flat embeddings', options: port('clip', 'output', 0, { shape: [1, 8] }), says: /text encoder/ },
    { why: 'inputs in another order', options: port('unet', 'input', 0, { shape: [2, 77, 8] }), says: /UNet/ },
    {
      why: 'two devices with different UNets',
      options: { twoDevices: true, ...port('second', 'input', 1, { dataType: DataType.INT32 }) },
      says: /two devices differ/,
    },
  ];
  test.each(cases)('$why', ({ options, batchSize, says }) => {
    expect(expectError('E_MODELS', () => check(options, batchSize)).message).toMatch(says);
  });

  test('another number of inputs, or no output', () => {
    const models = fakeModels();
    for (const name of ['clip', 'unet', 'vae'] as const) {
      const model = models[name];
      const less = { ...models, [name]: { ...model, inputs: model.inputs.slice(1), outputs: model.outputs } };
      expectError('E_MODELS', () => checkModels(less, checkpoint));
      const mute = { ...models, [name]: { ...model, inputs: model.inputs, outputs: [] } };
      expectError('E_MODELS', () => checkModels(mute, checkpoint));
    }
  });
});

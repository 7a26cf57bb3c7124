import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Checkpoint } from '../../src/export/checkpoint.ts';
import type { CheckpointPart } from '../../src/export/checkpoint-part.ts';
import { readUNetConfig, type UNetConfig } from '../../src/export/config-unet.ts';
import { buildUNet, type UNetOptions } from '../../src/export/unet.ts';
import { CheckpointWeights } from '../../src/export/weights-checkpoint.ts';
import { openModel } from '../../src/io/open.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Tensor } from '../../src/ir/tensor.ts';
import { formatType } from '../../src/ir/type.ts';
import { checkModel } from '../../src/schema/check.ts';
import { callGoldens, errorsOf, GOLDEN_CALLS, relativeError, TOLERANCE } from '../support/golden-calls.ts';
import { inlineWeights } from '../support/inline-weights.ts';
import { ARCHITECTURES, type Architecture, tinySd, torchExport } from '../support/tiny-sd.ts';
import { ZeroWeights } from '../support/zero-weights.ts';

const parts = new Map<Architecture, CheckpointPart>();

beforeAll(() => {
  for (const architecture of ARCHITECTURES) {
    parts.set(architecture, Checkpoint.open(tinySd(architecture)).part('unet'));
  }
});

afterAll(() => {
  for (const part of parts.values()) part.close();
});

function tinyUNet(
  architecture: Architecture,
  options: UNetOptions,
  fold?: 1 | 10,
  change: Partial<UNetConfig> = {},
): Model {
  const part = parts.get(architecture) as CheckpointPart;
  const config = readUNetConfig(Checkpoint.open(tinySd(architecture)).config('unet'));
  const weights = new CheckpointWeights(part, fold === undefined ? {} : { fold });
  const model = buildUNet({ ...config, ...change }, weights, options);
  expect(weights.leftOver()).toEqual([]);
  return model;
}
/** What a graph of float16 may be away from the record, relative to the larger of 1 and the largest value. */
const HALF_TOLERANCE = 2e-3;

describe('results of the UNet', () => {
  const rows = ARCHITECTURES.flatMap((architecture) => [11, 13, 17, 21].map((opset) => ({ architecture, opset })));

  test.each(rows)("of $architecture in opset $opset are torch's", async ({ architecture, opset }) => {
    const model = tinyUNet(architecture, { opset });
    expect(checkModel(model)).toEqual([]);
    const errors = errorsOf(await callGoldens(inlineWeights(model), architecture, GOLDEN_CALLS.unet), architecture);
    expect([...errors.keys()]).toEqual(['unet.out', 'unet.t3_out']);
    for (const [result, error] of errors) expect(error, result).toBeLessThan(TOLERANCE.unet / 4);
  });

  test.each(rows)(
    "of $architecture in opset $opset and float16 are torch's, rounded",
    async ({ architecture, opset }) => {
      const model = tinyUNet(architecture, { opset, dtype: 'fp16' });
      expect(checkModel(model)).toEqual([]);
      const errors = errorsOf(await callGoldens(inlineWeights(model), architecture, GOLDEN_CALLS.unet), architecture);
      expect(errors.size).toBe(2);
      for (const [result, error] of errors) expect(error, result).toBeLessThan(HALF_TOLERANCE);
    },
  );

  test.each(ARCHITECTURES)("of %s are those of torch's export to the last bits", async (architecture) => {
    const calls = GOLDEN_CALLS.unet;
    const ours = await callGoldens(inlineWeights(tinyUNet(architecture, {})), architecture, calls);
    const theirs = await callGoldens(await openModel(torchExport(architecture, 'unet')), architecture, calls);
    for (const [name, floats] of theirs) {
      expect(relativeError(ours.get(name) ?? new Float32Array(0), floats), name).toBeLessThan(1e-6);
    }
  });

  const variants: readonly { why: string; options: UNetOptions; fold?: 1 | 10 }[] = [
    { why: 'one half of the guidance', options: { parallel: true } },
    { why: 'a timestep of int32', options: { timestep: 'int32' } },
    { why: 'folded weights', options: { opset: 17 }, fold: DataType.FLOAT },
  ];
  test.each(variants)('with $why are the same', async ({ options, fold }) => {
    for (const architecture of ARCHITECTURES) {
      const model = inlineWeights(tinyUNet(architecture, options, fold));
      const errors = errorsOf(await callGoldens(model, architecture, GOLDEN_CALLS.unet), architecture);
      for (const [result, error] of errors) expect(error, result).toBeLessThan(TOLERANCE.unet / 4);
    }
  });

  test('with scores in float32 keep to the same bounds', async () => {
    const results = async (upcastAttention: boolean, dtype: 'fp32' | 'fp16'): Promise<number> => {
      const model = inlineWeights(tinyUNet('sd21', { dtype }, undefined, { upcastAttention }));
      const errors = errorsOf(await callGoldens(model, 'sd21', GOLDEN_CALLS.unet), 'sd21');
      return Math.max(...errors.values());
    };
    expect(await results(true, 'fp32')).toBeLessThan(TOLERANCE.unet / 4);
    expect(await results(true, 'fp16')).toBeLessThan(HALF_TOLERANCE);
  });
});

describe('inputs and outputs of the UNet', () => {
  const ports = ({ graph }: Model): string[] =>
    [...graph.inputs, ...graph.outputs].map(({ name, type }) => `${name} ${formatType(type)}`);

  test("are those of torch's export", async () => {
    using torch = await openModel(torchExport('sd15', 'unet'));
    expect(ports(tinyUNet('sd15', {}))).toEqual(ports(torch));
  });

  test('follow the options', () => {
    const options = { batchSize: 3, parallel: true, sampleSize: 24, textLength: 10, timestep: 'int32', dtype: 'fp16' };
    expect(ports(tinyUNet('sd15', options as UNetOptions))).toEqual([
      'latent_model_input float16[3,4,24,24]',
      't int32[1]',
      'encoder_hidden_states float16[3,10,32]',
      'sample float16[3,4,24,24]',
    ]);
    expect(ports(tinyUNet('sd15', { batchSize: 3 }))[0]).toBe('latent_model_input float32[6,4,16,16]');
  });

  const refusals: readonly { option: string; options: UNetOptions; code: string }[] = [
    { option: 'batchSize', options: { batchSize: 0 }, code: 'E_EXPORT' },
    { option: 'batchSize', options: { batchSize: 1.5 }, code: 'E_EXPORT' },
    { option: 'textLength', options: { textLength: -1 }, code: 'E_EXPORT' },
    { option: 'sampleSize', options: { sampleSize: 12 }, code: 'E_EXPORT' },
    { option: 'dtype', options: { dtype: 'bf16' as 'fp16' }, code: 'E_EXPORT' },
    { option: 'timestep', options: { timestep: 'float' as 'int32' }, code: 'E_EXPORT' },
  ];
  test.each(refusals)('refuse the option $option', ({ option, options, code }) => {
    expect(() => tinyUNet('sd15', options)).toThrow(
      expect.objectContaining({ code, where: { name: option } }) as Error,
    );
  });

  test('refuse an operator set that graphs are not written for', () => {
    expect(() => tinyUNet('sd15', { opset: 10 })).toThrow(expect.objectContaining({ code: 'E_AUTHOR' }) as Error);
  });

  test('refuse a configuration that is not of these weights', () => {
    const wider = { blockOutChannels: [16, 32, 32, 64] };
    expect(() => tinyUNet('sd15', {}, undefined, wider)).toThrow(
      expect.objectContaining({ code: 'E_CHECKPOINT_TENSOR' }) as Error,
    );
  });
});

test('weights stay where they are, each with its name', () => {
  const { graph } = tinyUNet('sd21', {});
  const stored = parts.get('sd21')?.tensors;
  expect(graph.initializers.map(({ name }) => name).toSorted()).toEqual([...(stored?.keys() ?? [])].toSorted());
  for (const { initializer } of graph.initializers) {
    expect((initializer as Tensor).storage.kind).toBe('external');
    expect(initializer?.dataType).toBe(DataType.FLOAT16);
  }
});

describe('other depths and embeddings', () => {
  const small: UNetConfig = {
    sampleSize: 8,
    inChannels: 4,
    outChannels: 4,
    blockOutChannels: [8, 16],
    downAttention: [false, true],
    upAttention: [true, false],
    layersPerBlock: 1,
    heads: [1, 2],
    crossAttentionDim: 6,
    useLinearProjection: true,
    upcastAttention: false,
    normGroups: 4,
    normEps: 1e-5,
    flipSinToCos: false,
    freqShift: 1,
  };

  test('are written from the configuration alone', () => {
    const model = buildUNet(small, new ZeroWeights(), { opset: 17 });
    expect(checkModel(model)).toEqual([]);
    const names = [...model.graph.nodes].map(({ name }) => name);
    expect(names.filter((name) => name.endsWith('/Softmax'))).toHaveLength(2 * (1 + 1 + 2));
    expect(names.filter((name) => name.startsWith('/time_proj/'))).not.toContain('/time_proj/Slice');
    expect(names).toContain('/up_blocks.1/Concat_1');
  });

  test('a shift as large as half the width leaves no frequency', () => {
    expect(() => buildUNet({ ...small, freqShift: 4 }, new ZeroWeights())).toThrow(
      expect.objectContaining({ code: 'E_CHECKPOINT_CONFIG', where: { name: 'freq_shift' } }) as Error,
    );
  });
});

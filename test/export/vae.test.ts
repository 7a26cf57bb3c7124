import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { VaeConfig } from '../../src/export/config-vae.ts';
import { buildVae, type VaeOptions } from '../../src/export/vae.ts';
import { formatType } from '../../src/ir/type.ts';
import { callGoldens, errorsOf, GOLDEN_CALLS, TOLERANCE } from '../support/golden-calls.ts';
import { inlineWeights } from '../support/inline-weights.ts';
import { compareTables, listDifferences } from '../support/node-differences.ts';
import { recordedInitializers, recordedTable, tableOf } from '../support/node-table.ts';
import { tempDir } from '../support/temp-dir.ts';
import { tinyExport } from '../support/tiny-exports.ts';
import { tinySd } from '../support/tiny-sd.ts';
import { ZeroWeights } from '../support/zero-weights.ts';

const shared = {
  latentChannels: 4,
  outChannels: 3,
  layersPerBlock: 2,
  normGroups: 32,
  scalingFactor: 0.18215,
  forceUpcast: false,
} as const;
/** The decoder that was recorded: real depth, small widths. */
const recorded: VaeConfig = { ...shared, blockOutChannels: [32, 64, 96, 96] };
const real: VaeConfig = { ...shared, blockOutChannels: [128, 256, 512, 512] };

const attention = '/mid_block/attentions.0';
/** All that is different, as docs/export.md lists it. */
const differences = [
  // No zeros are added to the scores.
  `missing ${attention}/Constant_8: Constant -> `,
  `missing ${attention}/Add: Add -> `,
  `inputs ${attention}/Cast: ${attention}/Add_output_0 -> ${attention}/Mul_output_0`,
];

describe('nodes of the decoder', () => {
  test("are the exporter's, but for what is documented", () => {
    const model = buildVae(recorded, new ZeroWeights(), { sampleSize: 32 });
    const comparison = compareTables(recordedTable('sd15/vae', ['latents']), tableOf(model));
    expect(listDifferences(comparison.differences)).toEqual(differences);
    const layers = ['query', 'key', 'value', 'proj_attn'];
    expect(comparison.preparing).toEqual(layers.map((layer) => `${attention}/${layer}/Transpose`));
  });

  test('need no preparation of folded weights', () => {
    const model = buildVae(recorded, new ZeroWeights(undefined, { folds: true }), { sampleSize: 32 });
    const comparison = compareTables(recordedTable('sd15/vae', ['latents']), tableOf(model));
    expect(listDifferences(comparison.differences)).toEqual(differences);
    expect(comparison.preparing).toEqual([]);
  });

  test('keep their names behind post_quant_conv', () => {
    const model = buildVae(recorded, new ZeroWeights(), { sampleSize: 32, postQuant: true });
    const comparison = compareTables(recordedTable('sd15/vae', ['latents']), tableOf(model));
    expect(listDifferences(comparison.differences)).toEqual([
      'added /post_quant_conv/Conv:  -> Conv',
      expect.stringMatching(/^inputs \/conv_in\/Conv: latents;\S+ -> \/post_quant_conv\/Conv_output_0;/) as string,
      ...differences,
    ]);
  });

  test('read weights of the names and dimensions that the exporter stores', () => {
    const { graph } = buildVae(recorded, new ZeroWeights(), { sampleSize: 32 });
    const known = new Map(graph.initializers.map((value) => [value.name, value.initializer?.dims]));
    const named = [...recordedInitializers('sd15/vae')].filter(([weight]) => !weight.startsWith('onnx::'));
    expect(named.length).toBeGreaterThan(60);
    for (const [weight, dims] of named) expect(known.get(weight), weight).toEqual(dims);
    expect(known.size).toBe(138);
  });
});

describe('the decoder of a real checkpoint', () => {
  test.each(['sd15', 'sd21-base'])('%s uses every tensor that is not of the encoder', (name) => {
    const file = new URL(`../../fixtures/sd-weights/${name}/vae.json.gz`, import.meta.url);
    const shapes: unknown = JSON.parse(gunzipSync(readFileSync(file)).toString());
    const weights = new ZeroWeights(shapes as Record<string, number[]>);
    const { graph } = buildVae(real, weights, { postQuant: true });
    expect(weights.left.filter((tensor) => !/^(encoder|quant_conv)\./.test(tensor))).toEqual([]);
    expect(graph.outputs.map(({ type }) => formatType(type))).toEqual(['float32[1,3,512,512]']);
  });
});

describe('inputs and outputs of the decoder', () => {
  const ports = (vae: VaeOptions): string[] => {
    const { graph } = tinyExport('sd15', 'vae', { vae }).model;
    return [...graph.inputs, ...graph.outputs].map(({ name, type }) => `${name} ${formatType(type)}`);
  };

  test('follow the options', () => {
    expect(ports({})).toEqual(['latents float32[1,4,16,16]', 'image float32[1,3,128,128]']);
    expect(ports({ batchSize: 2, sampleSize: 9, dtype: 'fp16' })).toEqual([
      'latents float16[2,4,9,9]',
      'image float16[2,3,72,72]',
    ]);
  });

  test('are for latents of 64x64 by default', () => {
    const { graph } = buildVae(real, new ZeroWeights());
    expect(formatType(graph.inputs[0]?.type)).toBe('float32[1,4,64,64]');
  });

  const refusals: readonly { option: string; options: VaeOptions }[] = [
    { option: 'batchSize', options: { batchSize: 0 } },
    { option: 'sampleSize', options: { sampleSize: 0.5 } },
    { option: 'dtype', options: { dtype: 'bf16' as 'fp16' } },
  ];
  test.each(refusals)('refuse the option $option', ({ option, options }) => {
    expect(() => ports(options)).toThrow(
      expect.objectContaining({ code: 'E_EXPORT', where: { name: option } }) as Error,
    );
  });

  test('refuse a configuration that is not of these weights', () => {
    expect(() => tinyExport('sd15', 'vae', { vaeConfig: { layersPerBlock: 3 } })).toThrow(
      expect.objectContaining({ code: 'E_CHECKPOINT_TENSOR' }) as Error,
    );
  });
});

describe('weights of the attention of the decoder', () => {
  const spellings: readonly { why: string; rename: (name: string) => string; rank: 2 | 4 }[] = [
    { why: 'the names of older checkpoints', rename: (name) => name, rank: 2 },
    { why: 'convolutions instead of linear layers', rename: (name) => name, rank: 4 },
    { why: 'the names of newer checkpoints', rename: renamed, rank: 2 },
  ];
  test.each(spellings)('are found under $why', async ({ rename, rank }) => {
    const dir = tempDir();
    cpSync(tinySd('sd15'), dir, { recursive: true });
    rewriteHeader(join(dir, 'vae/diffusion_pytorch_model.safetensors'), rename, rank);
    const { model, leftOver } = tinyExport('sd15', 'vae', { dir });
    expect(leftOver).toEqual([]);
    const weight = model.graph.value('mid_block.attentions.0.query.weight')?.initializer;
    expect(weight?.dims).toEqual([32, 32]);
    const errors = errorsOf(await callGoldens(inlineWeights(model), 'sd15', GOLDEN_CALLS.vae), 'sd15');
    expect(errors.get('vae.image')).toBeLessThan(TOLERANCE.vae);
  });
});

const RECENT: readonly (readonly [string, string])[] = [
  ['query', 'to_q'],
  ['key', 'to_k'],
  ['value', 'to_v'],
  ['proj_attn', 'to_out.0'],
];

function renamed(name: string): string {
  return RECENT.reduce((at, [old, recent]) => at.replace(`attentions.0.${old}.`, `attentions.0.${recent}.`), name);
}

/** Changes names and ranks of the weights of attention in a safetensors file; where they are stays. */
function rewriteHeader(path: string, rename: (name: string) => string, rank: 2 | 4): void {
  const bytes = readFileSync(path);
  const size = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, 8 + size).toString()) as Record<string, { shape?: number[] }>;
  const entries = Object.entries(header).map(([name, entry]) => {
    const isLayer = RECENT.some(([old]) => name.endsWith(`mid_block.attentions.0.${old}.weight`));
    return [rename(name), isLayer && rank === 4 ? { ...entry, shape: [...(entry.shape ?? []), 1, 1] } : entry] as const;
  });
  const text = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([prefix, text, bytes.subarray(8 + size)]));
}

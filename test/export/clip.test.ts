import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { buildClip, type ClipOptions } from '../../src/export/clip.ts';
import type { ClipConfig } from '../../src/export/config-clip.ts';
import { formatType } from '../../src/ir/type.ts';
import { compareTables, listDifferences } from '../support/node-differences.ts';
import { recordedInitializers, recordedTable, tableOf } from '../support/node-table.ts';
import { tinyExport } from '../support/tiny-exports.ts';
import { ZeroWeights } from '../support/zero-weights.ts';

const shared = { vocabSize: 1000, maxPositions: 77, layerNormEps: 1e-5 } as const;
/** The encoders that were recorded: real depth, small widths. The exporter numbers its second output. */
const recorded: readonly { name: string; config: ClipConfig; pooled: string }[] = [
  {
    name: 'sd15',
    config: { ...shared, hiddenSize: 24, intermediateSize: 96, layers: 12, heads: 12, activation: 'quick_gelu' },
    pooled: '1658',
  },
  {
    name: 'sd21-base',
    config: { ...shared, hiddenSize: 32, intermediateSize: 128, layers: 23, heads: 16, activation: 'gelu' },
    pooled: '3224',
  },
];

describe('nodes of the text encoder', () => {
  test.each(recorded)("of $name are the exporter's", ({ name, config, pooled }) => {
    const model = buildClip(config, new ZeroWeights());
    const { differences, preparing } = compareTables(recordedTable(`${name}/clip`, ['prompt']), tableOf(model));
    expect(listDifferences(differences)).toEqual([`outputs /text_model/Reshape_2: ${pooled} -> pooled_output`]);
    expect(preparing).toHaveLength(6 * config.layers);
    for (const node of preparing) expect(node).toMatch(/\/((q|k|v|out)_proj|fc1|fc2)\/Transpose$/);
  });

  test.each(recorded)('of $name need no preparation of folded weights', ({ name, config }) => {
    const model = buildClip(config, new ZeroWeights(undefined, { folds: true }));
    const { differences, preparing } = compareTables(recordedTable(`${name}/clip`, ['prompt']), tableOf(model));
    expect(preparing).toEqual([]);
    expect(differences).toHaveLength(1);
  });

  test.each(recorded)(
    'of $name read weights of the names and dimensions that the exporter stores',
    ({ name, config }) => {
      const { graph } = buildClip(config, new ZeroWeights());
      const known = new Map(graph.initializers.map((value) => [value.name, value.initializer?.dims]));
      const named = [...recordedInitializers(`${name}/clip`)].filter(([weight]) => !weight.startsWith('onnx::'));
      expect(named.length).toBeGreaterThan(100);
      for (const [weight, dims] of named) expect(known.get(weight), weight).toEqual(dims);
    },
  );
});

describe('the text encoder of a real checkpoint', () => {
  const real: readonly { name: string; config: ClipConfig }[] = [
    {
      name: 'sd15',
      config: {
        ...shared,
        vocabSize: 49408,
        hiddenSize: 768,
        intermediateSize: 3072,
        layers: 12,
        heads: 12,
        activation: 'quick_gelu',
      },
    },
    {
      name: 'sd21-base',
      config: {
        ...shared,
        vocabSize: 49408,
        hiddenSize: 1024,
        intermediateSize: 4096,
        layers: 23,
        heads: 16,
        activation: 'gelu',
      },
    },
  ];

  test.each(real)('$name uses every tensor', ({ name, config }) => {
    const file = new URL(`../../fixtures/sd-weights/${name}/text_encoder.json.gz`, import.meta.url);
    const shapes: unknown = JSON.parse(gunzipSync(readFileSync(file)).toString());
    const weights = new ZeroWeights(shapes as Record<string, number[]>);
    const { graph } = buildClip(config, weights, { batchSize: 2 });
    expect(weights.left).toEqual(['text_model.embeddings.position_ids']);
    expect(graph.outputs.map(({ type }) => formatType(type))).toEqual([
      `float32[2,77,${config.hiddenSize}]`,
      `float32[2,${config.hiddenSize}]`,
    ]);
  });
});

describe('inputs and outputs of the text encoder', () => {
  const ports = (clip: ClipOptions): string[] => {
    const { graph } = tinyExport('sd15', 'clip', { clip }).model;
    return [...graph.inputs, ...graph.outputs].map(({ name, type }) => `${name} ${formatType(type)}`);
  };

  test('follow the options', () => {
    const float32 = ['prompt int64[1,77]', 'text_embeddings float32[1,77,32]', 'pooled_output float32[1,32]'];
    expect(ports({})).toEqual(float32);
    expect(ports({ pooled: false, batchSize: 3 })).toEqual(['prompt int64[3,77]', 'text_embeddings float32[3,77,32]']);
    expect(ports({ dtype: 'fp16' })[1]).toBe('text_embeddings float16[1,77,32]');
  });

  const refusals: readonly { option: string; options: ClipOptions }[] = [
    { option: 'batchSize', options: { batchSize: 0 } },
    { option: 'dtype', options: { dtype: 'bf16' as 'fp16' } },
  ];
  test.each(refusals)('refuse the option $option', ({ option, options }) => {
    expect(() => ports(options)).toThrow(
      expect.objectContaining({ code: 'E_EXPORT', where: { name: option } }) as Error,
    );
  });

  test('refuse an operator set that graphs are not written for', () => {
    expect(() => ports({ opset: 10 })).toThrow(expect.objectContaining({ code: 'E_AUTHOR' }) as Error);
  });

  test('refuse a configuration that is not of these weights', () => {
    expect(() => tinyExport('sd15', 'clip', { clipConfig: { intermediateSize: 65 } })).toThrow(
      expect.objectContaining({ code: 'E_CHECKPOINT_TENSOR' }) as Error,
    );
  });
});

import { describe, expect, test } from 'vitest';
import type { UNetConfig } from '../../src/export/config-unet.ts';
import { buildUNet } from '../../src/export/unet.ts';
import { compareTables, listDifferences } from '../support/node-differences.ts';
import { recordedInitializers, recordedTable, tableOf } from '../support/node-table.ts';
import { ZeroWeights } from '../support/zero-weights.ts';

/** The networks that were recorded: real depth, small widths. */
const recorded = {
  sampleSize: 32,
  inChannels: 4,
  outChannels: 4,
  blockOutChannels: [32, 64, 128, 128],
  downAttention: [true, true, true, false],
  upAttention: [false, true, true, true],
  layersPerBlock: 2,
  crossAttentionDim: 32,
  upcastAttention: false,
  normGroups: 32,
  normEps: 1e-5,
  flipSinToCos: true,
  freqShift: 0,
} as const;
const configs: readonly { name: string; config: UNetConfig; linearLayers: number }[] = [
  { name: 'sd15', config: { ...recorded, heads: [8, 8, 8, 8], useLinearProjection: false }, linearLayers: 160 },
  { name: 'sd21-base', config: { ...recorded, heads: [4, 8, 16, 16], useLinearProjection: true }, linearLayers: 192 },
];
const inputs = ['latent_model_input', 't', 'encoder_hidden_states'];

const attentions = [
  ...['down_blocks.0', 'down_blocks.1', 'down_blocks.2'].flatMap((block) =>
    [0, 1].map((i) => `${block}/attentions.${i}`),
  ),
  'mid_block/attentions.0',
  ...['up_blocks.1', 'up_blocks.2', 'up_blocks.3'].flatMap((block) => [0, 1, 2].map((i) => `${block}/attentions.${i}`)),
].flatMap((block) => ['attn1', 'attn2'].map((name) => `/${block}/transformer_blocks.0/${name}`));

/** All that is different, as docs/export.md lists it. */
const differences = [
  // The number of samples is a constant from the start.
  ...[
    'Constant_1: Constant',
    'ConstantOfShape: ConstantOfShape',
    'Constant_2: Constant',
    'Mul: Mul',
    'Equal: Equal',
  ].map((node) => `missing /${node} -> `),
  'missing /Where: Where -> ',
  'inputs /Expand: t;/Where_output_0 -> t;/Constant_output_0',
  // No zeros are added to the scores.
  ...attentions.flatMap((scope) => [
    `missing ${scope}/Constant_7: Constant -> `,
    `missing ${scope}/Add: Add -> `,
    `inputs ${scope}/Softmax: ${scope}/Add_output_0 -> ${scope}/Mul_output_0`,
  ]),
];

describe('nodes of the UNet', () => {
  test.each(configs)("of $name are the exporter's, but for what is documented", ({ name, config, linearLayers }) => {
    const model = buildUNet(config, new ZeroWeights());
    const comparison = compareTables(recordedTable(`${name}/unet`, inputs), tableOf(model));
    expect(listDifferences(comparison.differences).toSorted()).toEqual(differences.toSorted());
    expect(comparison.preparing).toHaveLength(linearLayers);
    for (const node of comparison.preparing)
      expect(node).toMatch(/\/(to_[qkv]|to_out\.0|proj|proj_in|proj_out|net\.2)\/Transpose$/);
  });

  test.each(configs)('of $name need no preparation of folded weights', ({ name, config }) => {
    const model = buildUNet(config, new ZeroWeights(undefined, { folds: true }));
    const comparison = compareTables(recordedTable(`${name}/unet`, inputs), tableOf(model));
    expect(comparison.preparing).toEqual([]);
    expect(comparison.differences).toHaveLength(differences.length);
  });

  test.each(configs)(
    'of $name read weights of the names and dimensions that the exporter stores',
    ({ name, config }) => {
      const { graph } = buildUNet(config, new ZeroWeights());
      const known = new Map(graph.initializers.map((value) => [value.name, value.initializer?.dims]));
      const named = [...recordedInitializers(`${name}/unet`)].filter(([weight]) => !weight.startsWith('onnx::'));
      expect(named.length).toBeGreaterThan(250);
      for (const [weight, dims] of named) expect(known.get(weight), weight).toEqual(dims);
      expect(known.size).toBe(686);
    },
  );
});

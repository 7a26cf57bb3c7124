import { describe, expect, test } from 'vitest';
import { modifyOnnx } from '../../passes/presets.ts';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import type { Model } from '../../src/ir/model.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { compareWithGolden, describeModel, goldenVariants, materialize, readGolden } from '../support/golden.ts';
import { tempDir } from '../support/temp-dir.ts';

/** What upstream's graphs count, for the topology of Stable Diffusion 1.5. */
const COLUMNS = [
  'nodes',
  'initializers',
  'Add',
  'Mul',
  'MatMul',
  'Softmax',
  'Cast',
  'Reshape',
  'Transpose',
  'Slice',
  'Split',
  'Div',
  'Erf',
  'Gather',
  'Shape',
] as const;

const COUNTS: readonly { readonly variant: string; readonly counts: readonly number[] }[] = [
  { variant: 'None-T0', counts: [2193, 1365, 345, 238, 224, 32, 34, 410, 192, 0, 17, 86, 16, 0, 61] },
  { variant: 'None-T0-g', counts: [2097, 1317, 329, 190, 224, 32, 34, 410, 192, 0, 1, 70, 0, 0, 61] },
  { variant: 'None-T5', counts: [2298, 1370, 345, 243, 229, 32, 44, 410, 197, 0, 17, 96, 16, 20, 61] },
  { variant: 'None-T5-g', counts: [2202, 1322, 329, 195, 229, 32, 44, 410, 197, 0, 1, 80, 0, 20, 61] },
  { variant: 'Duo-T0', counts: [1937, 1237, 345, 238, 160, 0, 2, 282, 160, 0, 17, 86, 16, 0, 61] },
  { variant: 'Duo-T0-g', counts: [1841, 1189, 329, 190, 160, 0, 2, 282, 160, 0, 1, 70, 0, 0, 61] },
  { variant: 'Duo-T5', counts: [2042, 1242, 345, 243, 165, 0, 12, 282, 165, 0, 17, 96, 16, 20, 61] },
  { variant: 'Duo-T5-g', counts: [1946, 1194, 329, 195, 165, 0, 12, 282, 165, 0, 1, 80, 0, 20, 61] },
  { variant: 'A2-T0', counts: [2133, 1340, 345, 233, 214, 27, 34, 390, 167, 0, 17, 86, 16, 0, 61] },
  { variant: 'A2-T0-g', counts: [2037, 1292, 329, 185, 214, 27, 34, 390, 167, 0, 1, 70, 0, 0, 61] },
  { variant: 'A2-T5', counts: [2238, 1345, 345, 238, 219, 27, 44, 390, 172, 0, 17, 96, 16, 20, 61] },
  { variant: 'A2-T5-g', counts: [2142, 1297, 329, 190, 219, 27, 44, 390, 172, 0, 1, 80, 0, 20, 61] },
];

/** With linear projections 32 more Adds and MatMuls stand where 32 Convs were. */
const MORE_IN_SD21 = new Map<string, number>([
  ['nodes', 32],
  ['Add', 32],
  ['MatMul', 32],
]);

function customCounts(variant: string): Record<string, number> {
  const [fa, tome, gelu] = variant.split('-');
  return {
    ...(fa === 'Duo' ? { FlashAttentionTik: 32 } : {}),
    ...(fa === 'A2' ? { UnpadFlashAttentionMix: 5 } : {}),
    ...(tome === 'T5' ? { FindMax: 5, TopK: 5, TomeMerged: 5, TomeUnmerge: 5, ReduceSum: 15 } : {}),
    ...(gelu === 'g' ? { SliceTransGeluMul: 16 } : {}),
  };
}

async function rewrite(fixture: string, variant: string): Promise<Model> {
  const [fa, tome, gelu] = variant.split('-');
  const model = await openModel(materialize(fixture, tempDir()));
  const passes = modifyOnnx({
    faSoc: fa as 'None' | 'Duo' | 'A2',
    tome: Number(tome?.slice(1)),
    fasterGelu: gelu === 'g',
  });
  await pipeline(passes).run(model);
  return model;
}

describe.each(['sd15', 'sd21'])('%s', (fixture) => {
  // Topologies differ only around the attention blocks, so the larger table is run for one of them.
  const goldens = goldenVariants(fixture);
  const rows = COUNTS.filter(
    ({ variant }) => fixture === 'sd15' || goldens.includes(variant) || variant.startsWith('A2-T5'),
  );

  test.each(rows)('$variant has the counts of upstream, and equals its result where that is recorded', async (row) => {
    const { variant, counts } = row;
    const model = await rewrite(fixture, variant);
    const { nodes, initializers, by_op_type: types } = describeModel(model).counts;
    const found = new Map(Object.entries({ ...types, nodes, initializers }));
    const more = (column: string): number => (fixture === 'sd21' ? (MORE_IN_SD21.get(column) ?? 0) : 0);
    expect(COLUMNS.map((column) => (found.get(column) ?? 0) - more(column))).toEqual(counts);
    expect(types).toMatchObject(customCounts(variant));
    if (goldens.includes(variant)) expect(compareWithGolden(model, readGolden(fixture, variant))).toEqual([]);
    model.close();
  });

  test('every recorded result is compared', () => {
    expect(goldens.length).toBeGreaterThan(1);
    expect(rows.map(({ variant }) => variant)).toEqual(expect.arrayContaining<string>([...goldens]));
  });
});

test('the base graph has the recorded counts', async () => {
  const model = await openModel(materialize('sd15', tempDir()));
  expect(model.graph.nodes.size).toBe(3153);
  expect(model.graph.initializers).toHaveLength(686);
  model.close();
});

test('a second run finds everything in place and changes nothing', async () => {
  const model = await rewrite('sd15', 'Duo-T5');
  const { revision } = model;
  const before = Buffer.from(await saveBytes(model));
  const report = await pipeline(modifyOnnx({ faSoc: 'Duo', tome: 5 })).run(model);
  expect(report.changed).toBe(false);
  expect(model.revision).toBe(revision);
  expect(before.equals(await saveBytes(model))).toBe(true);
  model.close();
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type InsertTomeOptions, insertTome } from '../../passes/insert-tome.ts';
import { readTomeIndices, tomeIndices } from '../../passes/tome/indices.ts';
import type { Attribute } from '../../src/ir/attribute.ts';
import { constantInts, constantOf } from '../../src/ir/constants.ts';
import type { Node } from '../../src/ir/node.ts';
import type { Value } from '../../src/ir/value.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { loadTarget } from '../../src/targets/index.ts';
import { attentionModel, blockPath } from '../support/attention-blocks.ts';
import { insert, ints, node, refusal, run, shapeOf } from '../support/tome-run.ts';

const T = blockPath(0);
const Z = `${T}/tome1`;

const attributeText = (attribute: Attribute): string =>
  `${attribute.name}=${attribute.typeName === 'INT' ? attribute.int : `[${attribute.ints.join()}]`}`;
const describeNode = (each: Node): string =>
  `${each.opType} ${each.name}(${each.inputs.map((value) => value?.name).join(', ')})` +
  ` -> ${each.outputs.map((value) => value?.name).join(', ')} {${each.attributes.map(attributeText).join(' ')}}`;

describe('the nodes', () => {
  test('are those of upstream, name by name, with its spelling (H30), its casts (H28) and its attributes', async () => {
    const model = await insert({});
    const made = [...model.graph.nodes].filter(({ name }) => name.includes('/tome1/'));
    const normed = `${T}/norm1/Add_1_output_0`;
    expect(made.map((each) => describeNode(each).replaceAll(`${Z}/`, '').replaceAll(normed, 'NORMED'))).toEqual([
      'Mul Mul(/Reshape_output_0, /Reshape_output_0) -> Mul_output {}',
      'ReduceSum ReduceSum(Mul_output) -> ReduceSum_output {axes=[-1] keepdims=1}',
      'Sqrt Sqrt(ReduceSum_output) -> Sqrt_output {}',
      'Div Div(/Reshape_output_0, Sqrt_output) -> Div_output {}',
      'Gather Gather_0(Div_output, tome/Gather_index_a) -> Gather_0_output {axis=1}',
      'Gather Gather_1(Div_output, tome/Gather_index_b) -> Gather_1_output {axis=1}',
      'Transpose Transpose(Gather_1_output) -> Transpose_output {perm=[0,2,1]}',
      'MatMul MatMul(Gather_0_output, Transpose_output) -> MatMul_output {}',
      'FindMax FindMax(MatMul_output) -> FindMax_output_0, FindMax_output_1 {}',
      'TopK TopK(FindMax_output_0, tome/Topk_k) -> TopK_output_0, TopK_output_1 {axis=-1 largest=1}',
      'Gather Gather_2(NORMED, tome/Gather_index_a) -> Gather_2_output {axis=1}',
      'Gather Gather_3(NORMED, tome/Gather_index_b) -> Gather_3_output {axis=1}',
      'Cast Cast_0(Gather_2_output) -> Cast_0_output {to=1}',
      'Cast Cast_1(Gather_3_output) -> Cast_1_output {to=1}',
      'TomeMerged TomeMerged(Cast_0_output, Cast_1_output, TopK_output_1, FindMax_output_1)' +
        ' -> TomeMerged_output_0, TomeMerged_output_1, TomeMerged_output_2 {}',
      'ReduceSum ReduceSum_1(TomeMerged_output_1) -> ReduceSum_1_output {axes=[1] keepdims=0}',
      'ReduceSum ReduceSum_2(TomeMerged_output_2) -> ReduceSum_2_output {axes=[1] keepdims=0}',
      'Unsqueeze Unsqueeze(ReduceSum_2_output) -> Unsqueeze_output {axes=[2]}',
      'Div Div_1(ReduceSum_1_output, Unsqueeze_output) -> Div_1_output {}',
      'Concat Concat(TomeMerged_output_0, Div_1_output) -> Concat_output {axis=1}',
      `TomeUnmerge tome/TomeUnmerge(${T}/attn1/to_out.0/Add_output_0, tome/index_a, tome/index_b, TopK_output_1, FindMax_output_1)` +
        ' -> TomeUngerme_output {}',
    ]);
    for (const name of ['q', 'k', 'v']) {
      expect(node(model, `${T}/attn1/to_${name}/MatMul`).inputs[0]?.name).toBe(`${Z}/Concat_output`);
    }
    expect(node(model, `${T}/Add`).inputs.map((value) => value?.name)).toEqual([
      `${Z}/TomeUngerme_output`,
      '/Reshape_output_0',
    ]);
  });

  test('take their axes as inputs from opset 13 on (H9)', async () => {
    const model = await insert({ opset: 13, blocks: 2 });
    const reduce = node(model, `${Z}/ReduceSum`);
    expect(reduce.attributes.map(attributeText)).toEqual(['keepdims=1']);
    expect(constantInts(reduce.inputs[1])).toEqual([-1n]);
    expect(constantInts(node(model, `${Z}/ReduceSum_1`).inputs[1])).toEqual([1n]);
    expect(constantInts(node(model, `${Z}/Unsqueeze`).inputs[1])).toEqual([2n]);
    // Axes and lists are shared by the blocks.
    const other = node(model, `${blockPath(1)}/tome1/ReduceSum`);
    expect(other.inputs[1]).toBe(reduce.inputs[1]);
    const shared = model.graph.initializers.map(({ name }) => name).filter((name) => name.startsWith('tome/'));
    expect(shared.toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      'tome/Gather_index_a',
      'tome/Gather_index_b',
      'tome/Topk_k',
      'tome/axis_1',
      'tome/axis_2',
      'tome/index_a',
      'tome/index_b',
      'tome/last_axis',
    ]);
  });

  test('are those of CANN 8.1 for its profile', async () => {
    const model = attentionModel();
    const report = await run(model, { target: loadTarget('ascend310p-cann-8.1') });
    const types = new Map(
      [...model.graph.nodes].filter(({ name }) => name.startsWith(Z)).map((each) => [each.name, each]),
    );
    expect(types.has(`${Z}/FindMax`)).toBe(false);
    expect(types.get(`${Z}/ReduceMax`)?.attributes.map(attributeText)).toEqual(['axes=[-1]', 'keepdims=0']);
    expect(types.get(`${Z}/ArgMax`)?.attributes.map(attributeText)).toEqual(['axis=-1', 'keepdims=0']);
    expect(types.get(`${Z}/TomeMerge`)?.inputs[3]?.name).toBe(`${Z}/ArgMax_output`);
    expect(types.get(`${Z}/TopK`)?.inputs[0]?.name).toBe(`${Z}/ReduceMax_output`);
    expect(types.get(`${Z}/tome/TomeUnmerge`)?.opType).toBe('TomeUnmerge');
    expect(report.passes[0]?.notes.join()).toContain('experimental');
    const newer = await insert({ opset: 18 }, { target: loadTarget('ascend310p-cann-8.1') });
    expect(constantInts(node(newer, `${Z}/ReduceMax`).inputs[1])).toEqual([-1n]);
  });

  test('get names of their own where those are taken or the graph has none', async () => {
    const model = attentionModel();
    node(model, `${T}/attn1/MatMul`).name = `${Z}/MatMul`;
    await run(model);
    expect(node(model, `${Z}_1/MatMul`).opType).toBe('MatMul');
    const nameless = attentionModel({ blocks: 2 });
    for (const each of nameless.graph.nodes) each.name = '';
    await run(nameless, { count: 2 });
    const merging = [...nameless.graph.nodesOf('TomeMerged')].map(({ name }) => name);
    expect(new Set(merging).size).toBe(2);
  });

  test('do not take what value info said of shapes with all tokens (H33)', async () => {
    const model = attentionModel();
    const inside = node(model, `${T}/attn1/to_q/MatMul`).output();
    const behind = node(model, `${T}/Add`).output();
    for (const value of [inside, behind]) value.setType({ kind: 'tensor', elemType: 1, shape: [2, 512, 32] });
    await run(model);
    expect(inside.type).toBeUndefined();
    expect(behind.shape).toEqual([2, 512, 32]);
  });
});

describe('sizes', () => {
  const sizes = [
    { why: '64x64', height: 64, width: 64, k: 3072, b: 1024 },
    { why: '64x72, more tokens than upstream knows', height: 64, width: 72, k: 3456, b: 1152 },
    { why: '32x32, where upstream keeps the numbers of 64x64', height: 32, width: 32, k: 768, b: 256 },
    { why: '16x64, height and width unequal (H8)', height: 16, width: 64, k: 768, b: 256 },
    { why: '64x16 (H8)', height: 64, width: 16, k: 768, b: 256 },
  ];
  test.each(sizes)('come from the latents: $why (H6)', async ({ height, width, k, b }) => {
    const model = await insert({ height, width });
    expect(ints(model, 'tome/Topk_k')).toEqual([k]);
    expect(constantOf(model.graph.value('tome/Gather_index_a'))?.dims).toEqual([k]);
    expect(constantOf(model.graph.value('tome/index_b'))?.dims).toEqual([2, b]);
    expect(ints(model, 'tome/Gather_index_b')).toEqual(tomeIndices(height, width, { kind: 'random', seed: 0 }).b);
    for (const [name, shape] of [
      ['Reshape', [2, -1, 2, 16]],
      ['Reshape_1', [4, -1, 16]],
      ['Reshape_6', [2, 2, -1, 16]],
      ['Reshape_7', [2, -1, 32]],
    ] as const) {
      expect(shapeOf(model, `${T}/attn1/${name}`)).toEqual(shape);
    }
  });

  const refused = [
    { why: 'an odd height (H7)', built: { height: 15 }, says: 'height and width have to be even' },
    { why: 'an odd width (H7)', built: { width: 33 }, says: 'height and width have to be even' },
    { why: '96x64', built: { height: 96, width: 64 }, says: 'number of source tokens 4608 is not in 1 to 4096' },
    { why: '128x128', built: { height: 128, width: 128 }, says: 'last axis 4096 is not in 1 to 2048' },
    { why: '8x16', built: { height: 8, width: 16 }, says: 'last axis 32 is not a multiple of 128' },
    { why: 'a width of 24 channels', built: { channels: 24 }, says: 'number of channels 24 is not a multiple of 16' },
    {
      why: 'a batch of 96 (H13)',
      built: { batch: 96, channels: 16 },
      says: 'number of rows 36864 is not in 8 to 32768',
    },
    { why: 'opset 10', built: { opset: 10 }, says: 'TopK needs opset 11 or later, and the model has 10' },
  ];
  test.each(refused)('that the operators do not take are refused: $why', async ({ built, says }) => {
    expect(await refusal(attentionModel(built))).toContain(says);
  });

  test('a fused attention has limits for the tokens that are left, too', async () => {
    const built = { height: 32, width: 32, attention: 'UnpadFlashAttentionMix' } as const;
    const target = loadTarget('ascend910b-aie-7.0');
    expect(await refusal(attentionModel(built), { target })).toContain(
      'after merging, query length 512 is not in 1024 to 4096',
    );
    await insert({ ...built, height: 64 }, { target });
  });

  test('lists are repeated for each image of a batch (H13)', async () => {
    const model = await insert({ batch: 4 });
    const { a, b } = tomeIndices(16, 32, { kind: 'random', seed: 0 });
    expect(constantOf(model.graph.value('tome/index_a'))?.dims).toEqual([4, 384]);
    expect(ints(model, 'tome/index_a')).toEqual([...a, ...a, ...a, ...a]);
    expect(constantOf(model.graph.value('tome/index_b'))?.dims).toEqual([4, 128]);
    expect(ints(model, 'tome/index_b')).toEqual([...b, ...b, ...b, ...b]);
    expect(ints(model, 'tome/Gather_index_a')).toEqual(a);
  });

  test('a symbolic batch is refused (H13)', async () => {
    expect(await refusal(attentionModel({ batch: 'images' }))).toBe('refused: the batch is not a known number');
  });
});

describe('the choice of destinations', () => {
  test('is the same in every run, and another one for another seed (H10)', async () => {
    const lists = async (options: Partial<InsertTomeOptions>): Promise<number[]> =>
      ints(await insert({}, options), 'tome/index_b');
    expect(await lists({})).toEqual(await lists({ seed: 0 }));
    expect(await lists({ seed: 1 })).not.toEqual(await lists({}));
    const corner = tomeIndices(16, 32, { kind: 'corner' });
    expect(await lists({ indices: { kind: 'corner' } })).toEqual([...corner.b, ...corner.b]);
  });

  test('is written into the metadata (H10)', async () => {
    const model = await insert({}, { seed: 42 });
    const record = { pattern: 'random', generator: 'numpy-legacy-mt19937', seed: 42, patternPerBlock: false };
    expect(JSON.parse(model.metadata.get('sdgraph.tome') ?? '')).toEqual({
      ...record,
      height: 16,
      width: 32,
      blocks: 1,
    });
    const corner = await insert({}, { indices: { kind: 'corner' } });
    expect(JSON.parse(corner.metadata.get('sdgraph.tome') ?? '')).toEqual({
      pattern: 'corner',
      height: 16,
      width: 32,
      blocks: 1,
    });
  });

  test('can come from a file, which has to fit the latents', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sdgraph-tome-'));
    const file = join(folder, 'indices.json');
    const own = tomeIndices(16, 32, { kind: 'random', seed: 99 });
    writeFileSync(file, JSON.stringify(own));
    const indices = readTomeIndices(file);
    rmSync(folder, { recursive: true });
    expect(ints(await insert({}, { indices }), 'tome/Gather_index_a')).toEqual(own.a);
    const larger = insert({ height: 32 }, { indices });
    await expect(larger).rejects.toMatchObject({ code: 'E_PASS_OPTION', where: { pass: 'insert-tome' } });
  });

  test('is one for all blocks, or one for each (H11)', async () => {
    const shared = await insert({ blocks: 2 });
    expect(node(shared, `${Z}/Gather_0`).inputs[1]).toBe(node(shared, `${blockPath(1)}/tome1/Gather_0`).inputs[1]);
    const own = await insert({ blocks: 2 }, { patternPerBlock: true, seed: 4 });
    for (const index of [0, 1]) {
      const { a, b } = tomeIndices(16, 32, { kind: 'random', seed: 4 + index });
      const path = `${blockPath(index)}/tome1`;
      expect(constantInts(node(own, `${path}/Gather_1`).inputs[1])?.map(Number)).toEqual(b);
      expect(constantInts(node(own, `${path}/tome/TomeUnmerge`).inputs[1])?.map(Number)).toEqual([...a, ...a]);
    }
    expect(() => insertTome({ count: 1, patternPerBlock: true, indices: { kind: 'corner' } })).toThrow(/at random/);
  });
});

describe('the number of blocks', () => {
  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('cannot be %d (H12)', (count) => {
    expect(() => insertTome({ count })).toThrow(expect.objectContaining({ code: 'E_PASS_OPTION' }));
  });

  test.each([-1, 0.5, 2 ** 32])('nor can the seed be %d', (seed) => {
    expect(() => insertTome({ count: 1, seed })).toThrow(expect.objectContaining({ code: 'E_PASS_OPTION' }));
  });

  test('takes the first blocks of the graph', async () => {
    const model = attentionModel({ blocks: 3 });
    const report = await run(model, { count: 2 });
    expect(report.passes[0]?.sites.map(({ status, reason }) => [status, reason])).toEqual([
      ['applied', 'the self-attention behind it runs on 256 tokens of 512'],
      ['applied', 'the self-attention behind it runs on 256 tokens of 512'],
      ['skipped', 'comes behind the first 2'],
    ]);
    expect([...model.graph.nodesOf('TomeMerged')].map(({ name }) => name)).toEqual([
      `${blockPath(0)}/tome1/TomeMerged`,
      `${blockPath(1)}/tome1/TomeMerged`,
    ]);
  });

  test('zero changes nothing', async () => {
    const model = attentionModel();
    expect((await run(model, { count: 0 })).changed).toBe(false);
  });

  test('may not be more than there are (H12), unless that is allowed', async () => {
    const model = attentionModel({ blocks: 2 });
    await expect(run(model, { count: 7 })).rejects.toMatchObject({
      code: 'E_REWRITE_MISSING',
      expected: '7',
      found: '2',
    });
    expect([...model.graph.nodesOf('TomeMerged')]).toHaveLength(0);
    await pipeline([insertTome({ count: 7 })]).run(model, { allowMissing: true });
    expect([...model.graph.nodesOf('TomeMerged')]).toHaveLength(2);
  });
});

describe('a second run (H41)', () => {
  const targets = ['ascend310p-aie-7.0', 'ascend310p-cann-8.1'];
  test.each(targets)('changes nothing: %s', async (name) => {
    const target = loadTarget(name);
    const model = await insert({ blocks: 2 }, { target });
    const { revision } = model;
    const report = await run(model, { count: 2, target });
    expect(model.revision).toBe(revision);
    expect(report.passes[0]?.sites.map(({ status }) => status)).toEqual(['present', 'present']);
  });

  test('recognizes the spelling of another SDK', async () => {
    const model = await insert({}, { target: loadTarget('ascend310p-cann-8.1') });
    const report = await run(model);
    expect(report.changed).toBe(false);
  });

  test('adds what is missing of the number asked for, with its own metadata', async () => {
    const model = attentionModel({ blocks: 3 });
    await run(model, { count: 1 });
    const report = await run(model, { count: 2 });
    expect(report.passes[0]?.sites.map(({ status }) => status)).toEqual(['present', 'applied', 'skipped']);
    expect(ints(model, 'tome/Topk_k_1')).toEqual([]);
    expect([...model.metadata.keys()]).toEqual(['sdgraph.tome', 'sdgraph.tome.2']);
    const other = await run(model, { count: 3, seed: 3 });
    expect(other.passes[0]?.sites.map(({ status }) => status)).toEqual(['present', 'present', 'applied']);
    expect(ints(model, 'tome/Gather_index_b_1')).toEqual(tomeIndices(16, 32, { kind: 'random', seed: 3 }).b);
  });

  test('refuses half a rewrite', async () => {
    const model = await insert({});
    const unmerge = node(model, `${Z}/tome/TomeUnmerge`);
    unmerge.output().replaceAllUsesWith(unmerge.inputs[0] as Value);
    model.graph.remove(unmerge);
    expect(await refusal(model)).toBe(`refused: ${Z}/TomeMerged merges the tokens and nothing spreads them again`);
  });
});

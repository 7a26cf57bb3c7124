import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Attribute } from '../../src/ir/attribute.ts';
import { floatTensor, int64Tensor } from '../../src/ir/constants.ts';
import type { Model } from '../../src/ir/model.ts';
import { compareWithGolden, describeModel, type Golden, goldenVariants, materialize, readGolden } from './golden.ts';
import { buildModel } from './model-builder.ts';
import { tempDir } from './temp-dir.ts';

function small(random: readonly number[] = [3, 1]): Model {
  return buildModel(11, (g) => {
    const x = g.input('x', [2, 'n']);
    const weight = g.floats(
      Array.from({ length: 100 }, (_, i) => i),
      [100],
      'weight',
    );
    const big = g.floats(
      Array.from({ length: 20_000 }, () => 1),
      [20_000],
      'big',
    );
    const list = g.ints(random, [2], 'tome/index_a');
    const shape = g.constant(int64Tensor([2, 4], [2]), 'shape');
    const fill = Attribute.tensor('value', floatTensor([7], [1]));
    const filled = g.op('ConstantOfShape', [shape], { name: 'fill', attributes: [fill] });
    const sums = g.op('Sum', [x, weight, big, list], { name: 'sum', outputs: ['s'] });
    const scaled = g.op('LeakyRelu', [sums], { name: 'leaky', attributes: [Attribute.float('alpha', 0.25)] });
    const attributes = [Attribute.ints('perm', [1, 0]), Attribute.string('note', 'a'), Attribute.int('flag', 1)];
    g.output(g.op('Transpose', [scaled], { name: 'turn', attributes, outputs: ['y'] }), ['n', 2]);
    g.output(filled);
  });
}

function goldenOf(model: Model): Golden {
  const options = { FA_soc: 'None', TOME_num: 0, faster_gelu: false } as const;
  return { fixture: 'small', fixture_sha256: '', options, ...describeModel(model) };
}

test('a model equals its own description, in any order of nodes and with other random lists', () => {
  const golden = goldenOf(small());
  const reversed = { ...golden, nodes: golden.nodes.toReversed(), initializers: golden.initializers.toReversed() };
  expect(compareWithGolden(small(), golden)).toEqual([]);
  expect(compareWithGolden(small([1, 9]), reversed)).toEqual([]);
});

test('contents are described up to 64 KiB, numbers up to 64 of them, and Constant nodes as initializers', () => {
  const { initializers, counts } = describeModel(small());
  const described = new Map(initializers.map((each) => [each.name, Object.keys(each).join(' ')]));
  expect(described.get('big')).toBe('name data_type dims');
  expect(described.get('weight')).toBe('name data_type dims sha256');
  expect(described.get('shape_output_0')).toBe('name data_type dims sha256 values');
  expect(counts).toEqual({
    nodes: 4,
    initializers: 4,
    by_op_type: { ConstantOfShape: 1, Sum: 1, LeakyRelu: 1, Transpose: 1 },
  });
});

/** Every change to the text of a golden must show. */
const CHANGES: readonly (readonly [why: string, from: string, to: string])[] = [
  ['a renamed node', '"name":"leaky"', '"name":"leaky_1"'],
  ['another operator', '"op_type":"LeakyRelu"', '"op_type":"Elu"'],
  ['a domain', '"op_type":"LeakyRelu",', '"op_type":"LeakyRelu","domain":"com.example",'],
  ['swapped inputs', '["x","weight",', '["weight","x",'],
  ['a renamed value', '"outputs":["s"]', '"outputs":["t"]'],
  ['another float attribute', '0.25', '0.5'],
  ['another integer attribute', '{"name":"flag","type":"INT","value":1}', '{"name":"flag","type":"INT","value":2}'],
  ['another attribute type', '"type":"INT"', '"type":"FLOAT"'],
  ['another list attribute', '"value":[1,0]', '"value":[0,1]'],
  ['another text attribute', '"value":"a"', '"value":"b"'],
  ['a missing attribute', '{"name":"flag","type":"INT","value":1},', ''],
  ['another tensor attribute', '"values":[7]', '"values":[8]'],
  ['another shape of a weight', '"dims":[100]', '"dims":[10,10]'],
  ['another shape of a weight without contents', '"dims":[20000]', '"dims":[20001]'],
  ['another element type', '"data_type":7,"dims":[2],"sha', '"data_type":6,"dims":[2],"sha'],
  ['other numbers', '"values":[2,4]', '"values":[2,5]'],
  ['another element type of the input', '"name":"x","elem_type":1', '"name":"x","elem_type":10'],
  ['another shape of the output', '"dims":["n",2]', '"dims":["n",3]'],
  ['another IR version', '"ir_version":7', '"ir_version":6'],
  ['another operator set', '["",11]', '["",12]'],
  ['another count', '"nodes":4', '"nodes":5'],
  [
    'another shape of a random list',
    '"name":"tome/index_a","data_type":7,"dims":[2]',
    '"name":"tome/index_a","data_type":7,"dims":[3]',
  ],
];

describe('a difference is found', () => {
  test.each(CHANGES)('%s', (_, from, to) => {
    const text = JSON.stringify(goldenOf(small()));
    const changed = text.replace(from, to);
    expect(changed).not.toBe(text);
    expect(compareWithGolden(small(), JSON.parse(changed) as Golden)).not.toEqual([]);
  });

  test('other contents of a weight that is only hashed', () => {
    const golden = goldenOf(small());
    const initializers = golden.initializers.map((each) => (each.name === 'weight' ? { ...each, sha256: 'ff' } : each));
    expect(compareWithGolden(small(), { ...golden, initializers })).toHaveLength(1);
  });

  test('a node or initializer too many or too few', () => {
    const golden = goldenOf(small());
    const { nodes, initializers } = golden;
    expect(compareWithGolden(small(), { ...golden, nodes: nodes.slice(1) })).toHaveLength(1);
    expect(compareWithGolden(small(), { ...golden, initializers: initializers.slice(1) })).toHaveLength(1);
    const extra = { name: 'extra', op_type: 'Relu', inputs: [], outputs: [], attributes: [] };
    expect(compareWithGolden(small(), { ...golden, nodes: [...nodes, extra] })).toEqual([
      expect.stringContaining('"nothing" instead of'),
    ]);
  });

  test('two nodes of one name', () => {
    const model = small();
    const golden = goldenOf(model);
    for (const node of model.graph.nodesOf('LeakyRelu')) node.name = 'turn';
    expect(compareWithGolden(model, golden)).not.toEqual([]);
  });
});

test.each(['sd15', 'sd21', 'sd15-full'])('the fixture %s is what its description says', (fixture) => {
  const path = materialize(fixture, tempDir());
  const folder = new URL(`../../fixtures/parity/${fixture}/`, import.meta.url);
  const meta = JSON.parse(readFileSync(new URL('meta.json', folder), 'utf8')) as {
    sha256: string;
    weights_bin: { bytes: number };
  };
  expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(meta.sha256);
  expect(statSync(join(dirname(path), 'weights.bin')).size).toBe(meta.weights_bin.bytes);
  for (const variant of fixture === 'sd15-full' ? [] : goldenVariants(fixture)) {
    expect(readGolden(fixture, variant).fixture_sha256).toBe(meta.sha256);
  }
});

import { describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Node } from '../../src/ir/node.ts';
import { compareTables, type NodeDifference } from '../support/node-differences.ts';
import { recordedTable, tableOf } from '../support/node-table.ts';
import { torchExport } from '../support/tiny-sd.ts';

const inputs = ['latents'];

async function torchDecoder(): Promise<Model> {
  return openModel(torchExport('sd15', 'vae'));
}

describe('the comparison of nodes', () => {
  test("finds in torch's small decoder only what differs: widths, and a shortcut that equal widths do not need", async () => {
    const { differences, preparing } = compareTables(recordedTable('sd15/vae', inputs), tableOf(await torchDecoder()));
    expect(preparing).toEqual([]);
    const isConstant = ({ kind, node }: NodeDifference): boolean =>
      kind === 'attributes' && node.split('/').at(-1)?.startsWith('Constant') === true;
    const constants = differences.filter(isConstant);
    const others = differences.filter((difference) => !isConstant(difference));
    expect(others.map(({ kind, node }) => `${kind} ${node}`)).toEqual([
      'missing /up_blocks.3/resnets.0/conv_shortcut/Conv',
      'inputs /up_blocks.3/resnets.0/Add',
    ]);
    expect(constants.length).toBeGreaterThan(0);
    for (const { expected, found } of constants) expect(found.split(/[[=]/)[1]).toBe(expected.split(/[[=]/)[1]);
  });

  test('finds nothing between a model and itself', async () => {
    const table = tableOf(await torchDecoder());
    expect(compareTables(table, table)).toEqual({ differences: [], preparing: [] });
  });

  const node = (model: Model, op: string): Node => {
    const [first] = model.graph.nodesOf(op);
    if (first === undefined) throw new Error(`there is no ${op}`);
    return first;
  };
  const rows: readonly { kinds: readonly string[]; change: (model: Model) => void }[] = [
    {
      kinds: ['added', 'missing'],
      change: (model) => {
        node(model, 'Softmax').name = '/other';
      },
    },
    {
      kinds: ['operator'],
      change: (model) => {
        node(model, 'Sigmoid').opType = 'Tanh';
      },
    },
    {
      kinds: ['inputs'],
      change: (model) => {
        const mul = node(model, 'Mul');
        const [first, second] = mul.inputs;
        mul.setInput(0, second);
        mul.setInput(1, first);
      },
    },
    {
      kinds: ['attributes'],
      change: (model) => node(model, 'Softmax').setAttribute(Attribute.int('axis', 1)),
    },
    {
      kinds: ['attributes'],
      change: (model) => node(model, 'Conv').removeAttribute('group'),
    },
    {
      kinds: ['order'],
      change: (model) => {
        const [, second] = model.graph.nodesOf('Constant');
        const nodes = Array.from(model.graph.nodes);
        model.graph.reorder([
          ...nodes.filter((other) => other === second),
          ...nodes.filter((other) => other !== second),
        ]);
      },
    },
  ];
  test.each(rows)('finds a difference of kind $kinds', async ({ kinds, change }) => {
    const expected = tableOf(await torchDecoder());
    const model = await torchDecoder();
    change(model);
    const { differences } = compareTables(expected, tableOf(model));
    expect(differences.map(({ kind }) => kind).toSorted()).toEqual(kinds);
  });

  test('takes a weight that is transposed in the graph for the transposed weight of the exporter', async () => {
    const expected = tableOf(await torchDecoder());
    const model = await torchDecoder();
    const [matmul] = model.graph.nodesOf('MatMul');
    const weight = matmul?.inputs[1];
    if (matmul === undefined || weight === undefined) throw new Error('there is no MatMul');
    const perm = Attribute.ints('perm', [0, 1]);
    const transpose = model.graph.insert(
      { opType: 'Transpose', inputs: [weight], attributes: [perm], name: 'prepared' },
      { before: matmul },
    );
    matmul.setInput(1, transpose.output());
    expect(compareTables(expected, tableOf(model))).toEqual({ differences: [], preparing: ['prepared'] });
    transpose.setInput(0, matmul.inputs[0]);
    expect(compareTables(expected, tableOf(model)).differences.map(({ kind }) => kind)).toEqual(['added', 'inputs']);
  });
});

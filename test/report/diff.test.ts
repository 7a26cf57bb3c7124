import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { saveBytes, saveModel } from '../../src/io/save.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { floatTensor } from '../../src/ir/constants.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import { Tensor } from '../../src/ir/tensor.ts';
import { type Difference, diffModels } from '../../src/report/diff.ts';
import { buildModel, type GraphBuilder } from '../support/model-builder.ts';
import { smallModel } from '../support/small-model.ts';
import { tempDir } from '../support/temp-dir.ts';

/** Differences between a model and what an edit makes of it, as text. */
async function changes(make: () => Model, edit: (model: Model) => void): Promise<string[]> {
  const bytes = await saveBytes(make());
  const [a, b] = [await openModel(bytes), await openModel(bytes)];
  edit(b);
  const { same, differences, counts } = diffModels(a, b);
  expect(same).toBe(differences.length === 0);
  const total = Object.values(counts).reduce((sum, { added, removed, changed }) => sum + added + removed + changed, 0);
  expect(total).toBe(differences.length);
  return differences.map(line);
}

function line({ kind, change, scope, name, details }: Difference): string {
  return `${change} ${kind} ${scope === '' ? '' : `${scope} `}${name}: ${details.join('; ')}`;
}

const ROWS: readonly { what: string; edit: (model: Model) => void; expected: string[] }[] = [
  { what: 'nothing', edit: () => undefined, expected: [] },
  { what: 'metadata', edit: (model) => model.setMetadata('k', 'v'), expected: ['added metadata k: v'] },
  { what: 'an operator set', edit: (model) => model.setOpset('', 12), expected: ['changed opset : 11 → 12'] },
  { what: 'a new domain', edit: (model) => model.setOpset('my.ops', 1), expected: ['added opset my.ops: 1'] },
  {
    what: 'an input type',
    edit: ({ graph }) => graph.inputs[1]?.setType({ kind: 'tensor', elemType: DataType.INT32, shape: [1] }),
    expected: ['changed input t: type: int64[1] → int32[1]'],
  },
  {
    what: 'an operator',
    edit: ({ graph }) => {
      for (const node of graph.nodesOf('MatMul')) node.opType = 'Gemm';
    },
    expected: ['changed node MatMul: op: MatMul → Gemm'],
  },
  {
    what: 'an input of a node',
    edit: ({ graph }) => {
      for (const node of graph.nodesOf('Add')) node.setInput(1, graph.value('large'));
    },
    expected: ['changed node add_zeros: input 1: zeros → large'],
  },
  {
    what: 'an attribute',
    edit: ({ graph }) => {
      for (const node of graph.nodesOf('Cast')) node.setAttribute(Attribute.int('to', DataType.DOUBLE));
    },
    expected: ['changed node Cast: attribute to: 1 → 11'],
  },
  {
    what: 'attributes added and removed',
    edit: ({ graph }) => {
      for (const node of graph.nodesOf('Cast')) {
        node.removeAttribute('to');
        node.setAttribute(Attribute.strings('tags', ['a']));
      }
    },
    expected: ['changed node Cast: attribute to: removed; attribute tags: added'],
  },
  {
    what: 'contents of a constant',
    edit: ({ graph }) => {
      const value = graph.value('zeros');
      if (value !== undefined) graph.setInitializer(value, floatTensor([0, 0, 0, 0, 0, 1, 0, 0], [8], 'zeros'));
    },
    expected: ['changed initializer zeros: contents differ from element 5 on'],
  },
  {
    what: 'dimensions of a constant',
    edit: ({ graph }) => {
      const value = graph.value('zeros');
      if (value !== undefined) graph.setInitializer(value, floatTensor([0, 0, 0, 0], [4], 'zeros'));
    },
    expected: ['changed initializer zeros: dimensions: [8] → [4]'],
  },
  {
    what: 'a new node and constant',
    edit: ({ graph }) => {
      const constant = graph.addInitializer(floatTensor([1], [], 'one'));
      graph.insert({ opType: 'Neg', inputs: [constant], name: 'neg' });
    },
    expected: ['added initializer one: float32[]', 'added node neg: Neg'],
  },
  {
    what: 'the order of nodes',
    edit: ({ graph }) => graph.reorder([...graph.nodes].toReversed()),
    expected: [],
  },
];

describe('two models differ in', () => {
  test.each(ROWS)('$what', async ({ edit, expected }) => {
    expect(await changes(smallModel, edit)).toEqual(expected);
  });

  test('nodes of subgraphs', async () => {
    const make = (): Model =>
      buildModel(13, (graph) => {
        const condition = graph.input('cond', [], DataType.BOOL);
        const branch = (opType: string) => (body: GraphBuilder) =>
          body.op(opType, [body.floats([1], [1], `${opType}_c`)], { name: opType });
        graph.output(graph.branch(condition, branch('Neg'), branch('Abs')));
      });
    const found = await changes(make, (model) => {
      for (const graph of model.scopes()) for (const node of graph.nodesOf('Neg')) node.opType = 'Exp';
    });
    expect(found).toEqual(['changed node If.then_branch Neg: op: Neg → Exp']);
  });

  test('nodes without names, which go by their outputs', async () => {
    const make = (): Model =>
      buildModel(13, (graph) => {
        const node = graph.graph.insert({ opType: 'Neg', inputs: [graph.input('x', [1])], outputs: ['y'] });
        graph.output(node.output());
      });
    const found = await changes(make, ({ graph }) => {
      for (const node of graph.nodesOf('Neg')) node.opType = 'Exp';
    });
    expect(found).toEqual(['changed node → y: op: Neg → Exp']);
  });
});

describe('weights', () => {
  const large = (last: number): Model =>
    buildModel(13, (graph) => {
      const bytes = new Uint8Array(3 << 20);
      bytes[bytes.length - 1] = last;
      const storage = { kind: 'memory', bytes } as const;
      const tensor = new Tensor({ name: 'w', dataType: DataType.UINT8, dims: [bytes.length], storage });
      graph.output(graph.op('Identity', [graph.tensor(tensor)]), undefined, DataType.UINT8);
    });

  /** Saves a model inside or beside its file and opens it again. */
  async function stored(model: Model, policy: 'single' | 'inline'): Promise<Model> {
    const path = join(tempDir(), 'm.onnx');
    await saveModel(model, path, { externalData: policy });
    return openModel(path);
  }

  test('are compared wherever they are stored', async () => {
    using a = await stored(large(1), 'single');
    using b = await stored(large(1), 'inline');
    using c = await stored(large(2), 'inline');
    const progress: number[] = [];
    expect(diffModels(a, b, { onProgress: (bytes) => progress.push(bytes) })).toMatchObject({ same: true });
    expect(progress.at(-1)).toBe(3 << 20);
    expect(diffModels(a, c).differences.map(line)).toEqual([
      `changed initializer w: contents differ from element ${(3 << 20) - 1} on`,
    ]);
  });

  test('in the same range of the same file are not read', async () => {
    const path = join(tempDir(), 'm.onnx');
    await saveModel(large(1), path, { externalData: 'single' });
    using a = await openModel(path);
    using b = await openModel(path);
    let read = 0;
    const { same } = diffModels(a, b, { onProgress: (bytes) => (read = bytes) });
    expect({ same, read }).toEqual({ same: true, read: 0 });
  });

  test('that are missing are listed, not compared', async () => {
    const dir = tempDir();
    const path = join(dir, 'm.onnx');
    const { files } = await saveModel(large(1), path, { externalData: 'single' });
    copyFileSync(path, join(dir, 'copy.onnx'));
    writeFileSync(join(dir, 'other.onnx'), await saveBytes(large(1)));
    rmSync(files[0]?.path ?? '');
    using a = await openModel(path);
    using b = await openModel(join(dir, 'other.onnx'));
    const { same, uncompared } = diffModels(a, b);
    expect(same).toBe(true);
    expect(uncompared).toEqual([{ scope: '', name: 'w', reason: expect.stringContaining('does not exist') as string }]);
  });
});

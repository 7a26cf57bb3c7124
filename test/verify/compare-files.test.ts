import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { saveModel } from '../../src/io/save.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Dim } from '../../src/ir/type.ts';
import { compareFiles } from '../../src/verify/compare-files.ts';
import { expectRejection } from '../support/errors.ts';
import { buildModel, type GraphBuilder } from '../support/model-builder.ts';
import { tempDir } from '../support/temp-dir.ts';

let folder: string;

beforeEach(() => {
  folder = tempDir();
});

async function write(name: string, fill: (graph: GraphBuilder) => void): Promise<string> {
  const path = join(folder, name);
  await saveModel(buildModel(13, fill), path);
  return path;
}

interface Form {
  readonly names?: readonly [input: string, step: string, output: string];
  readonly dims?: readonly Dim[];
  readonly step?: number;
  readonly compute?: number;
  readonly factor?: number;
}

/** `y = x * factor + t`, as a compiler may have changed it. */
function model(name: string, form: Form = {}): Promise<string> {
  const { names = ['x', 't', 'y'], dims = [2, 3], step = DataType.INT64, compute = DataType.FLOAT, factor = 2 } = form;
  const to = (graph: GraphBuilder, value: ReturnType<GraphBuilder['input']>, type: number): typeof value =>
    graph.op('Cast', [value], { name: `${value.name}_cast`, attributes: [Attribute.int('to', type)] });
  return write(name, (graph) => {
    const x = graph.input(names[0], dims, compute);
    const t = graph.input(names[1], [1], step);
    const c = to(graph, graph.scalar(factor), compute);
    const sum = graph.op('Add', [graph.op('Mul', [x, c], { name: 'times' }), to(graph, t, compute)], {
      outputs: [names[2]],
    });
    graph.output(sum, dims, compute);
  });
}

describe('what corresponds', () => {
  test('the same names, whatever their order', async () => {
    const a = await write('a.onnx', (graph) => {
      const [x, z] = [graph.input('x', [2]), graph.input('z', [2])];
      graph.output(graph.op('Sub', [x, z], { outputs: ['d'] }), [2]);
      graph.output(graph.op('Add', [x, z], { outputs: ['s'] }), [2]);
    });
    const b = await write('b.onnx', (graph) => {
      const [z, x] = [graph.input('z', [2]), graph.input('x', [2])];
      graph.output(graph.op('Add', [x, z], { outputs: ['s'] }), [2]);
      graph.output(graph.op('Sub', [x, z], { outputs: ['d'] }), [2]);
    });
    const report = await compareFiles(a, b);
    expect(report).toMatchObject({ ok: true, preset: 'exact', notes: [] });
    expect(report.outputs.map(({ name }) => name)).toEqual(['d', 's']);
  });

  test('other names: the order, and a note', async () => {
    const report = await compareFiles(await model('a.onnx'), await model('b.onnx', { names: ['0', '1', 'Add:0'] }));
    expect(report).toMatchObject({ ok: true, outputs: [{ name: 'y' }] });
    expect(report.notes).toEqual([
      'inputs have other names in the two models and were paired in order: x = 0, t = 1',
      'outputs have other names in the two models and were paired in order: y = Add:0',
    ]);
  });

  test('other element types: the same numbers', async () => {
    const narrow = { step: DataType.INT32, compute: DataType.FLOAT16 };
    const [a, b] = [await model('a.onnx'), await model('b.onnx', narrow)];
    const report = await compareFiles(a, b, { tolerance: 'fp16' });
    expect(report).toMatchObject({ ok: true, preset: 'fp16' });
    expect(report.outputs[0]?.dataType).toBe('float32');
    expect(report.inputs.map(({ dataType }) => dataType)).toEqual(['float32', 'int64']);
    expect(await compareFiles(b, a, { tolerance: 'fp16' })).toMatchObject({ ok: true });
    const [, kept] = [0, await compareFiles(a, b, { tolerance: 'bit-exact' })];
    expect(kept.ok).toBe(false);
  });

  test('open dimensions of either are those of the other', async () => {
    const [open, fixed] = [await model('a.onnx', { dims: ['n', 3] }), await model('b.onnx')];
    expect(await compareFiles(open, fixed)).toMatchObject({ ok: true, inputs: [{ dims: [2, 3] }, { dims: [1] }] });
    expect(await compareFiles(fixed, open)).toMatchObject({ ok: true });
  });

  test('open in both must be given', async () => {
    const [a, b] = [await model('a.onnx', { dims: ['n', 3] }), await model('b.onnx', { dims: ['n', 3] })];
    await expectRejection('E_SESSION_FEED', () => compareFiles(a, b));
    const report = await compareFiles(a, b, { shapes: new Map([['x', [5, 3]]]) });
    expect(report).toMatchObject({ ok: true, inputs: [{ dims: [5, 3] }, {}] });
  });

  test.each([
    ['another shape', { dims: [3, 2] }, 'float32[2,3]', 'float32[3,2]'],
    ['another rank', { dims: [6] }, 'float32[2,3]', 'float32[6]'],
  ] as const)('not %s', async (_what, form, expected, found) => {
    const [a, b] = [await model('a.onnx'), await model('b.onnx', form)];
    expect(await expectRejection('E_VERIFY', () => compareFiles(a, b))).toMatchObject({ expected, found });
  });

  test('not another number of inputs', async () => {
    const a = await model('a.onnx');
    const b = await write('b.onnx', (graph) => {
      graph.output(graph.op('Relu', [graph.input('x', [2, 3])], { outputs: ['y'] }), [2, 3]);
    });
    const error = await expectRejection('E_VERIFY', () => compareFiles(a, b));
    expect(error).toMatchObject({ expected: '2: x float32[2,3], t int64[1]', found: '1: x float32[2,3]' });
  });
});

test('models that compute something else differ', async () => {
  const report = await compareFiles(await model('a.onnx'), await model('b.onnx', { factor: 3 }));
  expect(report.ok).toBe(false);
  expect(report.outputs[0]?.reasons[0]).toMatch(/^largest difference/);
});

test('the same seed gives the same inputs', async () => {
  const [a, b] = [await model('a.onnx'), await model('b.onnx', { factor: 3 })];
  const differences = await Promise.all(
    [1, 1, 2].map(async (seed) => (await compareFiles(a, b, { seed })).outputs[0]?.difference?.maxAbs),
  );
  expect(differences[0]).toBe(differences[1]);
  expect(differences[0]).not.toBe(differences[2]);
});

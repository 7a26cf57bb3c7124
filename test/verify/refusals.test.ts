import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { saveModel } from '../../src/io/save.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Dim } from '../../src/ir/type.ts';
import { verifyModels } from '../../src/verify/verify.ts';
import { expectRejection } from '../support/errors.ts';
import { buildModel, type GraphBuilder } from '../support/model-builder.ts';
import { tempDir } from '../support/temp-dir.ts';

let folder: string;

beforeEach(() => {
  folder = tempDir();
});

async function write(name: string, fill: (graph: GraphBuilder) => void): Promise<string> {
  const path = join(folder, name);
  await saveModel(buildModel(13, fill), path, { externalData: 'single' });
  return path;
}

interface Shape {
  readonly input?: string;
  readonly output?: string;
  readonly dims?: readonly Dim[];
  readonly opType?: string;
  readonly constant?: number;
}

/** `y = x + 1`, or what the options make of it. */
function simple(name: string, options: Shape = {}): Promise<string> {
  const { input = 'x', output = 'y', dims = [1, 4], opType = 'Add', constant = 1 } = options;
  return write(name, (graph) => {
    const y = graph.op(opType, [graph.input(input, dims), graph.scalar(constant)], { name: 'op', outputs: [output] });
    graph.output(y, dims);
  });
}

describe('models that do not correspond', () => {
  test.each([
    ['inputs', { input: 'z' }, 'x', 'z'],
    ['outputs', { output: 'z' }, 'y', 'z'],
    ['rank', { dims: [4] }, 'float32[1,4]', 'float32[4]'],
    ['extent', { dims: [1, 5] }, 'float32[1,4]', 'float32[1,5]'],
  ] as const)('other %s', async (_what, change, expected, found) => {
    const [a, b] = [await simple('a.onnx'), await simple('b.onnx', change)];
    expect(await expectRejection('E_VERIFY', () => verifyModels(a, b))).toMatchObject({ expected, found });
  });

  test('an output of another shape differs', async () => {
    const make = (name: string, rows: number): Promise<string> =>
      write(name, (graph) => {
        const y = graph.op('Expand', [graph.input('x', [1, 2]), graph.ints([rows, 2])], { outputs: ['y'] });
        graph.output(y, ['n', 2]);
      });
    const report = await verifyModels(await make('a.onnx', 2), await make('b.onnx', 3));
    expect(report).toMatchObject({ ok: false, outputs: [{ reasons: ['shape [3,2] instead of [2,2]'] }] });
  });

  test('a symbolic extent fits a fixed one', async () => {
    const [a, b] = [await simple('a.onnx', { dims: ['n', 4] }), await simple('b.onnx')];
    expect(await verifyModels(a, b)).toMatchObject({ ok: true, inputs: [{ dims: [1, 4] }] });
  });
});

describe('numbers that are not finite', () => {
  test('in the candidate', async () => {
    const [a, b] = [await simple('a.onnx'), await simple('b.onnx', { opType: 'Div', constant: 0 })];
    const report = await verifyModels(a, b);
    expect(report.outputs[0]?.reasons.join()).toContain('NaN or infinite in one of the models only');
  });

  test('in both: a reference like that proves nothing', async () => {
    const [a, b] = [1, 2].map((i) => simple(`${i}.onnx`, { opType: 'Div', constant: 0 }));
    const report = await verifyModels((await a) as string, (await b) as string);
    expect(report.ok).toBe(false);
    expect(report.outputs[0]?.reasons).toEqual([
      'the reference itself gives 4 NaN or infinite elements for these inputs',
    ]);
  });
});

describe('what weakens a proof is said', () => {
  test('an output that is the same everywhere', async () => {
    const [a, b] = [
      await simple('a.onnx', { opType: 'Mul', constant: 0 }),
      await simple('b.onnx', { opType: 'Mul', constant: 0 }),
    ];
    expect((await verifyModels(a, b)).notes).toEqual(["'y' is 0 everywhere in the reference: agreement says little"]);
  });

  test('a model compared with itself', async () => {
    const a = await simple('a.onnx');
    expect((await verifyModels(a, a)).notes).toEqual(['both models are the same file']);
  });
});

describe('a model that cannot be loaded', () => {
  test('an operator that nobody knows', async () => {
    const [a, b] = [await simple('a.onnx'), await simple('b.onnx', { opType: 'NoSuchOperator' })];
    const error = await expectRejection('E_SESSION_LOAD', () => verifyModels(a, b));
    expect(error.found).toContain('NoSuchOperator');
  });

  test('external data that is missing, or a link that was not allowed', async () => {
    const make = (name: string): Promise<string> =>
      write(name, (graph) => {
        const numbers = Array.from({ length: 512 }, (_, i) => i);
        const sum = graph.op('Add', [graph.input('x', [512]), graph.floats(numbers, [512])], { outputs: ['y'] });
        graph.output(sum, [512]);
      });
    const a = await make('a.onnx');
    mkdirSync(join(folder, 'b'));
    const b = await make('b/b.onnx');
    const data = readdirSync(join(folder, 'b')).find((name) => name !== 'b.onnx') ?? '';
    renameSync(join(folder, 'b', data), join(folder, 'moved'));
    await expectRejection('E_EXTERNAL_MISSING', () => verifyModels(a, b));
    symlinkSync(join(folder, 'moved'), join(folder, 'b', data));
    await expectRejection('E_EXTERNAL_ESCAPES', () => verifyModels(a, b));
    const refused = await expectRejection('E_SESSION_LOAD', () => verifyModels(a, b, { followLinks: true }));
    expect(refused.hint).toContain('copy the data beside the model');
    renameSync(join(folder, 'moved'), join(folder, 'b', 'store'));
    rmSync(join(folder, 'b', data));
    symlinkSync('store', join(folder, 'b', data));
    expect(await verifyModels(a, b, { followLinks: true })).toMatchObject({ ok: true });
  });

  test('an input that is no tensor of numbers', async () => {
    const a = await write('a.onnx', (graph) => {
      graph.output(graph.op('Identity', [graph.input('x', [1], DataType.STRING)], { outputs: ['y'] }), [1], 8);
    });
    await expectRejection('E_SESSION_FEED', () => verifyModels(a, a));
  });
});

describe('options that would have no effect', () => {
  test('a folder of inputs that is not there, or has none of them', async () => {
    const a = await simple('a.onnx');
    await expectRejection('E_SESSION_FEED', () => verifyModels(a, a, { inputs: join(folder, 'none') }));
    const error = await expectRejection('E_SESSION_FEED', () => verifyModels(a, a, { inputs: folder }));
    expect(error.expected).toBe('NAME.npy for one of x');
  });

  test('a dimension that no input has', async () => {
    const a = await simple('a.onnx', { dims: ['n', 4] });
    const error = await expectRejection('E_SESSION_FEED', () => verifyModels(a, a, { dims: new Map([['m', 2]]) }));
    expect(error.expected).toBe('n');
  });

  test('an input larger than any memory', async () => {
    const a = await simple('a.onnx', { dims: ['n', 4] });
    await expectRejection('E_SESSION_FEED', () => verifyModels(a, a, { dims: new Map([['n', 999_999_999]]) }));
  });
});

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { saveModel } from '../../src/io/save.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { benchModel, benchSession } from '../../src/runtime/bench.ts';
import { expectRejection } from '../support/errors.ts';
import { FakeSession } from '../support/fake-session.ts';
import { buildModel } from '../support/model-builder.ts';
import { tempDir } from '../support/temp-dir.ts';

const feeds = new Map([['x', { dataType: DataType.FLOAT, dims: [1], data: Float32Array.of(1) }]]);

describe('a session', () => {
  test('runs warmup and loop times, and is told apart from what it did before', async () => {
    const session = new FakeSession((run, self) => {
      self.timings = { h2d: run, execute: 10 * run, d2h: 100 * run };
    });
    const seen: string[] = [];
    const onRun = (done: number, total: number): number => seen.push(`${done}/${total}`);
    const report = await benchSession(session, feeds, { loop: 3, warmup: 2, onRun });
    expect(session.runs).toBe(5);
    expect(seen).toEqual(['1/5', '2/5', '3/5', '4/5', '5/5']);
    expect(report).toMatchObject({ loop: 3, runs: 3, warmup: 2 });
    expect(report.times?.h2d).toMatchObject({ min: 3, median: 4, mean: 4, max: 5 });
    expect(report.times?.execute).toMatchObject({ min: 30, max: 50 });
    expect(report.times?.d2h).toMatchObject({ min: 300, max: 500 });
    expect(report.throughput).toBeCloseTo(1000 / (report.times?.total.mean ?? 0), 9);
  });

  test('without copies, or without timings at all, has no such rows', async () => {
    const host = new FakeSession((_, self) => {
      self.timings = { execute: 5 };
    });
    expect((await benchSession(host, feeds, { loop: 2 })).times).toMatchObject({
      h2d: null,
      execute: { mean: 5 },
      d2h: null,
    });
    expect((await benchSession(new FakeSession(), feeds)).times).toMatchObject({ execute: null });
  });

  test.each([
    ['in the middle', 4, { runs: 2 }],
    ['while it warms up', 1, { runs: 0, times: null, throughput: null }],
  ] as const)('ended %s tells what it measured', async (_when, at, expected) => {
    const controller = new AbortController();
    const session = new FakeSession((run) => {
      if (run === at) controller.abort();
    });
    const report = await benchSession(session, feeds, { loop: 10, warmup: 2, signal: controller.signal });
    expect(session.runs).toBe(at);
    expect(report).toMatchObject(expected);
  });

  test.each([{ loop: 0 }, { loop: 1.5 }, { loop: 1e9 }, { warmup: -1 }, { warmup: Number.NaN }])(
    'cannot run %o times',
    async (options) => {
      const session = new FakeSession();
      await expectRejection('E_SESSION_FEED', () => benchSession(session, feeds, options));
      expect(session.runs).toBe(0);
    },
  );
});

describe('a model file', () => {
  async function model(shape: readonly (number | string)[]): Promise<string> {
    const path = join(tempDir(), 'm.onnx');
    await saveModel(
      buildModel(13, (graph) => {
        graph.output(graph.op('Relu', [graph.input('x', shape)], { outputs: ['y'] }), shape);
      }),
      path,
    );
    return path;
  }

  test('is measured on random inputs', async () => {
    const path = await model([2, 3]);
    const report = await benchModel(path, { loop: 3, warmup: 0, seed: 7, session: { threads: 1 } });
    expect(report).toMatchObject({
      model: path,
      seed: 7,
      inputs: [{ name: 'x', dims: [2, 3], dataType: 'float32', file: null }],
      outputs: [{ name: 'y', dims: [2, 3], dataType: 'float32' }],
      runs: 3,
      times: { h2d: null, d2h: null },
    });
    expect(report.load).toBeGreaterThan(0);
    expect(report.times?.total.min).toBeGreaterThan(0);
  });

  test('with open dimensions needs them', async () => {
    const path = await model(['n', 3]);
    const error = await expectRejection('E_SESSION_FEED', () => benchModel(path, { loop: 1 }));
    expect(error).toMatchObject({ found: '[n,3]' });
    for (const options of [{ dims: new Map([['n', 4]]) }, { shapes: new Map([['x', [4, 3]]]) }]) {
      expect(await benchModel(path, { loop: 1, ...options })).toMatchObject({ outputs: [{ dims: [4, 3] }] });
    }
  });

  test.each([
    ['another extent', [4, 5]],
    ['another rank', [4]],
  ])('refuses a shape with %s', async (_what, shape) => {
    const path = await model(['n', 3]);
    const shapes = new Map([['x', shape]]);
    const error = await expectRejection('E_SESSION_FEED', () => benchModel(path, { loop: 1, shapes }));
    expect(error).toMatchObject({ expected: '[n,3]', found: `[${shape.join(',')}]` });
  });

  test('refuses a shape of an input that it does not have', async () => {
    const path = await model(['n', 3]);
    await expectRejection('E_SESSION_FEED', () => benchModel(path, { shapes: new Map([['z', [1]]]) }));
  });
});

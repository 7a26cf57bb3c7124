import { describe, expect, test } from 'vitest';
import { saveBytes } from '../../src/io/save.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { openOrtSession } from '../../src/runtime/ort.ts';
import type { SessionTensor } from '../../src/runtime/session.ts';
import { expectRejection } from '../support/errors.ts';
import { buildModel } from '../support/model-builder.ts';

async function addOne(): Promise<Uint8Array> {
  return saveBytes(
    buildModel(13, (graph) => {
      graph.output(graph.op('Add', [graph.input('x', ['n', 2]), graph.scalar(1)], { outputs: ['y'] }), ['n', 2]);
    }),
  );
}

function floats(dims: readonly number[], ...values: number[]): SessionTensor {
  return { dataType: DataType.FLOAT, dims, data: Float32Array.from(values) };
}

describe('a session on onnxruntime', () => {
  test('tells its inputs and outputs, runs, and runs again', async () => {
    const session = await openOrtSession(await addOne());
    expect(session.inputs).toEqual([{ name: 'x', dataType: DataType.FLOAT, shape: ['n', 2] }]);
    expect(session.outputs.map(({ name }) => name)).toEqual(['y']);
    for (const n of [1, 2]) {
      const result = await session.run(new Map([['x', floats([n, 2], ...Array.from({ length: 2 * n }, () => n))]]));
      expect(result.get('y')).toEqual(floats([n, 2], ...Array.from({ length: 2 * n }, () => n + 1)));
    }
    await session.close();
  });

  test('answers questions that were asked at once', async () => {
    const session = await openOrtSession(await addOne());
    const runs = [1, 2, 3].map((x) => session.run(new Map([['x', floats([1, 2], x, x)]])));
    const results = await Promise.all(runs);
    expect(results.map((result) => result.get('y')?.data[0])).toEqual([2, 3, 4]);
    await session.close();
  });

  test('refuses what does not fit before the runtime sees it', async () => {
    const session = await openOrtSession(await addOne());
    const x = floats([1, 2], 1, 2);
    await expectRejection('E_SESSION_FEED', () => session.run(new Map()));
    await expectRejection('E_SESSION_FEED', () => session.run(new Map([['x', floats([1, 3], 1, 2, 3)]])));
    await expectRejection('E_SESSION_FEED', () =>
      session.run(new Map([['x', { ...x, dataType: DataType.INT32, data: Int32Array.of(1, 2) }]])),
    );
    await expectRejection('E_SESSION_FEED', () =>
      session.run(
        new Map([
          ['x', x],
          ['z', x],
        ]),
      ),
    );
    await session.close();
  });

  test('a closed session says so, and closing twice is fine', async () => {
    const session = await openOrtSession(await addOne());
    await session.close();
    await session.close();
    await expectRejection('E_SESSION_RUN', () => session.run(new Map([['x', floats([1, 2], 1, 2)]])));
  });

  test('a model that the runtime does not take is an error in its words', async () => {
    const unknown = await saveBytes(
      buildModel(13, (graph) => {
        graph.output(graph.op('NoSuchOperator', [graph.input('x', [1])]), [1]);
      }),
    );
    const error = await expectRejection('E_SESSION_LOAD', () => openOrtSession(unknown, { label: 'unet.onnx' }));
    expect(error.message).toContain('NoSuchOperator');
    expect(error.where.file).toBe('unet.onnx');
    await expectRejection('E_SESSION_LOAD', () => openOrtSession('no/such/file.onnx'));
  });

  test('a model newer than the runtime: its words without its source code, and what to do', async () => {
    const newer = await saveBytes(
      buildModel(99, (graph) => {
        graph.output(graph.op('Relu', [graph.input('x', [1])]), [1]);
      }),
    );
    const { message, hint } = await expectRejection('E_SESSION_LOAD', () => openOrtSession(newer));
    expect(message).toContain('ONNX Runtime only *guarantees* support');
    expect(message).not.toMatch(/onnxruntime_src|std::/u);
    expect(hint).toMatch(/^onnxruntime runs models of opset \d\d at most; export with that one$/u);
  });
});

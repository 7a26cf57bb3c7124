import { existsSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { saveBytes, saveModel } from '../../src/io/save.ts';
import type { Tensor } from '../../src/ir/tensor.ts';
import { expectRejection } from '../support/errors.ts';
import { externalModel, someBytes, writeExternal } from '../support/external-model.ts';
import { contents, convert, withModel } from '../support/model-files.ts';
import { field, message } from '../support/proto-writer.mjs';
import { tempDir } from '../support/temp-dir.ts';

describe('more than protobuf holds', () => {
  const GIB = 2 ** 30;

  test('external weights do not fit inside', async () => {
    const dir = tempDir();
    const path = join(dir, 'in.onnx');
    writeExternal(path, externalModel([{ name: 'w', location: 'w.bin', count: (5 * GIB) / 8 }]), {
      'w.bin': new Uint8Array(0),
    });
    truncateSync(join(dir, 'w.bin'), 2.5 * GIB);
    const target = join(dir, 'out.onnx');
    await expectRejection('E_TOO_LARGE', () => convert(path, target, { externalData: 'inline' }));
    expect(existsSync(target)).toBe(false);
    expect(await convert(path, target)).toMatchObject({ externalData: 'reuse' });
  });

  test('a file beyond the limit opens and may be saved as it is; edited, it is refused', async () => {
    const dir = tempDir();
    const path = join(dir, 'in.onnx');
    const length = 2.25 * GIB;
    // The tensor comes last, so that its zeros are a hole at the end of the file.
    const head = message([
      field(8, 2, 'w'),
      field(1, 0, length / 4),
      field(2, 0, 1),
      Uint8Array.of(0x4a),
      varintOf(length),
    ]);
    const graph = message([
      field(1, 2, message([field(1, 2, 'w'), field(2, 2, 'y'), field(4, 2, 'Relu')])),
      Uint8Array.of(0x2a),
      varintOf(head.length + length),
      head,
    ]);
    writeFileSync(
      path,
      message([
        field(1, 0, 8),
        field(8, 2, field(2, 0, 17)),
        Uint8Array.of(0x3a),
        varintOf(graph.length + length),
        graph,
      ]),
    );
    const { size } = statSync(path);
    truncateSync(path, size + length);
    await withModel(path, async (model) => {
      const tensor = model.graph.initializers[0]?.initializer as Tensor;
      expect(tensor.byteLength).toBe(length);
      // Stopped at the first step: writing gigabytes of zeros would prove no more.
      const totals: number[] = [];
      const stop = new Error('stop');
      const onProgress = (_: number, total: number): void => {
        totals.push(total);
        throw stop;
      };
      await expect(saveModel(model, join(dir, 'same.onnx'), { onProgress })).rejects.toBe(stop);
      expect(totals).toEqual([size + length]);
      model.transaction(() => {
        model.graph.insert({ opType: 'Relu', inputs: [model.graph.value('w')] });
      });
      const target = join(dir, 'out.onnx');
      await expectRejection('E_TOO_LARGE', () => saveModel(model, target));
      await expectRejection('E_TOO_LARGE', () => saveBytes(model));
    });
  });

  function varintOf(value: number): Uint8Array {
    return field(1, 0, value).subarray(1);
  }
});

test('hundreds of files, one for each tensor, as torch writes them', async () => {
  const dir = tempDir();
  const path = join(dir, 'in.onnx');
  const tensors = Array.from({ length: 300 }, (_, i) => ({ name: `w${i}`, location: `onnx__MatMul_${i}`, count: 4 }));
  writeExternal(
    path,
    externalModel(tensors),
    Object.fromEntries(tensors.map(({ location }, i) => [location, someBytes(16, i)])),
  );
  const out = tempDir();
  const report = await convert(path, join(out, 'm.onnx'));
  expect(report.files).toHaveLength(2);
  expect(await contents(join(out, 'm.onnx'))).toEqual(await contents(path));
});

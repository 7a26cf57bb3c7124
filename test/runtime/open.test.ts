import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { saveBytes } from '../../src/io/save.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { openSession } from '../../src/runtime/open.ts';
import type { InferenceSession } from '../../src/runtime/session.ts';
import { expectRejection } from '../support/errors.ts';
import { buildModel } from '../support/model-builder.ts';
import { tempDir } from '../support/temp-dir.ts';

/** A file whose model halves and gates its input with a plugin operator. */
async function pluginModel(shape: readonly (number | string)[] = [1, 4]): Promise<string> {
  const path = join(tempDir(), 'gelu.onnx');
  const model = buildModel(13, (graph) => {
    graph.output(graph.op('SliceTransGeluMul', [graph.input('x', shape)], { outputs: ['y'] }), [1, 2]);
  });
  writeFileSync(path, await saveBytes(model));
  return path;
}

async function outputOf(session: InferenceSession): Promise<number[]> {
  const x = { dataType: DataType.FLOAT, dims: [1, 4], data: Float32Array.of(1, 2, 0.3, -0.3) };
  const y = (await session.run(new Map([['x', x]]))).get('y');
  await session.close();
  return Array.from(y?.data ?? [], Number);
}

describe('a session for a file', () => {
  test('runs plugin operators as standard ones', async () => {
    const path = await pluginModel();
    const gelu = (u: number): number => u / (1 + Math.exp(-1.702 * u));
    const [first, second] = await outputOf(await openSession(path));
    expect(first).toBeCloseTo(gelu(0.3), 6);
    expect(second).toBeCloseTo(2 * gelu(-0.3), 6);
    const rounded = await outputOf(await openSession(path, { emulate: 'fp16' }));
    expect(rounded[0]).not.toBe(first);
    expect(rounded[0]).toBeCloseTo(gelu(0.3), 3);
  });

  test('names a plugin operator that has no standard counterpart', async () => {
    const path = join(tempDir(), 'masked.onnx');
    const model = buildModel(13, (graph) => {
      const [q, mask] = [graph.input('q', [1, 2, 16, 8]), graph.input('m', [16, 16])];
      graph.output(graph.op('PromptFlashAttention', [q, q, q, mask], { name: 'attention' }), [1, 2, 16, 8]);
    });
    writeFileSync(path, await saveBytes(model));
    const error = await expectRejection('E_SESSION_LOAD', () => openSession(path));
    expect(error.where).toMatchObject({ file: path, name: 'attention' });
  });

  test.each([
    ['unet.pt', '.onnx or .om'],
    ['unet', 'no ending'],
  ])('has no backend for %s', async (name, word) => {
    const error = await expectRejection('E_SESSION_LOAD', () => openSession(name));
    expect(error.message).toContain(word);
  });

  test('refuses a file that is for another backend than asked for', async () => {
    const onnx = await expectRejection('E_SESSION_LOAD', () => openSession('unet.onnx', { backend: 'acl' }));
    expect(onnx.hint).toBe('compile it first');
    const om = await expectRejection('E_SESSION_LOAD', () => openSession('unet.om', { backend: 'ort' }));
    expect(om).toMatchObject({ expected: 'ort', found: 'acl' });
  });

  test('a file that is missing is an error of the file', async () => {
    await expectRejection('E_FILE_MISSING', () => openSession(join(tempDir(), 'unet.onnx')));
  });
});

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeChain } from '../../bench/files.ts';
import { openModel } from '../../src/io/open.ts';
import { requireSound } from '../../src/ir/invariants.ts';
import { tempDir } from '../support/temp-dir.ts';

test('a chain has the number of nodes asked for, work for every clean-up pass, and its weights inside', async () => {
  const folder = tempDir();
  await writeChain(join(folder, 'chain.onnx'), 50);
  expect(readdirSync(folder)).toEqual(['chain.onnx']);
  const model = await openModel(join(folder, 'chain.onnx'));
  requireSound(model, { order: true });
  expect(model.graph.nodes.size).toBe(50);
  for (const [opType, count] of [
    ['Identity', 5],
    ['Dropout', 5],
    ['Add', 5],
    ['Slice', 10],
  ] as const) {
    expect([...model.graph.nodesOf(opType)]).toHaveLength(count);
  }
  const weight = model.graph.value('block.0.weight')?.initializer;
  expect(weight?.dims).toEqual([8, 8]);
  model.close();
});

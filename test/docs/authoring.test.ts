import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import type { Model } from '../../src/ir/model.ts';
import { checkModel } from '../../src/schema/check.ts';
import { runModel } from '../support/run-model.ts';
import { tempDir } from '../support/temp-dir.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/authoring.md'), 'utf8');

async function example(): Promise<(opset: number) => Model> {
  const [, name = '', code = ''] = /^```ts file=(\S+)\n([\s\S]*?)^```$/m.exec(page) ?? [];
  const file = join(tempDir(), name);
  writeFileSync(file, code.replace("'sdgraph'", `'${pathToFileURL(join(ROOT, 'src/index.ts')).href}'`));
  return ((await import(pathToFileURL(file).href)) as { gatedLinear: (opset: number) => Model }).gatedLinear;
}

describe('docs/authoring.md', () => {
  test('the network on the page has the names that the page says, and is a model others accept', async () => {
    const gatedLinear = await example();
    for (const opset of [11, 13, 18, 21]) {
      const model = gatedLinear(opset);
      const names = [...model.graph.nodes].filter(({ opType }) => opType !== 'Constant').map(({ name }) => name);
      expect(names).toEqual(['/layers.0/Gemm', '/act/Sigmoid', '/act/Mul', '/ReduceMean']);
      expect(model.graph.initializers.map(({ name }) => name)).toEqual(['layers.0.weight']);
      expect(checkModel(model)).toEqual([]);
    }
  });

  test('the network on the page computes what it says', async () => {
    const gatedLinear = await example();
    const feeds = { x: new ort.Tensor('float32', [1, 2, 3, -1, 0, 1], [2, 3]) };
    const silu = (x: number): number => x / (1 + Math.exp(-x));
    const expected = [
      [1, 2, 3, 6],
      [-1, 0, 1, 0],
    ].map((row) => row.reduce((sum, x) => sum + silu(x), 0) / 4);
    for (const opset of [11, 18]) {
      const mean = (await runModel(gatedLinear(opset), feeds)).get('mean')?.data ?? [];
      for (const [i, value] of expected.entries()) expect(mean[i]).toBeCloseTo(value, 5);
    }
  });
});

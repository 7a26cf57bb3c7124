import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { listing } from '../support/apply-pass.ts';
import { buildModel } from '../support/model-builder.ts';
import { runModel, someFloats } from '../support/run-model.ts';
import { tempDir } from '../support/temp-dir.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** Writes the files that the page contains into a folder, with `sdgraph` standing for this checkout. */
function writeExamples(dir: string): string[] {
  const page = readFileSync(join(ROOT, 'docs/writing-a-pass.md'), 'utf8');
  const blocks = [...page.matchAll(/^```ts file=(\S+)\n([\s\S]*?)^```$/gm)];
  for (const [, name = '', code = ''] of blocks) {
    writeFileSync(join(dir, name), code.replace("'sdgraph'", `'${pathToFileURL(join(ROOT, 'src/index.ts')).href}'`));
  }
  return blocks.map(([, name = '']) => name);
}

function clipActivation(factor: number): Promise<Uint8Array> {
  const model = buildModel(17, (g) => {
    const x = g.input('x', [2, 8]);
    const act = g.op('Mul', [x, g.op('Sigmoid', [g.op('Mul', [x, g.scalar(factor)])])], { name: '/mlp/act/Mul_1' });
    g.output(g.op('Neg', [act], { outputs: ['y'] }));
  });
  return saveBytes(model);
}

describe('docs/writing-a-pass.md', () => {
  test('the pass on the page does what the page says', async () => {
    const dir = tempDir();
    expect(writeExamples(dir)).toEqual(['fuse-quick-gelu.ts', 'use.ts']);
    const { shrink } = (await import(pathToFileURL(join(dir, 'use.ts')).href)) as {
      shrink: (from: string, to: string) => Promise<string[]>;
    };
    const [from, to] = [join(dir, 'clip.onnx'), join(dir, 'small.onnx')];
    writeFileSync(from, await clipActivation(1.702));
    expect(await shrink(from, to)).toEqual(["applied /mlp/act/Mul_1: quick-gelu: QuickGelu '/mlp/act/QuickGelu'"]);
    const small = await openModel(to);
    expect(listing(small)).toEqual(
      ['Mul_1_output_0 = QuickGelu(x)', 'y = Neg(Mul_1_output_0)'].map((line) =>
        line.replaceAll('Mul_1_output_0', '/mlp/act/Mul_1_output_0'),
      ),
    );
    const feeds = { x: new ort.Tensor('float32', someFloats(16), [2, 8]) };
    const before = (await runModel(await openModel(from), feeds)).get('y')?.data ?? [];
    const after = (await runModel(small, feeds)).get('y')?.data ?? [];
    for (const [i, value] of before.entries()) expect(after[i]).toBeCloseTo(value, 5);
    small.close();
  });

  test('another factor is refused, and the error says so', async () => {
    const dir = tempDir();
    writeExamples(dir);
    const { shrink } = (await import(pathToFileURL(join(dir, 'use.ts')).href)) as {
      shrink: (from: string, to: string) => Promise<string[]>;
    };
    const from = join(dir, 'clip.onnx');
    writeFileSync(from, await clipActivation(1.5));
    await expect(shrink(from, join(dir, 'small.onnx'))).rejects.toMatchObject({
      code: 'E_REWRITE_MISSING',
      found: expect.stringMatching(/the factor is 1\.5 and not 1\.702/) as unknown,
    });
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { saveModel } from '../../src/io/save.ts';
import { floatTensor } from '../../src/ir/constants.ts';
import { Model } from '../../src/ir/model.ts';
import type { Tensor } from '../../src/ir/tensor.ts';
import { type Compiled, compile } from '../support/compile.ts';
import { tempDir } from '../support/temp-dir.ts';

let compiled: Compiled;

beforeAll(() => {
  compiled = compile('test/support/save-child.ts');
});
afterAll(() => compiled.remove());

/** Lets a process save in place again and again, and kills it some time after a save. */
async function killWhileSaving(target: string, saves: number, delay: number): Promise<void> {
  const job = JSON.stringify({ target, bytes: 300_000 });
  const child = spawn(process.execPath, [compiled.path('test/support/save-child.ts'), job], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let seen = 0;
  for await (const chunk of child.stdout) {
    seen += (chunk as Buffer).length;
    if (seen >= saves) break;
  }
  // Spread over one save without a timer: the kill falls wherever the other process happens to be.
  for (let spin = 0; spin < delay; spin++) Math.sqrt(spin);
  child.kill('SIGKILL');
  await once(child, 'close');
}

test('killed at any moment of a save in place, the model there is whole, and so are the weights it names', async () => {
  const target = join(tempDir(), 'model.onnx');
  const model = new Model();
  const weight = model.graph.addInitializer(
    floatTensor(
      Array.from({ length: 1024 }, () => 0),
      [1024],
      'w',
    ),
  );
  model.graph.addOutput(weight);
  model.setMetadata('generation', '0');
  await saveModel(model, target, { externalData: 'single' });
  const generations = new Set<string>();
  for (let round = 0; round < 16; round++) {
    await killWhileSaving(target, 1 + (round % 3), round * 800_000);
    const found = await openModel(target);
    const generation = found.metadata.get('generation') ?? '';
    generations.add(generation);
    const tensor = found.graph.initializers[0]?.initializer as Tensor;
    expect(tensor.storage.kind).toBe('external');
    expect(new Set(tensor.read())).toEqual(new Set([Number(generation)]));
    found.close();
  }
  expect(generations.size).toBeGreaterThan(1);
  // A further save clears up what killed ones left unfinished.
  const last = await openModel(target);
  await saveModel(last, target, { externalData: 'single', inPlace: true });
  last.close();
  expect(readdirSync(join(target, '..')).filter((name) => name.includes('.sdgraph-'))).toEqual([]);
});

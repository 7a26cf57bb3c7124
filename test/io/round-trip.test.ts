import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { saveBytes, saveModel } from '../../src/io/save.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { floatTensor } from '../../src/ir/constants.ts';
import type { Model } from '../../src/ir/model.ts';
import { sortGraph } from '../../src/ir/sort.ts';
import { realModelFiles, realModels } from '../support/real-models.ts';
import { expectSameBytes } from '../support/same-bytes.ts';
import { tempDir } from '../support/temp-dir.ts';
import { arbWireModel } from '../support/wire-arbitraries.ts';

const awkward = new URL('../../fixtures/awkward-wire/', import.meta.url);
const files = readdirSync(awkward).filter((name) => name.endsWith('.onnx'));

/** Edits of every kind in every scope; some refuse, which is fine: all of it is taken back. */
function editEverything(model: Model): void {
  for (const graph of model.scopes()) {
    for (const value of [...graph.values()]) {
      attempt(() => (value.name = `${value.name}'`));
      attempt(() => value.setType({ kind: 'tensor', elemType: 1, shape: [1, 'n', undefined] }));
      attempt(() => graph.setInitializer(value, floatTensor([1], [1])));
      attempt(() => graph.dropInfo(value));
    }
    const input = graph.addInput('x', { kind: 'tensor', elemType: 1 });
    const constant = graph.kind === 'function' ? input : graph.addInitializer(floatTensor([1, 2], [2], 'w'));
    for (const node of graph.nodes) {
      node.name = `${node.name}'`;
      node.opType = `${node.opType}'`;
      node.setAttribute(Attribute.int('axis', 5));
      node.removeAttribute('alpha');
      const added = graph.insert({ opType: 'Add', inputs: [constant, node.inputs[0]] }, { before: node });
      node.setInput(3, added.output());
      for (const output of node.outputs) if (output !== undefined) output.replaceAllUsesWith(input);
      attempt(() => graph.remove(node));
      attempt(() => sortGraph(graph));
    }
    graph.addOutput(constant);
    attempt(() => graph.setOutput(0, input));
    attempt(() => graph.removeOutput(0));
    attempt(() => graph.removeInput(input));
  }
  model.setMetadata('a', 'b');
  model.setOpset('com.example', 2);
}

function attempt(edit: () => void): void {
  try {
    edit();
  } catch {
    // Refused.
  }
}

function rollBack(model: Model): void {
  const { revision } = model;
  const stop = new Error('take it back');
  expect(() =>
    model.transaction(() => {
      editEverything(model);
      throw stop;
    }),
  ).toThrow(stop);
  expect(model.revision).toBe(revision);
}

describe('a model that was not edited is saved as it came', () => {
  test.each(files)('%s', async (name) => {
    const bytes = new Uint8Array(readFileSync(new URL(name, awkward)));
    const model = await openModel(bytes);
    expectSameBytes(await saveBytes(model), bytes);
    rollBack(model);
    expectSameBytes(await saveBytes(model), bytes);
  });

  test.each(realModels())('$name, from an exporter', async ({ bytes }) => {
    const model = await openModel(bytes);
    expectSameBytes(await saveBytes(model), bytes);
    rollBack(model);
    expectSameBytes(await saveBytes(model), bytes);
  });

  test('any model', async () => {
    await fc.assert(
      fc.asyncProperty(arbWireModel(), async (bytes) => {
        expectSameBytes(await saveBytes(await openModel(bytes)), bytes);
      }),
      { numRuns: 500 },
    );
  });

  test('any model, edited everywhere and taken back', async () => {
    await fc.assert(
      fc.asyncProperty(arbWireModel(), async (bytes) => {
        const model = await openModel(bytes);
        rollBack(model);
        expectSameBytes(await saveBytes(model), bytes);
      }),
      { numRuns: 200 },
    );
  });

  test('from file to file', async () => {
    const dir = tempDir();
    for (const { name, path, bytes } of realModelFiles()) {
      const model = await openModel(path);
      const target = join(dir, name);
      const report = await saveModel(model, target);
      model.close();
      expectSameBytes(new Uint8Array(readFileSync(target)), bytes);
      expect(report).toMatchObject({
        encoded: 0,
        copied: bytes.length,
        files: [{ path: target, bytes: bytes.length }],
      });
    }
  });
});

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { findViolations } from '../../src/ir/invariants.ts';
import { expectSameBytes } from '../support/same-bytes.ts';
import { structureOfBytes, structureOfModel } from '../support/structure.ts';

/** The test data of the onnx package; Debian has it in libonnx-testdata. */
const folder = process.env['SDGRAPH_ONNX_TESTDATA'] ?? '/usr/lib/python3/dist-packages/onnx/backend/test/data';

const models = existsSync(folder)
  ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.onnx'))
      .toSorted()
  : [];

test('every model of the official ONNX test data opens, is sound, and is saved byte for byte', async (context) => {
  if (models.length === 0)
    context.skip(`no models in ${folder}: set SDGRAPH_ONNX_TESTDATA or install libonnx-testdata`);
  const unsound: string[] = [];
  for (const name of models) {
    const bytes = new Uint8Array(readFileSync(join(folder, name)));
    const model = await openModel(bytes);
    expectSameBytes(await saveBytes(model), bytes);
    expect(structureOfModel(model), name).toEqual(structureOfBytes(bytes));
    if (findViolations(model, { order: true }).length > 0) unsound.push(name);
  }
  expect(unsound).toEqual([]);
  process.stdout.write(`ONNX test data: ${models.length} models saved byte for byte\n`);
});

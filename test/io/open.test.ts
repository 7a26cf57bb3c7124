import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { expectRejection } from '../support/errors.ts';
import { field, message } from '../support/proto-writer.mjs';
import { tempDir } from '../support/temp-dir.ts';

test('says what is wrong with a path', async () => {
  const dir = tempDir();
  mkdirSync(join(dir, 'folder'));
  await expectRejection('E_FILE_MISSING', () => openModel(join(dir, 'missing.onnx')));
  const { hint } = await expectRejection('E_FILE_READ', () => openModel(join(dir, 'folder')));
  expect(hint).toBe('Name a file in it.');
  await expectRejection('E_FILE_READ', () => openModel(`${dir}/a\0b`));
});

test('says in which file and where bytes are wrong, and lets the file go', async () => {
  const path = join(tempDir(), 'broken.onnx');
  writeFileSync(path, message([field(1, 0, 8), Uint8Array.of(0x3a, 0x05)]));
  const error = await expectRejection('E_WIRE_TRUNCATED', () => openModel(path));
  expect(error.where).toEqual({ file: path, offset: 4 });
  expect(error.message).toContain(`${path}@0x4`);
});

test.each([
  { why: 'a program', bytes: Buffer.from('7f454c4602010100', 'hex'), code: 'E_WIRE_TAG' },
  { why: 'a model cut off', bytes: Buffer.from('08083a7f0a', 'hex'), code: 'E_WIRE_TRUNCATED' },
  { why: 'an endless integer', bytes: Buffer.from(`08${'ff'.repeat(11)}`, 'hex'), code: 'E_WIRE_VARINT' },
] as const)('hints that the file may be no model: $why', async ({ bytes, code }) => {
  const path = join(tempDir(), 'file');
  writeFileSync(path, bytes);
  for (const source of [path, bytes]) {
    const { hint } = await expectRejection(code, () => openModel(source));
    expect(hint).toBe('the file is damaged, cut off, or no ONNX model');
  }
});

test('reads the producer, versions and metadata', async () => {
  const bytes = message([
    ...[field(3, 2, '2.0'), field(1, 0, 9), field(2, 2, 'maker'), field(7, 2, '')],
    ...[
      field(8, 2, message([field(1, 2, 'ai.onnx'), field(2, 0, 17)])),
      field(14, 2, message([field(1, 2, 'k'), field(2, 2, 'v')])),
    ],
  ]);
  const model = await openModel(bytes);
  expect([model.producer, model.irVersion, model.opset(), model.opset('ai.onnx'), model.opset('other')]).toEqual([
    'maker 2.0',
    9,
    17,
    17,
    undefined,
  ]);
  expect([...model.metadata]).toEqual([['k', 'v']]);
  model.setOpset('', 18);
  expect([...model.opsets]).toEqual([['ai.onnx', 18]]);
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isOmFile } from '../../../src/ascend/om/detect.ts';
import { omFindings } from '../../../src/ascend/om/findings.ts';
import { readOm } from '../../../src/ascend/om/read.ts';
import { OM_RULES } from '../../../src/ascend/om/rules.ts';
import { loadTarget } from '../../../src/targets/index.ts';
import { MemorySource } from '../../../src/wire/source.ts';
import { graph, read } from '../../support/om-models.ts';
import { i64, omFile } from '../../support/om-writer.ts';
import { tempDir } from '../../support/temp-dir.ts';

const { soc } = loadTarget('ascend310p-aie-7.0');

describe('findings', () => {
  test('of a sound model: none', () => {
    expect(omFindings(read({ models: [[graph(undefined, { soc_version: 'Ascend310P3' })]] }), soc)).toEqual([]);
  });

  test('of a refused file: why', () => {
    const report = readOm(new MemorySource(omFile({ name: 'm', models: [[graph()]] }).subarray(0, -1)));
    expect(omFindings(report)).toMatchObject([
      { rule: 'om-size-mismatch', severity: 'error', message: 'the file is cut short' },
    ]);
  });

  test.each([
    ['Ascend910B4', 'om-other-soc', 'error'],
    ['Ascend310', 'om-other-soc', 'error'],
    ['', 'om-soc-unknown', 'info'],
  ])("of a model for the chip '%s'", (version, rule, severity) => {
    const report = read({ models: [[graph(undefined, { soc_version: version })]] });
    expect(omFindings(report, soc)).toMatchObject([{ rule, severity }]);
    expect(omFindings(report)).toEqual([]);
  });

  test('left-over bytes are a warning where the file is read all the same', () => {
    const bytes = Buffer.from(omFile({ name: 'm', models: [[graph()]] }));
    bytes.writeUInt32LE(bytes.length - 256 + 4, 76);
    const report = readOm(new MemorySource(Buffer.concat([bytes, Buffer.alloc(4)])));
    expect(omFindings(report)).toMatchObject([{ rule: 'om-payload-rest', severity: 'warning' }]);
  });

  test('of files inside say where, and tell a problem once', () => {
    const inner = omFile({ name: 'm', models: [[graph(undefined, { soc_version: 'Ascend910B4' })]] });
    const bundle = (bytes: Uint8Array) =>
      read({
        name: '',
        modelType: 5,
        wide: true,
        models: [
          [
            { type: 25, bytes: i64(0n) },
            { type: 24, bytes },
          ],
        ],
      });
    expect(omFindings(bundle(inner), soc)).toMatchObject([{ rule: 'om-other-soc', where: { path: 'inner[0]' } }]);
    expect(omFindings(bundle(inner.subarray(0, -1)), soc)).toMatchObject([
      { rule: 'om-size-mismatch', where: { path: 'inner[0]' } },
    ]);
  });
});

test('ids of rules begin alike, and summaries are sentences without a period', () => {
  for (const [id, { summary }] of Object.entries(OM_RULES)) {
    expect(id).toMatch(/^om-[a-z0-9-]+$/u);
    expect(summary).toMatch(/^[a-z].*[^.]$/u);
  }
});

describe('a file is read as a compiled model', () => {
  test.each([
    ['by its first bytes', 'model.bin', 'IMOD', true],
    ['by its name, when the bytes say nothing', 'model.om', 'garbage', true],
    ['never when it is an ONNX model', 'model.om', '\u0008\u0007\u0012\u0007pytorch', false],
    ['not by other names', 'model.onnx', 'garbage', false],
    ['as an archive', 'model.bin', 'PK\u0003\u0004', true],
    ['when empty, by its name', 'model.OM', '', true],
  ])('%s', (_why, name, content, expected) => {
    const path = join(tempDir(), name);
    writeFileSync(path, content, 'latin1');
    expect(isOmFile(path)).toBe(expected);
  });
});

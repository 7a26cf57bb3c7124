import { describe, expect, test } from 'vitest';
import { readOm } from '../../../src/ascend/om/read.ts';
import type { OmReport } from '../../../src/ascend/om/report.ts';
import { MemorySource } from '../../../src/wire/source.ts';
import { ADD, DATA, FLOAT, graph, OUTPUT, read, warningsOf } from '../../support/om-models.ts';
import { attr, box, modelDef, num, type OmFile, omFile } from '../../support/om-writer.ts';

describe('warnings', () => {
  const weights = { type: 1, bytes: new Uint8Array(64) };

  test.each([
    ['name-differs', { name: 'other', models: [[graph()]] }],
    ['weight-size', { models: [[graph(undefined, { weight_size: 63n }), weights]] }],
    ['weight-size', { models: [[graph(undefined, { om_info_list: [63n, 0n] }), weights]] }],
    ['not-inference', { models: [[graph([ADD, OUTPUT])]] }],
    ['not-inference', { models: [[graph([DATA, ADD])]] }],
    ['dynamic-unmarked', { models: [[graph([{ ...DATA, inputs: [{ ...FLOAT, shape: [-1n] }] }, OUTPUT])]] }],
    ['duplicate-partition', { models: [[graph(), weights, weights]] }],
    ['encrypted', { encrypted: true, models: [[graph()]] }],
  ])('%s', (id, file) => {
    expect(warningsOf(read(file))).toEqual([id]);
  });

  test('none for external weights, nor for a long name that the header cuts', () => {
    const long = 'ü'.repeat(20);
    const def = { type: 0, bytes: modelDef(long, [DATA, ADD, OUTPUT], { weight_size: 0n, om_info_list: [0n] }) };
    expect(warningsOf(read({ name: long, models: [[def]] }))).toEqual([]);
  });
});

describe('refusals', () => {
  const change = (edit: (bytes: Buffer) => Uint8Array | undefined, file: Partial<OmFile> = {}): OmReport => {
    const bytes = Buffer.from(omFile({ name: 'm', models: [[graph()]], ...file }));
    return readOm(new MemorySource(edit(bytes) ?? bytes), { depth: 'full' });
  };

  test.each<[string, (bytes: Buffer) => Uint8Array | undefined]>([
    ['too-small', (bytes) => bytes.subarray(0, 255)],
    ['size-mismatch', (bytes) => Buffer.concat([bytes, Buffer.alloc(1)])],
    ['size-mismatch', (bytes) => (bytes.fill(0xff, 184, 192), undefined)],
    ['bad-header-size', (bytes) => (bytes.writeUInt32LE(512, 4), undefined)],
    ['table-count', (bytes) => (bytes.writeUInt32LE(0, 256), undefined)],
    ['table-count', (bytes) => (bytes.writeUInt32LE(9, 256), undefined)],
    ['table-outside', (bytes) => (bytes.writeUInt32LE(20, 76), bytes.writeUInt32LE(8, 256), bytes.subarray(0, 276))],
    ['table-outside', (bytes) => (bytes.writeUInt32LE(2, 76), bytes.subarray(0, 258))],
    ['partition-outside', (bytes) => (bytes.writeUInt32LE(0xffffffff, 268), undefined)],
    ['limit', (bytes) => (bytes.writeUInt32LE(0xffffffff, 156), undefined)],
    ['table-outside', (bytes) => (bytes.writeUInt32LE(2, 156), undefined)],
    ['model-def-missing', (bytes) => (bytes.writeUInt32LE(2, 260), undefined)],
    ['lfs-pointer', () => Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n')],
    ['om2', () => Buffer.from('PK\u0003\u0004 and so on')],
    ['is-onnx', () => Buffer.from([8, 7, 0x12, 7, ...Buffer.from('pytorch')])],
    ['too-small', () => Buffer.alloc(0)],
    ['bad-magic', () => Buffer.alloc(400)],
  ])('%s', (id, edit) => {
    expect(change(edit).problem?.id).toBe(id);
  });

  test('a file for nano chips is known by its extension', () => {
    const source = new MemorySource(omFile({ name: 'm', models: [[graph()]] }), 'net.exeom');
    expect(readOm(source)).toMatchObject({ container: 'exeom', problem: { id: 'exeom' } });
  });

  test('bytes behind the last of several models', () => {
    const report = change(
      (bytes) => {
        bytes.writeUInt32LE(bytes.length + 4 - 256, 76);
        return Buffer.concat([bytes, Buffer.alloc(4)]);
      },
      { models: [[graph()], [graph()]] },
    );
    expect(report.problem?.id).toBe('payload-rest');
  });

  test('but behind a single one they are a warning', () => {
    const report = change((bytes) => {
      bytes.writeUInt32LE(bytes.length + 4 - 256, 76);
      return Buffer.concat([bytes, Buffer.alloc(4)]);
    });
    expect(warningsOf(report)).toEqual(['payload-rest']);
  });

  test('offsets that are not the sum of sizes, and versions not known, are warnings', () => {
    const report = change((bytes) => {
      bytes.writeUInt32LE(0x30000000, 8);
      bytes.writeUInt32LE(4, 264);
      return undefined;
    });
    expect(warningsOf(report)).toEqual(['unknown-version', 'partition-offset']);
  });

  test.each([
    ['a group', Uint8Array.from([0x13, 0x14])],
    ['a field that is too long', Uint8Array.from([0x0a, 0x7f, 0x00])],
    ['no graph', box(1, 'm')],
    ['a rank that no tensor has', modelDef('m', [{ ...DATA, inputs: [{ ...FLOAT, shape: Array(65).fill(1n) }] }])],
    ['an impossible dimension', modelDef('m', [{ ...DATA, inputs: [{ ...FLOAT, shape: [1n << 60n] }] }])],
    ['a negative dimension', modelDef('m', [{ ...DATA, inputs: [{ ...FLOAT, shape: [-3n, 1n] }] }])],
  ])('a description with %s', (_what, bytes) => {
    expect(read({ models: [[{ type: 0, bytes }]] }).problem?.id).toBe('model-def-invalid');
  });

  test('damage in a part that is not reported is found in full', () => {
    const broken = box(7, box(6, box(1, 'add'), box(2, 'Add'), box(10, Uint8Array.from([0x0a, 0x05]))));
    const file = { models: [[{ type: 0, bytes: broken }]] };
    expect(read(file, 'interface').problem).toBeNull();
    expect(read(file, 'full').problem?.id).toBe('model-def-invalid');
  });

  test('graphs in attributes, without end', () => {
    let value = num(3, 1);
    for (let i = 0; i < 30; i++) value = box(13, box(6, box(10, box(2, value))));
    const bytes = Buffer.concat([box(7, box(1, 'g')), box(11, box(1, 'deep'), box(2, value))]);
    expect(read({ models: [[{ type: 0, bytes }]] }).problem?.id).toBe('model-def-invalid');
    expect(
      read({ models: [[{ type: 0, bytes: Buffer.concat([bytes, attr(11, 'a', 'b')]) }]] }, 'interface').problem,
    ).toBeNull();
  });
});

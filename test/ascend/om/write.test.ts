import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OmPartition } from '../../../src/ascend/om/partitions.ts';
import { openOm, readOm } from '../../../src/ascend/om/read.ts';
import { type OmSpec, writeOm } from '../../../src/ascend/om/write.ts';
import { encodeHead } from '../../../src/ascend/om/write-head.ts';
import { MemorySource } from '../../../src/wire/source.ts';
import { expectError } from '../../support/errors.ts';
import { omFile } from '../../support/om-writer.ts';
import { tempDir } from '../../support/temp-dir.ts';

const UNET: OmSpec = {
  name: 'unet',
  inputs: [
    { name: 'latent_model_input', dtype: 'FLOAT', shape: [2, 4, 64, 64], format: 'NCHW' },
    { name: 't', dtype: 'INT64', shape: [1] },
  ],
  outputs: [
    { name: 'output', node: '/conv_out/Conv', index: 0, dtype: 'FLOAT', shape: [2, 4, 64, 64], format: 'NCHW' },
  ],
  operators: [{ name: '/conv_out/Conv', type: 'Conv2D', inputs: ['latent_model_input:0'] }],
  socVersion: 'Ascend310P3',
  atcVersion: '7.6.T9.0.B061',
  atcCmdline: 'atc --model=unet.onnx --soc_version=Ascend310P3',
};

function bytesOf(path: string, { offset, size }: OmPartition): Uint8Array {
  return new Uint8Array(readFileSync(path)).subarray(offset, offset + size);
}

test('what was written is read', () => {
  const path = join(tempDir(), 'unet.om');
  const weights = new MemorySource(Uint8Array.from({ length: 100 }, (_, i) => i));
  const written = writeOm(path, {
    ...UNET,
    attributes: new Map<string, string | number>([
      ['stream_num', 1],
      ['target_type', 'MINI'],
    ]),
    weights: [
      { source: weights, offset: 90, length: 10 },
      { source: weights, offset: 0, length: 3 },
    ],
  });
  expect(written).toEqual({ path, bytes: statSync(path).size, weightBytes: 13 });
  const report = openOm(path, { depth: 'full' });
  expect(report.warnings).toEqual([]);
  const [model] = report.models;
  expect(model).toMatchObject({
    name: 'unet',
    socVersion: 'Ascend310P3',
    frameworkType: 'Onnx',
    atcVersion: '7.6.T9.0.B061',
    oppVersion: '7.6.T9.0.B061',
    atcCmdline: 'atc --model=unet.onnx --soc_version=Ascend310P3',
    targetType: 'MINI',
    weightSize: 13,
    gears: null,
    isDynamic: false,
    inputs: [
      { name: 'latent_model_input', dtype: 'FLOAT', shape: [2, 4, 64, 64], format: 'NCHW', bytes: 131_072 },
      { name: 't', dtype: 'INT64', shape: [1], format: 'ND', bytes: 8 },
    ],
    outputs: [{ name: '/conv_out/Conv:0:output', dtype: 'FLOAT', shape: [2, 4, 64, 64], format: 'NCHW' }],
    operators: [
      { type: 'Data' },
      { type: 'Data' },
      { name: '/conv_out/Conv', type: 'Conv2D', inputs: ['latent_model_input:0'] },
      { type: 'NetOutput', inputs: ['/conv_out/Conv:0'] },
    ],
  });
  const data = model?.partitions.find(({ name }) => name === 'WEIGHTS_DATA') as OmPartition;
  expect([...bytesOf(path, data)]).toEqual([90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 0, 1, 2]);
});

test('header and table are those of an independent writer', () => {
  const path = join(tempDir(), 'unet.om');
  writeOm(path, { ...UNET, weights: [] });
  const partitions = openOm(path, { depth: 'header' }).models[0]?.partitions ?? [];
  const parts = partitions.map((part) => ({ type: part.type, bytes: bytesOf(path, part) }));
  expect(new Uint8Array(readFileSync(path))).toEqual(omFile({ name: 'unet', models: [parts] }));
});

describe('gears', () => {
  const gears = { kind: 'dims', values: [[1, 64], [2, 96]] } as const; // biome-ignore format: one gear a list
  const spec: OmSpec = {
    ...UNET,
    inputs: [{ name: 'x', dtype: 'FLOAT16', shape: [-1, 4, -1], format: 'ND' }],
    outputs: [{ name: 'y', node: 'n', index: 2, dtype: 'FLOAT16', shape: [-1, 4, -1] }],
  };

  test('come with the input that picks one', () => {
    const path = join(tempDir(), 'gears.om');
    writeOm(path, { ...spec, gears, gearOutputs: [[[1, 4, 64]], [[2, 4, 96]]] });
    const report = openOm(path);
    expect(report.warnings).toEqual([]);
    expect(report.models[0]).toMatchObject({
      isDynamic: true,
      gears: { kind: 'dims', values: [[1, 64], [2, 96]] }, // biome-ignore format: one gear a list
      gearOutputs: [
        { gear: 0, output: 0, shape: [1, 4, 64] },
        { gear: 1, output: 0, shape: [2, 4, 96] },
      ],
      inputs: [
        { name: 'x', hidden: false, bytes: null },
        { name: 'ascend_mbatch_shape_data', hidden: true },
      ],
      outputs: [{ name: 'n:2:y' }],
    });
  });

  test.each([
    ['batch', [[1], [2], [4]]],
    ['image', [[64, 64], [96, 64]]], // biome-ignore format: one gear a list
  ] as const)('of kind %s', (kind, values) => {
    const path = join(tempDir(), 'gears.om');
    writeOm(path, { ...spec, gears: { kind, values } });
    expect(openOm(path).models[0]?.gears).toEqual({ kind, values, order: [] });
  });
});

const port = fc.record({
  name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 }).filter((text) => !text.startsWith('\0')),
  dtype: fc.constantFrom('FLOAT', 'FLOAT16', 'INT64', 'INT32', 'UINT8', 'BOOL', 'BFLOAT16', 'DOUBLE'),
  shape: fc.array(fc.nat(1 << 20), { maxLength: 6 }),
  format: fc.constantFrom('ND', 'NCHW', 'NHWC'),
});

test('random models come back', () => {
  const folder = tempDir();
  fc.assert(
    fc.property(
      fc.uniqueArray(port, { minLength: 1, maxLength: 4, selector: ({ name }) => name }),
      fc.array(port, { minLength: 1, maxLength: 4 }),
      (inputs, outputs) => {
        const path = join(folder, 'random.om');
        writeOm(path, { ...UNET, inputs, outputs: outputs.map((each, i) => ({ ...each, node: `n${i}`, index: i })) });
        const report = openOm(path, { depth: 'full' });
        expect(report.warnings).toEqual([]);
        expect(report.models[0]?.inputs).toMatchObject(inputs);
        expect(report.models[0]?.outputs).toMatchObject(
          outputs.map((each, i) => ({ ...each, name: `n${i}:${i}:${each.name}` })),
        );
      },
    ),
    { numRuns: 40 },
  );
});

test('beyond four gibibytes the tables are wide', () => {
  const path = join(tempDir(), 'large.om');
  const sizes = [
    { type: 0, size: 100 },
    { type: 1, size: 2 ** 32 },
  ];
  const head = encodeHead('large', sizes);
  const fd = openSync(path, 'w');
  writeSync(fd, head);
  ftruncateSync(fd, head.length + 100 + 2 ** 32);
  closeSync(fd);
  const report = openOm(path, { depth: 'header' });
  expect(report.warnings).toEqual([]);
  expect(report.header).toMatchObject({ length: 0, modelLength: head.length - 256 + 100 + 2 ** 32 });
  expect(report.models[0]?.partitions).toMatchObject(sizes);
});

test.each([2 ** 32 - 28 - 1, 2 ** 32 - 28])('the largest narrow file, and the smallest wide one: %i bytes', (size) => {
  const parts = [
    { type: 0, size: 0 },
    { type: 1, size },
  ];
  expect(encodeHead('m', parts).length).toBe(size + 28 < 2 ** 32 ? 256 + 28 : 256 + 56);
});

test('a source that fails leaves nothing behind', () => {
  const folder = tempDir();
  const source = new MemorySource(new Uint8Array(10));
  source.close();
  expectError('E_MODEL_CLOSED', () =>
    writeOm(join(folder, 'x.om'), { ...UNET, weights: [{ source, offset: 0, length: 10 }] }),
  );
  expect(readdirSync(folder)).toEqual([]);
});

test.each([
  ['an element type that does not exist', { dtype: 'FLOAT8E4M3FNUZ', shape: [1] }],
  ['a dimension that is none', { dtype: 'FLOAT', shape: [-2] }],
  ['half a dimension', { dtype: 'FLOAT', shape: [0.5] }],
])('%s is refused before anything is written', (_what, wrong) => {
  const folder = tempDir();
  expectError('E_OM', () => writeOm(join(folder, 'x.om'), { ...UNET, inputs: [{ name: 'x', ...wrong }] }));
  expect(readdirSync(folder)).toEqual([]);
});

test('an existing file is replaced whole', () => {
  const path = join(tempDir(), 'unet.om');
  writeOm(path, UNET);
  writeOm(path, { ...UNET, name: 'other' });
  expect(readOm(path).models[0]?.name).toBe('other');
});

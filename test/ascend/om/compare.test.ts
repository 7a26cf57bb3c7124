import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compareOmWithModel } from '../../../src/ascend/om/compare.ts';
import { openOm, readOm } from '../../../src/ascend/om/read.ts';
import type { OmReport } from '../../../src/ascend/om/report.ts';
import { type OmSpec, writeOm } from '../../../src/ascend/om/write.ts';
import { DataType } from '../../../src/ir/data-type.ts';
import type { Model } from '../../../src/ir/model.ts';
import { MemorySource } from '../../../src/wire/source.ts';
import { buildModel } from '../../support/model-builder.ts';
import { graph as graphPart } from '../../support/om-models.ts';
import { modelDef, omFile } from '../../support/om-writer.ts';
import { tempDir } from '../../support/temp-dir.ts';

/** `y = x + c`, `z = y * t`; the initializer `c` is no input. */
function model(): Model {
  return buildModel(13, (graph) => {
    const x = graph.input('x', ['batch', 4]);
    const t = graph.input('t', [1], DataType.INT64);
    const y = graph.op('Add', [x, graph.scalar(1)], { name: 'add', outputs: ['y'] });
    graph.output(y, ['batch', 4]);
    graph.output(graph.op('Cast', [t], { name: 'cast', outputs: ['z:1'] }), [1], DataType.INT64);
  });
}

const COMPILED: OmSpec = {
  name: 'm',
  inputs: [
    { name: 'x', dtype: 'FLOAT', shape: [2, 4] },
    { name: 't', dtype: 'INT64', shape: [1] },
  ],
  outputs: [
    { name: 'y', node: 'PartitionedCall_add', index: 0, dtype: 'FLOAT', shape: [2, 4] },
    { name: 'z:1', node: 'cast', index: 0, dtype: 'INT64', shape: [1] },
  ],
  socVersion: 'Ascend310P3',
  atcVersion: '1',
  atcCmdline: 'atc --model=m.onnx',
};
const [X, T] = COMPILED.inputs as [OmSpec['inputs'][number], OmSpec['inputs'][number]];
const [Y, Z] = COMPILED.outputs as [OmSpec['outputs'][number], OmSpec['outputs'][number]];

function compiled(changes: Partial<OmSpec> = {}): OmReport {
  const path = join(tempDir(), 'm.om');
  writeOm(path, { ...COMPILED, ...changes });
  return openOm(path);
}

function differences(changes: Partial<OmSpec>): string[] {
  return compareOmWithModel(compiled(changes), model()).map(({ rule, where }) => `${rule} ${where.path}`);
}

test('a model is what it was compiled from', () => {
  expect(compareOmWithModel(compiled(), model())).toEqual([]);
});

test.each<[string, Partial<OmSpec>, string[]]>([
  ['an input is missing', { inputs: [X] }, ['om-other-input input', 'om-other-input input[1]']],
  ['an input is new', { inputs: [X, T, { ...T, name: 'new' }] }, ['om-other-input input']],
  ['an input has another name', { inputs: [X, { ...T, name: 'time' }] }, ['om-other-input input[1]']],
  ['an input has another type', { inputs: [X, { ...T, dtype: 'INT32' }] }, ['om-other-input input[1]']],
  ['an input has another size', { inputs: [{ ...X, shape: [2, 5] }, T] }, ['om-other-input input[0]']],
  ['an input has another rank', { inputs: [{ ...X, shape: [8] }, T] }, ['om-other-input input[0]']],
  ['inputs change places', { inputs: [T, X] }, ['om-other-input input[0]', 'om-other-input input[1]']],
  ['an output has another name', { outputs: [{ ...Y, name: 'yy' }, Z] }, ['om-other-output output[0]']],
  ['an output has another type', { outputs: [{ ...Y, dtype: 'FLOAT16' }, Z] }, ['om-other-output output[0]']],
  ['outputs change places', { outputs: [Z, Y] }, ['om-other-output output[0]', 'om-other-output output[1]']],
])('%s', (_what, changes, expected) => {
  expect(differences(changes)).toEqual(expected);
});

test('a difference is shown', () => {
  expect(compareOmWithModel(compiled({ inputs: [{ ...X, dtype: 'FLOAT16', shape: [2, 5] }, T] }), model())).toEqual([
    {
      rule: 'om-other-input',
      severity: 'error',
      where: { path: 'input[0]', value: 'x' },
      message: 'the input has another type or shape',
      expected: 'FLOAT[batch,4]',
      found: 'FLOAT16[2,5]',
    },
  ]);
});

describe('what the compiler was told to change is no difference', () => {
  test('element types of inputs', () => {
    const inputs = [{ ...X, dtype: 'FLOAT16' }, T];
    expect(differences({ inputs, atcCmdline: 'atc --input_fp16_nodes="a;x" --log=error' })).toEqual([]);
    expect(differences({ inputs: [X, T], atcCmdline: 'atc --input_fp16_nodes=x' })).toEqual([
      'om-other-input input[0]',
    ]);
  });

  test('element types of outputs', () => {
    const outputs = [
      { ...Y, dtype: 'FLOAT16' },
      { ...Z, dtype: 'FLOAT16' },
    ];
    expect(differences({ outputs, atcCmdline: 'atc --output_type=FP16' })).toEqual([]);
  });

  test('gears', () => {
    const gears = { kind: 'batch', values: [[1], [2]] } as const;
    expect(differences({ inputs: [{ ...X, shape: [-1, 4] }, T], gears })).toEqual([]);
  });
});

test('names that the file does not keep are compared by place', () => {
  const tensor = { dtype: 1, shape: [2n, 4n], layout: 'ND' };
  const number = { dtype: 8, shape: [1n], layout: 'ND' };
  const operators = [
    { name: 'x', type: 'Data', attrs: { index: 0n }, inputs: [tensor] },
    { name: 't', type: 'Data', attrs: { index: 1n }, inputs: [number] },
    { name: 'out', type: 'NetOutput', inputs: [tensor, number] },
  ];
  const bytes = modelDef('m', operators, { attr_model_out_nodes_name: ['add:0', 'cast:0'] });
  const report = readOm(new MemorySource(omFile({ name: 'm', models: [[{ type: 0, bytes }]] })));
  expect(compareOmWithModel(report, model()).map(({ rule, severity }) => [rule, severity])).toEqual([
    ['om-output-name-unknown', 'info'],
    ['om-output-name-unknown', 'info'],
  ]);
});

test('a file without models has nothing to compare', () => {
  const report = readOm(new MemorySource(omFile({ name: 'm', encrypted: true, models: [[graphPart()]] })));
  expect(compareOmWithModel(report, model())).toEqual([]);
});

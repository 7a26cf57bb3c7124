import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readOm } from '../../../src/ascend/om/read.ts';
import { MemorySource } from '../../../src/wire/source.ts';
import { DATA, FLOAT, graph, OUTPUT, read, warningsOf } from '../../support/om-models.ts';
import {
  box,
  i64,
  lines,
  modelDef,
  type OpSpec,
  omFile,
  type Part,
  record,
  texts,
  u32,
} from '../../support/om-writer.ts';

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((text) => !text.startsWith('\0'));
const shape = fc.array(fc.bigInt({ min: -1n, max: 1n << 20n }), { maxLength: 5 });
const TYPES = [
  [1, 'FLOAT', 0],
  [2, 'FLOAT16', 1],
  [3, 'INT8', 2],
  [8, 'INT64', 9],
  [11, 'BOOL', 12],
  [27, 'BFLOAT16', 27],
] as const;
const tensor = fc.record({ name, type: fc.constantFrom(...TYPES), shape, unpacked: fc.boolean() });
const arbitrary = fc.record({
  title: name,
  version: fc.constantFrom(1 as const, 2 as const),
  wide: fc.boolean(),
  inputs: fc.uniqueArray(tensor, { maxLength: 4, selector: (each) => each.name }),
  outputs: fc.array(tensor, { maxLength: 4 }),
  soc: fc.option(name, { nil: undefined }),
  weights: fc.uint8Array({ maxLength: 40 }),
  shuffle: fc.boolean(),
});

test('random models come back as they were written', () => {
  fc.assert(
    fc.property(arbitrary, ({ title, version, wide, inputs, outputs, soc, weights, shuffle }) => {
      const spec = (each: (typeof inputs)[number]) => ({
        dtype: each.type[0],
        shape: each.shape,
        layout: 'NCHW',
        unpacked: each.unpacked,
      });
      const data = inputs.map((each, i) => ({
        name: each.name,
        type: 'Data',
        attrs: { index: BigInt(i) },
        inputs: [spec(each)],
      }));
      const output = { name: 'Node_Output', type: 'NetOutput', inputs: outputs.map(spec) };
      const attrs = {
        weight_size: BigInt(weights.length),
        ...(soc === undefined ? {} : { soc_version: soc }),
        ...(outputs.length === 0 ? {} : { attr_model_out_nodes_name: outputs.map((each) => each.name) }),
      };
      const def = modelDef(title, [...(shuffle ? data.toReversed() : data), output], attrs);
      const models = [
        [
          { type: 0, bytes: def },
          { type: 1, bytes: weights },
        ],
      ];
      const report = read({ name: title, version, wide: version === 2 && wide, models, unknownModel: true });
      expect(report.problem).toBeNull();
      const ports = (list: typeof inputs) =>
        list.map((each) => ({
          name: each.name,
          dtype: each.type[1],
          aclType: each.type[2],
          shape: each.shape.map(Number),
          format: 'NCHW',
        }));
      expect(report.models).toMatchObject([
        { name: title, socVersion: soc ?? null, inputs: ports(inputs), outputs: ports(outputs) },
      ]);
      const unexpected = report.warnings.filter(({ id }) => id !== 'not-inference' && id !== 'dynamic-unmarked');
      expect(unexpected).toEqual([]);
    }),
  );
});

describe('sizes', () => {
  test.each([
    ['FLOAT', 1, [2n, 4n], 32],
    ['BOOL', 11, [3n], 3],
    ['INT4', 28, [3n], 2],
    ['a scalar', 8, [], 8],
    ['an open dimension', 1, [-1n, 4n], null],
    ['more than can be counted', 1, [1n << 40n, 1n << 40n], null],
    ['a text', 13, [2n], null],
  ])('of %s', (_what, dtype, dims, bytes) => {
    const data = { ...DATA, inputs: [{ dtype, shape: dims, layout: 'ND' }] };
    expect(read({ models: [[graph([data, OUTPUT])]] }).models[0]?.inputs[0]?.bytes).toBe(bytes);
  });
});

describe('names of outputs', () => {
  test('come from the operators that compute them where none are stated', () => {
    const output = { ...OUTPUT, inputs: [FLOAT, FLOAT], sources: [['a', 0] as const, ['b', 3] as const] };
    const [model] = read({ models: [[graph([DATA, output], { attr_model_out_nodes_name: ['one'] })]] }).models;
    expect(model?.outputs.map((each) => each.name)).toEqual(['output_0_a_0', 'output_1_b_3']);
  });

  test('fall back to the edges', () => {
    const output = { ...OUTPUT, edges: ['a:b:2'], sources: [] };
    const [model] = read({ models: [[graph([DATA, output])]] }).models;
    expect(model?.outputs.map((each) => each.name)).toEqual(['output_0_a:b_2']);
  });
});

test('operators are counted, and listed in full', () => {
  const { models } = read({ models: [[graph()]] });
  expect(models[0]).toMatchObject({
    graphs: ['m_graph'],
    operatorCounts: [
      { type: 'Add', count: 1 },
      { type: 'Data', count: 1 },
      { type: 'NetOutput', count: 1 },
    ],
    operators: [{ name: 'x' }, { name: 'add', type: 'Add', inputs: ['x:0', 'x:0'] }, { name: 'Node_Output' }],
  });
  expect(read({ models: [[graph()]] }, 'interface').models[0]?.operators).toEqual([]);
});

test('attributes keep their kinds', () => {
  const attrs = { a: 'text', b: 5n, c: 0.5, d: true, e: ['x', 'y'], f: [-1n, 1n << 60n], g: [true, false] };
  expect(read({ models: [[graph(undefined, attrs)]] }).models[0]?.attributes).toEqual([
    { name: 'a', kind: 'string', value: 'text' },
    { name: 'b', kind: 'int', value: 5 },
    { name: 'c', kind: 'float', value: 0.5 },
    { name: 'd', kind: 'bool', value: true },
    { name: 'e', kind: 'strings', value: ['x', 'y'] },
    { name: 'f', kind: 'ints', value: [-1, '1152921504606846976'] },
    { name: 'g', kind: 'bools', value: [true, false] },
  ]);
});

test('a framework may be a number', () => {
  expect(read({ models: [[graph(undefined, { framework_type: 5n })]] }).models[0]?.frameworkType).toBe('Onnx');
});

describe('compressed attributes', () => {
  const dictionary = {
    om_compress_version: 1n,
    attr_name_enum: ['index', 'origin_format'],
    attr_value_enum: ['NHWC', 'NCHW'],
    attrs_use_string_value: [false, true],
  };
  const data = (index: bigint, id: string): OpSpec => ({
    name: id,
    type: 'Data',
    attrs: { '\0\x01': index },
    inputs: [{ ...FLOAT, attrs: { '\0\x02': 1n } }],
  });

  test('are read by the dictionary', () => {
    const [model] = read({ models: [[graph([data(1n, 'b'), data(0n, 'a'), OUTPUT], dictionary)]] }).models;
    expect(model?.inputs).toMatchObject([
      { name: 'a', originFormat: 'NCHW' },
      { name: 'b', originFormat: 'NCHW' },
    ]);
  });

  test('of a submodel lead through that of the root', () => {
    const sub = modelDef('s', [data(1n, 'b'), data(0n, 'a')], {
      attr_name_enum: ['\0\x01', '\0\x02'],
      attr_value_enum: ['ND', 'NC'],
      attrs_use_string_value: [false, true],
    });
    const { models, problem } = read({ models: [[graph(undefined, dictionary)], [{ type: 0, bytes: sub }]] });
    expect(problem).toBeNull();
    expect(models[1]?.inputs).toMatchObject([
      { name: 'a', originFormat: 'NC' },
      { name: 'b', originFormat: 'NC' },
    ]);
  });

  test('count with more than one digit', () => {
    const names = Array.from({ length: 300 }, (_, i) => (i === 128 ? 'index' : `a${i}`));
    const key = '\0\x02\x02'; // 1 + 1 * 127
    const first: OpSpec = { ...DATA, name: 'a', attrs: { [key]: 1n } };
    const second: OpSpec = { ...DATA, name: 'b', attrs: { [key]: 0n } };
    const [model] = read({ models: [[graph([first, second, OUTPUT], { attr_name_enum: names })]] }).models;
    expect(model?.inputs.map((each) => each.name)).toEqual(['b', 'a']);
  });

  test.each([
    ['no dictionary', []],
    ['a circle', ['\0\x01']],
  ])('that cannot be resolved are noticed: %s', (_why, names) => {
    const report = read({ models: [[graph([data(0n, 'a'), OUTPUT], { attr_name_enum: names })]] });
    expect(warningsOf(report)).toEqual(['attribute-name']);
  });
});

describe('the table of inputs and outputs', () => {
  const open = { ...FLOAT, shape: [-1n, 4n] };
  const input = { name: 'x', dtype: 0, format: 2, shape: [-1n, 4n] };
  const gearInput: OpSpec = {
    name: 'ascend_mbatch_shape_data',
    type: 'Data',
    attrs: { index: 1n },
    inputs: [{ dtype: 7, shape: [1n], layout: 'ND' }],
  };
  const operators = [{ ...DATA, inputs: [open] }, gearInput, { ...OUTPUT, inputs: [open] }];
  const table = (...more: readonly Uint8Array[]): Part => ({
    type: 8,
    bytes: Buffer.concat([lines(0, [input]), lines(1, [{ ...input, name: 'y' }]), ...more]),
  });

  test('gives gears; the hidden input is marked', () => {
    const report = read({
      models: [
        [table(record(2, u32(2), i64(1n), i64(8n)), record(5, texts(['0,0,1,4', '1,0,8,4']))), graph(operators)],
      ],
    });
    expect(warningsOf(report)).toEqual([]);
    expect(report.models[0]).toMatchObject({
      isDynamic: true,
      gears: { kind: 'batch', values: [[1], [8]], order: [] },
      gearOutputs: [
        { gear: 0, output: 0, shape: [1, 4] },
        { gear: 1, output: 0, shape: [8, 4] },
      ],
      inputs: [
        { name: 'x', hidden: false },
        { name: 'ascend_mbatch_shape_data', hidden: true },
      ],
    });
  });

  test.each([
    [3, 'image'],
    [4, 'dims'],
  ])('gives gears of several sizes (%i)', (kind, expected) => {
    const sizes = [u32(2), u32(2), u32(2), i64(64n), i64(64n), i64(96n), i64(64n)];
    const part = table(record(kind, ...sizes), record(6, texts(['x'])));
    expect(read({ models: [[part, graph(operators)]] }).models[0]?.gears).toEqual({
      kind: expected,
      values: [
        [64, 64],
        [96, 64],
      ],
      order: ['x'],
    });
  });

  test('gives ranges', () => {
    const ranged = { ...input, range: [[1n, 8n] as const, [4n, -1n] as const] };
    const part = { type: 8, bytes: Buffer.concat([lines(0, [ranged]), lines(1, [{ ...input, name: 'y' }])]) };
    const report = read({ models: [[part, graph(operators)]] });
    expect(warningsOf(report)).toEqual([]);
    expect(report.models[0]?.inputs[0]?.shapeRange).toEqual([
      [1, 8],
      [4, -1],
    ]);
  });

  test.each([
    ['another name', { ...input, name: 'z' }],
    ['another type', { ...input, dtype: 1 }],
    ['another shape', { ...input, shape: [-1n, 5n] }],
    ['another rank', { ...input, shape: [-1n] }],
  ])('has to agree with the graph: %s', (_what, line) => {
    const part = { type: 8, bytes: Buffer.concat([lines(0, [line]), lines(1, [{ ...input, name: 'y' }])]) };
    const report = read({ models: [[part, graph(operators)]], unknownModel: true });
    expect(warningsOf(report)).toEqual(['inout-info-differs']);
  });

  test.each([
    ['a record that is too long', Buffer.concat([u32(0), u32(100)])],
    ['a count beyond the record', record(0, u32(1 << 30))],
    ['a gear count beyond the record', record(2, u32(0xffffffff))],
    ['half a number', Uint8Array.from([1, 0])],
    ['an impossible dimension', lines(0, [{ ...input, shape: [-7n] }])],
  ])('may be damaged: %s', (_what, bytes) => {
    const report = read({ models: [[{ type: 8, bytes }, graph(operators)]], unknownModel: true });
    expect(warningsOf(report)).toEqual(['inout-info-invalid']);
    expect(report.models[0]?.inputs).toHaveLength(2);
  });

  test('without it, gears come from the operator that picks the branch', () => {
    const pick: OpSpec = {
      name: 'case',
      type: 'Case',
      attrs: {
        batch_num: 2n,
        dynamic_type: 3n,
        pred_value_0: [1n, 77n],
        pred_value_1: [2n, 77n],
        user_designate_shape_order: ['x'],
      },
    };
    expect(read({ models: [[graph([...operators, pick])]] }).models[0]?.gears).toEqual({
      kind: 'dims',
      values: [
        [1, 77],
        [2, 77],
      ],
      order: ['x'],
    });
  });
});

describe('files in files', () => {
  const inner = omFile({ name: 'm', models: [[graph()]] });
  const variables = { type: 25, bytes: i64(0n) };

  test('a bundle counts its header in', () => {
    const bytes = omFile({ name: '', modelType: 5, wide: true, models: [[variables, { type: 24, bytes: inner }]] });
    Buffer.from(bytes.buffer).writeBigUInt64LE(BigInt(bytes.length), 184);
    const report = readOm(new MemorySource(bytes));
    expect(report).toMatchObject({ problem: null, inner: [{ report: { models: [{ name: 'm' }] } }] });
  });

  test('a flow names its models', () => {
    const submodel = Buffer.concat([box(1, 'first'), box(2, 'NPU'), box(3, inner)]);
    const report = read({ name: '', modelType: 3, models: [[graph(), { type: 7, bytes: submodel }]] });
    expect(report).toMatchObject({
      problem: null,
      inner: [{ name: 'first', engine: 'NPU', report: { problem: null, models: [{ name: 'm' }] } }],
    });
  });

  test('a damaged one is a problem of the whole', () => {
    const report = read({
      modelType: 5,
      wide: true,
      models: [[variables, { type: 24, bytes: inner.subarray(0, 300) }]],
    });
    expect(report.problem?.id).toBe('size-mismatch');
    expect(report.inner).toMatchObject([{ report: { problem: { id: 'size-mismatch' } } }]);
  });

  test('not without end', () => {
    let bytes = inner;
    for (let i = 0; i < 6; i++) {
      bytes = omFile({ name: '', modelType: 5, wide: true, models: [[variables, { type: 24, bytes }]] });
    }
    expect(readOm(new MemorySource(bytes)).problem?.id).toBe('limit');
  });
});

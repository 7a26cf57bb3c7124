import { readFileSync, statSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { AttributeType } from '../../src/ir/attribute.ts';
import {
  newestIrVersion,
  newestOpset,
  onnxReleases,
  operatorNames,
  operatorVersions,
  schemaFor,
  standardDomains,
} from '../../src/schema/operators.ts';

const data = (name: string): URL => new URL(`../../src/schema/data/${name}`, import.meta.url);
const read = (name: string): unknown => JSON.parse(readFileSync(data(name), 'utf8')) as unknown;
const everySchema = () =>
  standardDomains().flatMap((domain) => operatorNames(domain).flatMap((name) => operatorVersions(name, domain)));

describe('the data files', () => {
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(read('operators.schema.json') as object);

  test.each(['operators.json', 'plugin-operators.json'])('%s has the form that its schema describes', (name) => {
    const ok = validate(read(name));
    expect(validate.errors ?? []).toEqual([]);
    expect(ok).toBe(true);
  });

  test.each([
    ['an unknown property', { extra: 1 }],
    ['an option that does not exist', { inputs: [['x', 'T', 'maybe']] }],
    ['a version of zero', { since: 0 }],
    ['a type of attribute that does not exist', { attributes: { axis: { type: 'LONG' } } }],
  ])('the schema refuses %s', (_, change) => {
    const operator = { since: 1, inputs: [], outputs: [], inputCount: [0, 0], outputCount: [0, null], ...change };
    const file = { formatVersion: 1, source: 'test', types: [], typeLists: [], domains: { '': { Op: [operator] } } };
    expect(validate(file)).toBe(false);
  });

  test('the standard operators stay small on disk', () => {
    expect(statSync(data('operators.json')).size).toBeLessThan(400 * 1024);
  });
});

describe('all schemas', () => {
  test('cover every domain of the standard', () => {
    expect(standardDomains()).toEqual(['', 'ai.onnx.ml', 'ai.onnx.preview', 'ai.onnx.preview.training']);
    expect(everySchema().length).toBeGreaterThan(650);
  });

  test('have versions that grow', () => {
    for (const domain of standardDomains()) {
      for (const name of operatorNames(domain)) {
        const since = operatorVersions(name, domain).map((schema) => schema.since);
        expect(since).toEqual([...new Set(since)].toSorted((a, b) => a - b));
      }
    }
  });

  test('name types that are a constraint or a type', () => {
    for (const { types, inputs, outputs } of everySchema()) {
      for (const { type } of [...inputs, ...outputs]) expect(types.has(type) || type.includes('(')).toBe(true);
      for (const allowed of types.values()) expect(allowed.size).toBeGreaterThan(0);
    }
  });

  test('put variadic parameters last, and count what the lists say', () => {
    for (const schema of everySchema()) {
      for (const list of ['inputs', 'outputs'] as const) {
        const parameters = schema[list];
        const variadic = parameters.findIndex(({ option }) => option === 'variadic');
        expect([-1, parameters.length - 1]).toContain(variadic);
        const most = list === 'inputs' ? schema.maxInputs : schema.maxOutputs;
        expect(most).toBe(variadic < 0 ? parameters.length : Number.POSITIVE_INFINITY);
        const least = list === 'inputs' ? schema.minInputs : schema.minOutputs;
        expect(least).toBeLessThanOrEqual(most);
      }
    }
  });

  test('know the types of their attributes, and defaults fit', () => {
    for (const { attributes } of everySchema()) {
      for (const { type, default: value, required } of attributes.values()) {
        expect(AttributeType).toHaveProperty(type);
        if (value === undefined) continue;
        expect(required).toBe(false);
        if (type.endsWith('S')) expect(Array.isArray(value)).toBe(true);
        else if (type === 'STRING') expect(typeof value).toBe('string');
        else expect(typeof value).toBe('number');
        if (type === 'INT') expect(Number.isSafeInteger(value)).toBe(true);
      }
    }
  });
});

describe('schemaFor', () => {
  test('picks the newest form that is not newer than the opset', () => {
    expect([1, 10, 11, 12, 13, 22, 28].map((opset) => schemaFor('Softmax', '', opset)?.since)).toEqual([
      1, 1, 11, 11, 13, 13, 13,
    ]);
    expect(schemaFor('Softmax', '', 11)?.attributes.get('axis')?.default).toBe(1);
    expect(schemaFor('Softmax', '', 13)?.attributes.get('axis')?.default).toBe(-1);
  });

  test('has nothing for an operator that came later, was never, or has another domain', () => {
    expect(schemaFor('Gelu', '', 19)).toBeUndefined();
    expect(schemaFor('Gelu', '', 20)?.since).toBe(20);
    expect(schemaFor('Softmaxx', '', 13)).toBeUndefined();
    expect(schemaFor('Softmax', 'com.example', 13)).toBeUndefined();
    expect(schemaFor('Softmax', '', 0)).toBeUndefined();
    expect(schemaFor('constructor', '', 13)).toBeUndefined();
    expect(schemaFor('Softmax', '__proto__', 13)).toBeUndefined();
  });

  test('takes ai.onnx for the standard domain', () => {
    expect(schemaFor('Conv', 'ai.onnx', 11)).toBe(schemaFor('Conv', '', 11));
    expect(operatorNames('ai.onnx')).toEqual(operatorNames());
  });

  test('says when an operator is deprecated', () => {
    expect(schemaFor('Upsample', '', 9)?.deprecated).toBe(false);
    expect(schemaFor('Upsample', '', 10)?.deprecated).toBe(true);
  });

  test('tells single, optional and variadic parameters apart', () => {
    const conv = schemaFor('Conv', '', 11);
    expect(conv?.inputs.map(({ option }) => option)).toEqual(['single', 'single', 'optional']);
    expect([conv?.minInputs, conv?.maxInputs]).toEqual([2, 3]);
    const concat = schemaFor('Concat', '', 11);
    expect(concat?.inputs).toEqual([{ name: 'inputs', type: 'T', option: 'variadic', homogeneous: true, minArity: 1 }]);
    expect([concat?.minInputs, concat?.maxInputs]).toEqual([1, Number.POSITIVE_INFINITY]);
    expect(schemaFor('Loop', '', 11)?.inputs.at(-1)).toMatchObject({ option: 'variadic', homogeneous: false });
  });

  test('gives types, attributes and what is special', () => {
    const conv = schemaFor('Conv', '', 11);
    expect([...(conv?.types.get('T') ?? [])]).toEqual(['tensor(double)', 'tensor(float)', 'tensor(float16)']);
    expect(schemaFor('Concat', '', 13)?.attributes.get('axis')).toEqual({
      type: 'INT',
      required: true,
      default: undefined,
    });
    expect(schemaFor('BatchNormalization', '', 9)?.outputCounts).toEqual([1, 5]);
    expect(schemaFor('LayerNormalization', '', 17)?.hasFunction).toBe(true);
    expect(schemaFor('TreeEnsembleRegressor', 'ai.onnx.ml', 3)?.since).toBe(3);
    expect(schemaFor('RandomNormal', '', 11)?.attributes.get('dtype')?.default).toBe(1);
  });
});

describe('operators of Ascend software', () => {
  const names = [
    'AscendAntiQuant',
    'AscendDequant',
    'AscendQuant',
    'AscendWeightQuant',
    'FindMax',
    'FlashAttentionSoftmaxFp32',
    'FlashAttentionTik',
    'PromptFlashAttention',
    'SliceTransGeluMul',
    'TomeMerge',
    'TomeMerged',
    'TomeUnmerge',
    'TomeUnmerged',
    'UnpadFlashAttentionMix',
  ];

  test('are found in the standard domain under their own names', () => {
    expect(operatorNames().filter((name) => schemaFor(name, '', 11)?.plugin === true)).toEqual(names);
    for (const name of names) expect(schemaFor(name, '', 11)?.domain).toBe('');
  });

  test('take what the graph engine takes', () => {
    const arity = (name: string): unknown => {
      const schema = schemaFor(name, '', 11);
      return [schema?.minInputs, schema?.maxInputs, schema?.minOutputs, schema?.maxOutputs];
    };
    expect(arity('FlashAttentionTik')).toEqual([3, 3, 1, 1]);
    expect(arity('UnpadFlashAttentionMix')).toEqual([3, 4, 1, 4]);
    expect(arity('FindMax')).toEqual([1, 1, 2, 2]);
    expect(arity('TomeMerged')).toEqual([4, 4, 3, 3]);
    expect(arity('TomeUnmerge')).toEqual([5, 5, 1, 1]);
    expect(schemaFor('TomeMerged', '', 11)?.attributes.get('topRRate')?.default).toBe(0.5);
    expect(schemaFor('TomeMerge', '', 11)?.attributes.get('top_rate')?.default).toBe(0.5);
  });
});

describe('versions of ONNX', () => {
  test('are those of the package that the data came from', () => {
    expect(newestOpset()).toBeGreaterThanOrEqual(26);
    expect(newestOpset('ai.onnx.ml')).toBeGreaterThanOrEqual(5);
    expect(newestOpset('com.example')).toBeUndefined();
    expect(newestIrVersion()).toBeGreaterThanOrEqual(13);
  });

  test('come in released combinations', () => {
    expect(onnxReleases()).toContainEqual({ ir: 6, onnx: 11, ml: 2 });
    expect(onnxReleases().at(-1)?.onnx).toBe(newestOpset());
  });
});

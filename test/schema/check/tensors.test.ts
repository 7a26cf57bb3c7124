import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openModel } from '../../../src/io/open.ts';
import { checkModel } from '../../../src/schema/check.ts';
import { onnx } from '../../../src/wire/generated/onnx.js';
import {
  findingsOf,
  floatsProto,
  long,
  node,
  rulesOf,
  type Sample,
  sample,
  tensorAttribute,
} from '../../support/sample-model.ts';
import { tempDir } from '../../support/temp-dir.ts';

type Tensor = onnx.TensorProto.$Properties;

/** Findings about one more initializer. */
const ofTensor = (tensor: Tensor) =>
  findingsOf(({ graph, proto }) => {
    proto.ir_version = long(13);
    graph.initializer.push({ name: 't', ...tensor });
  });

describe('sizes', () => {
  test.each([
    ['float32, raw', { data_type: 1, dims: [2], raw_data: new Uint8Array(8) }],
    ['float16 as integers', { data_type: 10, dims: [2], int32_data: [1, 2] }],
    ['complex64, two floats an element', { data_type: 14, dims: [2], float_data: [1, 2, 3, 4] }],
    ['complex128, raw', { data_type: 15, dims: [1], raw_data: new Uint8Array(16) }],
    ['uint32 in uint64_data', { data_type: 12, dims: [2], uint64_data: [1, 2].map(long) }],
    ['int4, two elements a byte', { data_type: 22, dims: [3], raw_data: new Uint8Array(2) }],
    ['int4 as integers', { data_type: 22, dims: [3], int32_data: [1, 2] }],
    ['int2, four elements a byte', { data_type: 26, dims: [5], raw_data: new Uint8Array(2) }],
    ['strings', { data_type: 8, dims: [2], string_data: [new Uint8Array(0), new Uint8Array(9)] }],
    ['a scalar', { data_type: 7, dims: [], int64_data: [long(-1)] }],
    ['nothing, and nowhere', { data_type: 1, dims: [3, 0] }],
  ])('%s is right', async (_, { dims, ...tensor }) => {
    expect(await ofTensor({ ...tensor, dims: dims.map(long) })).toEqual([]);
  });

  test.each([
    [
      'too little raw data',
      { data_type: 1, dims: [2], raw_data: new Uint8Array(7) },
      'tensor-size',
      '8 bytes for float32[2]',
    ],
    [
      'too much raw data',
      { data_type: 1, dims: [2], raw_data: new Uint8Array(9) },
      'tensor-size',
      '8 bytes for float32[2]',
    ],
    [
      'half a complex number',
      { data_type: 14, dims: [2], float_data: [1, 2, 3] },
      'tensor-size',
      '4 values for complex64[2]',
    ],
    [
      'one string too few',
      { data_type: 8, dims: [2], string_data: [new Uint8Array(1)] },
      'tensor-size',
      '2 values for string[2]',
    ],
    ['strings in raw_data', { data_type: 8, dims: [1], raw_data: new Uint8Array(1) }, 'tensor-storage', 'string_data'],
    ['doubles as floats', { data_type: 11, dims: [1], float_data: [1] }, 'tensor-storage', 'raw_data or double_data'],
    [
      'data where there is none',
      { data_type: 1, dims: [0], float_data: [1] },
      'tensor-size',
      '0 values for float32[0]',
    ],
    ['no type', { dims: [1], float_data: [1] }, 'tensor-type', undefined],
    [
      'more than there can be',
      { data_type: 1, dims: [2 ** 40, 2 ** 40] },
      'tensor-dims',
      'non-negative ones with a product below 2^53',
    ],
  ])('%s is not', async (_, { dims, ...tensor }, rule, expected) => {
    const [finding] = await ofTensor({ ...tensor, dims: dims.map(long) });
    expect(finding).toMatchObject({ rule, severity: 'error', where: { path: 'graph', value: 't' } });
    expect(finding?.expected).toBe(expected);
  });

  test('tensors in attributes are looked at', async () => {
    const findings = await findingsOf(({ graph }) => {
      graph.node.push(node('Constant', [], ['k'], [tensorAttribute('value', floatsProto('', [2], [1]))]));
    });
    expect(findings).toEqual([
      expect.objectContaining({
        rule: 'tensor-size',
        where: { path: 'graph.node[3]', node: 'Constant k', opType: 'Constant', attribute: 'value' },
      }),
    ]);
  });
});

describe('external data', () => {
  /** Rules for a weight of 16 bytes at `entries`, in a folder with `data.bin` of 32 bytes. */
  async function at(entries: Record<string, string>, change: (parts: Sample) => void = () => {}): Promise<string[]> {
    const folder = tempDir();
    writeFileSync(join(folder, 'data.bin'), new Uint8Array(32));
    const parts = sample();
    Object.assign(parts.weight, { float_data: [], data_location: 1 });
    parts.weight.external_data = Object.entries(entries).map(([key, value]) => ({ key, value }));
    change(parts);
    const path = join(folder, 'model.onnx');
    writeFileSync(path, onnx.ModelProto.encode(parts.proto).finish());
    const model = await openModel(path);
    try {
      return checkModel(model).map(({ rule }) => rule);
    } finally {
      model.close();
    }
  }

  test.each([
    ['a range', { location: 'data.bin', offset: '16', length: '16' }, []],
    ['the rest of the file', { location: 'data.bin', offset: '16' }, []],
    ['more than the tensor holds', { location: 'data.bin' }, ['tensor-size']],
    ['past the end', { location: 'data.bin', offset: '24', length: '16' }, ['external-data']],
    ['an offset that is no number', { location: 'data.bin', offset: '0x10', length: '16' }, ['external-data']],
    ['a file that is not there', { location: 'other.bin' }, ['external-data']],
    ['a file outside', { location: '../data.bin' }, ['external-data']],
    ['a folder', { location: '.' }, ['external-data']],
    ['no location', { offset: '16' }, ['external-data']],
  ])('%s', async (_, entries, rules) => {
    expect(await at(entries as Record<string, string>)).toEqual(rules);
  });

  test('elements in the model too', async () => {
    const rules = await at({ location: 'data.bin', offset: '16' }, ({ weight }) => (weight.float_data = [1, 2, 3, 4]));
    expect(rules).toEqual(['tensor-storage']);
  });

  test('is mentioned once when there is no folder to look in', async () => {
    const findings = await findingsOf(({ graph }) => {
      for (const name of ['w2', 'w3']) {
        const external_data = [{ key: 'location', value: 'data.bin' }];
        graph.initializer.push({ name, data_type: 1, dims: [long(4)], data_location: 1, external_data });
      }
    });
    expect(findings).toEqual([
      expect.objectContaining({ rule: 'external-data-unchecked', severity: 'info', found: '2 tensors' }),
    ]);
  });
});

describe('sparse tensors', () => {
  /** Rules for a Constant of a sparse tensor of two values. */
  const sparse = (indices: Tensor | undefined, dims: number[], values = floatsProto('', [2], [1, 2])) =>
    rulesOf(
      ({ graph }) => {
        const sparse_tensor = { values, ...(indices === undefined ? {} : { indices }), dims: dims.map(long) };
        graph.node.push(node('Constant', [], ['k'], [{ name: 'sparse_value', type: 11, sparse_tensor }]));
      },
      { full: false },
    );
  const at = (dims: number[], values: number[]): Tensor => ({
    data_type: 7,
    dims: dims.map(long),
    int64_data: values.map(long),
  });

  test.each([
    ['places in the flattened tensor', at([2], [0, 5]), [2, 3], []],
    ['coordinates', at([2, 2], [0, 2, 1, 0]), [2, 3], []],
    ['a place outside', at([2], [0, 6]), [2, 3], ['sparse-tensor']],
    ['a place before the first', at([2], [-1, 3]), [2, 3], ['sparse-tensor']],
    ['a coordinate outside', at([2, 2], [0, 3, 1, 0]), [2, 3], ['sparse-tensor']],
    ['places in descending order', at([2], [5, 0]), [2, 3], ['sparse-tensor']],
    ['a place twice', at([2], [3, 3]), [2, 3], ['sparse-tensor']],
    ['coordinates in descending order', at([2, 2], [1, 0, 0, 2]), [2, 3], ['sparse-tensor']],
    ['fewer places than values', at([1], [0]), [2, 3], ['sparse-tensor']],
    ['no places', undefined, [2, 3], ['sparse-tensor']],
    ['no dimensions', at([2], [0, 1]), [], ['sparse-tensor']],
    ['a dimension of 0', at([2], [0, 1]), [0, 3], ['sparse-tensor']],
    ['places that are no int64', { ...floatsProto('', [2], [0, 1]) }, [2, 3], ['sparse-tensor']],
    ['places that are cut short', at([2], [0]), [2, 3], ['tensor-size']],
  ] as const)('%s', async (_, indices, dims, rules) => {
    expect(await sparse(indices, [...dims])).toEqual(rules);
  });

  test('values that are no list', async () => {
    expect(await sparse(at([2], [0, 1]), [2, 3], floatsProto('', [2, 1], [1, 2]))).toEqual(['sparse-tensor']);
  });
});

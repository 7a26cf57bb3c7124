import { describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { Attribute, AttributeType } from '../../src/ir/attribute.ts';
import { floatTensor } from '../../src/ir/constants.ts';
import { expectError } from '../support/errors.ts';
import { buildModel } from '../support/model-builder.ts';
import { field, message } from '../support/proto-writer.mjs';

const ALL: Record<string, Attribute> = {
  float: Attribute.float('float', 0.5),
  int: Attribute.int('int', -(2n ** 63n)),
  string: Attribute.string('string', 'é\udcff'),
  floats: Attribute.floats('floats', [1, -0, Number.POSITIVE_INFINITY]),
  ints: Attribute.ints('ints', [1, 2n ** 62n]),
  strings: Attribute.strings('strings', ['', 'b']),
  tensor: Attribute.tensor('tensor', floatTensor([1], [1])),
};

describe('attributes', () => {
  test('come back from a file as they were made', async () => {
    const model = buildModel(17, (g) => g.output(g.op('X', [], { attributes: Object.values(ALL) })));
    const node = (await openModel(await saveBytes(model))).graph.nodes.first;
    const [float, int, string, floats, ints, strings, tensor] = Object.keys(ALL).map((name) => node?.attribute(name));
    expect(float?.float).toBe(0.5);
    expect(int?.int).toBe(-(2n ** 63n));
    expect(string?.string).toBe('é\udcff');
    expect(floats?.floats).toEqual([1, -0, Number.POSITIVE_INFINITY]);
    expect(ints?.ints).toEqual([1n, 2n ** 62n]);
    expect(strings?.strings).toEqual(['', 'b']);
    expect(tensor?.tensor.dims).toEqual([1]);
    expect(node?.attributes.map(({ typeName }) => typeName)).toEqual([
      'FLOAT',
      'INT',
      'STRING',
      'FLOATS',
      'INTS',
      'STRINGS',
      'TENSOR',
    ]);
    expect([node?.int('absent', 7), node?.attribute('absent')]).toEqual([7, undefined]);
  });

  test('have one type', () => {
    const readers: ((attribute: Attribute) => unknown)[] = [
      (each) => each.float,
      (each) => each.int,
      (each) => each.string,
      (each) => each.floats,
      (each) => each.ints,
      (each) => each.strings,
      (each) => each.tensor,
    ];
    for (const [i, attribute] of Object.values(ALL).entries()) {
      for (const [j, read] of readers.entries()) if (i !== j) expectError('E_ATTRIBUTE', () => read(attribute));
      expectError('E_ATTRIBUTE', () => attribute.graph);
    }
    const error = expectError('E_ATTRIBUTE', () => ALL['int']?.float);
    expect(error).toMatchObject({ expected: 'FLOAT', found: 'INT', where: { name: 'int' } });
    expectError('E_ATTRIBUTE', () => new Attribute({ name: 'a', type: AttributeType.TENSOR }).tensor);
    expectError('E_ATTRIBUTE', () => new Attribute({ name: 'a', type: AttributeType.GRAPH }).graph);
  });

  test('hold whole numbers of 64 bits', () => {
    for (const wrong of [1.5, Number.NaN, 2 ** 53, 2n ** 63n])
      expectError('E_ATTRIBUTE', () => Attribute.int('i', wrong));
    expectError('E_ATTRIBUTE', () => Attribute.ints('i', [1, 0.1]));
  });

  test('that are large are read when asked for, whole', async () => {
    const count = 10_000;
    const fields = {
      ints: [field(8, 2, new Uint8Array(count).fill(3)), field(20, 0, 7)],
      floats: [field(7, 2, new Uint8Array(count * 4)), field(20, 0, 6)],
      strings: [...Array.from({ length: count }, () => field(9, 2, 'a')), field(20, 0, 8)],
      string: [field(4, 2, 'x'.repeat(count)), field(20, 0, 3)],
    };
    const attributes = Object.entries(fields).map(([name, parts]) =>
      field(5, 2, message([field(1, 2, name), ...parts])),
    );
    const bytes = message([field(1, 0, 8), field(7, 2, field(1, 2, message([field(4, 2, 'X'), ...attributes])))]);
    const node = (await openModel(bytes)).graph.nodes.first;
    expect(node?.attribute('ints')?.ints).toEqual(Array.from({ length: count }, () => 3n));
    expect(node?.attribute('floats')?.floats).toEqual(Array.from({ length: count }, () => 0));
    expect(node?.attribute('strings')?.strings).toEqual(Array.from({ length: count }, () => 'a'));
    expect(node?.attribute('string')?.string).toBe('x'.repeat(count));
    expect(node?.attribute('ints')?.values).toMatchObject({ f: undefined, s: undefined });
  });

  test('without a type have that of their value', async () => {
    const values = [
      field(2, 5, 0),
      field(3, 0, 1),
      field(4, 2, 's'),
      field(5, 2, ''),
      field(6, 2, ''),
      field(7, 5, 0),
      field(8, 0, 1),
      field(9, 2, 's'),
      field(10, 2, ''),
      field(11, 2, ''),
    ];
    const attributes = [...values, new Uint8Array(0)].map((value) => field(5, 2, value));
    const model = await openModel(message([field(1, 0, 3), field(7, 2, field(1, 2, message(attributes)))]));
    const names = [
      'FLOAT',
      'INT',
      'STRING',
      'TENSOR',
      'GRAPH',
      'FLOATS',
      'INTS',
      'STRINGS',
      'TENSORS',
      'GRAPHS',
      'UNDEFINED',
    ];
    expect(model.graph.nodes.first?.attributes.map(({ typeName }) => typeName)).toEqual(names);
  });
});

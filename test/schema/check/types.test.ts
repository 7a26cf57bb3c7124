import { describe, expect, test } from 'vitest';
import type { ValueType } from '../../../src/ir/type.ts';
import { typeText } from '../../../src/schema/check/types.ts';
import { findingsOf, intAttribute, node, rulesOf, tensorInfo } from '../../support/sample-model.ts';

describe('types as schemas write them', () => {
  const tensor: ValueType = { kind: 'tensor', elemType: 1 };
  test.each<[string | undefined, ValueType | undefined]>([
    ['tensor(float)', { ...tensor, shape: [1, 'n'] }],
    ['tensor(float16)', { kind: 'tensor', elemType: 10 }],
    ['tensor(float8e4m3fn)', { kind: 'tensor', elemType: 17 }],
    ['tensor(double)', { kind: 'tensor', elemType: 11 }],
    ['sparse_tensor(float)', { kind: 'sparse tensor', elemType: 1 }],
    ['seq(tensor(float))', { kind: 'sequence', element: tensor }],
    ['optional(seq(tensor(float)))', { kind: 'optional', element: { kind: 'sequence', element: tensor } }],
    ['map(int64, float)', { kind: 'map', keyType: 7, value: tensor }],
    ['seq(map(string, float))', { kind: 'sequence', element: { kind: 'map', keyType: 8, value: tensor } }],
    [undefined, { kind: 'tensor', elemType: 0 }],
    [undefined, { kind: 'sequence', element: { kind: 'unknown' } }],
    [undefined, { kind: 'opaque' }],
    [undefined, undefined],
  ])('%s', (text, type) => {
    expect(typeText(type)).toBe(text);
  });
});

describe('types of graph inputs and outputs', () => {
  const input = (type: object | null) =>
    rulesOf(({ graph }) => graph.input.push({ name: 'n', ...(type === null ? {} : { type }) }));
  test.each([
    ['a tensor', { tensor_type: { elem_type: 1, shape: {} } }, []],
    [
      'symbolic and unknown dimensions',
      { tensor_type: { elem_type: 1, shape: { dim: [{ dim_param: 'n' }, {}] } } },
      [],
    ],
    ['a sequence', { sequence_type: { elem_type: { tensor_type: { elem_type: 1 } } } }, []],
    ['an optional', { optional_type: { elem_type: { tensor_type: { elem_type: 1 } } } }, []],
    ['a map', { map_type: { key_type: 7, value_type: { tensor_type: { elem_type: 1 } } } }, []],
    ['nothing', null, ['io-type-missing']],
    ['no kind of type', {}, ['io-type-missing']],
    ['no element type', { tensor_type: { shape: {} } }, ['io-type-missing']],
    ['no shape', { tensor_type: { elem_type: 1 } }, ['io-type-missing']],
    ['a sequence of nothing', { sequence_type: {} }, ['io-type-missing']],
    ['a map of nothing', { map_type: { key_type: 7 } }, ['io-type-missing']],
  ])('%s', async (_, type, rules) => {
    expect(await input(type)).toEqual(rules);
  });

  test('those of subgraphs may be missing', async () => {
    expect(await rulesOf(({ yes }) => (yes.output = [{ name: 'a' }]))).toEqual([]);
  });
});

describe('initializers of graph inputs', () => {
  const stated = (elemType: number, dims: number[]) =>
    rulesOf(({ graph }) => graph.input.push(tensorInfo('w', elemType, dims)));

  test('agree in type and shape', async () => {
    expect(await stated(1, [1, 4])).toEqual([]);
    expect(await stated(7, [1, 4])).toContain('initializer-type');
    expect(await stated(1, [4])).toContain('initializer-type');
    expect(await stated(1, [1, 5])).toContain('initializer-type');
    const sequence = { sequence_type: { elem_type: { tensor_type: { elem_type: 1 } } } };
    expect(await rulesOf(({ graph }) => graph.input.push({ name: 'w', type: sequence }))).toContain('initializer-type');
  });
});

describe('types that operators take', () => {
  test('say which are allowed', async () => {
    const findings = await findingsOf(({ graph }) => {
      graph.input.push(tensorInfo('t', 8, [2]));
      graph.node.push(node('Relu', ['t'], ['r']));
    });
    const finding = findings.find(({ rule }) => rule === 'type-not-allowed');
    expect(finding).toMatchObject({ where: { opType: 'Relu', value: 't' }, found: 'tensor(string)' });
    expect(finding?.expected).toContain('tensor(float)');
  });

  test('say with what another has to agree', async () => {
    const findings = await findingsOf(({ graph }) => (graph.input[0] = tensorInfo('x', 11, [1, 4])));
    expect(findings.find(({ rule }) => rule === 'type-mismatch')).toMatchObject({
      where: { path: 'graph.node[0]', value: 'w' },
      expected: "tensor(double), as 'A'",
      found: 'tensor(float)',
    });
  });

  test('variadic inputs of one type, and of several', async () => {
    const two = (opType: string, ...attributes: Parameters<typeof node>[3] & object) =>
      rulesOf(({ graph }) => {
        graph.input.push(tensorInfo('t', 7, [1, 4]));
        graph.node.push(node(opType, ['x', 't'], ['r'], attributes));
      });
    expect(await two('Concat', intAttribute('axis', 0))).toContain('type-mismatch');
    expect(await two('Sum')).toContain('type-not-allowed');
  });

  test('a type that nobody knows is no mistake', async () => {
    expect(
      await rulesOf(({ proto, graph, call }) => {
        proto.functions = [];
        call.op_type = 'Mystery';
        graph.node.push(node('Relu', ['y'], ['r']));
        graph.output = [tensorInfo('r', 1, [1, 4])];
      }),
    ).toEqual(['unknown-custom-operator']);
  });
});

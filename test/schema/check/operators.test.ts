import { describe, expect, test } from 'vitest';
import {
  findingsOf,
  floatAttribute,
  graphAttribute,
  intAttribute,
  long,
  node,
  rulesOf,
} from '../../support/sample-model.ts';

const add = (...[opType, input, output, attribute]: Parameters<typeof node>) =>
  rulesOf(({ graph }) => graph.node.push(node(opType, input, output, attribute)), { full: false });

describe('counts', () => {
  test.each([
    ['Conv without bias', 'Conv', ['y', 'y'], ['o'], []],
    ['Conv with bias', 'Conv', ['y', 'y', 'y'], ['o'], []],
    ['Conv with the bias left out', 'Conv', ['y', 'y', ''], ['o'], []],
    ['Conv of one input', 'Conv', ['y'], ['o'], ['input-count']],
    ['Conv of four', 'Conv', ['y', 'y', 'y', 'y'], ['o'], ['input-count']],
    ['Conv with the weight left out', 'Conv', ['y', '', 'y'], ['o'], ['input-missing']],
    ['Sum of many', 'Sum', Array.from({ length: 40 }, () => 'y'), ['o'], []],
    ['Sum of none', 'Sum', [], ['o'], ['input-count']],
    ['Dropout with its mask', 'Dropout', ['y'], ['o', 'm'], []],
    ['Dropout of three outputs', 'Dropout', ['y'], ['o', 'm', 'n'], ['output-count']],
    ['LSTM without its first output', 'LSTM', ['y', 'y', 'y'], ['', 'o'], []],
    ['Split in three', 'Split', ['y'], ['o', 'p', 'q'], []],
  ] as const)('%s', async (_, opType, input, output, rules) => {
    expect(await add(opType, [...input], [...output])).toEqual(rules);
  });

  test('only some numbers of outputs are taken', async () => {
    const rules = (outputs: string[]) =>
      findingsOf(
        ({ proto, graph }) => {
          proto.opset_import = [
            { domain: '', version: long(9) },
            { domain: 'my.domain', version: long(1) },
          ];
          proto.functions = [];
          graph.node.push(node('BatchNormalization', ['x', 'x', 'x', 'x', 'x'], outputs));
        },
        { full: false },
      ).then((findings) => findings.filter(({ severity }) => severity === 'error'));
    expect(await rules(['o'])).toEqual([]);
    expect(await rules(['o', 'p', 'q', 'r', 's'])).toEqual([]);
    expect(await rules(['o', 'p'])).toEqual([expect.objectContaining({ expected: '1 or 5', found: '2' })]);
  });
});

describe('attributes', () => {
  test.each([
    ['all right', 'Concat', [intAttribute('axis', 0)], []],
    ['one that is required', 'Concat', [], ['attribute-missing']],
    ['another type', 'Concat', [floatAttribute('axis', 0)], ['attribute-type']],
    ['one that is not known', 'Concat', [intAttribute('axis', 0), intAttribute('axes', 0)], ['attribute-unknown']],
    ['one that a tool keeps for itself', 'Concat', [intAttribute('axis', 0), intAttribute('__x', 0)], []],
    [
      'names of members of objects',
      'Concat',
      [intAttribute('axis', 0), intAttribute('constructor', 0)],
      ['attribute-unknown'],
    ],
    ['any, where the reader ignores others', 'AscendQuant', [intAttribute('quant_bit', 8)], ['plugin-operator']],
  ] as const)('%s', async (_, opType, attributes, rules) => {
    expect(await add(opType, ['y'], ['o'], [...attributes])).toEqual(rules);
  });

  test('no type is fine in the first IR version, where the value tells', async () => {
    const rules = (ir: number) =>
      rulesOf(
        ({ proto, graph }) => {
          proto.ir_version = long(ir);
          proto.opset_import = [];
          proto.functions = [];
          graph.input = [...graph.input, { ...graph.input[0], name: 'w' }];
          graph.node = [node('Elu', ['x'], ['y'], [{ name: 'alpha', f: 2 }])];
        },
        { full: false },
      );
    expect(await rules(1)).toEqual([]);
    expect(await rules(2)).toContain('attribute-untyped');
  });

  test('an empty list is a value', async () => {
    expect(await add('Transpose', ['y'], ['o'], [{ name: 'perm', type: 7 }])).toEqual([]);
  });

  test('a number that is not written is 0', async () => {
    expect(await add('Concat', ['y'], ['o'], [{ name: 'axis', type: 2 }])).toEqual([]);
  });

  test('a type that does not exist', async () => {
    expect(await add('Relu', ['y'], ['o'], [{ name: 'x', type: 99 as never }])).toEqual([
      'attribute-unknown',
      'attribute-value',
    ]);
  });
});

describe('operators', () => {
  test('the message tells from which version on there is one', async () => {
    const findings = await findingsOf(({ graph }) => graph.node.push(node('Gelu', ['y'], ['g'])));
    expect(findings).toEqual([
      expect.objectContaining({ rule: 'operator-not-in-opset', expected: 'at least 20', found: '17' }),
    ]);
  });

  test('nodes of subgraphs and functions are looked at too', async () => {
    const inBranch = ({ yes }: { yes: { node: ReturnType<typeof node>[] } }): unknown =>
      (yes.node = [node('Nope', ['h'], ['a'])]);
    expect(await rulesOf(inBranch)).toEqual(['unknown-operator']);
    expect(await rulesOf(({ callee }) => (callee.node = [node('Nope', ['u'], ['v'])]))).toEqual(['unknown-operator']);
    const inTraining = await findingsOf(({ proto, graph }) => {
      const algorithm = { name: 't', node: [node('Nope', ['w'], ['w2'])], output: graph.output.slice(0, 0) };
      proto.training_info = [{ algorithm }];
    });
    expect(inTraining).toEqual([
      expect.objectContaining({
        rule: 'unknown-operator',
        where: expect.objectContaining({ path: 'training graph 0.node[0]' }) as unknown,
      }),
    ]);
  });

  test('a subgraph where an operator wants a number', async () => {
    expect(await add('Concat', ['y'], ['o'], [graphAttribute('axis', { name: 'g' })])).toEqual(['attribute-type']);
  });
});

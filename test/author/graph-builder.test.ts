import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/author/graph-builder.ts';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { floatTensor } from '../../src/ir/constants.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { formatType } from '../../src/ir/type.ts';
import { checkModel } from '../../src/schema/check.ts';
import { inferShapes } from '../../src/schema/infer.ts';

function nodeNames(b: GraphBuilder): string[] {
  return [...b.graph.nodes].map(({ name }) => name);
}

describe('names', () => {
  test('a node is called after its scopes and operator, its result after the node', () => {
    const b = new GraphBuilder({ opset: 11 });
    const x = b.input('x', DataType.FLOAT, [1, 2]);
    const y = b.scope('down_blocks.0', () => b.scope('resnets.1', () => b.sigmoid(b.sigmoid(b.add(x, 1)))));
    expect(nodeNames(b)).toEqual([
      '/down_blocks.0/resnets.1/Constant',
      '/down_blocks.0/resnets.1/Add',
      '/down_blocks.0/resnets.1/Sigmoid',
      '/down_blocks.0/resnets.1/Sigmoid_1',
    ]);
    expect(y.name).toBe('/down_blocks.0/resnets.1/Sigmoid_1_output_0');
  });

  test('in the root scope there is only the operator', () => {
    const b = new GraphBuilder({ opset: 11 });
    expect(b.relu(b.input('x', DataType.FLOAT, [1])).producer?.name).toBe('/Relu');
  });

  test('a module called again gets a suffix, and its weights do not', () => {
    const b = new GraphBuilder({ opset: 11 });
    const x = b.input('x', DataType.FLOAT, [1]);
    const call = (): string => b.scope('act', () => `${b.relu(x).producer?.name} ${b.parameterName('weight')}`);
    b.scope('net', () =>
      expect([call(), call(), call()]).toEqual([
        '/net/act/Relu net.act.weight',
        '/net/act_1/Relu net.act.weight',
        '/net/act_2/Relu net.act.weight',
      ]),
    );
  });

  test('a scope ends where it throws', () => {
    const b = new GraphBuilder({ opset: 11 });
    expect(() =>
      b.scope('net', () => {
        throw new Error('stop');
      }),
    ).toThrow('stop');
    expect(b.path).toBe('');
    expect(b.parameterName('weight')).toBe('weight');
  });

  test('a graph output names its value; one that has a name already is copied', () => {
    const b = new GraphBuilder({ opset: 11 });
    const x = b.input('x', DataType.FLOAT, ['batch', 2]);
    const y = b.relu(x);
    expect(b.output('y', y)).toBe(y);
    expect(b.output('again', y).producer?.opType).toBe('Identity');
    expect(b.output('same', x).producer?.opType).toBe('Identity');
    expect(b.graph.outputs.map(({ name, type }) => `${name} ${formatType(type)}`)).toEqual([
      'y float32[batch,2]',
      'again float32[batch,2]',
      'same float32[batch,2]',
    ]);
  });

  test('a name is not given out twice', () => {
    const b = new GraphBuilder({ opset: 11 });
    const x = b.input('x', DataType.FLOAT, [1]);
    const taken = { code: 'E_AUTHOR', where: { name: 'x' } };
    expect(() => b.input('x', DataType.FLOAT, [1])).toThrow(expect.objectContaining(taken) as Error);
    expect(() => b.output('x', b.relu(x))).toThrow(expect.objectContaining(taken) as Error);
    expect(() => b.initializer(floatTensor([1], [1], 'x'))).toThrow(expect.objectContaining(taken) as Error);
    const weight = floatTensor([1], [1], 'w');
    expect(b.initializer(weight)).toBe(b.initializer(weight));
    expect(() => b.initializer(floatTensor([2], [1], 'w'))).toThrow(
      expect.objectContaining({ code: 'E_AUTHOR' }) as Error,
    );
  });
});

describe('types', () => {
  test('are known at once, also where a shape is computed in the graph', () => {
    const b = new GraphBuilder({ opset: 13 });
    const x = b.input('x', DataType.FLOAT16, [2, 6, 'n']);
    expect(formatType(b.type(b.transpose(x, [2, 0, 1])))).toBe('float16[n,2,6]');
    const y = b.input('y', DataType.FLOAT, [2, 6, 4]);
    const half = b.gather(b.shapeOf(y), b.scalar(1, DataType.INT64));
    const rows = b.reshape(y, b.concat([b.int64([-1]), b.unsqueeze(half, [0])], 0));
    expect(b.dims(rows)).toEqual([8, 6]);
  });

  test('are those that inference finds in the whole model', () => {
    const b = new GraphBuilder({ opset: 17 });
    const x = b.input('x', DataType.FLOAT, [1, 4, 8, 8]);
    const w = b.initializer(floatTensor(Array(72).fill(0.5) as number[], [2, 4, 3, 3], 'w'));
    const values = [b.conv(x, w, undefined, { pads: [1, 1, 1, 1], strides: [2, 2] })];
    values.push(b.enlarge(values[0] as never, [1, 1, 2, 2]), ...b.split(x, [1, 3], 1));
    b.output('y', b.reduceMean(values[1] as never, [-1]));
    const types = values.map((value) => b.type(value));
    const model = b.build();
    expect(types.map(formatType)).toEqual([
      'float32[1,2,4,4]',
      'float32[1,2,8,8]',
      'float32[1,1,8,8]',
      'float32[1,3,8,8]',
    ]);
    const inferred = inferShapes(model);
    expect(values.map((value) => inferred.type(value))).toEqual(types);
  });

  test('a number takes the type of the value beside it', () => {
    const b = new GraphBuilder({ opset: 13 });
    for (const type of [DataType.FLOAT, DataType.FLOAT16, DataType.INT64]) {
      const x = b.input(`x${type}`, type, [3]);
      expect(b.elementType(b.mul(2, x))).toBe(type);
    }
    expect(() => b.add(1, 2)).toThrow(expect.objectContaining({ code: 'E_AUTHOR' }) as Error);
  });
});

describe('mistakes', () => {
  const rows: readonly { why: string; call: (b: GraphBuilder) => unknown; message: RegExp; opset?: number }[] = [
    {
      why: 'shapes that do not go together',
      call: (b) => b.scope('mid', () => b.matmul(b.input('x', 1, [2, 3]), b.input('y', 1, [4, 5]))),
      message: /^'\/mid\/MatMul': MatMul\(float32\[2,3\], float32\[4,5\]\): inner dimensions/,
    },
    {
      why: 'types that do not go together',
      call: (b) => b.add(b.input('x', 1, [2]), b.input('y', 10, [2])),
      message: /^'\/Add': Add\(float32\[2\], float16\[2\]\): 'B' has another type: y/,
    },
    {
      why: 'an operator that is newer than the operator set',
      call: (b) => b.op('Gelu', [b.input('x', 1, [2])]),
      message:
        /'\/Gelu': Gelu\(float32\[2\]\): the operator came with a later version .*expected at least 20, found 11/,
    },
    { why: 'an operator that is not', call: (b) => b.op('Sigmod', []), message: /no such operator/ },
    {
      why: 'an attribute that the operator does not know',
      call: (b) => b.op('Softmax', [b.input('x', 1, [2])], { axes: [1] }),
      message: /Softmax\(float32\[2\]\): .*axes/,
    },
    {
      why: 'an attribute of another type',
      call: (b) => b.op('Softmax', [b.input('x', 1, [2])], { axis: 'last' }),
      message: /expected INT, found string/,
    },
    {
      why: 'too few inputs',
      call: (b) => b.op('MatMul', [b.input('x', 1, [2, 2])]),
      message: /another number of inputs \(expected 2, found 1\)/,
    },
    {
      why: 'a domain without version',
      call: (b) => b.ops('QuickGelu', [b.input('x', 1, [2])], { domain: 'com.microsoft' }),
      message: /the domain of the operator is not imported/,
    },
    {
      why: 'a value of another graph',
      call: (b) => b.relu(new GraphBuilder({ opset: 11 }).input('x', 1, [2])),
      message: /a value of another model/,
    },
    { why: 'a scope with a slash', call: (b) => b.scope('a/b', () => 0), message: /'a\/b': a scope has a name/ },
    { why: 'no output', call: (b) => b.build(), message: /a graph needs an output/ },
  ];
  test.each(rows)('$why', ({ call, message }) => {
    const b = new GraphBuilder({ opset: 11 });
    expect(() => call(b)).toThrow(
      expect.objectContaining({ code: 'E_AUTHOR', message: expect.stringMatching(message) as string }) as Error,
    );
    expect(b.graph.nodes.size).toBe(0);
  });

  test('the graph goes on as if the call had not been', () => {
    const b = new GraphBuilder({ opset: 11 });
    const x = b.input('x', DataType.FLOAT, [2, 3]);
    expect(() => b.matmul(x, x)).toThrow(expect.objectContaining({ code: 'E_AUTHOR' }) as Error);
    expect(b.matmul(x, b.transpose(x, [1, 0])).producer?.name).toBe('/MatMul');
  });
});

describe('the model', () => {
  test('has the IR version of its operator set, and survives a file', async () => {
    const versions: readonly (readonly [opset: number, ir: number])[] = [
      [11, 6],
      [13, 7],
      [17, 8],
      [19, 9],
      [21, 10],
    ];
    for (const [opset, ir] of versions) {
      const b = new GraphBuilder({ opset, name: 'torch_jit', domains: { 'com.microsoft': 1 } });
      b.output('y', b.squeeze(b.unsqueeze(b.input('x', DataType.FLOAT, [2, 3]), [0]), [0]));
      using model = await openModel(await saveBytes(b.build()));
      expect([model.irVersion, model.opset(), model.opset('com.microsoft')]).toEqual([ir, opset, 1]);
      expect([model.graph.name, model.producer]).toEqual(['torch_jit', 'sdgraph']);
      expect(checkModel(model)).toEqual([]);
    }
  });

  test('is refused for operator sets that are not written', () => {
    for (const opset of [10, 11.5, 99]) {
      expect(() => new GraphBuilder({ opset })).toThrow(
        expect.objectContaining({ code: 'E_AUTHOR', found: `${opset}` }) as Error,
      );
    }
  });
});

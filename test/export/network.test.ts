import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/author/graph-builder.ts';
import { gelu, groupNorm, layerNorm, linear, silu } from '../../src/export/modules.ts';
import { Network } from '../../src/export/network.ts';
import type { TakeOptions, WeightSource } from '../../src/export/weights.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { Tensor } from '../../src/ir/tensor.ts';

/** Tensors of one type, of any name and shape. */
class SomeWeights implements WeightSource {
  readonly folds: boolean;
  readonly taken: string[] = [];
  readonly #dataType: number;

  constructor(dataType: number, folds = false) {
    this.#dataType = dataType;
    this.folds = folds;
  }

  has(): boolean {
    return true;
  }

  take(name: string, shape: readonly number[], { transposed = false }: TakeOptions = {}): Tensor {
    if (transposed && !this.folds) throw new Error('only a source that folds transposes');
    this.taken.push(`${name} [${shape.join()}]`);
    const bytes = new Uint8Array((this.#dataType === DataType.FLOAT ? 4 : 2) * shape.reduce((a, b) => a * b, 1));
    const dims = transposed ? shape.toReversed() : shape;
    return new Tensor({ name, dataType: this.#dataType, dims, storage: { kind: 'memory', bytes } });
  }
}

function network(weights: WeightSource, dataType: number = DataType.FLOAT, opset = 13, prefix = ''): Network {
  return new Network({ builder: new GraphBuilder({ opset }), weights, dataType, prefix });
}

function nodes({ builder }: Network): string[] {
  return [...builder.graph.nodes].map(({ name, inputs }) => `${name}(${inputs.map((value) => value?.name).join()})`);
}

describe('weights of a network', () => {
  test('are stored under their own names, cast and transposed by the graph', () => {
    const net = network(new SomeWeights(DataType.FLOAT16));
    const x = net.builder.input('x', DataType.FLOAT, [2, 5, 3]);
    linear(net, 'to_q', x, 4, { bias: false });
    expect(nodes(net)).toEqual([
      '/to_q/Cast(to_q.weight)',
      '/to_q/Transpose(/to_q/Cast_output_0)',
      '/to_q/MatMul(x,/to_q/Transpose_output_0)',
    ]);
    expect(net.builder.graph.initializers.map((value) => value.initializer?.dims)).toEqual([[4, 3]]);
  });

  test('that are folded are read as they come, and named for it', () => {
    const net = network(new SomeWeights(DataType.FLOAT, true));
    linear(net, 'to_q', net.builder.input('x', DataType.FLOAT, [2, 5, 3]), 4);
    expect(nodes(net)).toEqual([
      '/to_q/MatMul(x,to_q.weight_transposed)',
      '/to_q/Add(to_q.bias,/to_q/MatMul_output_0)',
    ]);
    expect(net.builder.graph.initializers[0]?.initializer?.dims).toEqual([3, 4]);
  });

  test('of a matrix are read as they are stored', () => {
    const net = network(new SomeWeights(DataType.FLOAT));
    linear(net, 'linear_1', net.builder.input('x', DataType.FLOAT, [2, 3]), 4);
    expect(nodes(net)).toEqual(['/linear_1/Gemm(x,linear_1.weight,linear_1.bias)']);
  });

  test('have the name of the checkpoint without what stands before the network', () => {
    const weights = new SomeWeights(DataType.FLOAT);
    const net = network(weights, DataType.FLOAT, 11, 'decoder.');
    groupNorm(net, 'norm1', net.builder.input('x', DataType.FLOAT, [1, 4, 2, 2]), { groups: 2, epsilon: 1e-6 });
    expect(weights.taken).toEqual(['decoder.norm1.weight [4]', 'decoder.norm1.bias [4]']);
    expect(net.builder.graph.initializers.map(({ name }) => name)).toEqual(['norm1.weight', 'norm1.bias']);
    expect(net.builder.graph.initializers.map((value) => value.initializer?.dims)).toEqual([
      [4, 1, 1],
      [4, 1, 1],
    ]);
  });

  test('are read once by a module that is called twice', () => {
    const weights = new SomeWeights(DataType.FLOAT16);
    const net = network(weights);
    const x = net.builder.input('x', DataType.FLOAT, [1, 2, 4]);
    layerNorm(net, 'norm', layerNorm(net, 'norm', x));
    expect(weights.taken).toEqual(['norm.weight [4]', 'norm.bias [4]']);
    expect(nodes(net).filter((node) => /Cast(_1)?\(/.test(node))).toHaveLength(2);
    expect(nodes(net).at(-1)).toBe('/norm_1/Add_1(/norm_1/Mul_output_0,/norm/Cast_1_output_0)');
  });

  test('of bfloat16 need an opset that can cast them', () => {
    const author = (opset: number): void => {
      const net = network(new SomeWeights(DataType.BFLOAT16), DataType.FLOAT, opset);
      linear(net, 'fc1', net.builder.input('x', DataType.FLOAT, [2, 3]), 4);
    };
    expect(() => author(12)).toThrow(
      expect.objectContaining({
        code: 'E_CHECKPOINT_TENSOR',
        where: { name: 'fc1.weight' },
        expected: 'opset 13',
      }) as Error,
    );
    expect(() => author(13)).not.toThrow();
  });
});

test('activations have the type of the graph', () => {
  const net = network(new SomeWeights(DataType.FLOAT), DataType.FLOAT16);
  const x = net.builder.input('x', DataType.FLOAT16, [2, 3]);
  expect(net.builder.elementType(gelu(net, silu(net, 'act', x)))).toBe(DataType.FLOAT16);
});

import { describe, expect, test } from 'vitest';
import { Attribute } from '../../src/ir/attribute.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Value } from '../../src/ir/value.ts';
import { countFlops, type FlopCount } from '../../src/report/flops.ts';
import { inferShapes } from '../../src/schema/infer.ts';
import { buildModel, type GraphBuilder } from '../support/model-builder.ts';

function count(fill: (graph: GraphBuilder) => void, opset = 13): FlopCount {
  const model = buildModel(opset, fill);
  return countFlops(model, inferShapes(model));
}

const zeros = (graph: GraphBuilder, dims: readonly number[]): Value =>
  graph.floats(
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => 0),
    dims,
  );

// Each formula is checked against the count of multiplications that the definition of the operator needs, times two.
const ROWS: readonly { what: string; opset?: number; fill: (graph: GraphBuilder) => void; flops: number }[] = [
  {
    what: 'a matrix product',
    fill: (graph) => graph.op('MatMul', [graph.input('a', [2, 3]), zeros(graph, [3, 5])]),
    flops: 2 * 2 * 3 * 5,
  },
  {
    what: 'a batch of matrix products',
    fill: (graph) => graph.op('MatMul', [graph.input('a', [7, 1, 2, 3]), graph.input('b', [4, 3, 5])]),
    flops: 2 * 7 * 4 * 2 * 3 * 5,
  },
  {
    what: 'a product with a vector',
    fill: (graph) => graph.op('MatMul', [graph.input('a', [2, 3]), zeros(graph, [3])]),
    flops: 2 * 2 * 3,
  },
  {
    what: 'Gemm',
    fill: (graph) => graph.op('Gemm', [graph.input('a', [2, 3]), zeros(graph, [3, 5]), zeros(graph, [5])]),
    flops: 2 * 2 * 3 * 5,
  },
  {
    what: 'Gemm of transposed matrices',
    fill: (graph) =>
      graph.op('Gemm', [graph.input('a', [3, 2]), zeros(graph, [5, 3])], {
        attributes: [Attribute.int('transA', 1), Attribute.int('transB', 1)],
      }),
    flops: 2 * 2 * 3 * 5,
  },
  {
    what: 'a convolution with groups and stride',
    fill: (graph) =>
      graph.op('Conv', [graph.input('x', [2, 4, 8, 8]), zeros(graph, [6, 2, 3, 3])], {
        attributes: [
          Attribute.int('group', 2),
          Attribute.ints('strides', [2, 2]),
          Attribute.ints('pads', [1, 1, 1, 1]),
        ],
      }),
    flops: 2 * 2 * 6 * 4 * 4 * (2 * 3 * 3),
  },
  {
    what: 'a transposed convolution',
    fill: (graph) => graph.op('ConvTranspose', [graph.input('x', [1, 4, 5, 5]), zeros(graph, [4, 3, 2, 2])]),
    flops: 2 * (4 * 5 * 5) * (3 * 2 * 2),
  },
  {
    what: 'a fused attention of one target',
    opset: 11,
    fill: (graph) =>
      graph.op('FlashAttentionTik', [
        graph.input('q', [2, 8, 64, 40]),
        graph.input('k', [2, 8, 16, 40]),
        graph.input('v', [2, 8, 16, 40]),
      ]),
    flops: 2 * (2 * 8 * 64 * 16 * 40) * 2,
  },
  {
    what: 'a fused attention of the other layout',
    opset: 11,
    fill: (graph) =>
      graph.op('UnpadFlashAttentionMix', [
        graph.input('q', [2, 64, 8, 40]),
        graph.input('k', [2, 16, 8, 40]),
        graph.input('v', [2, 16, 8, 40]),
      ]),
    flops: 2 * (2 * 8 * 64 * 16 * 40) * 2,
  },
  {
    what: 'an attention of the standard with fewer key heads',
    opset: 23,
    fill: (graph) =>
      graph.op('Attention', [
        graph.input('q', [2, 8, 64, 40]),
        graph.input('k', [2, 4, 16, 40]),
        graph.input('v', [2, 4, 16, 20]),
      ]),
    flops: 2 * 2 * 8 * 64 * 16 * (40 + 20),
  },
  {
    what: 'element-wise operators',
    fill: (graph) => graph.op('Mul', [graph.input('a', [100]), graph.input('b', [100])]),
    flops: 0,
  },
];

describe('operations of', () => {
  test.each(ROWS)('$what', ({ fill, flops, opset }) => {
    const found = count(fill, opset);
    expect(found.total).toBe(flops);
    expect(found.uncounted).toEqual([]);
    expect(found.byOperator.map((entry) => entry.nodes)).toEqual(flops === 0 ? [] : [1]);
  });
});

describe('what cannot be counted is listed', () => {
  test('a symbolic dimension', () => {
    const { total, uncounted } = count((graph) => {
      graph.op('MatMul', [graph.input('a', ['batch', 3]), zeros(graph, [3, 5])]);
      graph.op('MatMul', [graph.input('b', undefined), zeros(graph, [3, 5])]);
    });
    expect(total).toBe(0);
    expect(uncounted).toEqual([{ operator: 'MatMul', nodes: 2, reason: 'shapes are not known' }]);
  });

  test('an operator without a formula', () => {
    const { uncounted } = count((graph) => {
      graph.op('Einsum', [graph.input('a', [2, 3])], { attributes: [Attribute.string('equation', 'ij->ji')] });
    });
    expect(uncounted).toEqual([{ operator: 'Einsum', nodes: 1, reason: 'no formula' }]);
  });

  test('a branch', () => {
    const { uncounted } = count((graph) => {
      const x = graph.input('x', [2, 2]);
      const body = (inner: GraphBuilder): Value => inner.op('MatMul', [x, x]);
      graph.branch(graph.input('c', [], DataType.BOOL), body, body);
    });
    expect(uncounted).toEqual([{ operator: 'MatMul', nodes: 2, reason: 'not in the main graph' }]);
  });

  test('an operator of another domain of the same name is no business of ours', () => {
    const { total, uncounted } = count((graph) => {
      graph.op('MatMul', [graph.input('a', [2, 2]), graph.input('b', [2, 2])], { domain: 'my.ops' });
    });
    expect({ total, uncounted }).toEqual({ total: 0, uncounted: [] });
  });
});

import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/author/graph-builder.ts';
import { numberTensor } from '../../src/author/number-tensor.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Value } from '../../src/ir/value.ts';
import { checkModel } from '../../src/schema/check.ts';
import { runModel } from '../support/run-model.ts';

const OPSETS = [11, 12, 13, 15, 17, 18, 19, 21];

/** What operators make of x = [[1, 2, 3, 4], [5, 6, 7, 8]]. */
const rows: readonly { call: string; make: (b: GraphBuilder, x: Value) => Value; dims: number[]; data: number[] }[] = [
  { call: 'unsqueeze', make: (b, x) => b.unsqueeze(x, [0, 3]), dims: [1, 2, 4, 1], data: [1, 2, 3, 4, 5, 6, 7, 8] },
  {
    call: 'squeeze',
    make: (b, x) => b.squeeze(b.unsqueeze(x, [0]), [0]),
    dims: [2, 4],
    data: [1, 2, 3, 4, 5, 6, 7, 8],
  },
  {
    call: 'squeeze of all',
    make: (b, x) => b.squeeze(b.unsqueeze(x, [0])),
    dims: [2, 4],
    data: [1, 2, 3, 4, 5, 6, 7, 8],
  },
  { call: 'reduceMean', make: (b, x) => b.reduceMean(x, [-1]), dims: [2, 1], data: [2.5, 6.5] },
  { call: 'reduceSum', make: (b, x) => b.reduceSum(x, [0], false), dims: [4], data: [6, 8, 10, 12] },
  { call: 'reduceMax', make: (b, x) => b.reduceMax(x, [1], false), dims: [2], data: [4, 8] },
  { call: 'argMax', make: (b, x) => b.cast(b.argMax(x, 1, false), DataType.FLOAT), dims: [2], data: [3, 3] },
  { call: 'split', make: (b, x) => b.split(x, [1, 3], 1)[1] as Value, dims: [2, 3], data: [2, 3, 4, 6, 7, 8] },
  { call: 'halves', make: (b, x) => b.halves(x)[1] as Value, dims: [2, 2], data: [3, 4, 7, 8] },
  {
    call: 'slice',
    make: (b, x) => b.slice(x, { starts: [3], ends: [0], axes: [1], steps: [-2] }),
    dims: [2, 2],
    data: [4, 2, 8, 6],
  },
  {
    call: 'slice of the first axes',
    make: (b, x) => b.slice(x, { starts: [1], ends: [2] }),
    dims: [1, 4],
    data: [5, 6, 7, 8],
  },
  { call: 'clip', make: (b, x) => b.clip(x, 2, 7), dims: [2, 4], data: [2, 2, 3, 4, 5, 6, 7, 7] },
  { call: 'clip from above', make: (b, x) => b.clip(x, undefined, 3), dims: [2, 4], data: [1, 2, 3, 3, 3, 3, 3, 3] },
  {
    call: 'pad',
    make: (b, x) => b.pad(x, [0, 1, 0, 0], b.scalar(9)),
    dims: [2, 5],
    data: [9, 1, 2, 3, 4, 9, 5, 6, 7, 8],
  },
  {
    call: 'softmax',
    make: (b, x) => b.softmax(b.sub(x, x), 2),
    dims: [2, 4],
    data: Array.from({ length: 8 }, () => 0.25),
  },
  {
    call: 'enlarge',
    make: (b, x) => b.reshape(b.enlarge(b.reshape(x, [1, 1, 2, 4]), [1, 1, 2, 1]), [4, 4]),
    dims: [4, 4],
    data: [1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 5, 6, 7, 8],
  },
  { call: 'gather', make: (b, x) => b.gather(x, b.int64([1, 0]), 1), dims: [2, 2], data: [2, 1, 6, 5] },
  { call: 'gemm', make: (b, x) => b.gemm(x, x, undefined, { transB: true }), dims: [2, 2], data: [30, 70, 70, 174] },
  {
    call: 'gemm of a transposed',
    make: (b, x) =>
      b.squeeze(b.slice(b.gemm(x, x, undefined, { transA: true, alpha: 2 }), { starts: [0], ends: [1] }), [0]),
    dims: [4],
    data: [52, 64, 76, 88],
  },
  {
    call: 'concat and expand',
    make: (b, x) => b.concat([b.expand(b.scalar(1), [1, 4]), x], 0),
    dims: [3, 4],
    data: [1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8],
  },
  {
    call: 'tile and flatten',
    make: (b, x) => b.flatten(b.tile(b.unsqueeze(x, [0]), [1, 1, 2]), 3),
    dims: [16, 1],
    data: [1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 5, 6, 7, 8],
  },
  {
    call: 'conv',
    make: (b, x) => {
      const weight = b.constant(numberTensor(DataType.FLOAT, [1, 0, -1], [1, 1, 1, 3]));
      return b.squeeze(b.conv(b.reshape(x, [1, 1, 2, 4]), weight, undefined, { pads: [0, 1, 0, 1], strides: [1, 2] }));
    },
    dims: [2, 2],
    data: [-2, -2, -6, -2],
  },
  {
    call: 'where and comparisons',
    make: (b, x) =>
      b.where(
        b.less(x, 4),
        b.neg(x),
        b.where(b.greater(x, 6), b.relu(b.neg(x)), b.where(b.equal(x, 5), b.pow(x, 2), x)),
      ),
    dims: [2, 4],
    data: [-1, -2, -3, 4, 25, 6, 0, 0],
  },
  {
    call: 'functions of one value',
    make: (b, x) => b.add(b.mul(b.sin(x), b.sin(x)), b.mul(b.cos(x), b.cos(x))),
    dims: [2, 4],
    data: Array.from({ length: 8 }, () => 1),
  },
  {
    call: 'exp, erf, tanh, sqrt, sigmoid, div',
    make: (b, x) => {
      const zero = b.sub(x, x);
      return b.add(
        b.exp(zero),
        b.add(b.erf(zero), b.add(b.tanh(zero), b.add(b.sqrt(zero), b.div(b.sigmoid(zero), 2)))),
      );
    },
    dims: [2, 4],
    data: Array.from({ length: 8 }, () => 1.25),
  },
];

describe('operators in the form of every operator set', () => {
  test.each(rows)('$call', async ({ make, dims, data }) => {
    const feeds = { x: new ort.Tensor('float32', [1, 2, 3, 4, 5, 6, 7, 8], [2, 4]) };
    for (const opset of OPSETS) {
      const b = new GraphBuilder({ opset });
      const y = make(b, b.input('x', DataType.FLOAT, [2, 4]));
      expect(b.dims(y), `opset ${opset}`).toEqual(dims);
      b.output('y', y);
      const model = b.build();
      expect(checkModel(model)).toEqual([]);
      const found = (await runModel(model, feeds)).get('y');
      expect(found?.dims, `opset ${opset}`).toEqual(dims);
      for (const [i, value] of data.entries()) expect(found?.data[i], `opset ${opset}`).toBeCloseTo(value, 5);
    }
  });
});

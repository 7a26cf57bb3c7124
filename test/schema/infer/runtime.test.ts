import fc from 'fast-check';
import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { saveBytes } from '../../../src/io/save.ts';
import { DataType } from '../../../src/ir/data-type.ts';
import { inferShapes } from '../../../src/schema/infer.ts';
import { attributeOf, floats, ints, type OpCase, parseType } from '../../support/infer-op.ts';
import { buildModel } from '../../support/model-builder.ts';

/** Random nodes of one operator; some of them are not valid and say nothing. */
const list = (min: number, max: number, length: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min, max }), { minLength: length, maxLength: length });
const text = (dims: readonly number[]): string => `float32[${dims.join(',')}]`;
const autoPad = fc.constantFrom('NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER');

/** Pads go with explicit padding only. */
const padsFor = (mode: string, pads: readonly number[]): OpCase['attributes'] =>
  mode === 'NOTSET' ? { pads } : { auto_pad: mode };

const conv = fc
  .tuple(list(1, 9, 2), list(1, 3, 2), list(1, 3, 2), list(1, 2, 2), list(0, 2, 4), autoPad)
  .map(([size, kernel, strides, dilations, pads, mode]): OpCase => {
    const attributes = { strides, dilations, ...padsFor(mode, pads) };
    return { op: 'Conv', inputs: [text([1, 2, ...size]), text([3, 2, ...kernel])], attributes };
  });

const convTranspose = fc
  .tuple(list(1, 5, 2), list(1, 3, 2), list(1, 3, 2), list(1, 2, 2), list(0, 1, 4), autoPad)
  .map(([size, kernel, strides, dilations, pads, mode]): OpCase => {
    const attributes = { strides, dilations, ...padsFor(mode, pads) };
    return { op: 'ConvTranspose', inputs: [text([1, 2, ...size]), text([2, 3, ...kernel])], attributes };
  });

const pool = fc
  .tuple(
    fc.constantFrom('MaxPool', 'AveragePool', 'LpPool'),
    ...([list(1, 9, 2), list(1, 3, 2), list(1, 3, 2), list(0, 1, 4), autoPad, fc.integer({ min: 0, max: 1 })] as const),
  )
  .map(([op, size, kernel, strides, pads, mode, ceil]): OpCase => {
    const attributes = { kernel_shape: kernel, strides, ceil_mode: ceil, ...padsFor(mode, pads) };
    return { op, opset: 19, inputs: [text([1, 2, ...size])], attributes };
  });

const slice = fc
  .tuple(list(1, 7, 2), list(-9, 9, 2), list(-9, 9, 2), list(-3, 3, 2), fc.constantFrom([0, 1], [1, 0], [-1, 0]))
  .map(([size, starts, ends, steps, axes]): OpCase => {
    const strides = steps.map((step) => (step === 0 ? 1 : step));
    return { op: 'Slice', opset: 13, inputs: [text(size), ints(starts), ints(ends), ints(axes), ints(strides)] };
  });

const resizeScales = fc
  .tuple(list(1, 9, 2), fc.array(fc.double({ min: 0.3, max: 3, noNaN: true }), { minLength: 2, maxLength: 2 }))
  .map(
    ([size, scales]): OpCase => ({
      op: 'Resize',
      opset: 13,
      inputs: [text([1, 1, ...size]), undefined, floats([1, 1, ...scales])],
      attributes: { mode: 'nearest' },
    }),
  );

const resizeSizes = fc.tuple(list(1, 9, 2), list(1, 9, 2), fc.constantFrom('stretch', 'not_larger', 'not_smaller')).map(
  ([size, sizes, policy]): OpCase => ({
    op: 'Resize',
    opset: 18,
    inputs: [text([1, 1, ...size]), undefined, undefined, ints(sizes)],
    attributes: { mode: 'nearest', axes: [2, 3], keep_aspect_ratio_policy: policy },
  }),
);

const pad = fc.tuple(list(3, 6, 2), list(-1, 3, 4)).map(
  ([size, pads]): OpCase => ({
    op: 'Pad',
    opset: 18,
    inputs: [text(size), ints(pads)],
  }),
);

const reduce = fc
  .tuple(list(1, 4, 3), fc.uniqueArray(fc.integer({ min: -3, max: 2 }), { maxLength: 3 }), list(0, 1, 2))
  .map(
    ([size, axes, [keepdims = 0, noop = 0]]): OpCase => ({
      op: 'ReduceSum',
      opset: 13,
      inputs: [text(size), ints(axes)],
      attributes: { keepdims, noop_with_empty_axes: noop },
    }),
  );

const matmul = fc
  .tuple(list(1, 3, 4), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }))
  .map(([[m = 1, k = 1, n = 1, batch = 1], left, right]): OpCase => {
    const a = [batch, 1, m, k].slice(4 - left);
    const b = right === 1 ? [k] : [1, batch, k, n].slice(4 - right);
    return { op: 'MatMul', opset: 13, inputs: [text(a), text(b)] };
  });

const split = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 4 })).map(
  ([size, parts]): OpCase => ({
    op: 'Split',
    opset: 18,
    inputs: [text([2, size])],
    attributes: { axis: 1, num_outputs: parts },
    outputs: parts,
  }),
);

const reshape = fc
  .tuple(list(1, 4, 3), fc.constantFrom([0, -1], [-1], [0, 0, -1], [2, -1], [-1, 3], [4, -1, 1]))
  .map(([size, target]): OpCase => ({ op: 'Reshape', opset: 13, inputs: [text(size), ints(target)] }));

const depthToSpace = fc.tuple(list(1, 3, 3), fc.integer({ min: 1, max: 3 })).map(
  ([[depth = 1, ...size], block]): OpCase => ({
    op: 'DepthToSpace',
    opset: 13,
    inputs: [text([1, depth * block * block, ...size])],
    attributes: { blocksize: block },
  }),
);

const lstm = fc
  .tuple(list(1, 4, 4), fc.constantFrom('forward', 'reverse', 'bidirectional'))
  .map(([[steps = 1, batch = 1, width = 1, hidden = 1], direction]): OpCase => {
    const directions = direction === 'bidirectional' ? 2 : 1;
    const weights = [text([directions, 4 * hidden, width]), text([directions, 4 * hidden, hidden])];
    const attributes = { direction, hidden_size: hidden };
    return { op: 'LSTM', opset: 14, inputs: [text([steps, batch, width]), ...weights], attributes, outputs: 3 };
  });

const einsum = fc
  .tuple(list(1, 4, 3), fc.constantFrom('ij,jk->ik', 'ij,jk', 'ij,jk->kji', 'ij,jk->', 'i...,...k->...', 'ij,jk->j'))
  .map(
    ([[i = 1, j = 1, k = 1], equation]): OpCase => ({
      op: 'Einsum',
      opset: 12,
      inputs: [text([i, j]), text([j, k])],
      attributes: { equation },
    }),
  );

const unary = fc
  .tuple(fc.constantFrom('Flatten', 'GlobalAveragePool', 'Softmax', 'Transpose', 'LRN', 'Shape', 'Size'), list(1, 4, 3))
  .map(
    ([op, size]): OpCase => ({
      op,
      opset: 13,
      inputs: [text([1, ...size])],
      attributes: op === 'LRN' ? { size: 1 } : {},
    }),
  );

/** Dimensions of the outputs as onnxruntime computes them from zeros; undefined when it refuses the node. */
async function computedDims(bytes: Uint8Array, given: OpCase): Promise<(readonly number[])[] | undefined> {
  let session: ort.InferenceSession;
  try {
    session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  } catch {
    return undefined;
  }
  const feeds = session.inputNames.map((name): [string, ort.Tensor] => {
    const dims = parseType(given.inputs[Number(name.slice(1))] as string).shape as number[];
    return [name, new ort.Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b, 1)), dims)];
  });
  try {
    const results = await session.run(Object.fromEntries(feeds));
    return session.outputNames.map((name) => (results[name] as ort.Tensor).dims);
  } catch {
    return undefined;
  } finally {
    await session.release();
  }
}

test.each(
  Object.entries({
    ...{ conv, convTranspose, pool, slice, resizeScales, resizeSizes, pad, reduce, matmul, split, reshape },
    ...{ depthToSpace, lstm, einsum, unary },
  }),
)('%s: shapes are those that onnxruntime computes', async (_, arbitrary) => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(arbitrary, async (given) => {
      const model = buildModel(given.opset ?? 17, (graph) => {
        const inputs = given.inputs.map((operand, i) => {
          if (operand === undefined) return undefined;
          if (typeof operand !== 'string') return graph.tensor(operand.renamed(`c${i}`));
          return graph.input(`x${i}`, parseType(operand).shape);
        });
        const attributes = Object.entries(given.attributes ?? {}).map(([name, value]) => attributeOf(name, value));
        const outputs = graph.ops(given.op, inputs, { attributes, outputs: given.outputs ?? 1 });
        const elemType = given.op === 'Shape' || given.op === 'Size' ? DataType.INT64 : DataType.FLOAT;
        for (const output of outputs) graph.output(output, undefined, elemType);
      });
      const inferred = inferShapes(model);
      const expected = await computedDims(await saveBytes(model), given);
      if (expected === undefined) return;
      expect(inferred.conflicts).toEqual([]);
      for (const [i, value] of model.graph.outputs.entries()) {
        const dims = inferred.dims(value);
        if (dims === undefined) continue;
        compared++;
        expect(dims).toEqual(expected[i]);
      }
    }),
    { numRuns: 60 },
  );
  expect(compared).toBeGreaterThan(20);
});

import Long from 'long';
import { describe, expect, test } from 'vitest';
import { foldShapes } from '../../passes/fold-shapes.ts';
import { openModel } from '../../src/io/open.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { constantInts } from '../../src/ir/constants.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Dim } from '../../src/ir/type.ts';
import { onnx } from '../../src/wire/generated/onnx.js';
import { applyPass, listing, reasons, reopened } from '../support/apply-pass.ts';
import { buildModel, type GraphBuilder } from '../support/model-builder.ts';

/** `x` reshaped to [d0, d1 * d2], with the numbers computed from the shape of `x`. */
function flattening(g: GraphBuilder, shape: readonly Dim[]): void {
  const x = g.input('x', shape);
  const dims = g.op('Shape', [x]);
  const dim = (i: number) => g.op('Gather', [dims, g.ints([i], [1])]);
  const rest = g.op('Mul', [dim(1), dim(2)]);
  const target = g.op('Concat', [dim(0), rest], { outputs: ['target'], attributes: [Attribute.int('axis', 0)] });
  g.output(g.op('Reshape', [x, target], { outputs: ['y'] }));
}

describe('fold-shapes', () => {
  test('a computed shape becomes a constant of the same name, and its computation goes', async () => {
    const model = buildModel(13, (g) => flattening(g, [2, 3, 4]));
    const report = await applyPass(model, foldShapes());
    expect(reasons(report)).toEqual(['applied Concat: folded to [2, 12]']);
    expect(listing(model)).toEqual(['y = Reshape(x, target)']);
    expect(constantInts(model.graph.value('target'))).toEqual([2n, 12n]);
    expect(await applyPass(await reopened(model), foldShapes())).toMatchObject({ changed: false, sites: [] });
  });

  test('what depends on a symbolic dimension stays; the known parts fold', async () => {
    const model = buildModel(13, (g) => flattening(g, ['batch', 3, 4]));
    const report = await applyPass(model, foldShapes());
    expect(report.sites.map(({ reason }) => reason)).toEqual(['folded to [12]']);
    expect(listing(model).map((line) => line.replace(/^.* = /, ''))).toEqual([
      'Shape(x)',
      expect.stringMatching(/^Gather/),
      expect.stringMatching(/^Concat/),
      'Reshape(x, target)',
    ]);
  });

  test('64-bit integers stay exact, and int32 stays int32', async () => {
    const model = buildModel(13, (g) => {
      const x = g.input('x', [1], DataType.INT64);
      const big = g.op('Add', [g.ints([2n ** 62n]), g.ints([1n])], { outputs: ['big'] });
      g.output(g.op('Add', [x, big]), [1], DataType.INT64);
      const narrow = g.op('Cast', [g.op('Shape', [x])], { outputs: ['narrow'], attributes: [Attribute.int('to', 6)] });
      g.output(g.op('Add', [g.input('n', [1], 6), narrow]), [1], 6);
    });
    await applyPass(model, foldShapes());
    expect(constantInts(model.graph.value('big'))).toEqual([2n ** 62n + 1n]);
    expect(model.graph.value('narrow')?.initializer?.dataType).toBe(DataType.INT32);
  });

  test('floats, graph outputs and large tensors are never folded', async () => {
    const model = buildModel(13, (g) => {
      const x = g.input('x', [2, 3]);
      g.output(g.op('Shape', [x], { outputs: ['shape'] }), [2], DataType.INT64);
      g.output(g.op('Add', [g.scalar(1), g.op('Add', [g.scalar(1), g.scalar(2)])]));
      const large = g.op('Expand', [g.ints([7]), g.ints([100_000])]);
      g.output(g.op('Add', [large, g.input('n', [1], DataType.INT64)]), undefined, DataType.INT64);
    });
    expect(await applyPass(model, foldShapes())).toMatchObject({ changed: false, sites: [] });
  });

  test('an initializer that a graph input may override is not known', async () => {
    const model = buildModel(13, (g) => {
      const n = g.input('n', [1], DataType.INT64);
      g.graph.setInitializer(n, g.ints([5]).initializer?.renamed('n'));
      g.output(g.op('Reshape', [g.input('x', ['k']), g.op('Neg', [n])]));
    });
    expect(await applyPass(model, foldShapes())).toMatchObject({ changed: false, sites: [] });
  });

  test('branches of If get constants of their own', async () => {
    const model = buildModel(13, (g) => {
      const x = g.input('x', [2, 3]);
      g.output(
        g.branch(
          g.input('flag', [], DataType.BOOL),
          (b) => b.op('Reshape', [x, b.op('Shape', [x])]),
          (b) => b.op('Neg', [x]),
        ),
      );
    });
    expect((await applyPass(model, foldShapes())).sites).toHaveLength(1);
    expect(listing(model).some((line) => line.includes('Shape('))).toBe(false);
    await reopened(model);
  });

  test('local functions, which have no initializers, get Constant nodes', async () => {
    const int64 = (name: string, values: number[]): onnx.NodeProto.$Properties => ({
      op_type: 'Constant',
      output: [name],
      attribute: [
        {
          name: 'value_ints',
          type: onnx.AttributeProto.AttributeType.INTS,
          ints: values.map((value) => Long.fromNumber(value)),
        },
      ],
    });
    const bytes = onnx.ModelProto.encode({
      ir_version: Long.fromNumber(8),
      opset_import: [{ version: Long.fromNumber(17) }, { domain: 'local', version: Long.fromNumber(1) }],
      graph: {
        name: 'main',
        input: [
          { name: 'x', type: { tensor_type: { elem_type: 1, shape: { dim: [{ dim_value: Long.fromNumber(6) }] } } } },
        ],
        output: [{ name: 'y', type: { tensor_type: { elem_type: 1 } } }],
        node: [{ op_type: 'F', domain: 'local', input: ['x'], output: ['y'] }],
      },
      functions: [
        {
          name: 'F',
          domain: 'local',
          input: ['a'],
          output: ['b'],
          opset_import: [{ version: Long.fromNumber(17) }],
          node: [
            int64('one', [1, 1]),
            int64('more', [1, 2]),
            { op_type: 'Add', input: ['one', 'more'], output: ['target'] },
            { op_type: 'Reshape', input: ['a', 'target'], output: ['b'] },
          ],
        },
      ],
    }).finish();
    const model = await openModel(bytes);
    const report = await applyPass(model, foldShapes());
    expect(report.sites.map(({ reason }) => reason)).toEqual(['folded to [2, 3]']);
    const again = await reopened(model);
    expect(listing(again)).toEqual(['y = F(x)', 'target = Constant()', 'b = Reshape(a, target)']);
    expect(constantInts(again.functions[0]?.body.value('target'))).toEqual([2n, 3n]);
    expect(await applyPass(again, foldShapes())).toMatchObject({ changed: false, sites: [] });
  });
});

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { modifyOnnx } from '../../passes/presets.ts';
import { openModel } from '../../src/io/open.ts';
import { Attribute, AttributeType } from '../../src/ir/attribute.ts';
import { int64Tensor } from '../../src/ir/constants.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { Model } from '../../src/ir/model.ts';
import { Tensor } from '../../src/ir/tensor.ts';
import type { Dim } from '../../src/ir/type.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { inferredOperators } from '../../src/schema/infer/operators.ts';
import { inferShapes } from '../../src/schema/infer.ts';
import { materialize } from '../support/golden.ts';
import { buildModel, GraphBuilder } from '../support/model-builder.ts';
import { realModels } from '../support/real-models.ts';
import { subgraph } from '../support/subgraph.ts';
import { tempDir } from '../support/temp-dir.ts';

const parity = new URL('../../fixtures/parity/', import.meta.url);

test.each(['sd15', 'sd21', 'sd15-full'])('every value of the UNet %s has a static shape and a type', async (name) => {
  const model = await openModel(gunzipSync(readFileSync(new URL(`${name}/unet.onnx.gz`, parity))));
  const inferred = inferShapes(model);
  const values = [...model.graph.nodes].flatMap(({ outputs }) => outputs);
  const open = values.filter((value) => {
    const type = inferred.type(value);
    return inferred.dims(value) === undefined || type?.kind !== 'tensor' || type.elemType === 0;
  });
  expect(open.map((value) => value?.name)).toEqual([]);
  expect(values.length).toBeGreaterThan(3000);
  expect(inferred.conflicts).toEqual([]);
});

test('every value has a static shape after the rewrite, too', async () => {
  const model = await openModel(materialize('sd21', tempDir()));
  const before = inferShapes(model);
  await pipeline(modifyOnnx({ faSoc: 'Duo', tome: 5, fasterGelu: true })).run(model);
  const after = inferShapes(model);
  const values = [...model.graph.nodes].flatMap(({ outputs }) => outputs);
  expect(values.filter((value) => after.dims(value) === undefined).map((value) => value?.name)).toEqual([]);
  expect(after.conflicts).toEqual([]);
  for (const output of model.graph.outputs) expect(after.dims(output)).toEqual(before.dims(output));
  model.close();
});

test.each(realModels())('$name: every value has a type', async ({ bytes }) => {
  const model = await openModel(bytes);
  const inferred = inferShapes(model);
  const values = [...model.graph.nodes].flatMap(({ outputs }) => outputs);
  expect(values.filter((value) => inferred.shape(value) === undefined).map((value) => value?.name)).toEqual([]);
});

describe('what is asked', () => {
  test('of nothing is nothing', () => {
    const inferred = inferShapes(new Model());
    expect([inferred.type(undefined), inferred.shape(undefined), inferred.ints(undefined)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('dims are given when all are numbers only', () => {
    const model = buildModel(21, (graph) => {
      graph.input('fixed', [2, 3]);
      graph.input('open', ['N', 3]);
      graph.input('anything', undefined);
    });
    const inferred = inferShapes(model);
    const [fixed, open, anything] = model.graph.inputs;
    expect([inferred.dims(fixed), inferred.dims(open), inferred.dims(anything)]).toEqual([
      [2, 3],
      undefined,
      undefined,
    ]);
    expect(inferred.shape(open)).toEqual(['N', 3]);
  });

  test('a value that was added later has what the file says of it', () => {
    const model = buildModel(21, (graph) => graph.input('x', [2, 3]));
    const inferred = inferShapes(model);
    const late = new GraphBuilder(model.graph).op('Relu', [model.graph.inputs[0]]);
    expect(inferred.type(late)).toBeUndefined();
    late.setType({ kind: 'tensor', elemType: DataType.FLOAT, shape: [2, 3] });
    expect(inferred.dims(late)).toEqual([2, 3]);
    expect(inferred.ints(late)).toBeUndefined();
  });

  test('contents of a constant are exact', () => {
    const model = buildModel(21, (graph) => graph.ints([2n ** 63n - 1n, -(2n ** 63n)]));
    expect(inferShapes(model).ints(model.graph.initializers[0])).toEqual([2n ** 63n - 1n, -(2n ** 63n)]);
  });
});

describe('what a graph input may override', () => {
  const overridden = (irVersion: number): Model => {
    const model = new Model({ irVersion });
    model.setOpset('', 9);
    const graph = new GraphBuilder(model.graph);
    const target = graph.input('target', [2], DataType.INT64);
    model.graph.setInitializer(target, int64Tensor([3, 2], [2], 'target'));
    graph.output(graph.op('Reshape', [graph.input('x', [6]), target], { outputs: ['y'] }));
    return model;
  };

  test('is a constant before IR version 4, and not one since', () => {
    const shapes = [3, 4].map((irVersion) => {
      const model = overridden(irVersion);
      return inferShapes(model).shape(model.graph.value('y'));
    });
    expect(shapes).toEqual([
      [3, 2],
      [undefined, undefined],
    ]);
  });
});

describe('what the file states', () => {
  const relu = (stated: readonly Dim[], elemType: number = DataType.FLOAT): Model =>
    buildModel(21, (graph) => {
      const y = graph.op('Relu', [graph.input('x', ['N', 3])], { outputs: ['y'] });
      graph.output(y, stated, elemType);
    });

  test('refines what follows, and what follows from that', () => {
    const model = buildModel(21, (graph) => {
      const hidden = graph.op('Mystery', [graph.input('x', [2])], { domain: 'example.org' });
      hidden.setType({ kind: 'tensor', elemType: DataType.FLOAT, shape: [4, 5] });
      graph.op('Transpose', [hidden]);
    });
    expect(inferShapes(model).dims(model.graph.nodes.last?.output(0))).toEqual([5, 4]);
  });

  test('is reported when it contradicts', () => {
    const model = relu(['N', 4]);
    const inferred = inferShapes(model);
    expect(inferred.shape(model.graph.value('y'))).toEqual(['N', 3]);
    expect(inferred.conflicts).toHaveLength(1);
    expect(inferred.conflicts[0]?.value).toBe(model.graph.value('y'));
    expect(inferred.conflicts[0]?.message).toBe('stated to have extent 4 in dimension 1, but it has 3');
  });

  test('is reported when its type contradicts', () => {
    const { conflicts } = inferShapes(relu(['N', 3], DataType.INT64));
    expect(conflicts.map(({ message }) => message)).toEqual(['stated to hold int64, but it holds float32']);
  });

  test('is reported once for a body that is inferred several times', () => {
    const model = buildModel(21, (graph) => {
      const body = subgraph(graph, 'body', (inner) => {
        inner.input('i', [], DataType.INT64);
        inner.output(inner.op('Identity', [inner.input('c', [], DataType.BOOL)]), [], DataType.BOOL);
        const state = inner.input('s', undefined);
        inner.output(inner.op('Concat', [state, state], { attributes: [Attribute.int('axis', 0)] }), [2, 9]);
      });
      graph.op('Loop', [graph.ints([3], []), undefined, graph.input('x', [1, 4])], { attributes: [body] });
    });
    expect(inferShapes(model).conflicts.map(({ message }) => message)).toEqual([
      'stated to have extent 9 in dimension 1, but it has 4',
    ]);
  });
});

/** Attributes with every name that some operator reads and a value it does not expect. */
const NAMES = ['axis', 'axes', 'perm', 'shape', 'to', 'kernel_shape', 'strides', 'pads', 'dilations', 'group', 'body'];
const odd = fc.oneof(
  fc.constantFrom(...NAMES).map((name) => Attribute.float(name, Number.NaN)),
  fc.tuple(fc.constantFrom(...NAMES), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)).map(([n, i]) => Attribute.int(n, i)),
  fc
    .tuple(fc.constantFrom(...NAMES), fc.array(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), { maxLength: 5 }))
    .map(([name, values]) => Attribute.ints(name, values)),
  fc.tuple(fc.constantFrom(...NAMES), fc.string()).map(([name, text]) => Attribute.string(name, text)),
  fc.constantFrom(...NAMES).map((name) => new Attribute({ name, type: AttributeType.GRAPH })),
);
const oddDim = fc.oneof(fc.constant(undefined), fc.string(), fc.constantFrom(0, 1, 2, 7, Number.MAX_SAFE_INTEGER));
const oddShape = fc.option(fc.array(oddDim, { maxLength: 5 }), { nil: undefined });
const operators = [...inferredOperators()];

describe('hostile models', () => {
  test('leave values unknown and never throw, whatever operators are given', () => {
    const given = fc.record({
      operator: fc.constantFrom(...operators),
      shapes: fc.array(oddShape, { maxLength: 5 }),
      constants: fc.array(fc.array(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), { maxLength: 4 }), { maxLength: 3 }),
      attributes: fc.array(odd, { maxLength: 4 }),
      opset: fc.integer({ min: 1, max: 30 }),
      outputs: fc.integer({ min: 0, max: 6 }),
      elemType: fc.constantFrom(1, 7, 8, 9, 99),
    });
    fc.assert(
      fc.property(given, ({ operator: [domain, op], shapes, constants, attributes, opset, outputs, elemType }) => {
        const model = buildModel(opset, (graph) => {
          const inputs = shapes.map((shape, i) => (i === 3 ? undefined : graph.input(`x${i}`, shape, elemType)));
          const known = constants.map((values, i) => graph.ints(values, [values.length], `c${i}`));
          graph.ops(op, [...inputs, ...known], { domain, attributes, outputs });
        });
        const inferred = inferShapes(model);
        for (const node of model.graph.nodes) {
          for (const value of node.outputs) {
            const extents = inferred.shape(value) ?? [];
            expect(extents.every((dim) => typeof dim !== 'number' || (Number.isSafeInteger(dim) && dim >= 0))).toBe(
              true,
            );
          }
        }
      }),
      { numRuns: 3000 },
    );
  });

  test('with a circle give what can be had', () => {
    const model = buildModel(21, (graph) => {
      const first = graph.op('Relu', [graph.input('x', [2])]);
      const second = graph.op('Relu', [first]);
      first.producer?.setInput(0, second);
      graph.op('Relu', [graph.input('z', [3])], { outputs: ['aside'] });
    });
    const inferred = inferShapes(model);
    expect(inferred.shape(model.graph.value('aside'))).toEqual([3]);
  });

  test('with constants that cannot be read give their shapes', () => {
    const broken = new Tensor({
      dataType: DataType.INT64,
      dims: [2],
      storage: { kind: 'external', entries: new Map([['location', 'gone.bin']]), data: undefined },
    });
    const model = buildModel(21, (graph) => {
      graph.op('Reshape', [graph.input('x', [6]), graph.tensor(broken.renamed('target'))], { outputs: ['y'] });
    });
    expect(inferShapes(model).shape(model.graph.value('y'))).toEqual([undefined, undefined]);
  });

  test('with more dimensions than anybody has do not pile them up', () => {
    const model = buildModel(21, (graph) => {
      let value = graph.input('x', [2]);
      const axes = graph.ints([0]);
      for (let i = 0; i < 5000; i++) value = graph.op('Unsqueeze', [value, axes]);
      graph.output(value);
    });
    expect(inferShapes(model).shape(model.graph.outputs[0])).toBeUndefined();
  });

  test('in a long chain do not exhaust the stack', () => {
    const model = buildModel(21, (graph) => {
      let value = graph.input('x', [2, 'N']);
      for (let i = 0; i < 50_000; i++) value = graph.op('Relu', [value]);
      graph.output(value);
    });
    expect(inferShapes(model).shape(model.graph.outputs[0])).toEqual([2, 'N']);
  });
});

import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { splitSlices } from '../../passes/split-slices.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Dim } from '../../src/ir/type.ts';
import { applyPass, listing, reopened } from '../support/apply-pass.ts';
import { buildModel, type GraphBuilder } from '../support/model-builder.ts';
import { runModel, someFloats } from '../support/run-model.ts';

type Bound = number | bigint;
const MAX = 2n ** 63n - 1n;

function slice(
  g: GraphBuilder,
  data: Parameters<GraphBuilder['op']>[1][0],
  range: readonly [Bound, Bound],
  axis: number,
  name = 'Slice',
  step = 1,
) {
  return g.op('Slice', [data, g.ints([range[0]]), g.ints([range[1]]), g.ints([axis]), g.ints([step])], {
    name: `/m/${name}`,
    outputs: [`/m/${name}_output_0`],
  });
}

/** Slices of `x`, each negated into an output of its own. */
function sliced(
  opset: number,
  shape: readonly Dim[],
  ranges: readonly (readonly [Bound, Bound, number?])[],
  axis = -1,
): Model {
  return buildModel(opset, (g) => {
    const x = g.input('x', shape);
    for (const [i, [start, end, step]] of ranges.entries()) {
      const part = slice(g, x, [start, end], axis, i === 0 ? 'Slice' : `Slice_${i}`, step);
      g.output(g.op('Neg', [part], { outputs: [`y${i}`] }));
    }
  });
}

async function expectSameNumbers(model: Model, rewrite: () => Promise<unknown>, dims: number[]): Promise<void> {
  const feeds = { x: new ort.Tensor('float32', someFloats(dims.reduce((a, b) => a * b, 1)), dims) };
  const before = await runModel(model, feeds);
  await rewrite();
  expect(await runModel(await reopened(model), feeds)).toEqual(before);
}

describe('split-slices', () => {
  test('equal halves: name, axis and values as upstream writes them', async () => {
    const model = sliced(
      11,
      [2, 6],
      [
        [0, 3],
        [3, MAX],
      ],
    );
    await expectSameNumbers(model, () => applyPass(model, splitSlices()), [2, 6]);
    const [split] = model.graph.nodesOf('Split');
    expect(split?.name).toBe('/m/Split');
    expect(split?.attributes.map(({ name, int }) => [name, int])).toEqual([['axis', -1n]]);
    expect(listing(model)[0]).toBe('/m/Slice_output_0, /m/Slice_1_output_0 = Split(x)');
    expect(await applyPass(model, splitSlices())).toMatchObject({ changed: false, sites: [] });
  });

  test('parts in another order than the nodes: outputs follow the axis', async () => {
    const model = sliced(
      11,
      [1, 4],
      [
        [2, MAX],
        [0, 2],
      ],
      1,
    );
    await expectSameNumbers(model, () => applyPass(model, splitSlices()), [1, 4]);
    expect(listing(model)[0]).toBe('/m/Slice_1_output_0, /m/Slice_output_0 = Split(x)');
  });

  test.each([11, 13, 17, 18, 21])('opset %i: parts of unequal size', async (opset) => {
    const model = sliced(
      opset,
      [7, 2],
      [
        [0, 1],
        [1, -2],
        [-2, 7],
      ],
      0,
    );
    await expectSameNumbers(model, () => applyPass(model, splitSlices()), [7, 2]);
    const [split] = model.graph.nodesOf('Split');
    expect(split?.inputs).toHaveLength(opset < 13 ? 1 : 2);
  });

  test.each([9, 11, 13, 17, 18, 21])('opset %i: parts of equal size', async (opset) => {
    const model =
      opset === 9
        ? withAttributes()
        : sliced(
            opset,
            [4],
            [
              [0, 2],
              [-2, 4],
            ],
            0,
          );
    await expectSameNumbers(model, () => applyPass(model, splitSlices()), [4]);
    const [split] = model.graph.nodesOf('Split');
    expect(split?.attribute('num_outputs')?.int).toBe(opset < 18 ? undefined : 2n);
  });

  test('bounds computed from the shape, as torch exports chunk', async () => {
    const model = buildModel(11, (g) => {
      const x = g.input('x', ['batch', 6]);
      const last = g.ints([-1]);
      const width = g.op('Gather', [g.op('Shape', [x]), last]);
      const half = g.op('Div', [g.op('Add', [width, g.ints([1])]), g.ints([2])]);
      const first = g.op('Slice', [x, g.ints([0]), g.op('Mul', [half, g.ints([1])]), last]);
      const second = g.op('Slice', [x, g.op('Mul', [half, g.ints([1])]), g.op('Mul', [half, g.ints([2])]), last]);
      g.output(g.op('Mul', [first, second], { outputs: ['y'] }));
    });
    await expectSameNumbers(model, () => applyPass(model, splitSlices()), [2, 6]);
    expect([...model.graph.nodesOf('Slice')]).toEqual([]);
  });

  test('graph outputs stay, and halves of halves are split too', async () => {
    const model = buildModel(13, (g) => {
      const x = g.input('x', [1, 8]);
      const left = slice(g, x, [0, 4], 1, 'a/Slice');
      g.output(slice(g, x, [4, 8], 1, 'a/Slice_1'));
      g.output(slice(g, left, [0, 2], 1, 'b/Slice'));
      g.output(g.op('Neg', [slice(g, left, [2, 4], 1, 'b/Slice_1')]));
    });
    await expectSameNumbers(model, () => applyPass(model, splitSlices()), [1, 8]);
    expect([...model.graph.nodesOf('Split')]).toHaveLength(2);
  });

  test('two axes of one tensor are two Splits', async () => {
    const model = buildModel(13, (g) => {
      const x = g.input('x', [4, 6]);
      const parts = [slice(g, x, [0, 2], 0), slice(g, x, [0, 3], 1), slice(g, x, [2, 4], 0), slice(g, x, [3, 6], -1)];
      for (const part of parts) g.output(g.op('Neg', [part]));
    });
    await expectSameNumbers(model, () => applyPass(model, splitSlices()), [4, 6]);
    expect([...model.graph.nodesOf('Split')]).toHaveLength(2);
  });

  const left: [string, readonly Dim[], readonly (readonly [Bound, Bound, number?])[], string, RegExp][] = [
    [
      'H17: a gap',
      [8],
      [
        [0, 3],
        [4, 8],
      ],
      'refused',
      /elements 3 to 3 are in no slice/,
    ],
    [
      'H17: a missing end',
      [8],
      [
        [0, 3],
        [3, 7],
      ],
      'refused',
      /elements 7 to 7 are in no slice/,
    ],
    [
      'H17: a missing start',
      [8],
      [
        [1, 3],
        [3, 8],
      ],
      'refused',
      /elements 0 to 0 are in no slice/,
    ],
    [
      'H18: an overlap',
      [8],
      [
        [0, 5],
        [4, 8],
      ],
      'refused',
      /elements 4 to 4 are in more than one/,
    ],
    [
      'H18: three slices of which two fit',
      [8],
      [
        [0, 4],
        [4, 8],
        [0, 2],
      ],
      'refused',
      /in more than one slice/,
    ],
    [
      'an empty slice',
      [8],
      [
        [0, 8],
        [8, 8],
      ],
      'refused',
      /empty/,
    ],
    ['one slice alone', [8], [[0, 4]], 'skipped', /nothing else/],
    [
      'a symbolic extent',
      ['n'],
      [
        [0, 4],
        [4, MAX],
      ],
      'skipped',
      /extent of axis -1 is not known/,
    ],
    [
      'H18: steps',
      [8],
      [
        [0, 8, 2],
        [1, 8, 2],
      ],
      'skipped',
      /step is 2/,
    ],
    [
      'a reversed half',
      [8],
      [
        [0, 4],
        [7, 3, -1],
      ],
      'skipped',
      /.*/,
    ],
  ];
  test.each(left)('left alone: %s', async (_, shape, ranges, status, reason) => {
    const model = sliced(13, shape, ranges);
    const report = await applyPass(model, splitSlices());
    expect(report.changed).toBe(false);
    expect(report.sites).toHaveLength(ranges.length);
    for (const site of report.sites) expect(site).toMatchObject({ status });
    expect(report.sites.some((site) => reason.test(site.reason))).toBe(true);
  });

  test('left alone: H18, different tensors or axes, and bounds that are only known at run time', async () => {
    const model = buildModel(13, (g) => {
      const [x, other] = [g.input('x', [4, 4]), g.input('other', [4, 4])];
      const late = g.input('late', [1], 7);
      const parts = [slice(g, x, [0, 2], 0), slice(g, other, [2, 4], 0), slice(g, x, [2, 4], 1)];
      const dynamic = g.op('Slice', [x, late, g.ints([4]), g.ints([0])]);
      const both = g.op('Slice', [x, g.ints([2, 0]), g.ints([4, 4]), g.ints([0, 1])]);
      for (const part of [...parts, dynamic, both]) g.output(part);
    });
    const report = await applyPass(model, splitSlices());
    expect(report).toMatchObject({ changed: false });
    expect(report.sites.map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 'skipped'));
  });
});

/** Two halves in the form of before opset 10, with bounds as attributes. */
function withAttributes(): Model {
  return buildModel(9, (g) => {
    const x = g.input('x', [4]);
    for (const [start, end] of [
      [0, 2],
      [2, 4],
    ] as const) {
      g.output(g.op('Slice', [x], { attributes: [ints('starts', start), ints('ends', end)] }));
    }
  });
}

function ints(name: string, value: number): Attribute {
  return Attribute.ints(name, [value]);
}

import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { fasterGelu } from '../../passes/faster-gelu.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Value } from '../../src/ir/value.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { applyPass, listing, reopened } from '../support/apply-pass.ts';
import { buildModel, GraphBuilder } from '../support/model-builder.ts';
import { runModel, someFloats } from '../support/run-model.ts';

const [TOKENS, FEATURES] = [16, 32];

interface Cut {
  readonly value: Value;
  readonly gate: Value;
}

/** Halves of the last axis by two Slices with computed bounds, as torch writes them. */
function bySlices(g: GraphBuilder, x: Value): Cut {
  const axis = g.ints([-1]);
  const half = g.op('Div', [g.op('Gather', [g.op('Shape', [x]), axis]), g.ints([2])]);
  const whole = g.op('Mul', [half, g.ints([2])]);
  const part = (from: Value, to: Value, name: string) =>
    g.op('Slice', [x, from, to, axis], { name: `/ff/net.0/${name}`, outputs: [`/ff/net.0/${name}_output_0`] });
  return { value: part(g.ints([0]), half, 'Slice'), gate: part(half, whole, 'Slice_1') };
}

function bySplit(g: GraphBuilder, x: Value): Cut {
  const [value, gate] = g.ops('Split', [x], {
    name: '/ff/net.0/Split',
    outputs: 2,
    attributes: [
      Attribute.int('axis', 2),
      ...((g.graph.model.opset() ?? 0) < 18 ? [] : [Attribute.int('num_outputs', 2)]),
    ],
  });
  return { value: value as Value, gate: gate as Value };
}

type Write = (g: GraphBuilder, halves: Cut) => Value;

const erf = (g: GraphBuilder, gate: Value): Value =>
  g.op('Add', [g.op('Erf', [g.op('Div', [gate, g.scalar(1.41421354)])]), g.scalar(1)]);
const mul = (g: GraphBuilder, ...inputs: Value[]): Value => g.op('Mul', inputs);

const WRITINGS: Record<string, Write> = {
  'as torch 1.13 writes it': (g, { value, gate }) => mul(g, value, mul(g, mul(g, gate, erf(g, gate)), g.scalar(0.5))),
  'half first': (g, { value, gate }) => mul(g, mul(g, mul(g, gate, g.scalar(0.5)), erf(g, gate)), value),
  'half on the other factor': (g, { value, gate }) => mul(g, mul(g, g.scalar(0.5), value), mul(g, erf(g, gate), gate)),
  'half last': (g, { value, gate }) => mul(g, g.scalar(0.5), mul(g, value, mul(g, gate, erf(g, gate)))),
  'divided by two': (g, { value, gate }) => g.op('Div', [mul(g, value, mul(g, gate, erf(g, gate))), g.scalar(2)]),
  'times the reciprocal, one first, behind an Identity': (g, { value, gate }) => {
    const inner = g.op('Erf', [mul(g, g.scalar(Math.SQRT1_2), g.op('Identity', [gate]))]);
    const sum = g.op('Add', [g.op('Identity', [g.scalar(1)]), inner]);
    return mul(g, value, g.op('Identity', [mul(g, g.floats([0.5], [1]), mul(g, gate, sum))]));
  },
};

function geglu(
  write: Write,
  cut = bySplit,
  { opset = 13, shape = [2, TOKENS, 2 * FEATURES] as (number | string)[] } = {},
): Model {
  return buildModel(opset, (g) => {
    const x = g.op('Neg', [g.input('x', shape)], { outputs: ['h'] });
    g.output(g.op('Neg', [write(g, cut(g, x))], { outputs: ['y'] }));
  });
}

/** The operator as standard ones: first half times u / (1 + exp(-1.702 u)) of the second. */
function lower(model: Model): void {
  for (const node of model.graph.nodesOf('SliceTransGeluMul')) {
    const g = new GraphBuilder(model.graph);
    const [first, second] = g.ops('Split', [node.inputs[0]], { outputs: 2, attributes: [Attribute.int('axis', -1)] });
    const gelu = g.op('Mul', [second, g.op('Sigmoid', [g.op('Mul', [second, g.scalar(1.702)])])]);
    node.output().replaceAllUsesWith(g.op('Mul', [first, gelu]));
    model.graph.remove(node);
  }
}

describe('faster-gelu', () => {
  test.each(Object.entries(WRITINGS))('fuses the exact GELU: %s', async (_, write) => {
    for (const cut of [bySlices, bySplit]) {
      const model = geglu(write, cut);
      const feeds = { x: new ort.Tensor('float32', someFloats(2 * TOKENS * 2 * FEATURES), [2, TOKENS, 2 * FEATURES]) };
      const before = (await runModel(model, feeds)).get('y')?.data ?? [];
      const report = await applyPass(model, fasterGelu());
      expect(report.sites).toMatchObject([{ status: 'applied' }]);
      expect(listing(model)).toHaveLength(3);
      expect([...model.graph.nodesOf('SliceTransGeluMul')].map(({ name }) => name)).toEqual([
        '/ff/net.0/SliceTransGeluMul',
      ]);
      expect(await applyPass(model, fasterGelu())).toMatchObject({ changed: false, sites: [{ status: 'present' }] });
      const lowered = await reopened(model);
      lower(lowered);
      const after = (await runModel(await reopened(lowered), feeds)).get('y')?.data ?? [];
      const worst = Math.max(...before.map((value, i) => Math.abs(value - (after[i] ?? Number.NaN))));
      expect(worst).toBeLessThan(0.0203 * 2);
      expect(worst).toBeGreaterThan(1e-4);
    }
  });

  test('the product keeps its name, and the report says that results change', async () => {
    const model = geglu(WRITINGS['as torch 1.13 writes it'] as Write, bySlices);
    const [neg] = [...model.graph.nodesOf('Neg')].slice(-1);
    const name = neg?.inputs[0]?.name;
    const report = await applyPass(model, fasterGelu());
    expect([...model.graph.nodesOf('SliceTransGeluMul')][0]?.output().name).toBe(name);
    expect(report.notes.join()).toMatch(/0\.0203/);
  });

  test('one Gelu node of opset 20', async () => {
    const gelu =
      (approximate?: string): Write =>
      (g, { value, gate }) =>
        mul(
          g,
          g.op('Gelu', [gate], {
            attributes: approximate === undefined ? [] : [Attribute.string('approximate', approximate)],
          }),
          value,
        );
    for (const kind of [undefined, 'none']) {
      const report = await applyPass(geglu(gelu(kind), bySplit, { opset: 20 }), fasterGelu());
      expect(report.sites).toMatchObject([{ status: 'applied' }]);
    }
    const report = await applyPass(geglu(gelu('tanh'), bySplit, { opset: 20 }), fasterGelu());
    expect(report).toMatchObject({ changed: false, sites: [{ status: 'skipped' }] });
  });

  test('a part that others read stays for them', async () => {
    const model = buildModel(13, (g) => {
      const { value, gate } = bySplit(g, g.input('x', [1, TOKENS, 2 * FEATURES]));
      const gelu = mul(g, mul(g, gate, erf(g, gate)), g.scalar(0.5));
      g.output(mul(g, value, gelu));
      g.output(g.op('Neg', [gelu]));
    });
    expect((await applyPass(model, fasterGelu())).sites).toMatchObject([{ status: 'applied' }]);
    expect([...model.graph.nodesOf('Erf')]).toHaveLength(1);
    expect([...model.graph.nodesOf('SliceTransGeluMul')][0]?.output().isGraphOutput).toBe(true);
  });

  test('covers subgraphs', async () => {
    const model = buildModel(13, (g) => {
      const x = g.input('x', [1, TOKENS, 2 * FEATURES]);
      const write = (b: GraphBuilder) => (WRITINGS['half first'] as Write)(b, bySplit(b, x));
      g.output(g.branch(g.input('flag', [], 9), write, (b) => b.op('Neg', [write(b)])));
    });
    expect((await applyPass(model, fasterGelu())).sites).toMatchObject([{ status: 'applied' }, { status: 'applied' }]);
  });

  const torch = WRITINGS['as torch 1.13 writes it'] as Write;
  const misses: [string, Model, string, RegExp][] = [
    [
      'H19: the gate is the first half',
      geglu((g, { value, gate }) => torch(g, { value: gate, gate: value })),
      'refused',
      /gate is the first half/,
    ],
    ['both factors are one half', geglu((g, { gate }) => torch(g, { value: gate, gate })), 'refused', /same half/],
    [
      'the value is not a half',
      geglu((g, h) => torch(g, { ...h, value: g.op('Relu', [h.value]) })),
      'refused',
      /not the halves/,
    ],
    [
      'halves of another axis',
      geglu(
        (g, h) => torch(g, h),
        (g, x) => {
          const [value, gate] = g.ops('Split', [x], { outputs: 2, attributes: [Attribute.int('axis', 1)] });
          return { value: value as Value, gate: gate as Value };
        },
      ),
      'refused',
      /not the halves/,
    ],
    [
      'parts of unequal size',
      geglu(
        (g, { value, gate }) => torch(g, { value, gate }),
        (g, x) => {
          const [value, gate] = g.ops('Split', [x, g.ints([63, 1])], {
            outputs: 2,
            attributes: [Attribute.int('axis', 2)],
          });
          return { value: value as Value, gate: gate as Value };
        },
      ),
      'refused',
      /not the halves/,
    ],
    ['tokens not a multiple of 16', geglu(torch, bySplit, { shape: [1, 24, 64] }), 'refused', /number of tokens 24/],
    ['features not a multiple of 16', geglu(torch, bySplit, { shape: [1, 16, 40] }), 'refused', /features/],
    [
      'tokens not known',
      geglu(torch, bySplit, { shape: [1, 'tokens', 64] }),
      'refused',
      /number of tokens is not known/,
    ],
    [
      'four axes',
      geglu(
        torch,
        (g, x) => {
          const [value, gate] = g.ops('Split', [x], { outputs: 2, attributes: [Attribute.int('axis', 3)] });
          return { value: value as Value, gate: gate as Value };
        },
        { shape: [1, 2, 16, 64] },
      ),
      'refused',
      /4 axes/,
    ],
    [
      'another divisor',
      geglu((g, { value, gate }) =>
        mul(
          g,
          value,
          mul(
            g,
            mul(g, gate, g.op('Add', [g.op('Erf', [g.op('Div', [gate, g.scalar(1.5)])]), g.scalar(1)])),
            g.scalar(0.5),
          ),
        ),
      ),
      'skipped',
      /not a GELU/,
    ],
    [
      'two is added',
      geglu((g, { value, gate }) =>
        mul(
          g,
          value,
          mul(
            g,
            mul(g, gate, g.op('Add', [g.op('Erf', [g.op('Div', [gate, g.scalar(Math.SQRT2)])]), g.scalar(2)])),
            g.scalar(0.5),
          ),
        ),
      ),
      'skipped',
      /not a GELU/,
    ],
    [
      'a quarter',
      geglu((g, { value, gate }) => mul(g, value, mul(g, mul(g, gate, erf(g, gate)), g.scalar(0.25)))),
      'skipped',
      /not a GELU/,
    ],
    [
      'erf of one half times the other',
      geglu((g, { value, gate }) => mul(g, value, mul(g, mul(g, value, erf(g, gate)), g.scalar(0.5)))),
      'skipped',
      /not a GELU/,
    ],
    [
      'a GELU that gates nothing',
      geglu((g, { gate }) => mul(g, mul(g, gate, erf(g, gate)), g.scalar(0.5))),
      'skipped',
      /not a GELU/,
    ],
  ];
  test.each(misses)('left alone: %s', async (_, model, status, reason) => {
    const report = await applyPass(model, fasterGelu());
    expect(report.changed).toBe(false);
    expect(report.sites).toMatchObject([{ status, reason: expect.stringMatching(reason) as unknown }]);
  });

  test('nothing to fuse is an error, and so is a target that does not exist', async () => {
    const model = buildModel(13, (g) => g.output(g.op('Neg', [g.input('x', [1])])));
    await expect(pipeline([fasterGelu()]).run(model)).rejects.toMatchObject({ code: 'E_REWRITE_MISSING' });
    expect(() => fasterGelu({ target: 'nowhere' })).toThrow(expect.objectContaining({ code: 'E_TARGET' }));
  });
});

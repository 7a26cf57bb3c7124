import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Attribute } from '../../src/ir/attribute.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Node } from '../../src/ir/node.ts';
import { Tensor } from '../../src/ir/tensor.ts';
import type { Value } from '../../src/ir/value.ts';
import { matchNode, type SeeThrough } from '../../src/rewrite/match.ts';
import { type Pattern, type PatternKit, patternKit } from '../../src/rewrite/pattern.ts';
import { inferShapes } from '../../src/schema/infer.ts';
import { buildModel, type GraphBuilder } from '../support/model-builder.ts';

/** Matches a pattern at the node that computes what `fill` returns. */
function matching(
  fill: (g: GraphBuilder) => Value,
  pattern: (kit: PatternKit) => Pattern,
  through: readonly SeeThrough[] = [],
) {
  let root: Node | undefined;
  const model = buildModel(17, (g) => {
    const value = fill(g);
    g.output(value);
    root = value.producer;
  });
  const { revision } = model;
  const result = matchNode(pattern(patternKit), root as Node, { through, shapes: () => inferShapes(model) });
  expect(model.revision).toBe(revision);
  return result;
}

const x = (g: GraphBuilder): Value => g.graph.inputs[0] ?? g.input('x', [2, 3]);

describe('matchNode', () => {
  const quickGelu = ({ any, scalar, op }: PatternKit): Pattern =>
    op('Mul', any('x'), op('Sigmoid', op('Mul', any('x'), scalar('k'))));

  test('captures values and numbers, with operands in either order', () => {
    for (const swapped of [false, true]) {
      const result = matching((g) => {
        const inner = g.op('Sigmoid', [g.op('Mul', swapped ? [g.scalar(2), x(g)] : [x(g), g.scalar(2)])]);
        return g.op('Mul', swapped ? [inner, x(g)] : [x(g), inner]);
      }, quickGelu);
      if (!result.matched) throw new Error(result.reason);
      expect((result.captures.get('x') as Value).name).toBe('x');
      expect(result.captures.get('k')).toBe(2);
      expect(result.nodes.map(({ opType }) => opType)).toEqual(['Mul', 'Sigmoid', 'Mul']);
    }
  });

  test('a name used twice is one value', () => {
    const result = matching((g) => {
      const inner = g.op('Sigmoid', [g.op('Mul', [x(g), g.scalar(2)])]);
      return g.op('Mul', [g.input('other', [2, 3]), inner]);
    }, quickGelu);
    expect(result).toMatchObject({ matched: false, reason: expect.stringMatching(/two different things/) as unknown });
  });

  test('a miss names what was wrong where most had matched', () => {
    const result = matching((g) => g.op('Mul', [x(g), g.op('Sigmoid', [g.op('Div', [x(g), g.scalar(2)])])]), quickGelu);
    expect(result).toEqual({ matched: false, reason: 'Div Div is not Mul', depth: 2 });
    const other = matching((g) => g.op('Div', [x(g), x(g)]), quickGelu);
    expect(other).toEqual({ matched: false, reason: 'Div Div is not Mul', depth: 0 });
  });

  test('operators that are not commutative, and inOrder, keep the order', () => {
    const one = (type: string) => (g: GraphBuilder) => g.op(type, [g.scalar(1), x(g)]);
    const pattern =
      (type: string) =>
      ({ op, any, scalar }: PatternKit) =>
        op(type, any('x'), scalar(1));
    expect(matching(one('Add'), pattern('Add')).matched).toBe(true);
    expect(matching(one('Sub'), pattern('Sub')).matched).toBe(false);
    expect(matching(one('Add'), ({ op, any, scalar }) => op('Add', any('x'), scalar(1)).inOrder()).matched).toBe(false);
  });

  test('backtracks: a capture of a wrong attempt does not stick', () => {
    const result = matching(
      (g) => g.op('Add', [g.op('Neg', [x(g)]), g.op('Relu', [g.op('Neg', [x(g)])])]),
      ({ op, any }) => op('Add', op('Relu', op('Neg', any('a')).as('inner')), op('Neg', any('a')).as('outer')),
    );
    if (!result.matched) throw new Error(result.reason);
    expect(result.captures.get('inner')).not.toBe(result.captures.get('outer'));
  });

  test('inputs: optional ones may be left out, unlisted ones must be', () => {
    const clip =
      (...limits: (number | undefined)[]) =>
      (g: GraphBuilder) =>
        g.op('Clip', [x(g), ...limits.map((limit) => (limit === undefined ? undefined : g.scalar(limit)))]);
    const pattern = ({ op, any, scalar, optional }: PatternKit): Pattern =>
      op('Clip', any('x'), optional(scalar('low')), optional(scalar('high')));
    expect(matching(clip(), pattern).matched).toBe(true);
    const result = matching(clip(undefined, 6), pattern);
    expect(result.matched && [...result.captures.keys()]).toEqual(['x', 'high']);
    expect(matching(clip(0), ({ op, any }) => op('Clip', any('x')))).toMatchObject({
      reason: 'Clip Clip has 2 inputs',
    });
    expect(matching(clip(0), ({ op, any }) => op('Clip', any('x')).andMore()).matched).toBe(true);
    expect(matching(clip(), ({ op, any, scalar }) => op('Clip', any('x'), scalar('low')))).toMatchObject({
      reason: 'an input is left out',
    });
  });

  test('either tries its alternatives in order, also at the root', () => {
    const pattern = ({ op, any, either }: PatternKit): Pattern =>
      either(op('Neg', any('x')).as('a'), op(['Neg', 'Relu'], any('x')).as('b'));
    const keys = (type: string): unknown => {
      const result = matching((g) => g.op(type, [x(g)]), pattern);
      return result.matched && [...result.captures.keys()];
    };
    expect(keys('Neg')).toEqual(['a', 'x']);
    expect(keys('Relu')).toEqual(['b', 'x']);
    expect(keys('Abs')).toBe(false);
  });

  test('conditions and outputs other than the first', () => {
    const split = (g: GraphBuilder, axis: number) =>
      g.op('Neg', [g.ops('Split', [x(g)], { outputs: 2, attributes: [Attribute.int('axis', axis)] })[1]]);
    const pattern =
      (index: number) =>
      ({ op, any }: PatternKit) =>
        op(
          'Neg',
          op('Split', any('x'))
            .output(index)
            .when('another axis', (node) => node.int('axis', 0) === 0),
        );
    expect(matching((g) => split(g, 0), pattern(1)).matched).toBe(true);
    expect(matching((g) => split(g, 0), pattern(0))).toMatchObject({ reason: "'Split_output_1' is output 1 of Split" });
    expect(matching((g) => split(g, 1), pattern(1))).toMatchObject({ reason: 'Split Split: another axis' });
  });

  test('domains are told apart', () => {
    const gelu = (domain: string) => (g: GraphBuilder) => g.op('Gelu', [x(g)], { domain });
    const standard = ({ op, any }: PatternKit): Pattern => op('Gelu', any());
    expect(matching(gelu('ai.onnx'), standard).matched).toBe(true);
    expect(matching(gelu('com.microsoft'), standard).matched).toBe(false);
    expect(matching(gelu('com.microsoft'), ({ op, any }) => op('Gelu', any()).of('com.microsoft')).matched).toBe(true);
  });

  test('constants wherever they live, and numbers up to rounding to their type', () => {
    const half = (bits: number): Tensor =>
      new Tensor({
        dataType: DataType.FLOAT16,
        dims: [],
        storage: { kind: 'memory', bytes: Uint8Array.of(bits & 255, bits >> 8) },
      });
    const add = (constant: (g: GraphBuilder) => Value) => (g: GraphBuilder) => g.op('Add', [x(g), constant(g)]);
    const root2 = ({ op, any, scalar }: PatternKit): Pattern => op('Add', any(), scalar(Math.SQRT2));
    expect(
      matching(
        add((g) => g.scalar(Math.SQRT2)),
        root2,
      ).matched,
    ).toBe(true);
    expect(
      matching(
        add((g) => g.floats([Math.SQRT2], [1, 1])),
        root2,
      ).matched,
    ).toBe(true);
    expect(
      matching(
        add((g) => g.constant(half(0x3da8))),
        root2,
      ).matched,
    ).toBe(true);
    expect(
      matching(
        add((g) => g.op('Identity', [g.scalar(Math.SQRT2)])),
        root2,
      ).matched,
    ).toBe(true);
    expect(
      matching(
        add((g) => g.scalar(1.41422)),
        root2,
      ),
    ).toMatchObject({ matched: false });
    expect(
      matching(
        add((g) => g.floats([1.5, 1.5, 1.5])),
        root2,
      ),
    ).toMatchObject({
      reason: expect.stringMatching(/not a constant of one element/) as unknown,
    });
    const anyConstant = ({ op, any, constant }: PatternKit): Pattern => op('Add', any(), constant('c'));
    expect(
      matching(
        add((g) => g.floats([1, 2, 3])),
        anyConstant,
      ).matched,
    ).toBe(true);
    expect(matching(add(x), anyConstant)).toMatchObject({ reason: "'x' is not constant" });
  });

  test('looks through what the rule asks for and nothing else', () => {
    const kinds: [SeeThrough, (g: GraphBuilder, value: Value) => Value][] = [
      ['Identity', (g, value) => g.op('Identity', [value])],
      ['noop-cast', (g, value) => g.op('Cast', [value], { attributes: [Attribute.int('to', 1)] })],
      ['reshape', (g, value) => g.op('Reshape', [value, g.ints([3, 2])])],
    ];
    const pattern = ({ op, any }: PatternKit): Pattern => op('Relu', op('Neg', any('x')));
    for (const [kind, wrap] of kinds) {
      const graph = (g: GraphBuilder): Value => g.op('Relu', [wrap(g, wrap(g, g.op('Neg', [x(g)])))]);
      for (const [through] of kinds) expect(matching(graph, pattern, [through]).matched).toBe(through === kind);
    }
    const realCast = (g: GraphBuilder): Value =>
      g.op('Relu', [g.op('Cast', [g.op('Neg', [x(g)])], { attributes: [Attribute.int('to', 10)] })]);
    expect(matching(realCast, pattern, ['noop-cast']).matched).toBe(false);
  });

  test('property: a random expression matches its own pattern, and no pattern with one operator changed', () => {
    type Tree = { readonly op: string; readonly args: readonly Tree[] };
    const { tree } = fc.letrec<{ tree: Tree; leaf: Tree }>((tie) => ({
      leaf: fc.constant({ op: 'x', args: [] }),
      tree: fc.oneof(
        { maxDepth: 4 },
        tie('leaf'),
        fc.record({ op: fc.constantFrom('Neg', 'Relu'), args: fc.tuple(tie('tree')) }),
        fc.record({ op: fc.constantFrom('Add', 'Sub', 'Mul'), args: fc.tuple(tie('tree'), tie('tree')) }),
      ),
    }));
    const build = (g: GraphBuilder, { op, args }: Tree): Value =>
      op === 'x'
        ? x(g)
        : g.op(
            op,
            args.map((each) => build(g, each)),
          );
    const pattern = (kit: PatternKit, { op, args }: Tree): Pattern =>
      op === 'x' ? kit.any('x') : kit.op(op, ...args.map((each) => pattern(kit, each)));
    const wrap = (inner: Tree): Tree => ({ op: 'Abs', args: [inner] });
    fc.assert(
      fc.property(tree, (inner) => {
        expect(
          matching(
            (g) => build(g, wrap(inner)),
            (kit) => pattern(kit, wrap(inner)),
          ).matched,
        ).toBe(true);
        const deeper = wrap({ op: 'Abs', args: [inner] });
        expect(
          matching(
            (g) => build(g, wrap(inner)),
            (kit) => pattern(kit, deeper),
          ).matched,
        ).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});

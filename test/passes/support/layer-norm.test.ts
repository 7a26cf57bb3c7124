import { describe, expect, test } from 'vitest';
import { matchLayerNorm } from '../../../passes/support/layer-norm.ts';
import { Attribute } from '../../../src/ir/attribute.ts';
import type { Node } from '../../../src/ir/node.ts';
import type { Value } from '../../../src/ir/value.ts';
import { buildModel, type GraphBuilder } from '../../support/model-builder.ts';

interface Variant {
  readonly axes?: 'attribute' | 'input';
  readonly axis?: number;
  readonly keepdims?: number;
  readonly square?: 'Pow' | 'Mul' | 'cube';
  readonly swapped?: boolean;
  readonly epsilon?: (g: GraphBuilder) => Value;
  readonly weight?: (g: GraphBuilder) => Value;
  readonly secondSub?: boolean;
  readonly divideBy?: (g: GraphBuilder, root: Value) => Value;
}

/** The chain with one thing changed, and what the matcher says of its last node. */
function match(variant: Variant): { found: string | undefined; expected: string } {
  const { axes = 'attribute', axis = -1, keepdims = 1, square = 'Pow', swapped = false, secondSub = false } = variant;
  let last: Node | undefined;
  buildModel(axes === 'input' ? 18 : 11, (g) => {
    const pair = (opType: string, value: Value, constant: Value): Value =>
      g.op(opType, swapped ? [constant, value] : [value, constant]);
    const mean = (value: Value): Value =>
      axes === 'input'
        ? g.op('ReduceMean', [value, g.ints([axis])], { attributes: [Attribute.int('keepdims', keepdims)] })
        : g.op('ReduceMean', [value], {
            attributes: [Attribute.ints('axes', [axis]), Attribute.int('keepdims', keepdims)],
          });
    const x = g.input('x', [2, 8, 4]);
    const average = mean(x);
    const centred = g.op('Sub', [x, average]);
    const same = secondSub ? g.op('Sub', [x, average]) : centred;
    const squared =
      square === 'Mul' ? g.op('Mul', [same, same]) : g.op('Pow', [same, g.scalar(square === 'cube' ? 3 : 2)]);
    const root = g.op('Sqrt', [pair('Add', mean(squared), variant.epsilon?.(g) ?? g.scalar(1e-5))]);
    const unit = g.op('Div', [centred, variant.divideBy?.(g, root) ?? root]);
    const weight = variant.weight?.(g) ?? g.floats([1, 2, 3, 4]);
    last = pair('Add', pair('Mul', unit, weight), g.floats([0, 1, 0, 1])).producer;
  });
  const found = last === undefined ? undefined : matchLayerNorm(last, 3);
  expect(found === undefined || found.output === last?.output()).toBe(true);
  return { found: found?.input.name, expected: 'x' };
}

describe('the chain of a layer normalization', () => {
  const rows: { why: string; variant: Variant }[] = [
    { why: 'as torch writes it', variant: {} },
    { why: 'with the axis counted from the front', variant: { axis: 2 } },
    { why: 'with axes as inputs', variant: { axes: 'input' } },
    { why: 'with a square by Mul', variant: { square: 'Mul' } },
    { why: 'with constants first', variant: { swapped: true } },
    { why: 'with the difference computed twice', variant: { secondSub: true } },
    {
      why: 'with a weight behind Identity (H24)',
      variant: { weight: (g) => g.op('Identity', [g.floats([1, 2, 3, 4])]) },
    },
  ];
  test.each(rows)('is found $why', ({ variant }) => {
    const { found, expected } = match(variant);
    expect(found).toBe(expected);
  });

  const misses: { why: string; variant: Variant }[] = [
    { why: 'it averages over another axis', variant: { axis: 1 } },
    { why: 'it loses an axis', variant: { keepdims: 0 } },
    { why: 'it cubes', variant: { square: 'cube' } },
    { why: 'epsilon is not constant', variant: { epsilon: (g) => g.input('epsilon', []) } },
    { why: 'the weight is not constant (H24)', variant: { weight: (g) => g.input('weight', [4]) } },
    { why: 'it divides by something else', variant: { divideBy: (g, root) => g.op('Exp', [root]) } },
  ];
  test.each(misses)('is none when $why', ({ variant }) => {
    expect(match(variant).found).toBeUndefined();
  });
});

describe('LayerNormalization', () => {
  const matchOne = (make: (g: GraphBuilder, x: Value) => Value): string | undefined => {
    let node: Node | undefined;
    buildModel(17, (g) => {
      node = make(g, g.input('x', [2, 8, 4])).producer;
    });
    return node === undefined ? undefined : matchLayerNorm(node, 3)?.input.name;
  };
  const norm = (g: GraphBuilder, inputs: readonly Value[], axis?: number): Value =>
    g.op('LayerNormalization', inputs, { attributes: axis === undefined ? [] : [Attribute.int('axis', axis)] });

  test('is one over the last axis with constant weights', () => {
    expect(matchOne((g, x) => norm(g, [x, g.floats([1, 1, 1, 1])]))).toBe('x');
    expect(matchOne((g, x) => norm(g, [x, g.floats([1, 1, 1, 1]), g.floats([1, 1, 1, 1])], 2))).toBe('x');
    expect(matchOne((g, x) => norm(g, [x, g.floats([1, 1, 1, 1])], 1))).toBeUndefined();
    expect(matchOne((g, x) => norm(g, [x, g.input('w', [4])]))).toBeUndefined();
    expect(matchOne((g, x) => norm(g, [x, g.floats([1, 1, 1, 1]), g.input('b', [4])]))).toBeUndefined();
  });

  test('of another domain is something else', () => {
    expect(
      matchOne((g, x) => g.op('LayerNormalization', [x, g.floats([1])], { domain: 'com.example' })),
    ).toBeUndefined();
  });
});

test('other Adds are no layer normalization', () => {
  const adds: Node[] = [];
  buildModel(11, (g) => {
    const x = g.input('x', [2, 8, 4]);
    for (const value of [x, g.op('Mul', [x, g.scalar(2)]), g.op('Mul', [g.op('Div', [x, x]), g.scalar(2)])]) {
      const node = g.op('Add', [value, g.scalar(1)]).producer;
      if (node !== undefined) adds.push(node);
    }
  });
  expect(adds.map((node) => matchLayerNorm(node, 3))).toEqual([undefined, undefined, undefined]);
});

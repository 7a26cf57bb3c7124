import { describe, expect, test } from 'vitest';
import { isZero, scalarOf, scalingOf } from '../../../passes/attention/scalar.ts';
import { Attribute } from '../../../src/ir/attribute.ts';
import { floatTensor } from '../../../src/ir/constants.ts';
import { DataType } from '../../../src/ir/data-type.ts';
import type { Model } from '../../../src/ir/model.ts';
import type { Value } from '../../../src/ir/value.ts';
import { inferShapes } from '../../../src/schema/infer.ts';
import { buildModel, type GraphBuilder } from '../../support/model-builder.ts';

/** The value that `fill` makes, as the only output of a model. */
function valueOf(fill: (g: GraphBuilder) => Value): { value: Value; model: Model } {
  const model = buildModel(13, (g) => void g.output(fill(g)));
  return { model, value: model.graph.outputs[0] as Value };
}

const toFloat = Attribute.int('to', DataType.FLOAT);

describe('a scalar', () => {
  const rows: readonly (readonly [why: string, expected: number | undefined, fill: (g: GraphBuilder) => Value])[] = [
    ['a constant', 0.5, (g) => g.scalar(0.5)],
    ['a Constant node behind an Identity', 3, (g) => g.op('Identity', [g.constant(floatTensor([3], []))])],
    ['a square root', 2, (g) => g.op('Sqrt', [g.scalar(4)])],
    ['a reciprocal', 0.25, (g) => g.op('Reciprocal', [g.scalar(4)])],
    ['a power', 0.5, (g) => g.op('Pow', [g.scalar(4), g.scalar(-0.5)])],
    ['a product', 6, (g) => g.op('Mul', [g.scalar(2), g.scalar(3)])],
    ['a quotient', 2, (g) => g.op('Div', [g.scalar(6), g.scalar(3)])],
    ['reshaped', 7, (g) => g.op('Reshape', [g.scalar(7), g.ints([1])])],
    [
      'a dimension as float',
      40,
      (g) =>
        g.op('Cast', [g.op('Gather', [g.op('Shape', [g.input('x', [2, 40])]), g.ints([1])])], {
          attributes: [toFloat],
        }),
    ],
    ['several numbers', undefined, (g) => g.floats([1, 2])],
    ['a graph input', undefined, (g) => g.input('x', [])],
    ['a quotient by a graph input', undefined, (g) => g.op('Div', [g.scalar(1), g.input('x', [])])],
    [
      'an unknown dimension',
      undefined,
      (g) =>
        g.op('Cast', [g.op('Gather', [g.op('Shape', [g.input('x', ['n'])]), g.ints([0])])], { attributes: [toFloat] }),
    ],
    [
      'cut to an integer',
      undefined,
      (g) => g.op('Cast', [g.op('Sqrt', [g.scalar(2)])], { attributes: [Attribute.int('to', DataType.BOOL)] }),
    ],
    ['of another domain', undefined, (g) => g.op('Sqrt', [g.scalar(4)], { domain: 'com.example' })],
    ['of another operator', undefined, (g) => g.op('Exp', [g.scalar(0)])],
  ];

  test.each(rows)('%s', (_, expected, fill) => {
    const { model, value } = valueOf(fill);
    expect(scalarOf(value, inferShapes(model))).toBe(expected);
  });

  test('a chain without end is given up', () => {
    const { model, value } = valueOf((g) => {
      let at = g.scalar(2);
      for (let i = 0; i < 40; i++) at = g.op('Sqrt', [at]);
      return at;
    });
    expect(scalarOf(value, inferShapes(model))).toBeUndefined();
  });
});

describe('zeros', () => {
  const filled = (g: GraphBuilder, value?: number): Value =>
    g.op(
      'ConstantOfShape',
      [g.ints([2, 3])],
      value === undefined ? {} : { attributes: [Attribute.tensor('value', floatTensor([value], [1]))] },
    );
  const rows: readonly (readonly [why: string, expected: boolean, fill: (g: GraphBuilder) => Value])[] = [
    ['a constant', true, (g) => g.floats([0, 0])],
    ['a constant with another number', false, (g) => g.floats([0, 1e-30])],
    ['filled in by default', true, (g) => filled(g)],
    ['ones', false, (g) => filled(g, 1)],
    [
      'stretched and cast',
      true,
      (g) => g.op('Cast', [g.op('Expand', [g.scalar(0), g.ints([2, 2])])], { attributes: [toFloat] }),
    ],
    ['zero times ones', true, (g) => g.op('Mul', [g.scalar(0), filled(g, 1)])],
    ['ones times zero', true, (g) => g.op('Mul', [filled(g, 1), g.scalar(0)])],
    ['zero times infinity', false, (g) => g.op('Mul', [g.scalar(0), filled(g, Number.POSITIVE_INFINITY)])],
    ['zero times an input, which may be infinite', false, (g) => g.op('Mul', [g.scalar(0), g.input('x', [2])])],
    ['an input', false, (g) => g.input('x', [2])],
  ];

  test.each(rows)('%s', (_, expected, fill) => {
    const { model, value } = valueOf(fill);
    expect(isZero(value, model.graph)).toBe(expected);
  });
});

describe('a multiplication by a number', () => {
  const rows: readonly (readonly [why: string, expected: number | undefined, fill: (g: GraphBuilder) => Value])[] = [
    ['on the right', 2, (g) => g.op('Mul', [g.input('x', [2, 3]), g.scalar(2)])],
    ['on the left', 2, (g) => g.op('Mul', [g.scalar(2), g.input('x', [2, 3])])],
    ['as a division', 0.5, (g) => g.op('Div', [g.input('x', [2, 3]), g.scalar(2)])],
    ['a division of a number', undefined, (g) => g.op('Div', [g.scalar(2), g.input('x', [2, 3])])],
    ['by zero', undefined, (g) => g.op('Mul', [g.input('x', [2, 3]), g.scalar(0)])],
    ['divided by zero', undefined, (g) => g.op('Div', [g.input('x', [2, 3]), g.scalar(0)])],
    ['by a number with more axes', undefined, (g) => g.op('Mul', [g.input('x', [3]), g.floats([2], [1, 1])])],
    ['by a vector', undefined, (g) => g.op('Mul', [g.input('x', [2, 3]), g.floats([2, 2, 2])])],
    ['of integers', undefined, (g) => g.op('Mul', [g.input('x', [2], DataType.INT64), g.ints([2])])],
    ['of a tensor of unknown rank', undefined, (g) => g.op('Mul', [g.input('x', undefined), g.scalar(2)])],
  ];

  test.each(rows)('%s', (_, expected, fill) => {
    const { model, value } = valueOf(fill);
    expect(value.producer === undefined ? 'none' : scalingOf(value.producer, inferShapes(model))?.factor).toBe(
      expected,
    );
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Attribute } from '../../../src/ir/attribute.ts';
import { DataType } from '../../../src/ir/data-type.ts';
import type { Value } from '../../../src/ir/value.ts';
import { inferShapes } from '../../../src/schema/infer.ts';
import { inferOp, int, ints, type Operand } from '../../support/infer-op.ts';
import { buildModel, type GraphBuilder } from '../../support/model-builder.ts';

const MOST = 2n ** 63n - 1n;
const LEAST = -(2n ** 63n);

/** Contents of the first output of a node over constants. */
const compute = (op: string, ...inputs: Operand[]): unknown => inferOp({ op, inputs }).ints;

describe('integers are exact and wrap around', () => {
  test.each([
    { op: 'Add', a: MOST, b: 1n, gives: LEAST },
    { op: 'Sub', a: LEAST, b: 1n, gives: MOST },
    { op: 'Mul', a: MOST, b: 2n, gives: -2n },
    { op: 'Mul', a: 2n ** 53n + 1n, b: 1n, gives: 2n ** 53n + 1n },
    { op: 'Div', a: -7n, b: 2n, gives: -3n },
    { op: 'Div', a: 7n, b: -2n, gives: -3n },
    { op: 'Mod', a: -7n, b: 3n, gives: 2n },
    { op: 'Mod', a: 7n, b: -3n, gives: -2n },
    { op: 'Mod', a: -6n, b: 3n, gives: 0n },
    { op: 'Max', a: -7n, b: 3n, gives: 3n },
    { op: 'Min', a: -7n, b: 3n, gives: -7n },
    { op: 'Equal', a: 3n, b: 3n, gives: 1n },
    { op: 'Less', a: 3n, b: 3n, gives: 0n },
  ])('$op($a, $b) is $gives', ({ op, a, b, gives }) => {
    expect(compute(op, int(a), int(b))).toEqual([gives]);
  });

  test('a division by zero is unknown, not an error', () => {
    expect(compute('Div', ints([4, 4]), ints([0, 2]))).toEqual([undefined, 2n]);
    expect(compute('Mod', int(4), int(0))).toBeUndefined();
  });

  test('fmod has the sign of the dividend', () => {
    expect(inferOp({ op: 'Mod', inputs: [int(-7), int(3)], attributes: { fmod: 1 } }).ints).toEqual([-1n]);
  });

  test('vectors broadcast', () => {
    expect(compute('Mul', ints([1, 2, 3]), int(2))).toEqual([2n, 4n, 6n]);
    expect(compute('Add', ints([1, 2], [2, 1]), ints([10, 20]))).toEqual([11n, 21n, 12n, 22n]);
  });

  test('division truncates as in ONNX, for any integers', () => {
    const some = fc.bigInt({ min: LEAST + 1n, max: MOST });
    fc.assert(
      fc.property(some, some, (a, b) => {
        fc.pre(b !== 0n);
        const quotient = compute('Div', int(a), int(b)) as bigint[];
        expect(quotient[0]).toBe((a < 0n === b < 0n ? 1n : -1n) * ((a < 0n ? -a : a) / (b < 0n ? -b : b)));
      }),
    );
  });
});

/** What follows for a value computed from the shape of `x: float32[N, 4, ?]`. */
function fromShape(fill: (graph: GraphBuilder, shape: Value) => Value, opset = 21): unknown {
  let result: Value | undefined;
  const model = buildModel(opset, (graph) => {
    result = fill(graph, graph.op('Shape', [graph.input('x', ['N', 4, undefined])]));
  });
  return inferShapes(model).ints(result);
}

describe('symbols', () => {
  test('survive what does not change them', () => {
    expect(fromShape((graph, shape) => graph.op('Mul', [shape, graph.ints([1])]))).toEqual(['N', 4n, undefined]);
    expect(fromShape((graph, shape) => graph.op('Add', [shape, graph.ints([0])]))).toEqual(['N', 4n, undefined]);
    expect(fromShape((graph, shape) => graph.op('Div', [shape, graph.ints([1])]))).toEqual(['N', 4n, undefined]);
    const cast = { attributes: [Attribute.int('to', DataType.INT32)] };
    expect(fromShape((graph, shape) => graph.op('Cast', [shape], cast))).toEqual(['N', 4n, undefined]);
  });

  test('are unknown after what does', () => {
    expect(fromShape((graph, shape) => graph.op('Mul', [shape, graph.ints([2])]))).toEqual([undefined, 8n, undefined]);
    const cast = { attributes: [Attribute.int('to', DataType.INT8)] };
    expect(fromShape((graph, shape) => graph.op('Cast', [shape], cast))).toEqual([undefined, 4n, undefined]);
  });

  test('equal themselves, and no negative number', () => {
    expect(fromShape((graph, shape) => graph.op('Equal', [shape, shape]))).toEqual([1n, 1n, undefined]);
    expect(fromShape((graph, shape) => graph.op('Equal', [shape, graph.ints([-1])]))).toEqual([0n, 0n, undefined]);
    expect(fromShape((graph, shape) => graph.op('Equal', [shape, graph.ints([7])]))).toEqual([
      undefined,
      0n,
      undefined,
    ]);
  });

  test('go through Where with a known condition', () => {
    const where = (graph: GraphBuilder, shape: Value): Value => {
      const isOpen = graph.op('Equal', [graph.ints([-1, 8, 3]), graph.ints([-1])]);
      return graph.op('Where', [isOpen, shape, graph.ints([-1, 8, 3])]);
    };
    expect(fromShape(where)).toEqual(['N', 8n, 3n]);
  });
});

test('a size that is scaled as a float becomes an integer again', () => {
  const scaled = fromShape((graph, shape) => {
    const sizes = graph.op('Cast', [shape], { attributes: [Attribute.int('to', DataType.FLOAT)] });
    const larger = graph.op('Floor', [graph.op('Mul', [sizes, graph.floats([1.9])])]);
    return graph.op('Cast', [larger], { attributes: [Attribute.int('to', DataType.INT64)] });
  });
  expect(scaled).toEqual([undefined, 7n, undefined]);
});

test('floats are rounded as float32', () => {
  let isEqual: Value | undefined;
  const model = buildModel(21, (graph) => {
    const sum = graph.op('Add', [graph.floats([0.1]), graph.floats([0.2])]);
    isEqual = graph.op('Equal', [sum, graph.floats([Math.fround(0.1) + Math.fround(0.2)])]);
  });
  expect(inferShapes(model).ints(isEqual)).toEqual([1n]);
});

test('what is large is not followed', () => {
  const many = ints(Array.from({ length: 300 }, (_, i) => i));
  expect(compute('Add', many, int(1))).toBeUndefined();
  expect(inferOp({ op: 'Add', inputs: [many, int(1)] }).types).toEqual(['int64[300]']);
});

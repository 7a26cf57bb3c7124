import { describe, expect, test } from 'vitest';
import { Attribute } from '../../../src/ir/attribute.ts';
import { DataType } from '../../../src/ir/data-type.ts';
import type { Model } from '../../../src/ir/model.ts';
import { type Dim, formatType } from '../../../src/ir/type.ts';
import type { Value } from '../../../src/ir/value.ts';
import { inferShapes } from '../../../src/schema/infer.ts';
import { buildModel, type GraphBuilder } from '../../support/model-builder.ts';
import { subgraph } from '../../support/subgraph.ts';

const { BOOL, INT64 } = DataType;

/** Types of all outputs of the last node. */
function typesOf(model: Model): string[] {
  const inferred = inferShapes(model);
  expect(inferred.conflicts.map(({ message }) => message)).toEqual([]);
  return (model.graph.nodes.last?.outputs ?? []).map((value) => formatType(inferred.type(value)));
}

describe('If', () => {
  const choose = (condition: (graph: GraphBuilder) => Value, then: readonly Dim[], otherwise: readonly Dim[]): Model =>
    buildModel(21, (graph) => {
      const [a, b] = [graph.input('a', then), graph.input('b', otherwise)];
      const read = (value: Value) => (inner: GraphBuilder) => inner.op('Relu', [value]);
      graph.branch(condition(graph), read(a), read(b));
    });
  const either = (graph: GraphBuilder): Value => graph.input('c', [], BOOL);

  test.each([
    { why: 'the same', taken: [2, 3], otherwise: [2, 3], gives: 'float32[2,3]' },
    { why: 'another extent', taken: [2, 3], otherwise: [2, 4], gives: 'float32[2,?]' },
    { why: 'another rank', taken: [2, 3], otherwise: [2], gives: 'float32' },
  ])('gives what both branches have in common: $why', ({ taken, otherwise, gives }) => {
    expect(typesOf(choose(either, taken, otherwise))).toEqual([gives]);
  });

  test('gives what the branch gives that is taken', () => {
    const always = (graph: GraphBuilder): Value => graph.op('Equal', [graph.ints([1], []), graph.ints([1], [])]);
    expect(typesOf(choose(always, [2, 3], [4]))).toEqual(['float32[2,3]']);
    const never = (graph: GraphBuilder): Value => graph.op('Less', [graph.ints([1], []), graph.ints([1], [])]);
    expect(typesOf(choose(never, [2, 3], [4]))).toEqual(['float32[4]']);
  });
});

/** A loop that carries `x: float32[N, 4]` and collects what `step` returns second. */
function loopOf(
  step: (graph: GraphBuilder, state: Value, count: Value) => readonly [Value, Value],
  trips = false,
): Model {
  return buildModel(21, (graph) => {
    const x = graph.input('x', ['N', 4]);
    const body = subgraph(graph, 'body', (inner) => {
      const count = inner.input('i', [], INT64);
      const condition = inner.input('c', [], BOOL);
      const state = inner.input('s', undefined);
      inner.output(inner.op('Identity', [condition]), [], BOOL);
      for (const value of step(inner, state, count)) inner.output(value);
    });
    const most = trips ? graph.ints([7], []) : graph.input('m', [], INT64);
    graph.ops('Loop', [most, undefined, x], { attributes: [body], outputs: 2 });
  });
}

describe('Loop', () => {
  test('keeps the shape of what it carries when an iteration does', () => {
    expect(typesOf(loopOf((graph, state) => [graph.op('Relu', [state]), state]))).toEqual([
      'float32[N,4]',
      'float32[?,N,4]',
    ]);
  });

  test('collects as many as it is told to', () => {
    expect(typesOf(loopOf((graph, state, count) => [graph.op('Relu', [state]), count], true))).toEqual([
      'float32[N,4]',
      'int64[7]',
    ]);
  });

  test('keeps only what an iteration does not change', () => {
    const grow = (graph: GraphBuilder, state: Value): readonly [Value, Value] => {
      const longer = graph.op('Concat', [state, state], { attributes: [Attribute.int('axis', 0)] });
      return [longer, state];
    };
    expect(typesOf(loopOf(grow))).toEqual(['float32[?,4]', 'float32[?,?,4]']);
  });

  test('forgets the rank of what gains dimensions', () => {
    const grow = (graph: GraphBuilder, state: Value): readonly [Value, Value] => [
      graph.op('Unsqueeze', [state, graph.ints([0])]),
      state,
    ];
    expect(typesOf(loopOf(grow))).toEqual(['float32', 'float32']);
  });

  test('does not take contents of one iteration for those of all', () => {
    const model = buildModel(21, (graph) => {
      const body = subgraph(graph, 'body', (inner) => {
        inner.input('i', [], INT64);
        const condition = inner.input('c', [], BOOL);
        const state = inner.input('s', undefined, INT64);
        inner.output(inner.op('Identity', [condition]), [], BOOL);
        inner.output(inner.op('Add', [state, inner.ints([1], [])]), undefined, INT64);
      });
      graph.ops('Loop', [graph.ints([7], []), undefined, graph.ints([0], [])], { attributes: [body] });
    });
    const inferred = inferShapes(model);
    const result = model.graph.nodes.last?.output(0);
    expect(inferred.dims(result)).toEqual([]);
    expect(inferred.ints(result)).toBeUndefined();
  });

  test('nested deeply takes no longer, and knows less', () => {
    const nest = (graph: GraphBuilder, value: Value, depth: number): Value => {
      if (depth === 0) return graph.op('Unsqueeze', [value, graph.ints([0])]);
      const body = subgraph(graph, 'body', (inner) => {
        inner.input(`i${depth}`, [], INT64);
        const condition = inner.input(`c${depth}`, [], BOOL);
        const state = inner.input(`s${depth}`, undefined);
        inner.output(inner.op('Identity', [condition]), [], BOOL);
        inner.output(nest(inner, state, depth - 1));
      });
      return graph.op('Loop', [graph.ints([7], []), undefined, value], { attributes: [body] });
    };
    const model = buildModel(21, (graph) => nest(graph, graph.input('x', [2]), 40));
    expect(typesOf(model)).toEqual(['float32']);
  });
});

describe('Scan', () => {
  const scanOf = (opset: number, states: readonly Dim[], scanned: readonly Dim[], attributes: Attribute[]): Model =>
    buildModel(opset, (graph) => {
      const body = subgraph(graph, 'body', (inner) => {
        const sum = inner.input('s', undefined);
        const slice = inner.input('x', undefined);
        const next = inner.op('Add', [sum, slice]);
        inner.output(next);
        inner.output(inner.op('Identity', [next]));
      });
      const inputs = [graph.input('initial', states), graph.input('data', scanned)];
      graph.ops('Scan', opset < 9 ? [undefined, ...inputs] : inputs, {
        attributes: [body, Attribute.int('num_scan_inputs', 1), ...attributes],
        outputs: 2,
      });
    });

  test.each([
    {
      why: 'the first axis',
      opset: 21,
      states: [4],
      scanned: ['T', 4],
      attributes: [],
      gives: ['float32[4]', 'float32[T,4]'],
    },
    {
      why: 'other axes',
      opset: 21,
      states: [4],
      scanned: [4, 'T'],
      attributes: [Attribute.ints('scan_input_axes', [1]), Attribute.ints('scan_output_axes', [-1])],
      gives: ['float32[4]', 'float32[4,T]'],
    },
    {
      why: 'a batch in opset 8',
      opset: 8,
      states: ['B', 4],
      scanned: ['B', 'T', 4],
      attributes: [],
      gives: ['float32[B,4]', 'float32[B,T,4]'],
    },
  ])('goes along an axis: $why', ({ opset, states, scanned, attributes, gives }) => {
    expect(typesOf(scanOf(opset, states, scanned, attributes))).toEqual(gives);
  });
});

test('bodies see the values around them, and are inferred for operators that nobody knows', () => {
  let inner: Value | undefined;
  const model = buildModel(21, (graph) => {
    const x = graph.input('x', [2, 'N']);
    const body = subgraph(graph, 'body', (nested) => {
      inner = nested.op('Transpose', [x]);
      nested.output(inner);
    });
    graph.op('Mystery', [], { attributes: [body], domain: 'example.org' });
  });
  expect(inferShapes(model).shape(inner)).toEqual(['N', 2]);
});

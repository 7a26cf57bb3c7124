import { expect, test } from 'vitest';
import { Attribute } from '../../../src/ir/attribute.ts';
import { formatType } from '../../../src/ir/type.ts';
import type { Value } from '../../../src/ir/value.ts';
import { inferShapes } from '../../../src/schema/infer.ts';
import { buildModel, type GraphBuilder } from '../../support/model-builder.ts';
import { subgraph } from '../../support/subgraph.ts';

type Fill = (graph: GraphBuilder, a: Value, b: Value) => Value;

/** Type of what is computed from `a: float32[2, N]` and `b: float32[2, 3]`. */
function typeOf(fill: Fill): string {
  let result: Value | undefined;
  const model = buildModel(21, (graph) => {
    result = fill(graph, graph.input('a', [2, 'N']), graph.input('b', [2, 3]));
  });
  const inferred = inferShapes(model);
  expect(inferred.conflicts.map(({ message }) => message)).toEqual([]);
  return formatType(inferred.type(result));
}

const axis = (at: number): { attributes: Attribute[] } => ({ attributes: [Attribute.int('axis', at)] });
const stack = (at: number): { attributes: Attribute[] } => ({
  attributes: [Attribute.int('axis', at), Attribute.int('new_axis', 1)],
});

const CASES: readonly { readonly why: string; readonly fill: Fill; readonly gives: string }[] = [
  {
    why: 'a sequence of one type',
    fill: (graph, a) => graph.op('SequenceConstruct', [a, a]),
    gives: 'sequence(float32[2,N])',
  },
  {
    why: 'a sequence of what all have in common',
    fill: (graph, a, b) => graph.op('SequenceConstruct', [a, b]),
    gives: 'sequence(float32[2,?])',
  },
  {
    why: 'an empty one',
    fill: (graph) => graph.op('SequenceEmpty', [], { attributes: [Attribute.int('dtype', 7)] }),
    gives: 'sequence(int64)',
  },
  {
    why: 'an element',
    fill: (graph, a) => graph.op('SequenceAt', [graph.op('SequenceConstruct', [a]), graph.ints([0], [])]),
    gives: 'float32[2,N]',
  },
  {
    why: 'one more',
    fill: (graph, a, b) => graph.op('SequenceInsert', [graph.op('SequenceConstruct', [a]), b]),
    gives: 'sequence(float32[2,?])',
  },
  {
    why: 'one less',
    fill: (graph, a) => graph.op('SequenceErase', [graph.op('SequenceConstruct', [a])]),
    gives: 'sequence(float32[2,N])',
  },
  {
    why: 'how many',
    fill: (graph, a) => graph.op('SequenceLength', [graph.op('SequenceConstruct', [a])]),
    gives: 'int64[]',
  },
  {
    why: 'joined along an axis',
    fill: (graph, a) => graph.op('ConcatFromSequence', [graph.op('SequenceConstruct', [a])], axis(0)),
    gives: 'float32[?,N]',
  },
  {
    why: 'stacked',
    fill: (graph, a) => graph.op('ConcatFromSequence', [graph.op('SequenceConstruct', [a])], stack(-1)),
    gives: 'float32[2,N,?]',
  },
  {
    why: 'cut in slices',
    fill: (graph, a) => graph.op('SplitToSequence', [a], axis(0)),
    gives: 'sequence(float32[1,N])',
  },
  {
    why: 'cut in slices without their axis',
    fill: (graph, a) => graph.op('SplitToSequence', [a], { attributes: [Attribute.int('keepdims', 0)] }),
    gives: 'sequence(float32[N])',
  },
  {
    why: 'cut in equal parts',
    fill: (graph, _, b) => graph.op('SplitToSequence', [b, graph.ints([3], [])], axis(1)),
    gives: 'sequence(float32[2,3])',
  },
  {
    why: 'cut with a rest',
    fill: (graph, _, b) => graph.op('SplitToSequence', [b, graph.ints([2], [])], axis(1)),
    gives: 'sequence(float32[2,?])',
  },
  { why: 'maybe', fill: (graph, a) => graph.op('Optional', [a]), gives: 'optional(float32[2,N])' },
  {
    why: 'for sure',
    fill: (graph, a) => graph.op('OptionalGetElement', [graph.op('Optional', [a])]),
    gives: 'float32[2,N]',
  },
  {
    why: 'for sure, since it was no optional',
    fill: (graph, a) => graph.op('OptionalGetElement', [a]),
    gives: 'float32[2,N]',
  },
  { why: 'whether', fill: (graph, a) => graph.op('OptionalHasElement', [a]), gives: 'bool[]' },
];

test.each(CASES)('$why: $gives', ({ fill, gives }) => {
  expect(typeOf(fill)).toBe(gives);
});

test('SequenceMap runs its body on elements', () => {
  const map: Fill = (graph, a, b) => {
    const body = subgraph(graph, 'body', (inner) => {
      const [x, y] = [inner.input('x', undefined), inner.input('y', undefined)];
      inner.output(inner.op('MatMul', [inner.op('Transpose', [x]), y]));
    });
    return graph.op('SequenceMap', [graph.op('SequenceConstruct', [a]), b], { attributes: [body] });
  };
  expect(typeOf(map)).toBe('sequence(float32[N,3])');
});

test('sequences of sequences end somewhere', () => {
  const deep: Fill = (graph, a) => {
    let value = a;
    for (let i = 0; i < 5000; i++) value = graph.op('SequenceConstruct', [value]);
    return value;
  };
  expect(typeOf(deep).length).toBeLessThan(200);
});

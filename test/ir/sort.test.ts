import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findViolations, requireSound } from '../../src/ir/invariants.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Node } from '../../src/ir/node.ts';
import { sortGraph, topologicalOrder } from '../../src/ir/sort.ts';
import type { Value } from '../../src/ir/value.ts';
import { expectError } from '../support/errors.ts';
import { buildModel } from '../support/model-builder.ts';

/** A model whose node i reads the outputs of the nodes in `reads[i]`, in that order in the file. */
function modelOf(reads: readonly (readonly number[])[]): Model {
  return buildModel(17, ({ graph }) => {
    const nodes = reads.map((_, i) =>
      graph.insert({ opType: `Op${i}`, inputs: [], name: `n${i}`, outputs: [`v${i}`] }),
    );
    for (const [i, list] of reads.entries()) nodes[i]?.setInputs(list.map((j) => nodes[j]?.output()));
  });
}

function names(nodes: Iterable<Node>): string[] {
  return Array.from(nodes, ({ name }) => name);
}

describe('topological order', () => {
  test.each<[string, number[][], string[]]>([
    ['keeps an order that is right', [[], [0], [0], [1, 2]], ['n0', 'n1', 'n2', 'n3']],
    ['keeps nodes that do not depend on each other in their order', [[], [], []], ['n0', 'n1', 'n2']],
    ['brings forward what is needed, and no more', [[3], [], [], []], ['n3', 'n0', 'n1', 'n2']],
    ['turns a chain around', [[1], [2], []], ['n2', 'n1', 'n0']],
    ['takes needs in file order', [[2, 1], [], []], ['n1', 'n2', 'n0']],
    ['minds a value that is read twice', [[1, 1], []], ['n1', 'n0']],
  ])('%s', (_, reads, expected) => {
    const model = modelOf(reads);
    expect(names(topologicalOrder(model.graph))).toEqual(expected);
    const moved = expected.some((name, i) => name !== `n${i}`);
    expect(sortGraph(model.graph)).toBe(moved);
    expect(sortGraph(model.graph)).toBe(false);
    expect(names(model.graph.nodes)).toEqual(expected);
  });

  test('is right for any graph without circles, and the same again', () => {
    const arbReads = fc.array(fc.array(fc.nat(), { maxLength: 3 }), { maxLength: 30 });
    fc.assert(
      fc.property(arbReads, fc.infiniteStream(fc.nat()), (choices, stream) => {
        // Node rank[i] may read lower ranks only; the ranks are shuffled over the file.
        const order = choices.map((_, i) => i);
        for (let i = order.length - 1; i > 0; i--) {
          const j = (stream.next().value ?? 0) % (i + 1);
          [order[i], order[j]] = [order[j] as number, order[i] as number];
        }
        const reads = choices.map((list, i) => {
          const rank = order.indexOf(i);
          return rank === 0 ? [] : list.map((choice) => order[choice % rank] as number);
        });
        const model = modelOf(reads);
        sortGraph(model.graph);
        expect(findViolations(model, { order: true })).toEqual([]);
        expect(sortGraph(model.graph)).toBe(false);
      }),
    );
  });

  test('counts what subgraphs read', () => {
    const model = buildModel(17, (g) => {
      const flag = g.input('flag', [], 9);
      const late = g.op('Relu', [g.input('x', [1])], { name: 'late' });
      const branch = (op: string) => (inner: typeof g) => inner.op(op, [late]);
      g.output(g.branch(flag, branch('Neg'), branch('Exp')));
    });
    const { graph } = model;
    graph.reorder([...graph.nodes].toReversed());
    expect(findViolations(model, { order: true })).toMatchObject([{ rule: 'order' }, { rule: 'order' }]);
    expect(sortGraph(graph)).toBe(true);
    expect(findViolations(model, { order: true })).toEqual([]);
  });

  test('a chain of a hundred thousand nodes, backwards', () => {
    const count = 100_000;
    const model = buildModel(17, ({ graph }) => {
      let value: Value = graph.addInput('x', { kind: 'tensor', elemType: 1 });
      const first = graph.insert({ opType: 'Relu', inputs: [value] });
      value = first.output();
      for (let i = 1; i < count; i++)
        value = graph.insert({ opType: 'Relu', inputs: [value] }, { before: graph.nodes.first as Node }).output();
      graph.addOutput(value);
    });
    expect(sortGraph(model.graph)).toBe(true);
    requireSound(model, { order: true });
    expect(model.graph.nodes.size).toBe(count);
  });

  test('a circle is named by its nodes', () => {
    const model = modelOf([[1], [2], [3], [1]]);
    const error = expectError('E_GRAPH_CYCLE', () => sortGraph(model.graph));
    expect(error.found).toBe("Op1 'n1' → Op2 'n2' → Op3 'n3' → Op1 'n1'");
    expect(expectError('E_GRAPH_INVALID', () => requireSound(model)).message).toContain('circle');
    expectError('E_GRAPH_CYCLE', () => topologicalOrder(modelOf([[0]]).graph));
    const long = expectError('E_GRAPH_CYCLE', () =>
      topologicalOrder(modelOf(Array.from({ length: 50 }, (_, i) => [(i + 1) % 50])).graph),
    );
    expect(long.found?.split('→').length).toBe(10);
  });
});

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { floatTensor } from '../../src/ir/constants.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { findViolations } from '../../src/ir/invariants.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Node } from '../../src/ir/node.ts';
import { removeUnused } from '../../src/ir/reachability.ts';
import type { Value } from '../../src/ir/value.ts';
import { buildModel } from '../support/model-builder.ts';
import { field, message } from '../support/proto-writer.mjs';
import { arbWireModel } from '../support/wire-arbitraries.ts';

function ops(graph: Graph): string[] {
  return Array.from(graph.nodes, ({ opType }) => opType);
}

/** The nodes that are needed, the slow way: grow the set until it stays as it is. */
function neededNodes(model: Model): Set<Node> {
  const needed = new Set<Node>();
  const roots = new Set([model.graph, ...model.trainingGraphs, ...model.functions.map(({ body }) => body)]);
  const inRoot = (node: Node): boolean => {
    const { owner } = node.graph;
    return owner === undefined || needed.has(owner);
  };
  for (let before = -1; before !== needed.size; ) {
    before = needed.size;
    for (const graph of model.scopes()) {
      const isNeeded = (value: Value): boolean => {
        if (value.isPinned) return true;
        const listed = [...model.scopes()].some(
          (scope) =>
            scope.outputs.includes(value) &&
            (roots.has(scope) || (scope.owner !== undefined && needed.has(scope.owner))),
        );
        return listed || value.consumers().some((node) => needed.has(node));
      };
      for (const node of graph.nodes) {
        if (inRoot(node) && node.outputs.some((value) => value !== undefined && isNeeded(value))) needed.add(node);
      }
    }
  }
  return needed;
}

describe('removing what is not used', () => {
  test('leaves just what is needed, in any model', async () => {
    await fc.assert(
      fc.asyncProperty(arbWireModel(), async (bytes) => {
        const model = await openModel(bytes);
        const needed = neededNodes(model);
        const { nodes } = removeUnused(model);
        const left = [...model.scopes()].flatMap((graph) => [...graph.nodes]);
        expect(new Set(left)).toEqual(needed);
        expect(nodes.some((node) => needed.has(node))).toBe(false);
        expect(findViolations(model)).toEqual([]);
        const { revision } = model;
        expect(removeUnused(model)).toEqual({ nodes: [], initializers: [], inputs: [] });
        expect(model.revision).toBe(revision);
        expect(findViolations(await openModel(await saveBytes(model)))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test('a dead node that reads a tensor twice does not keep it (H21)', () => {
    const model = buildModel(17, (g) => {
      const x = g.input('x', [1]);
      const dead = g.op('Relu', [x]);
      g.op('Mul', [dead, dead]);
      g.op('Add', [g.floats([1], [1], 'twice'), g.graph.value('twice')]);
      g.output(g.op('Neg', [x]));
    });
    const removed = removeUnused(model);
    expect(removed.nodes.map(({ opType }) => opType).toSorted()).toEqual(['Add', 'Mul', 'Relu']);
    expect(removed.initializers.map(({ name }) => name)).toEqual(['twice']);
    expect(ops(model.graph)).toEqual(['Neg']);
  });

  test('a value that a dead and a living node read stays', () => {
    const model = buildModel(17, (g) => {
      const shared = g.op('Relu', [g.input('x', [1])]);
      g.op('Exp', [shared]);
      g.output(g.op('Neg', [shared]));
    });
    removeUnused(model);
    expect(ops(model.graph)).toEqual(['Relu', 'Neg']);
  });

  test('a dead node goes although a dead node in the branch of a live one reads it', () => {
    const model = buildModel(13, (graph) => {
      const x = graph.input('x', [1]);
      const outer = graph.op('Neg', [x], { name: 'outer' });
      const result = graph.branch(
        graph.input('c', [], 9),
        (branch) => {
          branch.op('Abs', [outer], { name: 'inner' });
          return branch.op('Relu', [x]);
        },
        (branch) => branch.op('Exp', [x]),
      );
      graph.output(result);
    });
    const { nodes } = removeUnused(model);
    expect(nodes.map(({ name }) => name).toSorted()).toEqual(['inner', 'outer']);
    expect(findViolations(model)).toEqual([]);
  });

  test('graph inputs stay unless asked (H22)', () => {
    const make = (): Model =>
      buildModel(17, (g) => {
        g.input('unused', [1]);
        const defaulted = g.input('defaulted', [1]);
        g.graph.setInitializer(defaulted, floatTensor([1], [1]));
        g.output(g.op('Neg', [g.input('x', [1])]));
      });
    const kept = make();
    expect(removeUnused(kept)).toEqual({ nodes: [], initializers: [], inputs: [] });
    const asked = make();
    const removed = removeUnused(asked, { inputs: true });
    expect(removed.inputs.map(({ name }) => name)).toEqual(['unused', 'defaulted']);
    expect(asked.graph.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(asked.graph.initializers).toEqual([]);
  });

  test('what only a branch reads is used while the branch is', () => {
    const make = (isRead: boolean): Model =>
      buildModel(17, (g) => {
        const outer = g.op('Relu', [g.input('x', [1])]);
        const branch = (op: string) => (inner: typeof g) => {
          inner.op('Exp', [outer]);
          return inner.op(op, [outer, inner.floats([1])]);
        };
        const result = g.branch(g.input('flag', [], 9), branch('Add'), branch('Mul'));
        g.output(isRead ? result : g.op('Neg', [g.graph.inputs[0]]));
      });
    const used = make(true);
    removeUnused(used);
    expect([...used.scopes()].map(ops)).toEqual([['Relu', 'If'], ['Add'], ['Mul']]);
    const unused = make(false);
    removeUnused(unused);
    expect([...unused.scopes()].map(ops)).toEqual([['Neg']]);
    expect(findViolations(unused)).toEqual([]);
  });

  test('dead nodes in a circle go, with their subgraphs', () => {
    const model = buildModel(17, (g) => {
      const x = g.input('x', [1]);
      const [a, b] = [g.op('A', [x]), g.op('B', [x])];
      a.producer?.setInputs([b]);
      b.producer?.setInputs([a]);
      const branch = (inner: typeof g): Value => inner.op('Neg', [a]);
      const result = g.branch(g.input('flag', [], 9), branch, branch);
      b.producer?.setInputs([result]);
      g.output(g.op('Relu', [x]));
    });
    removeUnused(model);
    expect(ops(model.graph)).toEqual(['Relu']);
    expect(findViolations(model)).toEqual([]);
  });

  test('training graphs and quantization info keep what they mention', async () => {
    const node = (op: string, input: string, output: string) =>
      field(1, 2, message([field(1, 2, input), field(2, 2, output), field(4, 2, op)]));
    const port = (id: number, name: string) => field(id, 2, field(1, 2, name));
    const weight = (name: string) =>
      field(5, 2, message([field(1, 0, 1), field(2, 0, 1), field(8, 2, name), field(9, 2, new Uint8Array(4))]));
    const annotation = field(
      14,
      2,
      message([field(1, 2, 'quantized'), field(2, 2, message([field(1, 2, 'SCALE_TENSOR'), field(2, 2, 'scale')]))]),
    );
    const main = message([
      ...[
        node('Relu', 'x', 'y'),
        node('Exp', 'x', 'trained'),
        node('Sin', 'x', 'quantized'),
        node('Cos', 'x', 'dead'),
        node('Tan', 'x', 'bound'),
      ],
      ...[port(11, 'x'), port(12, 'y'), weight('scale'), weight('unused'), weight('w'), annotation],
    ]);
    const algorithm = message([node('Neg', 'trained', 'gradient'), node('Abs', 'w', 'dead2'), port(12, 'gradient')]);
    const training = message([field(2, 2, algorithm), field(4, 2, message([field(1, 2, 'w'), field(2, 2, 'bound')]))]);
    const model = await openModel(message([field(1, 0, 8), field(7, 2, main), field(20, 2, training)]));
    const removed = removeUnused(model);
    expect(ops(model.graph)).toEqual(['Relu', 'Exp', 'Sin', 'Tan']);
    expect(model.trainingGraphs.map(ops)).toEqual([['Neg']]);
    expect(removed.initializers.map(({ name }) => name)).toEqual(['unused']);
    const again = await openModel(await saveBytes(model));
    expect([again.graph, ...again.trainingGraphs].map(ops)).toEqual([['Relu', 'Exp', 'Sin', 'Tan'], ['Neg']]);
  });
});

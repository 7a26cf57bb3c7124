import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { SdgraphError } from '../../src/errors.ts';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { floatTensor } from '../../src/ir/constants.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { findViolations } from '../../src/ir/invariants.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Node } from '../../src/ir/node.ts';
import { removeUnused } from '../../src/ir/reachability.ts';
import { sortGraph } from '../../src/ir/sort.ts';
import type { Value } from '../../src/ir/value.ts';
import { structureOfBytes, structureOfModel } from '../support/structure.ts';
import { arbWireModel } from '../support/wire-arbitraries.ts';

/** Chooses from lists with the numbers that fast-check drew. */
class Choices {
  readonly #numbers: readonly number[];
  #next = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  of<T>(items: readonly T[]): T | undefined {
    const number = this.#numbers[this.#next++ % this.#numbers.length] ?? 0;
    return items[number % Math.max(1, items.length)];
  }
}

function visibleFrom(graph: Graph): Value[] {
  return [...graph.values(), ...(graph.parent === undefined ? [] : visibleFrom(graph.parent))];
}

type Edit = (graph: Graph, pick: Choices) => void;

/** A node and a value that it may read. */
function pair(graph: Graph, pick: Choices): { node: Node | undefined; value: Value | undefined } {
  return { node: pick.of([...graph.nodes]), value: pick.of(visibleFrom(graph)) };
}

const EDITS: Readonly<Record<string, Edit>> = {
  insert(graph, pick) {
    const place = pick.of([...graph.nodes]);
    const inputs = [pick.of(visibleFrom(graph)), undefined, pick.of(visibleFrom(graph))];
    const at = place === undefined ? {} : (pick.of([{ before: place }, { after: place }, {}]) ?? {});
    graph.insert(
      { opType: 'New', inputs, outputs: pick.of([1, 2, 3]) ?? 1, name: pick.of(['n', 'constructor', 'v0']) ?? '' },
      at,
    );
  },
  remove(graph, pick) {
    const node = pick.of([...graph.nodes]);
    if (node !== undefined) graph.remove(node);
  },
  setInput(graph, pick) {
    const { node, value } = pair(graph, pick);
    node?.setInput(pick.of([0, 1, 5]) ?? 0, pick.of([value, undefined]));
  },
  setInputs(graph, pick) {
    const { node, value } = pair(graph, pick);
    node?.setInputs([value, undefined, value]);
  },
  rename(graph, pick) {
    const value = pick.of([...graph.values()]);
    const name = pick.of(['renamed', 'v0', '__proto__', 'é', '']) ?? '';
    if (value !== undefined) value.name = name;
  },
  renameNode(graph, pick) {
    const { node } = pair(graph, pick);
    if (node !== undefined) node.name = pick.of(['a', 'toString', '']) ?? '';
  },
  replaceAllUses(graph, pick) {
    const value = pick.of([...graph.values()]);
    const other = pick.of(visibleFrom(graph));
    if (value !== undefined && other !== undefined) value.replaceAllUsesWith(other);
  },
  setInitializer(graph, pick) {
    const value = pick.of([...graph.values()].filter(({ producer }) => producer === undefined));
    if (value !== undefined) graph.setInitializer(value, pick.of([floatTensor([1], [1], 'other'), undefined]));
  },
  addInitializer(graph, pick) {
    graph.addInitializer(floatTensor([1], [1], pick.of(['w', 'v0', '']) ?? ''));
  },
  addInput: (graph) => graph.addInput('in', { kind: 'tensor', elemType: 1, shape: [1] }),
  removeInput(graph, pick) {
    const input = pick.of(graph.inputs);
    if (input !== undefined) graph.removeInput(input);
  },
  addOutput(graph, pick) {
    const value = pick.of(visibleFrom(graph));
    if (value !== undefined) graph.addOutput(value);
  },
  setOutput(graph, pick) {
    const value = pick.of(visibleFrom(graph));
    if (value !== undefined) graph.setOutput(0, value);
  },
  removeOutput: (graph) => graph.removeOutput(0),
  reverse: (graph) => graph.reorder([...graph.nodes].toReversed()),
  sort(graph) {
    sortGraph(graph);
  },
  setType(graph, pick) {
    pick.of([...graph.values()])?.setType({ kind: 'tensor', elemType: 10, shape: [2, 'n'] });
  },
  dropInfo(graph, pick) {
    const value = pick.of([...graph.values()]);
    if (value !== undefined) graph.dropInfo(value);
  },
  setAttribute(graph, pick) {
    const { node } = pair(graph, pick);
    node?.setAttribute(Attribute.int(pick.of(['axis', 'then_branch', 'new']) ?? '', 3));
  },
  removeAttribute(graph, pick) {
    const { node } = pair(graph, pick);
    const name = pick.of(node?.attributes ?? [])?.name;
    if (name !== undefined) node?.removeAttribute(name);
  },
  move(graph, pick) {
    const { node } = pair(graph, pick);
    if (node === undefined) return;
    const { attributes, opType } = node;
    graph.remove(node);
    graph.insert({ opType, inputs: [], attributes, outputs: 1 });
  },
  removeUnused(graph) {
    removeUnused(graph.model);
  },
};

const arbSteps = fc.array(
  fc.record({
    edit: fc.constantFrom(...Object.keys(EDITS)),
    choices: fc.array(fc.nat(40), { minLength: 1, maxLength: 5 }),
    takeBack: fc.boolean(),
  }),
  { maxLength: 25 },
);

/** Runs an edit; one that is refused must not have changed anything. */
function perform(model: Model, edit: Edit, choices: readonly number[]): void {
  const pick = new Choices(choices);
  const graph = pick.of([...model.scopes()]) ?? model.graph;
  try {
    edit(graph, pick);
  } catch (error) {
    if (!(error instanceof SdgraphError)) throw error;
    expect(['E_GRAPH_EDIT', 'E_GRAPH_CYCLE']).toContain(error.code);
  }
}

/** Uses, counted anew from the inputs of all nodes, against what the values say. */
function expectTrueUses(model: Model): void {
  const counted = new Map<Value, number>();
  for (const graph of model.scopes()) {
    for (const node of graph.nodes) {
      expect(node.graph).toBe(graph);
      for (const value of node.inputs) if (value !== undefined) counted.set(value, (counted.get(value) ?? 0) + 1);
    }
  }
  for (const graph of model.scopes()) {
    for (const value of graph.allValues()) expect(value.useCount, value.name).toBe(counted.get(value) ?? 0);
  }
}

const BROKEN = new Set(['use-def', 'duplicate-name', 'dangling-name']);

test('whatever is edited in whatever order, the graph holds together and is saved as the IR shows it', async () => {
  await fc.assert(
    fc.asyncProperty(arbWireModel(), arbSteps, async (bytes, steps) => {
      const model = await openModel(bytes);
      for (const { edit, choices, takeBack } of steps) {
        const apply = EDITS[edit] as Edit;
        if (!takeBack) {
          perform(model, apply, choices);
          continue;
        }
        const before = structureOfModel(model);
        const { revision } = model;
        const stop = new Error('take it back');
        expect(() =>
          model.transaction(() => {
            perform(model, apply, choices);
            perform(model, EDITS['removeUnused'] as Edit, choices);
            throw stop;
          }),
        ).toThrow(stop);
        expect(structureOfModel(model)).toEqual(before);
        expect(model.revision).toBe(revision);
      }
      expectTrueUses(model);
      expect(findViolations(model).filter(({ rule }) => BROKEN.has(rule))).toEqual([]);
      const saved = await saveBytes(model);
      expect(structureOfBytes(saved)).toEqual(structureOfModel(model));
      const again = await openModel(saved);
      expect(structureOfModel(again)).toEqual(structureOfModel(model));
    }),
    { numRuns: 400 },
  );
});

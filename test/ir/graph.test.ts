import { describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { Attribute, AttributeType } from '../../src/ir/attribute.ts';
import { floatTensor } from '../../src/ir/constants.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { findViolations } from '../../src/ir/invariants.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Node } from '../../src/ir/node.ts';
import { expectError } from '../support/errors.ts';
import { buildModel, type GraphBuilder } from '../support/model-builder.ts';

/** `y = Neg(Relu(x))` and an unused Exp. */
function chain(): { model: Model; graph: Graph; nodes: readonly Node[] } {
  const model = buildModel(17, (g) => {
    const x = g.input('x', [2]);
    const relu = g.op('Relu', [x]);
    g.output(g.op('Neg', [relu], { outputs: ['y'] }));
    g.op('Exp', [relu]);
  });
  return { model, graph: model.graph, nodes: [...model.graph.nodes] };
}

/** An If with two branches that read `x` and a constant of the graph around them. */
function branching(): { model: Model; graph: Graph; node: Node } {
  const model = buildModel(17, (g) => {
    const x = g.input('x', [2]);
    const flag = g.input('flag', [], 9);
    const branch = (op: string) => (inner: GraphBuilder) => inner.op(op, [x, inner.floats([1])]);
    g.output(g.branch(flag, branch('Add'), branch('Mul')));
  });
  const node = [...model.graph.nodes].find(({ opType }) => opType === 'If') as Node;
  return { model, graph: model.graph, node };
}

describe('edits that would break the graph are refused and change nothing', () => {
  const other = chain();
  const cases: Record<string, (graph: Graph, nodes: readonly Node[]) => unknown> = {
    'removing a node that is read': (graph, [relu]) => graph.remove(relu as Node),
    'removing the node of a graph output': (graph, [, neg]) => graph.remove(neg as Node),
    'removing a node of another graph': (graph) => graph.remove(other.nodes[2] as Node),
    'inserting before a node of another graph': (graph) =>
      graph.insert({ opType: 'A', inputs: [] }, { before: other.nodes[0] as Node }),
    'inserting behind a node of another graph': (graph) =>
      graph.insert({ opType: 'A', inputs: [] }, { after: other.nodes[0] as Node }),
    'inserting a node that reads another model': (graph) => graph.insert({ opType: 'A', inputs: other.graph.inputs }),
    'an input of another model': (_, [relu]) => relu?.setInput(0, other.graph.inputs[0]),
    'an input at -1': (_, [relu]) => relu?.setInput(-1, undefined),
    'an output of another model': (graph) => graph.addOutput(other.graph.inputs[0] as never),
    'an output that is not there': (graph) => graph.setOutput(1, graph.inputs[0] as never),
    'removing an output that is not there': (graph) => graph.removeOutput(1),
    'a name that is taken': (graph) => ((graph.inputs[0] as { name: string }).name = 'y'),
    'no name': (graph) => ((graph.inputs[0] as { name: string }).name = ''),
    'removing an input that is read': (graph) => graph.removeInput(graph.inputs[0] as never),
    'removing an input that is none': (graph) => graph.removeInput(graph.outputs[0] as never),
    'a constant for a value of another model': (graph) =>
      graph.setInitializer(other.graph.inputs[0] as never, floatTensor([1], [1])),
    'an order with a node missing': (graph, nodes) => graph.reorder(nodes.slice(1)),
    'an order with a node twice': (graph, [a, b]) => graph.reorder([a, b, b] as Node[]),
    'an output for a node of another graph': (graph) => graph.addOutputTo(other.nodes[0] as Node, 'z'),
  };

  test.each(Object.keys(cases))('%s', async (name) => {
    const { model, graph, nodes } = chain();
    const before = await saveBytes(model);
    const { revision } = model;
    expectError('E_GRAPH_EDIT', () => cases[name]?.(graph, nodes));
    expect(model.revision).toBe(revision);
    expect(await saveBytes(model)).toEqual(before);
  });

  test('a node that was removed says so', () => {
    const { graph, nodes } = chain();
    const exp = nodes[2] as Node;
    graph.remove(exp);
    expect(exp.isAlive).toBe(false);
    expectError('E_GRAPH_EDIT', () => exp.graph);
    expectError('E_GRAPH_EDIT', () => graph.remove(exp));
    expectError('E_GRAPH_EDIT', () => exp.setInput(0, undefined));
    expectError('E_GRAPH_EDIT', () => exp.output(3));
  });

  test('a constant that is read stays; a removed one cannot come back', () => {
    const model = buildModel(17, (g) => g.output(g.op('Neg', [g.floats([1], [1], 'w')])));
    const { graph } = model;
    const weight = graph.value('w');
    if (weight === undefined) throw new Error('there is no w');
    expectError('E_GRAPH_EDIT', () => graph.setInitializer(weight, undefined));
    graph.nodes.first?.setInputs([]);
    graph.setInitializer(weight, undefined);
    expect(graph.value('w')).toBeUndefined();
    expectError('E_GRAPH_EDIT', () => graph.setInitializer(weight, floatTensor([1], [1])));
  });
});

describe('iterating while editing', () => {
  test('visits what is inserted behind, not what is removed, and goes on from a removed node', () => {
    const { graph } = chain();
    const seen: string[] = [];
    for (const node of graph.nodes) {
      seen.push(node.opType);
      if (node.opType === 'Relu') {
        graph.insert({ opType: 'Before', inputs: [] }, { before: node });
        graph.insert({ opType: 'After', inputs: [] }, { after: node });
      }
      if (node.opType === 'After') graph.remove(node);
    }
    expect(seen).toEqual(['Relu', 'After', 'Neg', 'Exp']);
    expect(Array.from(graph.nodes, ({ opType }) => opType)).toEqual(['Before', 'Relu', 'Neg', 'Exp']);
  });

  test('goes on when the node is removed and put back, or all nodes are put in another order', () => {
    const { model, graph } = chain();
    const seen: string[] = [];
    for (const node of graph.nodes) {
      seen.push(node.opType);
      expect(() =>
        model.transaction(() => {
          for (const each of node.outputs[0]?.consumers() ?? []) each.setInputs([]);
          while (graph.outputs.length > 0) graph.removeOutput(0);
          graph.remove(node);
          throw new Error('back');
        }),
      ).toThrow('back');
    }
    expect(seen).toEqual(['Relu', 'Neg', 'Exp']);
    for (const node of graph.nodes) {
      seen.push(node.opType);
      if (seen.length === 4) graph.reorder([...graph.nodes].toReversed());
    }
    expect(seen.slice(3)).toEqual(['Relu']);
  });
});

describe('subgraphs', () => {
  test('see the values around them; their own come first', async () => {
    const { graph, node } = branching();
    const [then, otherwise] = [...node.subgraphs()];
    const x = graph.value('x');
    expect(then?.value('x')).toBe(x);
    expect(x?.consumers().map(({ opType }) => opType)).toEqual(['Add', 'Mul']);
    expect(then?.owner).toBe(node);
    const inner = then?.nodes.first?.output().name ?? '';
    expect([graph.value(inner), otherwise?.value(inner)]).toEqual([undefined, undefined]);
    const again = await openModel(await saveBytes(graph.model));
    expect(again.graph.value('x')?.useCount).toBe(2);
  });

  test('leave with their node: nothing they read counts as read, and their names are free', () => {
    const { model, graph, node } = branching();
    const x = graph.value('x');
    const [then] = [...node.subgraphs()];
    const name = then?.nodes.first?.output().name ?? '';
    graph.removeOutput(0);
    const before = model.revision;
    graph.remove(node);
    expect(x?.useCount).toBe(0);
    expect(then?.nodes.first?.isAlive).toBe(false);
    expect(model.valueNames.has(name)).toBe(false);
    expect(before).toBeLessThan(model.revision);
    graph.removeInput(x as never);
    expect(findViolations(model)).toEqual([]);
  });

  test('leave with their attribute, and come back when it is all taken back', () => {
    const { model, graph, node } = branching();
    const x = graph.value('x');
    expect(() =>
      model.transaction(() => {
        node.removeAttribute('then_branch');
        expect(x?.useCount).toBe(1);
        node.setAttribute(Attribute.int('else_branch', 1));
        expect(x?.useCount).toBe(0);
        throw new Error('back');
      }),
    ).toThrow('back');
    expect(x?.useCount).toBe(2);
    expect([...node.subgraphs()].map(({ owner }) => owner)).toEqual([node, node]);
    expect(findViolations(model)).toEqual([]);
  });

  test('move to another node; names taken in between get a suffix', async () => {
    const { model, graph, node } = branching();
    const { attributes } = node;
    const flag = graph.value('flag');
    const [then] = [...node.subgraphs()];
    const inner = then?.nodes.first?.output();
    const name = inner?.name ?? '';
    expectError('E_GRAPH_EDIT', () => graph.insert({ opType: 'If', inputs: [flag], attributes }));
    graph.removeOutput(0);
    graph.remove(node);
    graph.addInput(name, { kind: 'tensor', elemType: 1 });
    const moved = graph.insert({ opType: 'If', inputs: [flag], attributes });
    graph.addOutput(moved.output());
    expect(inner?.name).toBe(`${name}_1`);
    expect(graph.value('x')?.useCount).toBe(2);
    expect(findViolations(model)).toEqual([]);
    expect(findViolations(await openModel(await saveBytes(model)))).toEqual([]);
  });

  test('stay in their graph and their model', () => {
    const { node } = branching();
    const { graph } = chain();
    const attribute = node.attribute('then_branch') as Attribute;
    graph.removeOutput(0);
    expectError('E_GRAPH_EDIT', () => graph.nodes.first?.setAttribute(attribute));
    expect(attribute.type).toBe(AttributeType.GRAPH);
  });

  test('an output that is a value of the graph around it follows when that is renamed', async () => {
    const { model, graph, node } = branching();
    const [then] = [...node.subgraphs()];
    const x = graph.value('x');
    then?.setOutput(0, x as never);
    const again = await openModel(await saveBytes(model));
    const renamed = again.graph.value('x');
    if (renamed !== undefined) renamed.name = 'renamed';
    const [inner] = [...([...again.graph.nodes].find(({ opType }) => opType === 'If')?.subgraphs() ?? [])];
    expect(inner?.outputs[0]).toBe(renamed);
    expect(findViolations(await openModel(await saveBytes(again)))).toEqual([]);
  });
});

describe('names', () => {
  test('a freed name is given out again, then the lowest suffix that is free', () => {
    const { model, graph } = chain();
    const name = (): string => graph.insert({ opType: 'A', inputs: [], outputs: ['y'] }).output().name;
    expect([name(), name(), name()]).toEqual(['y_1', 'y_2', 'y_3']);
    const second = graph.value('y_2')?.producer;
    graph.remove(second as Node);
    expect([name(), name()]).toEqual(['y_2', 'y_4']);
    expect(model.valueNames.has('y_4')).toBe(true);
  });

  test('a constant goes by the name of the value that it is stored for', async () => {
    const { model, graph } = chain();
    const value = graph.addInitializer(floatTensor([1], [1], 'w'));
    graph.setInitializer(value, floatTensor([2], [1], 'something else'));
    const again = await openModel(await saveBytes(model));
    expect(again.graph.value('w')?.initializer).toBeDefined();
    expect(again.graph.value('something else')).toBeUndefined();
  });

  test('a constant out of an attribute becomes an initializer as it is', async () => {
    const source = await openModel(
      await saveBytes(buildModel(17, (g) => g.output(g.constant(floatTensor([1, 2], [2], 'w'))))),
    );
    const { graph } = source;
    graph.addInitializer(graph.nodes.first?.attribute('value')?.tensor as never);
    const again = await openModel(await saveBytes(source));
    expect(again.graph.value('w')?.initializer).toMatchObject({ dims: [2] });
  });
});

describe('types', () => {
  test('come from graph inputs, outputs, value info, or the constant', async () => {
    const { model, graph, nodes } = chain();
    const relu = nodes[0]?.output();
    expect(relu?.type).toBeUndefined();
    relu?.setType({ kind: 'tensor', elemType: 1, shape: [2, 'n', undefined] });
    expect(String(relu)).toBe(`${relu?.name}: float32[2,n,?]`);
    graph.addOutput(relu as never, { kind: 'tensor', elemType: 1 });
    expect(relu?.shape).toBeUndefined();
    relu?.setType({ kind: 'tensor', elemType: 10, shape: [7] });
    graph.removeOutput(1);
    expect(relu?.shape).toEqual([7]);
    const again = await openModel(await saveBytes(model));
    expect(again.graph.value(relu?.name ?? '')?.type).toEqual({ kind: 'tensor', elemType: 10, shape: [7] });
    graph.dropInfo(relu as never);
    expect(relu?.type).toBeUndefined();
    const weight = graph.addInitializer(floatTensor([1], [1]));
    graph.addOutput(weight);
    expect(weight.shape).toEqual([1]);
  });
});

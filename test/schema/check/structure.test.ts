import { describe, expect, test } from 'vitest';
import type { Value } from '../../../src/ir/value.ts';
import { checkModel } from '../../../src/schema/check.ts';
import { findingsOf, graphAttribute, node, openSample, rulesOf, tensorInfo } from '../../support/sample-model.ts';

describe('names around a subgraph', () => {
  test('one that a branch computes again is an error, for it hides what is there', async () => {
    const [finding] = await findingsOf(({ yes }) => {
      yes.node = [node('Neg', ['h'], ['x'])];
      yes.output = [tensorInfo('x', 1, [1, 4])];
    });
    expect(finding).toMatchObject({
      rule: 'shadowed-name',
      severity: 'error',
      where: { path: 'graph.node[1].then_branch', value: 'x' },
    });
  });

  test.each([
    ['computed only after the branch', 'y'],
    ['computed by the node itself', 'i'],
  ])('one that is %s is a warning', async (_, name) => {
    const findings = await findingsOf(({ yes }) => {
      yes.node = [node('Neg', ['h'], [name])];
      yes.output = [tensorInfo(name, 1, [1, 4])];
    });
    expect(findings).toEqual([expect.objectContaining({ rule: 'shadowed-name', severity: 'warning' })]);
  });

  test('an input of a branch may hide an outer name: a warning', async () => {
    const findings = await findingsOf(({ graph, yes }) => {
      const body = { ...yes, input: [tensorInfo('n', 7, []), tensorInfo('go', 9, []), tensorInfo('x', 1, [1, 4])] };
      body.node = [node('Identity', ['go'], ['again']), node('Neg', ['x'], ['next'])];
      body.output = [tensorInfo('again', 9, []), tensorInfo('next', 1, [1, 4])];
      graph.node.push(node('Loop', ['', 'c', 'y'], ['z'], [graphAttribute('body', body)]));
    });
    expect(findings.map(({ rule, severity }) => `${rule} ${severity}`)).toEqual(['shadowed-name warning']);
  });

  test('branches may use the same names as each other', async () => {
    const [rule] = await rulesOf(({ branch }) => {
      const g = { name: 'no', node: [node('Abs', ['h'], ['a'])], output: [tensorInfo('a', 1, [1, 4])] };
      branch.attribute[1] = graphAttribute('else_branch', { ...g, node: [{ ...g.node[0], name: 'other' }] });
    });
    expect(rule).toBeUndefined();
  });
});

describe('order', () => {
  test('what a branch reads has to be computed before its owner', async () => {
    const rules = await rulesOf(({ graph, add, branch, call }) => (graph.node = [branch, add, call]));
    expect(rules).toEqual(['node-order']);
  });

  test('a circle through a branch is one', async () => {
    const rules = await rulesOf(({ add }) => (add.input[0] = 'i'));
    expect(rules).toEqual(['cycle']);
  });
});

describe('outputs', () => {
  test('an initializer or input as output is fine', async () => {
    expect(
      await rulesOf(({ graph }) => graph.output.push(tensorInfo('w', 1, [1, 4]), tensorInfo('x', 1, [1, 4]))),
    ).toEqual([]);
  });

  test('twice the same is an error in a function', async () => {
    const findings = await findingsOf(({ callee }) => callee.output.push('v'));
    expect(findings).toEqual([expect.objectContaining({ rule: 'duplicate-output', severity: 'error' })]);
  });

  test('an output of a function that nobody computes', async () => {
    expect(await rulesOf(({ callee }) => callee.output.push('nowhere'))).toEqual(['undefined-name']);
  });
});

describe('what only an edit can break', () => {
  test('a node that reads a value of a branch', async () => {
    const model = await openSample();
    const [, owner, call] = model.graph.nodes;
    const [inner] = [...(owner?.subgraphs() ?? [])].flatMap((graph) => graph.outputs);
    call?.setInput(0, inner);
    expect(checkModel(model, { full: false }).map(({ rule }) => rule)).toContain('not-visible');
  });

  test('a use that its value does not know of', async () => {
    const model = await openSample();
    const [add] = model.graph.nodes;
    const value = add?.inputs[0] as Value;
    const [use] = value.uses;
    if (use !== undefined) value.dropUse(use);
    expect(checkModel(model, { full: false }).map(({ rule }) => rule)).toContain('broken-use');
  });
});

import { expect, test } from 'vitest';
import { findingsOf, floatsProto, node, rulesOf } from '../../support/sample-model.ts';

test('nodes need no names, and those without are not the same', async () => {
  expect(
    await rulesOf(({ add, branch }) => {
      add.name = '';
      branch.name = '';
    }),
  ).toEqual([]);
});

test('names of nodes are compared over all scopes', async () => {
  const findings = await findingsOf(
    ({ callee, add }) => (callee.node[0] = { ...callee.node[0], name: add.name ?? '' }),
  );
  expect(findings).toEqual([
    expect.objectContaining({
      rule: 'duplicate-node-name',
      severity: 'warning',
      where: expect.objectContaining({ path: 'function my.domain.Gate.node[0]' }) as unknown,
    }),
  ]);
});

test('subgraphs need names too; bodies of functions have none of their own', async () => {
  expect(await findingsOf(({ yes }) => (yes.name = ''))).toEqual([
    expect.objectContaining({ rule: 'graph-name-missing', where: { path: 'graph.node[1].then_branch' } }),
  ]);
});

test('an initializer without name', async () => {
  expect(await rulesOf(({ graph }) => graph.initializer.push(floatsProto('', [1], [1])))).toEqual([
    'value-name-missing',
  ]);
});

test('a node with outputs only is no empty node', async () => {
  expect(
    await rulesOf(({ graph }) => graph.node.push(node('Constant', [], ['k'], [{ name: 'value_int', type: 2 }]))),
  ).toEqual([]);
});

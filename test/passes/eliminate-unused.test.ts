import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { eliminateUnused } from '../../passes/eliminate-unused.ts';
import { applyPass, listing, reopened } from '../support/apply-pass.ts';
import { buildModel } from '../support/model-builder.ts';
import { runModel } from '../support/run-model.ts';

const graph = () =>
  buildModel(13, (g) => {
    const x = g.input('x', [2]);
    g.input('unread', [2]);
    const shared = g.op('Relu', [x], { outputs: ['shared'] });
    const dead = g.op('Mul', [shared, shared], { name: 'dead' });
    g.op('Add', [dead, g.floats([1, 2])], { name: 'deader' });
    const flag = g.input('flag', [], 9);
    const inner = g.branch(
      flag,
      (then) => {
        then.op('Neg', [shared], { name: 'dead_inside' });
        return then.op('Neg', [x], { outputs: ['then_out'] });
      },
      (other) => other.op('Add', [x, other.floats([3, 4])], { outputs: ['else_out'] }),
    );
    g.output(g.op('Add', [inner, shared], { outputs: ['y'] }));
  });

describe('eliminate-unused', () => {
  test('H21: a live producer that a dead node reads twice stays; dead nodes go in every scope', async () => {
    const model = graph();
    const feeds = () => ({
      x: new ort.Tensor('float32', [1, -2], [2]),
      unread: new ort.Tensor('float32', [0, 0], [2]),
      flag: new ort.Tensor('bool', [false], []),
    });
    const before = await runModel(model, feeds());
    const report = await applyPass(model, eliminateUnused());
    expect(report.sites.map(({ node }) => node).toSorted()).toEqual(['dead', 'dead_inside', 'deader']);
    expect(report.notes).toEqual(['1 unused initializer removed']);
    expect(listing(model)[0]).toBe('shared = Relu(x)');
    expect(await runModel(await reopened(model), feeds())).toEqual(before);
    expect(await applyPass(model, eliminateUnused())).toMatchObject({ changed: false, sites: [], notes: [] });
  });

  test('H22: graph inputs stay unless asked for', async () => {
    const model = graph();
    await applyPass(model, eliminateUnused());
    expect(model.graph.inputs.map(({ name }) => name)).toEqual(['x', 'unread', 'flag']);
    const report = await applyPass(model, eliminateUnused({ inputs: true }));
    expect(model.graph.inputs.map(({ name }) => name)).toEqual(['x', 'flag']);
    expect(report.notes).toEqual(['1 unused graph input removed']);
  });
});

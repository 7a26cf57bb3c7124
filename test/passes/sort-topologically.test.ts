import { describe, expect, test } from 'vitest';
import { sortTopologically } from '../../passes/sort-topologically.ts';
import { applyPass, listing } from '../support/apply-pass.ts';
import { buildModel } from '../support/model-builder.ts';

describe('sort-topologically', () => {
  test('nodes run after what they read, in every scope, and a right order stays', async () => {
    const model = buildModel(13, (g) => {
      const x = g.input('x', [1]);
      const chain = (b: typeof g) => b.op('Abs', [b.op('Neg', [x])]);
      g.output(g.op('Relu', [g.branch(g.input('flag', [], 9), chain, chain)], { outputs: ['y'] }));
    });
    for (const graph of [...model.scopes()]) graph.reorder([...graph.nodes].toReversed());
    expect(listing(model)[0]).toMatch(/Relu/);
    const report = await applyPass(model, sortTopologically());
    expect(report.notes).toHaveLength(3);
    const order = listing(model).map((line) => line.replace(/.* = (\w+).*/, '$1'));
    expect(order).toEqual(['If', 'Relu', 'Neg', 'Abs', 'Neg', 'Abs']);
    expect(await applyPass(model, sortTopologically())).toMatchObject({ changed: false, notes: [] });
  });
});

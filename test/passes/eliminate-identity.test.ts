import { describe, expect, test } from 'vitest';
import { eliminateIdentity } from '../../passes/eliminate-identity.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Value } from '../../src/ir/value.ts';
import { applyPass, listing, reasons } from '../support/apply-pass.ts';
import { buildModel, type GraphBuilder } from '../support/model-builder.ts';

const KINDS: Record<string, (g: GraphBuilder, value: Value) => Value> = {
  identities: (g, value) => g.op('Identity', [value]),
  casts: (g, value) => g.op('Cast', [value], { attributes: [Attribute.int('to', DataType.FLOAT)] }),
  reshapes: (g, value) => g.op('Reshape', [value, g.ints([2, -1])]),
  transposes: (g, value) => g.op('Transpose', [value], { attributes: [Attribute.ints('perm', [0, 1])] }),
};

const between = (wrap: (g: GraphBuilder, value: Value) => Value) =>
  buildModel(13, (g) => {
    const h = g.op('Neg', [g.input('x', [2, 3])], { outputs: ['h'] });
    g.output(g.op('Abs', [wrap(g, wrap(g, h))], { outputs: ['y'] }));
  });

describe('eliminate-identity', () => {
  test.each(Object.entries(KINDS))('removes %s, unless told not to', async (kind, wrap) => {
    const model = between(wrap);
    expect((await applyPass(model, eliminateIdentity())).sites).toHaveLength(2);
    expect(listing(model)).toEqual(['h = Neg(x)', 'y = Abs(h)']);
    expect(await applyPass(between(wrap), eliminateIdentity({ [kind]: false }))).toMatchObject({ changed: false });
  });

  const near: [string, (g: GraphBuilder, value: Value) => Value][] = [
    [
      'a cast to another type',
      (g, value) => g.op('Cast', [value], { attributes: [Attribute.int('to', DataType.FLOAT16)] }),
    ],
    ['a reshape to another shape', (g, value) => g.op('Reshape', [value, g.ints([3, 2])])],
    ['a reshape with one axis more', (g, value) => g.op('Reshape', [value, g.ints([1, 2, 3])])],
    ['a swap of axes', (g, value) => g.op('Transpose', [value], { attributes: [Attribute.ints('perm', [1, 0])] })],
    ['a swap of axes by default', (g, value) => g.op('Transpose', [value])],
    ['the operator of another domain', (g, value) => g.op('Identity', [value], { domain: 'my.domain' })],
  ];
  test.each(near)('keeps %s', async (_, wrap) => {
    const model = buildModel(13, (g) => g.output(g.op('Abs', [wrap(g, g.op('Neg', [g.input('x', [2, 3])]))])));
    expect(await applyPass(model, eliminateIdentity())).toMatchObject({ changed: false, sites: [] });
  });

  test('keeps casts and reshapes of unknown types and shapes', async () => {
    const model = buildModel(13, (g) => {
      const x = g.op('Custom', [g.input('x', [2, 3])], { domain: 'my.domain' });
      g.output(g.op('Abs', [(KINDS['casts'] as (typeof KINDS)[string])(g, x)]));
      g.output(g.op('Abs', [g.op('Reshape', [g.input('n', ['n', 3]), g.ints([2, 3])])]));
    });
    expect(await applyPass(model, eliminateIdentity())).toMatchObject({ changed: false, sites: [] });
  });

  test('an Identity that names a graph output goes only when another value can take the name', async () => {
    const model = buildModel(13, (g) => {
      const x = g.input('x', [2, 3]);
      const h = g.op('Neg', [x]);
      g.output(g.op('Identity', [h], { name: 'a', outputs: ['y1'] }));
      g.output(g.op('Identity', [h], { name: 'b', outputs: ['y2'] }));
      g.output(g.op('Identity', [x], { name: 'c', outputs: ['y3'] }));
    });
    const report = await applyPass(model, eliminateIdentity());
    expect(reasons(report)).toEqual([
      'applied a: removed: it changed nothing',
      'skipped b: a graph output gets its name here',
      'skipped c: a graph output gets its name here',
    ]);
    expect(listing(model)).toEqual(['y1 = Neg(x)', 'y2 = Identity(y1)', 'y3 = Identity(x)']);
  });
});

import { describe, expect, test } from 'vitest';
import { saveBytes } from '../../src/io/save.ts';
import { floatTensor } from '../../src/ir/constants.ts';
import type { Node } from '../../src/ir/node.ts';
import type { Value } from '../../src/ir/value.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { type Rule, rule, rulePass } from '../../src/rewrite/rule.ts';
import { applyPass, listing, reasons } from '../support/apply-pass.ts';
import { buildModel, type GraphBuilder } from '../support/model-builder.ts';

const pass = (...rules: Rule[]) => rulePass({ name: 'test', summary: 'of the test', rules })();

const quickGelu = rule<{ x: Value; k: number }>({
  name: 'fuse-quick-gelu',
  root: 'Mul',
  pattern: ({ any, scalar, op }) => op('Mul', any('x'), op('Sigmoid', op('Mul', any('x'), scalar('k')))),
  refuse: ({ k }) => (Math.abs(k - 1.702) < 1e-3 ? undefined : `k is ${k}, wanted 1.702`),
  rewrite: ({ x, k }, build) => build('QuickGelu', [x], { domain: 'com.microsoft', attributes: { alpha: k } }),
});

const doubleNeg = rule<{ x: Value }>({
  name: 'drop-double-neg',
  pattern: ({ any, op }) => op('Neg', op('Neg', any('x'))),
  rewrite: ({ x }) => x,
});

function gelu(g: GraphBuilder, x: Value, k: number): Value {
  return g.op('Mul', [x, g.op('Sigmoid', [g.op('Mul', [x, g.scalar(k)])])], {
    name: '/mlp/act/Mul_1',
    outputs: ['act'],
  });
}

describe('rules', () => {
  test('replace a place, keep the name of the value, remove what is not read any more', async () => {
    const model = buildModel(17, (g) => {
      const x = g.op('Abs', [g.input('x', [4])], { outputs: ['h'] });
      g.output(g.op('Neg', [gelu(g, x, 1.702)], { outputs: ['y'] }));
    });
    const report = await applyPass(model, pass(quickGelu));
    expect(reasons(report)).toEqual(["applied /mlp/act/Mul_1: fuse-quick-gelu: QuickGelu '/mlp/act/QuickGelu'"]);
    expect(listing(model)).toEqual(['h = Abs(x)', 'act = QuickGelu(h)', 'y = Neg(act)']);
    const [, node] = model.graph.nodes;
    expect(node?.domain).toBe('com.microsoft');
    expect(node?.attribute('alpha')?.float).toBeCloseTo(1.702);
    expect(await applyPass(model, pass(quickGelu))).toMatchObject({ changed: false });
  });

  test('a refused place is reported with the reason, a near miss with what was missing, others not at all', async () => {
    const model = buildModel(17, (g) => {
      const x = g.input('x', [4]);
      g.output(gelu(g, x, 1.5));
      g.output(g.op('Mul', [x, g.op('Sigmoid', [g.op('Abs', [x])])], { name: 'near' }));
      g.output(g.op('Mul', [x, x], { name: 'far' }));
    });
    const report = await applyPass(model, pass(quickGelu));
    expect(report.changed).toBe(false);
    expect(reasons(report)).toEqual([
      'refused /mlp/act/Mul_1: k is 1.5, wanted 1.702',
      'skipped near: Abs Abs is not Mul',
    ]);
  });

  test('graph outputs keep their names, whatever stands for them', async () => {
    const model = buildModel(17, (g) => {
      const x = g.input('x', [4]);
      const h = g.op('Abs', [x], { outputs: ['h'] });
      const twice = (value: Value, name: string): Value => g.op('Neg', [g.op('Neg', [value])], { outputs: [name] });
      g.output(twice(h, 'y1'));
      g.output(twice(h, 'y2'));
      g.output(twice(x, 'y3'));
      g.output(gelu(g, x, 1.702));
    });
    await applyPass(model, pass(doubleNeg, quickGelu));
    expect(model.graph.outputs.map(({ name }) => name)).toEqual(['y1', 'y2', 'y3', 'act']);
    expect(listing(model)).toEqual(['y1 = Abs(x)', 'y2 = Identity(y1)', 'y3 = Identity(x)', 'act = QuickGelu(x)']);
    await saveBytes(model);
  });

  test('nodes inside that others read stay, or refuse the place', async () => {
    const fill = (g: GraphBuilder): void => {
      const inner = g.op('Neg', [g.input('x', [4])], { name: 'inner' });
      g.output(g.op('Abs', [g.op('Neg', [inner])]));
      g.output(g.op('Relu', [inner]));
    };
    const model = buildModel(17, fill);
    expect((await applyPass(model, pass(doubleNeg))).changed).toBe(true);
    expect([...model.graph.nodesOf('Neg')].map(({ name }) => name)).toEqual(['inner']);
    const exclusive = rule<{ x: Value }>({
      name: 'exclusive',
      exclusive: true,
      pattern: ({ any, op }) => op('Neg', op('Neg', any('x'))),
      rewrite: ({ x }) => x,
    });
    expect(await applyPass(buildModel(17, fill), pass(exclusive))).toMatchObject({
      changed: false,
      sites: [{ status: 'refused', reason: 'inner is also read from elsewhere' }],
    });
  });

  test('works in every scope', async () => {
    const model = buildModel(17, (g) => {
      const x = g.input('x', [4]);
      const branch = (b: GraphBuilder): Value => gelu(b, x, 1.702);
      g.output(g.branch(g.input('flag', [], 9), branch, (b) => b.op('Neg', [branch(b)])));
    });
    expect((await applyPass(model, pass(quickGelu))).sites).toHaveLength(2);
    expect(listing(model).filter((line) => line.includes('QuickGelu'))).toHaveLength(2);
  });

  test('leaves branches alone that went with their node', async () => {
    const model = buildModel(17, (g) => {
      const x = g.input('x', [4]);
      const inner = (b: GraphBuilder): Value => b.op('Neg', [b.op('Neg', [x])]);
      g.output(g.op('Neg', [g.op('Neg', [g.branch(g.input('flag', [], 9), inner, inner)])]));
    });
    const dropIf = rule<{ root: Node }>({
      name: 'drop-if',
      benefit: 1,
      pattern: ({ any, op }) => op('Neg', op('If', any())).as('root'),
      rewrite: (_, build, { root }) => build('Abs', [root.graph.inputs[0]]),
    });
    const report = await applyPass(model, pass(dropIf, doubleNeg));
    expect(report.sites.map(({ reason }) => reason)).toEqual([expect.stringMatching(/^drop-if/)]);
    expect(listing(model).map((line) => line.replace(/^.* = /, ''))).toEqual(['Abs(x)', expect.stringMatching(/^Neg/)]);
  });

  test('a chain collapses whole, in as many rounds as it takes', async () => {
    const model = buildModel(17, (g) => {
      let value = g.input('x', [4]);
      for (let i = 0; i < 200; i++) value = g.op('Neg', [value]);
      g.output(g.op('Abs', [value], { outputs: ['y'] }));
    });
    await applyPass(model, pass(doubleNeg));
    expect(listing(model)).toEqual(['y = Abs(x)']);
  });

  test('benefit comes first, then the place in the list', async () => {
    const to = (opType: string, benefit: number): Rule =>
      rule<{ x: Value }>({
        name: `to-${opType}`,
        benefit,
        pattern: ({ any, op }) => op('Neg', any('x')),
        rewrite: ({ x }, build) => build(opType, [x]),
      });
    const run = async (...rules: Rule[]): Promise<string[]> => {
      const model = buildModel(17, (g) => g.output(g.op('Neg', [g.input('x', [4])], { outputs: ['y'] })));
      await applyPass(model, pass(...rules));
      return listing(model);
    };
    expect(await run(to('Abs', 0), to('Relu', 1))).toEqual(['y = Relu(x)']);
    expect(await run(to('Abs', 1), to('Relu', 1))).toEqual(['y = Abs(x)']);
  });

  test('a rule that finds its own result ends in E_PASS_DIVERGES, with everything taken back', async () => {
    const model = buildModel(17, (g) => g.output(g.op('Neg', [g.input('x', [4])], { outputs: ['y'] })));
    const before = await saveBytes(model);
    const endless = rule<{ x: Value }>({
      name: 'endless',
      pattern: ({ any, op }) => op('Neg', any('x')),
      rewrite: ({ x }, build) => build('Neg', [build('Neg', [build('Neg', [x])])]),
    });
    const twoRounds = rulePass({ name: 'test', summary: '', rules: [endless], maxRounds: 3 })();
    await expect(pipeline([twoRounds]).run(model)).rejects.toMatchObject({
      code: 'E_PASS_DIVERGES',
      reason: expect.stringMatching(/'endless'/) as unknown,
      where: { pass: 'test' },
    });
    expect(await saveBytes(model)).toEqual(before);
  });

  test('a rule that throws leaves its place as it was', () => {
    const model = buildModel(17, (g) => {
      const x = g.input('x', [4]);
      g.output(g.op('Neg', [x], { outputs: ['y'] }));
    });
    const before = listing(model);
    const failing = rule<{ x: Value }>({
      name: 'failing',
      pattern: ({ any, op }) => op('Neg', any('x')),
      rewrite: ({ x }, build) => {
        build('Abs', [x, build.constant(floatTensor([1], [1], 'w'))]);
        throw new RangeError('no');
      },
    });
    const [node] = model.graph.nodes;
    expect(() => failing.tryAt(node as Node, () => ({}) as never)).toThrow(RangeError);
    expect(listing(model)).toEqual(before);
    expect(model.graph.initializers).toEqual([]);
  });

  const wrong: [string, Rule, RegExp][] = [
    [
      'reads what it replaces',
      rule<{ root: Node }>({
        name: 'wrong',
        pattern: ({ any, op }) => op('Split', any('x')).as('root'),
        rewrite: ({ root }, build) => build('Abs', [root.output()]),
      }),
      /lets Abs read what it replaces/,
    ],
    [
      'forgets an output',
      rule<{ x: Value }>({
        name: 'wrong',
        pattern: ({ any, op }) => op('Split', any('x')),
        rewrite: ({ x }) => x,
      }),
      /does not replace all that is read/,
    ],
  ];
  test.each(wrong)('a rule that %s is an error', async (_, each, reason) => {
    const model = buildModel(17, (g) => {
      const [a, b] = g.ops('Split', [g.input('x', [4])], { outputs: 2 });
      g.output(g.op('Add', [a, b], { outputs: ['y'] }));
    });
    const before = listing(model);
    await expect(pipeline([pass(each)]).run(model)).rejects.toMatchObject({
      code: 'E_GRAPH_EDIT',
      message: expect.stringMatching(reason) as unknown,
    });
    expect(listing(model)).toEqual(before);
  });

  test('several outputs are replaced one by one', async () => {
    const swap = rule<{ x: Value }>({
      name: 'swap',
      pattern: ({ any, op }) => op('Split', any('x')).when('done already', ({ name }) => name === 'first'),
      rewrite: ({ x }, build) => {
        const second = build('Split', [x], { outputs: 2, name: 'second' }).producer as Node;
        return [second.output(1), second.output(0)];
      },
    });
    const model = buildModel(17, (g) => {
      const [a, b] = g.ops('Split', [g.input('x', [4])], { name: 'first', outputs: ['a', 'b'] });
      g.output(g.op('Sub', [a, b], { outputs: ['y'] }));
    });
    await applyPass(model, pass(swap));
    expect(listing(model)).toEqual(['b, a = Split(x)', 'y = Sub(a, b)']);
  });

  test('attributes have the type that their JavaScript type says', async () => {
    const typed = rule<{ x: Value }>({
      name: 'typed',
      pattern: ({ any, op }) => op('Neg', any('x')),
      rewrite: ({ x }, build) =>
        build('Custom', [x], { attributes: { f: 2, i: 2n, s: 'a', fs: [1, 2], is: [1n], t: floatTensor([1], [1]) } }),
    });
    const model = buildModel(17, (g) => g.output(g.op('Neg', [g.input('x', [4])])));
    await applyPass(model, pass(typed));
    const [node] = model.graph.nodes;
    expect(node?.attributes.map(({ name, typeName }) => `${name} ${typeName}`)).toEqual([
      'f FLOAT',
      'i INT',
      's STRING',
      'fs FLOATS',
      'is INTS',
      't TENSOR',
    ]);
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Attribute } from '../../src/ir/attribute.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Dim } from '../../src/ir/type.ts';
import { inferShapes } from '../../src/schema/infer.ts';
import { checkTarget, TARGET_RULES, type TargetRuleId } from '../../src/targets/check.ts';
import { loadTarget } from '../../src/targets/index.ts';
import { buildModel, type OpOptions } from '../support/model-builder.ts';

const DUO = loadTarget('ascend310p-aie-7.0');
const A2 = loadTarget('ascend910b-aie-7.0');
const CANN = loadTarget('ascend310p-cann-8.1');

/** A model with one node that reads graph inputs of these shapes; `int64` marks those that hold indices. */
function oneNode(opType: string, shapes: readonly (readonly Dim[])[], options: OpOptions = {}, opset = 11): Model {
  return buildModel(opset, (graph) => {
    const inputs = shapes.map((shape, i) => {
      const isIndex = opType.startsWith('Tome') && shape.length === 2;
      return graph.input(`x${i}`, shape, isIndex ? DataType.INT64 : DataType.FLOAT);
    });
    for (const value of graph.ops(opType, inputs, options)) graph.output(value);
  });
}

const rules = (model: Model, target = DUO): TargetRuleId[] => checkTarget(model, target).map(({ rule }) => rule);
const attention = (opType: string, q: readonly Dim[], k: readonly Dim[] = q, options: OpOptions = {}): Model =>
  oneNode(opType, [q, k, k], options);
const merge = (opType: string, tokens: [number, number, number, number], options: OpOptions = {}): Model => {
  const [batch, a, b, channels] = tokens;
  const shapes = [
    [batch, a, channels],
    [batch, b, channels],
    [batch, a],
    [batch, a],
  ];
  return oneNode(opType, shapes, { outputs: 3, ...options });
};
const unmerge = (opType: string, tokens: [number, number, number, number], kept: number): Model => {
  const [batch, a, b, channels] = tokens;
  return oneNode(opType, [
    [batch, kept + b, channels],
    [batch, a],
    [batch, b],
    [batch, a],
    [batch, a],
  ]);
};

describe('sound sites', () => {
  test.each([
    ['a self-attention of SD 1.5', attention('FlashAttentionTik', [2, 8, 4096, 40]), DUO],
    ['a cross-attention', attention('FlashAttentionTik', [2, 8, 1024, 80], [2, 8, 77, 80]), DUO],
    ['token-major attention', attention('UnpadFlashAttentionMix', [2, 4096, 8, 40]), A2],
    ['FindMax', oneNode('FindMax', [[2, 3072, 1024]], { outputs: 2 }), DUO],
    ['TomeMerged', merge('TomeMerged', [2, 3072, 1024, 320]), DUO],
    ['TomeUnmerge', unmerge('TomeUnmerge', [2, 3072, 1024, 320], 1024), DUO],
    ['SliceTransGeluMul', oneNode('SliceTransGeluMul', [[2, 4096, 2560]]), DUO],
    ['standard operators', oneNode('Relu', [['batch', 3]]), DUO],
  ])('%s: nothing is found', (_, model, target) => {
    expect(checkTarget(model, target)).toEqual([]);
  });
});

describe('limits', () => {
  test.each([
    ['a head dim that the kernel does not have', attention('FlashAttentionTik', [2, 8, 64, 96]), 'head dim 96', DUO],
    ['too many heads', attention('FlashAttentionTik', [2, 65, 64, 40]), 'number of heads 65', DUO],
    ['too many keys', attention('FlashAttentionTik', [1, 1, 16, 40], [1, 1, 131073, 40]), 'key length 131073', DUO],
    [
      'heads and tokens the other way round',
      attention('UnpadFlashAttentionMix', [2, 8, 4096, 40]),
      'query length 8',
      A2,
    ],
    ['a last axis that is no multiple of 128', oneNode('FindMax', [[8, 100]], { outputs: 2 }), 'last axis 100', DUO],
    ['too few rows', oneNode('FindMax', [[2, 3, 128]], { outputs: 2 }), 'number of rows 6', DUO],
    ['odd channels', merge('TomeMerged', [2, 48, 16, 20]), 'number of channels 20', DUO],
    ['too many source tokens', merge('TomeMerged', [1, 4608, 1536, 16]), 'number of source tokens 4608', DUO],
    ['all source tokens merged', merge('TomeMerged', [1, 16, 16, 16]), 'number of kept source tokens 0', DUO],
    ['an odd number of merged tokens', unmerge('TomeUnmerge', [1, 9, 1, 16], 4), 'number of merged tokens 5', DUO],
    ['tokens that are no multiple of 16', oneNode('SliceTransGeluMul', [[2, 77, 64]]), 'number of tokens 77', DUO],
    ['odd features', oneNode('SliceTransGeluMul', [[2, 16, 48]]), 'number of features 24', DUO],
    ['an opset without plugin', oneNode('AscendDequant', [[1]], {}, 17), 'opset 17', DUO],
  ])('%s', (_, model, text, target) => {
    const found = checkTarget(model, target).filter(({ rule }) => rule === 'target-limit');
    expect(found.map(({ message }) => message)).toContainEqual(expect.stringContaining(text));
    expect(found[0]).toMatchObject({ severity: 'error', where: { path: 'graph.node[0]' } });
  });

  test('a quantity that is not known is a warning', () => {
    const found = checkTarget(attention('FlashAttentionTik', ['batch', 8, 64, 40]), DUO);
    expect(found).toEqual([
      expect.objectContaining({ rule: 'target-unknown-shape', severity: 'warning', expected: 'in 1 to 64' }),
    ]);
  });

  test('the share of merged tokens is read from the node', () => {
    const rate = (value: number): Attribute[] => [Attribute.float('topRRate', value)];
    expect(rules(merge('TomeMerged', [1, 48, 16, 16], { attributes: rate(0.9) }))).toContain('target-limit');
    expect(rules(merge('TomeMerged', [1, 48, 16, 16], { attributes: rate(0.25) }))).toEqual([]);
  });
});

describe('operators', () => {
  test('one that only another target has', () => {
    const [finding] = checkTarget(attention('UnpadFlashAttentionMix', [2, 4096, 8, 40]), DUO);
    expect(finding).toMatchObject({
      rule: 'target-unknown-operator',
      severity: 'error',
      expected: 'FlashAttentionTik',
      found: 'UnpadFlashAttentionMix',
    });
  });

  test('one that the target is said not to have comes with the reason', () => {
    const [finding] = checkTarget(oneNode('FindMax', [[8, 128]], { outputs: 2 }), CANN);
    expect(finding).toMatchObject({ rule: 'target-unknown-operator', message: 'CANN 8.1 has no FindMax' });
  });

  test('one that no profile speaks of is a warning', () => {
    const [finding] = checkTarget(oneNode('AscendAntiQuant', [[8]]), DUO);
    expect(finding).toMatchObject({ rule: 'target-unknown-operator', severity: 'warning' });
  });

  test('one that the target calls by another name', () => {
    const [finding] = checkTarget(merge('TomeMerged', [2, 48, 16, 16]), CANN);
    expect(finding).toMatchObject({ rule: 'target-operator-name', expected: 'TomeMerge', found: 'TomeMerged' });
  });

  test('one in a domain of its own is no operator of Ascend software', () => {
    expect(rules(oneNode('FlashAttentionTik', [[1]], { domain: 'com.example' }))).toEqual([]);
  });

  test('the caution of a profile is told once', () => {
    const model = buildModel(11, (graph) => {
      const tokens = graph.input('x', [1, 48, 16]);
      const others = graph.input('z', [1, 16, 16]);
      const indices = graph.input('i', [1, 48], DataType.INT64);
      for (let i = 0; i < 2; i++) {
        for (const value of graph.ops('TomeMerge', [tokens, others, indices, indices], { outputs: 3 }))
          graph.output(value);
      }
    });
    expect(rules(model, CANN)).toEqual(['target-caution']);
  });
});

describe('layout', () => {
  test('rank 3 is not what the operator reads, and is not blamed on the limits too', () => {
    const found = checkTarget(attention('FlashAttentionTik', [16, 64, 40]), DUO);
    expect(found).toEqual([
      expect.objectContaining({
        rule: 'target-layout',
        message: "the input 'q' has another number of axes than FlashAttentionTik reads",
        expected: '4',
        found: '3',
      }),
    ]);
  });
});

describe('attributes', () => {
  const written = [
    Attribute.int('num_heads', 8),
    Attribute.float('scale_value', 0.125),
    Attribute.string('input_layout', 'BNSD'),
    Attribute.int('pre_tokens', 2147483647),
    Attribute.int('next_tokens', 2147483647),
    Attribute.int('num_key_value_heads', 0),
  ];
  const prompt = (change: Attribute | undefined, without = ''): Model => {
    const attributes = written.filter(({ name }) => name !== without && name !== change?.name);
    return attention('PromptFlashAttention', [2, 8, 4096, 64], [2, 8, 4096, 64], {
      attributes: change === undefined ? attributes : [...attributes, change],
    });
  };

  test('those that the profile writes are right', () => {
    expect(rules(prompt(undefined), CANN)).toEqual(['target-caution']);
  });

  test.each([
    ['one is missing', prompt(undefined, 'input_layout'), 'input_layout', 'BNSD', 'none'],
    ['another layout', prompt(Attribute.string('input_layout', 'BSH')), 'input_layout', 'BNSD', 'BSH'],
    ['other heads than the shape has', prompt(Attribute.int('num_heads', 4)), 'num_heads', '8', '4'],
    ['causal attention', prompt(Attribute.int('next_tokens', 0)), 'next_tokens', '2147483647', '0'],
    ['another type', prompt(Attribute.float('num_heads', 8)), 'num_heads', '8', 'FLOAT'],
    ['a scale of zero', prompt(Attribute.float('scale_value', 0)), 'scale_value', 'a float', '0'],
  ])('%s', (_, model, attribute, expected, found) => {
    expect(checkTarget(model, CANN).filter(({ rule }) => rule === 'target-attribute')).toEqual([
      expect.objectContaining({
        severity: 'error',
        where: expect.objectContaining({ attribute }) as unknown,
        expected,
        found,
      }),
    ]);
  });

  test('a quantization without scale, which the compiler takes for zero', () => {
    const quant = (attributes: Attribute[]): Model => oneNode('AscendQuant', [[1, 3, 8, 8]], { attributes });
    expect(rules(quant([]))).toEqual(['target-attribute', 'target-attribute']);
    expect(rules(quant([Attribute.float('scale', 20), Attribute.float('offset', 0)]))).toEqual([]);
  });
});

test('subgraphs are covered', () => {
  const model = buildModel(11, (graph) => {
    const x = graph.input('x', [2, 77, 64]);
    const condition = graph.input('c', [], DataType.BOOL);
    const y = graph.branch(
      condition,
      (then) => then.op('SliceTransGeluMul', [x]),
      (otherwise) => otherwise.op('SliceTransGeluMul', [x]),
    );
    graph.output(y);
  });
  expect(checkTarget(model, DUO).map(({ where }) => where.path)).toEqual([
    'graph.node[0].then_branch.node[0]',
    'graph.node[0].else_branch.node[0]',
  ]);
});

test('an inference that was run already is used', () => {
  const model = attention('FlashAttentionTik', [2, 8, 64, 96]);
  expect(checkTarget(model, DUO, { inference: inferShapes(model) })).toEqual(checkTarget(model, DUO));
});

test('docs/rules.md lists every rule as it is', () => {
  const text = readFileSync(new URL('../../docs/rules.md', import.meta.url), 'utf8');
  for (const [id, { severity, summary }] of Object.entries(TARGET_RULES)) {
    expect(text).toContain(`| \`${id}\` | ${severity} | ${summary} |`);
  }
  const listed = [...text.matchAll(/^\| `(target-[a-z-]+)` \|/gmu)].map(([, id]) => id);
  expect(listed).toEqual(Object.keys(TARGET_RULES));
});

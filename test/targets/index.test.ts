import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import {
  checkLimits,
  loadTarget,
  loadTargetFile,
  requireOperator,
  type SiteFacts,
  type Target,
  targetForFaSoc,
  targetNames,
} from '../../src/targets/index.ts';

const folder = new URL('../../src/targets/', import.meta.url);
const text = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const attention = (target: Target) => {
  const operator = target.operators.flashAttention;
  if (operator === undefined) throw new Error(`${target.name} has no flash attention`);
  return operator;
};

describe('built-in profiles', () => {
  test('are all the JSON files beside the schema', () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.json') && name !== 'schema.json');
    expect(files.toSorted()).toEqual(targetNames().map((name) => `${name}.json`));
  });

  const validate = new Ajv2020({ allowUnionTypes: true, allErrors: true }).compile(
    JSON.parse(text('schema.json')) as object,
  );
  for (const name of targetNames()) {
    test(`${name} fits the schema, carries its own name and cannot be changed`, () => {
      validate(JSON.parse(text(`${name}.json`)));
      expect(validate.errors ?? []).toEqual([]);
      const target = loadTarget(name);
      expect(target.name).toBe(name);
      expect(loadTarget(name)).toBe(target);
      expect(Object.isFrozen(attention(target).limits[0])).toBe(true);
    });

    test(`${name} holds no contradiction`, async () => {
      await expect(loadTargetFile(fileURLToPath(new URL(`${name}.json`, folder)))).resolves.toEqual(loadTarget(name));
    });
  }

  test('every object of the schema refuses unknown properties', () => {
    const open: string[] = [];
    const visit = (value: unknown, at: string): void => {
      if (typeof value !== 'object' || value === null) return;
      const node = value as Record<string, unknown>;
      if (node['type'] === 'object' && node['additionalProperties'] !== false) open.push(at);
      for (const [key, part] of Object.entries(node)) visit(part, `${at}/${key}`);
    };
    visit(JSON.parse(text('schema.json')), '');
    expect(open).toEqual([]);
  });

  for (const [name, found, hint] of [
    ['ascend310p-aie-7', "'ascend310p-aie-7'", "did you mean 'ascend310p-aie-7.0'?"],
    ['gpu', "'gpu'", undefined],
    ['../../package', "'../../package'", undefined],
    ['__proto__', "'__proto__'", undefined],
  ] as const) {
    test(`an unknown name: ${name}`, () => {
      expect(() => loadTarget(name)).toThrow(
        expect.objectContaining({ code: 'E_TARGET', found, hint, expected: `one of ${targetNames().join(', ')}` }),
      );
    });
  }

  test('--fa-soc values stand for profiles', () => {
    expect(targetForFaSoc('Duo').name).toBe('ascend310p-aie-7.0');
    expect(targetForFaSoc('A2').name).toBe('ascend910b-aie-7.0');
    expect(loadTarget('ascend310p-aie-7.0').faSoc).toBe('Duo');
    expect(() => targetForFaSoc('duo' as 'Duo')).toThrow(expect.objectContaining({ code: 'E_TARGET' }));
  });
});

describe('what upstream writes', () => {
  for (const name of ['ascend310p-aie-7.0', 'ascend910b-aie-7.0']) {
    test(`${name}: no attributes, default domain, upstream's op types`, () => {
      const { flashAttention, findMax, tomeMerge, tomeUnmerge, sliceTransGeluMul } = loadTarget(name).operators;
      for (const operator of [flashAttention, findMax, tomeMerge, tomeUnmerge, sliceTransGeluMul]) {
        expect(operator).toMatchObject({ domain: '', attributes: [] });
      }
      expect([findMax, tomeMerge, tomeUnmerge, sliceTransGeluMul].map((operator) => operator?.opType)).toEqual([
        'FindMax',
        'TomeMerged',
        'TomeUnmerge',
        'SliceTransGeluMul',
      ]);
      expect(tomeMerge).toMatchObject({ rate: { attribute: 'topRRate', default: 0.5 }, slabs: 8 });
    });
  }

  test('Duo takes every attention with a scaled q, A2 only self-attention at 4096 tokens, followed by a Cast', () => {
    const duo = attention(targetForFaSoc('Duo'));
    expect(duo).toMatchObject({ opType: 'FlashAttentionTik', layout: 'BNSD', scaling: 'premultiplied' });
    expect(duo.castOutputTo).toBeUndefined();
    expect(duo.selection).toEqual({ attention: ['self', 'cross'], rules: [] });
    const a2 = attention(targetForFaSoc('A2'));
    expect(a2).toMatchObject({
      opType: 'UnpadFlashAttentionMix',
      layout: 'BSND',
      scaling: 'inverse-sqrt-head-dim',
      castOutputTo: 'float32',
    });
    expect(a2.selection.attention).toEqual(['self']);
    expect(checkLimits(a2.selection.rules, { qLength: 4096 })).toEqual([]);
    expect(checkLimits(a2.selection.rules, { qLength: 1024 })).toEqual([
      'query length 1024 is not one of 4096 (upstream takes only self-attention at 4096 tokens)',
    ]);
  });
});

/** The facts of one attention layer of a UNet at opset 11. */
function layer(qLength: number, heads: number, headDim: number, kvLength = qLength, batch = 2) {
  return { opset: 11, batch, heads, headDim, qLength, kvLength };
}

function fitsLimits(name: string, facts: SiteFacts): boolean {
  return checkLimits(attention(loadTarget(name)).limits, facts).length === 0;
}

describe('limits of the Stable Diffusion layers', () => {
  const rows = [
    { why: 'SD1.5 level 0', facts: layer(4096, 8, 40), tik: true, mix: true, prompt: false },
    { why: 'SD1.5 level 1', facts: layer(1024, 8, 80), tik: true, mix: false, prompt: true },
    { why: 'SD1.5 level 2', facts: layer(256, 8, 160), tik: true, mix: false, prompt: true },
    { why: 'SD1.5 cross, level 0', facts: layer(4096, 8, 40, 77), tik: true, mix: false, prompt: false },
    { why: 'SD2.1 level 0', facts: layer(4096, 5, 64), tik: true, mix: true, prompt: true },
    { why: 'SD2.1 level 1', facts: layer(1024, 10, 64), tik: true, mix: true, prompt: true },
    { why: 'SD2.1 level 2', facts: layer(256, 20, 64), tik: true, mix: false, prompt: true },
    { why: 'SD2.1 cross, level 1', facts: layer(1024, 10, 64, 77), tik: true, mix: false, prompt: true },
    { why: 'four images', facts: layer(4096, 5, 64, 4096, 8), tik: true, mix: false, prompt: true },
    { why: 'head dim 96', facts: layer(4096, 8, 96), tik: false, mix: false, prompt: true },
    { why: 'opset 20', facts: { ...layer(4096, 5, 64), opset: 20 }, tik: false, mix: true, prompt: true },
  ];
  for (const { why, facts, tik, mix, prompt } of rows) {
    test(`layer: ${why}`, () => {
      expect({
        tik: fitsLimits('ascend310p-aie-7.0', facts),
        mix: fitsLimits('ascend910b-aie-7.0', facts),
        prompt: fitsLimits('ascend310p-cann-8.1', facts),
      }).toEqual({ tik, mix, prompt });
    });
  }

  test('a refusal says what is wrong and who says so', () => {
    expect(checkLimits(attention(targetForFaSoc('Duo')).limits, layer(4096, 8, 96))).toEqual([
      'head dim 96 is not one of 40, 48, 64, 72, 80, 128, 160, 512 (FlashAttentionTik kernel)',
    ]);
  });

  for (const { h, w, refusals } of [
    { h: 64, w: 64, refusals: [] },
    { h: 64, w: 72, refusals: [] },
    { h: 32, w: 32, refusals: [] },
    { h: 40, w: 40, refusals: ['last axis 400 is not a multiple of 128 (FindMax kernel)'] },
    {
      h: 96,
      w: 64,
      refusals: [
        'number of source tokens 4608 is not in 1 to 4096 (TomeMerged kernel)',
        'number of source tokens 4608 is not in 1 to 4096 (TomeUnmerge kernel)',
      ],
    },
    {
      h: 96,
      w: 96,
      refusals: [
        'last axis 2304 is not in 1 to 2048 (FindMax kernel)',
        'number of source tokens 6912 is not in 1 to 4096 (TomeMerged kernel)',
        'number of source tokens 6912 is not in 1 to 4096 (TomeUnmerge kernel)',
      ],
    },
  ]) {
    test(`token merging of ${h}x${w} latents`, () => {
      const target = targetForFaSoc('Duo');
      const [bTokens, mergedTokens] = [(h * w) / 4, (h * w) / 2];
      const aTokens = 3 * bTokens;
      const keptTokens = aTokens - mergedTokens;
      const tokens = { batch: 2, aTokens, bTokens, mergedTokens, keptTokens, channels: 320 };
      expect([
        ...checkLimits(requireOperator(target, 'findMax').limits, { lastAxis: bTokens, rows: 2 * aTokens }),
        ...checkLimits(requireOperator(target, 'tomeMerge').limits, tokens),
        ...checkLimits(requireOperator(target, 'tomeUnmerge').limits, tokens),
      ]).toEqual(refusals);
    });
  }
});

describe('CANN 8.1', () => {
  const target = loadTarget('ascend310p-cann-8.1');

  test('PromptFlashAttention gets its scale and head count as attributes', () => {
    const operator = attention(target);
    expect(operator).toMatchObject({ opType: 'PromptFlashAttention', layout: 'BNSD', scaling: 'attribute' });
    expect(operator.inputs).toEqual(['query', 'key', 'value']);
    expect(operator.attributes.map((each) => [each.name, 'value' in each ? each.value : each.formula])).toEqual([
      ['num_heads', 'numHeads'],
      ['scale_value', 'attentionScale'],
      ['input_layout', 'BNSD'],
      ['pre_tokens', 2147483647],
      ['next_tokens', 2147483647],
      ['num_key_value_heads', 0],
    ]);
  });

  test('token merging has other names, and standard operators for FindMax', () => {
    const { tomeMerge, tomeUnmerge } = target.operators;
    expect(tomeMerge).toMatchObject({
      opType: 'TomeMerge',
      inputs: ['token_a', 'token_b', 'topk_indice', 'arg_max'],
      rate: { attribute: 'top_rate', default: 0.5 },
    });
    expect(tomeUnmerge).toMatchObject({
      opType: 'TomeUnmerge',
      inputs: ['attention', 'ori_index_a', 'ori_index_b', 'topk_indice', 'arg_max'],
      rate: { attribute: 'top_rate', default: 0.5 },
    });
    expect(target.unavailable.findMax?.instead).toEqual(['ReduceMax', 'ArgMax']);
  });

  test('an operator that a target lacks is refused with the reason', () => {
    expect(requireOperator(target, 'tomeMerge').opType).toBe('TomeMerge');
    expect(() => requireOperator(target, 'sliceTransGeluMul')).toThrow(
      expect.objectContaining({
        code: 'E_TARGET',
        reason: 'CANN 8.1 has no SliceTransGeluMul; it belongs to the 2023 AscendIE operators',
        where: { name: 'ascend310p-cann-8.1' },
      }),
    );
  });
});

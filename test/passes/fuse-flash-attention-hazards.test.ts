import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { fuseFlashAttention } from '../../passes/fuse-flash-attention.ts';
import { lowerPluginOps } from '../../passes/lower-plugin-ops.ts';
import { modifyOnnx } from '../../passes/presets.ts';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Node } from '../../src/ir/node.ts';
import { Tensor } from '../../src/ir/tensor.ts';
import type { Value } from '../../src/ir/value.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { countSites } from '../../src/rewrite/report.ts';
import { anonymize } from '../support/anonymize.ts';
import { applyPass, reasons } from '../support/apply-pass.ts';
import {
  type AttentionForm,
  attentionForm,
  FormWriter,
  relaxed,
  TORCH_1,
  TORCH_2,
} from '../support/attention-forms.ts';
import { materialize } from '../support/golden.ts';
import { graphHash } from '../support/graph-hash.ts';
import { buildModel } from '../support/model-builder.ts';
import { expectSameResults } from '../support/same-results.ts';
import { tempDir } from '../support/temp-dir.ts';

const DUO = relaxed('ascend310p-aie-7.0');
const A2 = relaxed('ascend910b-aie-7.0');
const PROMPT = relaxed('ascend310p-cann-8.1');
const TARGETS = [DUO, A2, PROMPT].map((target) => [target.name, target] as const);

function written(fill: (writer: FormWriter) => void, form: AttentionForm = TORCH_1): Model {
  return buildModel(form.opset, (g) => fill(new FormWriter(form, g)));
}

/** Fuses every attention of a model, built twice, and compares the results. */
async function expectFused(build: () => Model, target: typeof DUO, count = 1): Promise<Model> {
  const [before, after] = [build(), build()];
  const report = await applyPass(after, fuseFlashAttention({ target }));
  expect(countSites(report.sites)).toEqual({ applied: count, present: 0, skipped: 0, refused: 0 });
  const fused = await openModel(await saveBytes(after));
  // An operator that reads another one directly is lowered in the next round, when the shapes are known again.
  const rounds = [await applyPass(after, lowerPluginOps()), await applyPass(after, lowerPluginOps())];
  expect(rounds.reduce((sum, { sites }) => sum + countSites(sites).applied, 0)).toBe(count);
  await expectSameResults(before, after, 1e-5);
  return fused;
}

function operators(model: Model): Node[] {
  return [...model.graph.nodes].filter(({ opType }) => opType.includes('FlashAttention'));
}

describe('H1: upcast attention', () => {
  test.each(TARGETS)('%s reads q, k and v in one layout, above the casts', async (_, target) => {
    const model = await expectFused(() => attentionForm({ ...TORCH_1, upcast: true }), target);
    const [node] = operators(model);
    const above = node?.inputs.map((value) => value?.producer?.opType);
    expect(new Set(above).size).toBe(1);
    expect([...model.graph.nodesOf('Cast')]).toHaveLength(target === A2 ? 1 : 0);
  });
});

test.each(TARGETS)(
  'H3: without the Cast behind the softmax the values are found all the same, for %s',
  async (_, target) => {
    await expectFused(() => attentionForm({ ...TORCH_1, castWeights: false }), target);
  },
);

describe('H4: torch 2', () => {
  test.each(TARGETS)('scales on queries and keys are combined for %s', async (_, target) => {
    await expectFused(() => attentionForm(TORCH_2), target);
    await expectFused(() => attentionForm({ ...TORCH_2, kT: 'folded' }), target);
    await expectFused(() => attentionForm({ ...TORCH_2, kT: 'by rows' }), target);
  });
});

describe('H14: what other nodes read stays', () => {
  test.each(TARGETS)('two attentions of the same heads, for %s', async (_, target) => {
    const twice = (): Model =>
      written((w) => {
        const { q, kT, v } = w.operands();
        w.output(w.mix(w.scores(q, kT), v));
        w.output(w.mix(w.op('MatMul', [w.op('Mul', [q, w.scalar(0.5)]), kT]), v));
      });
    await expectFused(twice, target, 2);
  });

  test.each(TARGETS)('queries, keys and weights read by the graph itself, for %s', async (_, target) => {
    const read = (): Model =>
      written((w) => {
        const { q, kT, v } = w.operands();
        w.output(w.mix(w.scores(q, kT), v));
        for (const value of [q, kT, v, ...(q.producer?.inputs ?? [])]) {
          if (value?.producer?.opType !== 'Constant' && value !== undefined) w.g.output(w.op('Relu', [value]));
        }
      });
    await expectFused(read, target);
  });

  test.each(TARGETS)('one tensor as queries, keys and values, for %s', async (_, target) => {
    const itself = (): Model =>
      written((w) => {
        const x = w.g.input('x', [2, 5, 12]);
        const heads = w.transpose(w.reshape(x, [2, 5, 3, 4]), [0, 2, 1, 3]);
        const scores = w.op('Mul', [w.op('MatMul', [heads, w.transpose(heads, [0, 1, 3, 2])]), w.scalar(0.5)]);
        w.g.output(w.op('MatMul', [w.op('Softmax', [scores], Attribute.int('axis', 3)), heads]), [2, 3, 5, 4]);
      });
    await expectFused(itself, target);
  });

  test.each(TARGETS)('a result that is read in several layouts, for %s', async (_, target) => {
    const several = (): Model =>
      written((w) => {
        const { q, kT, v } = w.operands();
        const mixed = w.mix(w.scores(q, kT), v);
        const heads = w.reshape(mixed, [2, 3, 5, 4]);
        w.g.output(w.op('Relu', [mixed]));
        w.g.output(w.op('Relu', [heads]));
        w.g.output(w.transpose(heads, [0, 2, 1, 3]), [2, 5, 3, 4]);
        w.g.output(mixed, [6, 5, 4]);
        w.g.output(w.reshape(mixed, [6, 20]), [6, 20]);
      });
    await expectFused(several, target);
  });

  test.each(TARGETS)('a constant that scales two attentions, for %s', async (_, target) => {
    const shared = (): Model =>
      written((w) => {
        const scale = w.scalar(0.5);
        const { q, kT, v } = w.operands();
        for (let i = 0; i < 2; i++) w.output(w.mix(w.op('Mul', [w.op('MatMul', [q, kT]), scale]), v));
      });
    await expectFused(shared, target, 2);
  });
});

test.each(TARGETS)(
  'H20: an attention over the result of another is seen as it is after the first edit, for %s',
  async (_, target) => {
    const stacked = (): Model =>
      written((w) => {
        const { q, kT, v } = w.operands();
        const mixed = w.mix(w.scores(q, kT), v);
        w.output(
          w.mix(w.scores(mixed, w.transpose(mixed, [0, 2, 1])), w.reshape(w.reshape(mixed, [2, 3, 5, 4]), [6, 5, 4])),
        );
      });
    await expectFused(stacked, target, 2);
  },
);

function int8Weights(): Tensor {
  const bytes = Uint8Array.from({ length: 144 }, (_, i) => i);
  return new Tensor({ name: 'int8', dataType: DataType.INT8, dims: [12, 12], storage: { kind: 'memory', bytes } });
}

describe('H26: quantized projections', () => {
  function quantized(): Model {
    return written((w) => {
      const projected = (name: string): Value => {
        const x = w.g.input(name, [2, 5, 12], DataType.INT32);
        const scale = w.g.input(`${name}.scale`, [12], DataType.UINT64);
        const float = w.op('AscendDequant', [x, scale]);
        const heads = w.transpose(w.reshape(float, [2, 5, 3, 4]), [0, 2, 1, 3]);
        return w.reshape(heads, [6, 5, 4]);
      };
      const [q, k, v] = ['q', 'k', 'v'].map(projected) as [Value, Value, Value];
      w.output(w.mix(w.scores(q, w.transpose(k, [0, 2, 1])), v));
    });
  }

  test('the scale multiplies what AscendDequant gives, never the integers', async () => {
    const model = quantized();
    const report = await applyPass(model, fuseFlashAttention({ target: DUO }));
    expect(reasons(report)).toEqual([expect.stringMatching(/^applied/)]);
    const [scale] = model.graph.nodesOf('Mul');
    expect(scale?.inputs[0]?.producer?.opType).toBe('AscendDequant');
  });

  test('self-attention is recognized through quantization', async () => {
    const model = written((w) => {
      const x = w.g.input('x', [2, 5, 12]);
      const dequant = (): Value => {
        const ints = w.op('AscendQuant', [x]);
        const product = w.op('MatMul', [ints, w.g.tensor(int8Weights())]);
        return w.op('AscendDequant', [
          product,
          w.g.input(w.g.graph.model.valueNames.fresh('scale'), [12], DataType.UINT64),
        ]);
      };
      const rows = (): Value => w.reshape(w.transpose(w.reshape(dequant(), [2, 5, 3, 4]), [0, 2, 1, 3]), [6, 5, 4]);
      w.output(w.mix(w.scores(rows(), w.transpose(rows(), [0, 2, 1])), rows()));
    });
    const report = await applyPass(model, fuseFlashAttention({ target: DUO, layers: 'self' }));
    expect(reasons(report)).toEqual([expect.stringMatching(/^applied .*self-attention/)]);
  });
});

test('H37: names that are taken are not used twice', async () => {
  const model = attentionForm(TORCH_1);
  const [relu, gelu] = ['/attn/Cast', '/attn/UnpadFlashAttentionMix'].map((name) => {
    const input = model.graph.inputs[0];
    return model.graph.insert({ opType: 'Relu', inputs: [input], name: `${name}_`, outputs: [`${name}//attn/Cast`] });
  }) as [Node, Node];
  for (const node of [relu, gelu]) model.graph.addOutput(node.output());
  for (const cast of model.graph.nodesOf('Cast')) cast.name = 'elsewhere';
  [relu.name, gelu.name] = ['/attn/Cast', '/attn/UnpadFlashAttentionMix'];
  await applyPass(model, fuseFlashAttention({ target: A2 }));
  const names = [...model.graph.nodes].map(({ name }) => name);
  const outputs = [...model.graph.nodes].flatMap((node) => node.outputs.map((value) => value?.name));
  expect(new Set(names).size).toBe(names.length);
  expect(new Set(outputs).size).toBe(outputs.length);
  expect(names).toEqual(expect.arrayContaining(['/attn/Cast_1', '/attn/UnpadFlashAttentionMix_1']));
});

describe('H38: shapes that an operator does not take', () => {
  const base: AttentionForm = {
    ...TORCH_1,
    batch: 1,
    heads: 1,
    headDim: 40,
    qLength: 16,
    kvLength: 16,
    scale: 1 / Math.sqrt(40),
  };

  async function verdict(target: string, change: Partial<AttentionForm>): Promise<string> {
    const headDim = change.headDim ?? base.headDim;
    const model = attentionForm({
      ...base,
      q: 'given',
      k: 'given',
      v: 'given',
      rank: 4,
      zeros: 'none',
      merged: false,
      scale: 1 / Math.sqrt(headDim),
      ...change,
    });
    const { revision } = model;
    const [line] = reasons(await applyPass(model, fuseFlashAttention({ target })));
    if (line?.startsWith('applied') !== true) expect(model.revision).toBe(revision);
    return line ?? '';
  }

  test.each([
    ['head dim 96', { headDim: 96 }, 'head dim 96 is not one of 40, 48, 64'],
    ['65 heads', { heads: 65 }, 'number of heads 65 is not in 1 to 64'],
    ['batch 65', { batch: 65 }, 'batch 65 is not in 1 to 64'],
    ['opset 19', { opset: 19 }, 'opset 19 is not in 8 to 18'],
    ['131073 queries', { qLength: 131_073, self: false }, 'query length 131073 is not in 1 to 131072'],
  ])('FlashAttentionTik refuses %s', async (_, change, reason) => {
    expect(await verdict('ascend310p-aie-7.0', change)).toContain(`refused /attn/Softmax: ${reason}`);
  });

  test('FlashAttentionTik takes what is inside: levels of SD1.5, cross-attention over 77 tokens, the VAE', async () => {
    for (const headDim of [40, 80, 160, 512]) {
      expect(await verdict('ascend310p-aie-7.0', { headDim, kvLength: 77, self: false })).toContain('applied');
    }
  });

  test('UnpadFlashAttentionMix: skipped unless it is self-attention of 4096 tokens, refused for other heads or batches', async () => {
    const self = { q: 'split', k: 'split', v: 'split', rank: 3, merged: true, heads: 8 } as const;
    const at = (change: Partial<AttentionForm>): Promise<string> =>
      verdict('ascend910b-aie-7.0', { ...self, qLength: 4096, kvLength: 4096, ...change });
    expect(await at({})).toContain('applied');
    expect(await at({ qLength: 1024, kvLength: 1024 })).toContain(
      'skipped /attn/Softmax: query length 1024 is not one of 4096',
    );
    expect(await at({ kvLength: 77, self: false })).toContain('skipped');
    expect(await at({ heads: 4 })).toContain('refused /attn/Softmax: number of heads 4 is not in 5 to 10');
    expect(await at({ batch: 3 })).toContain('batch 3 is not in 1 to 2');
    expect(await at({ headDim: 80 })).toContain('head dim 80 is not one of 40, 64');
  });

  test('PromptFlashAttention: head dims are multiples of 16', async () => {
    expect(await verdict('ascend310p-cann-8.1', { headDim: 64 })).toContain('applied');
    expect(await verdict('ascend310p-cann-8.1', { headDim: 40 })).toContain('head dim 40 is not a multiple of 16');
  });

  test('a batch that is not known is not taken on a guess', async () => {
    const symbolic = written(
      (w) => {
        const [q, k, v] = ['q', 'k', 'v'].map((name) => w.g.input(name, ['b', 3, 5, 40])) as [Value, Value, Value];
        w.g.output(w.mix(w.scores(q, w.transpose(k, [0, 1, 3, 2])), v));
      },
      { ...TORCH_1, zeros: 'none', rank: 4 },
    );
    expect(reasons(await applyPass(symbolic, fuseFlashAttention({ target: 'ascend310p-aie-7.0' })))).toEqual([
      'refused /attn/Softmax: batch is not known and has to be in 1 to 64 (FlashAttentionTik kernel)',
    ]);
    expect(reasons(await applyPass(symbolic, fuseFlashAttention({ target: DUO })))).toEqual([
      expect.stringContaining('applied'),
    ]);
  });

  test('shapes that are not known at all are refused', async () => {
    const unknown = written((w) => {
      const [q, kT, v] = ['q', 'kT', 'v'].map((name) => w.g.input(name, undefined)) as [Value, Value, Value];
      w.g.output(w.op('MatMul', [w.op('Softmax', [w.op('MatMul', [q, kT])], Attribute.int('axis', -1)), v]));
    });
    expect(reasons(await applyPass(unknown, fuseFlashAttention({ target: DUO })))).toEqual([
      expect.stringContaining('not known'),
    ]);
  });
});

describe('H41: a second run', () => {
  test.each(TARGETS)('changes nothing and counts what is there, for %s', async (_, target) => {
    for (const form of [TORCH_1, TORCH_2, { ...TORCH_1, upcast: true, rank: 4 as const }]) {
      const model = attentionForm(form);
      await applyPass(model, fuseFlashAttention({ target }));
      const { revision } = model;
      const { passes } = await pipeline([fuseFlashAttention({ target })]).run(model);
      expect(model.revision).toBe(revision);
      expect(countSites(passes[0]?.sites ?? [])).toEqual({ applied: 0, present: 1, skipped: 0, refused: 0 });
    }
  });
});

describe('names and order of nodes decide nothing', () => {
  test.each(['Duo', 'A2'] as const)('the rewritten UNet is the same with numbers for names, for %s', async (faSoc) => {
    const path = materialize('sd21', tempDir());
    const [named, numbered] = [await openModel(path), await openModel(path)];
    anonymize(numbered, 7);
    expect(graphHash(numbered)).toEqual(graphHash(named));
    await pipeline(modifyOnnx({ faSoc, fasterGelu: true })).run(named);
    expect(graphHash(numbered)).not.toEqual(graphHash(named));
    await pipeline(modifyOnnx({ faSoc, fasterGelu: true })).run(numbered);
    expect(graphHash(numbered)).toEqual(graphHash(named));
  });

  test.each(TARGETS)('numbered forms compute the same after fusing for %s', async (_, target) => {
    for (const form of [TORCH_1, TORCH_2, { ...TORCH_1, scaling: 'projection' as const, upcast: true }]) {
      const build = (): Model => {
        const model = attentionForm(form);
        anonymize(model, 3);
        return model;
      };
      await expectFused(build, target);
    }
  });
});

describe('graphs that torch wrote', () => {
  test('a text encoder is refused: its attentions are masked (H5)', async () => {
    const file = new URL('../../fixtures/exporters/clip-torch-1.13.onnx.gz', import.meta.url);
    const model = await openModel(new Uint8Array(gunzipSync(readFileSync(file))));
    const report = await applyPass(model, fuseFlashAttention({ target: DUO }));
    expect(report.changed).toBe(false);
    expect(reasons(report).length).toBeGreaterThan(0);
    for (const reason of reasons(report)) expect(reason).toMatch(/^refused .*puts a mask on the scores/);
  });

  test('the attention of a VAE, one head of 512 features, fits FlashAttentionTik as it is', async () => {
    const build = (): Model =>
      attentionForm({
        ...TORCH_1,
        batch: 1,
        heads: 1,
        headDim: 512,
        qLength: 16,
        kvLength: 16,
        scale: 1 / Math.sqrt(512),
      });
    const model = build();
    const report = await applyPass(model, fuseFlashAttention({ target: 'ascend310p-aie-7.0' }));
    expect(reasons(report)).toEqual([
      expect.stringContaining('applied /attn/Softmax: self-attention of 1 heads of 512'),
    ]);
  });
});

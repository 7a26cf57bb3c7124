import { describe, expect, test } from 'vitest';
import { fuseFlashAttention } from '../../passes/fuse-flash-attention.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { constantScalar } from '../../src/ir/constants.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Node } from '../../src/ir/node.ts';
import type { Value } from '../../src/ir/value.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { countSites } from '../../src/rewrite/report.ts';
import { applyPass, listing, reasons, reopened } from '../support/apply-pass.ts';
import {
  type AttentionForm,
  attentionForm,
  FormWriter,
  relaxed,
  TORCH_1,
  TORCH_2,
} from '../support/attention-forms.ts';
import { expectError } from '../support/errors.ts';
import { buildModel } from '../support/model-builder.ts';

const DUO = relaxed('ascend310p-aie-7.0');
const A2 = relaxed('ascend910b-aie-7.0');
const PROMPT = relaxed('ascend310p-cann-8.1');

async function fused(form: AttentionForm, target = DUO): Promise<Model> {
  const model = attentionForm(form);
  expect(countSites((await applyPass(model, fuseFlashAttention({ target }))).sites).applied).toBe(1);
  return model;
}

async function refusal(
  model: Model,
  options: Parameters<typeof fuseFlashAttention>[0] = { target: DUO },
): Promise<string[]> {
  const { revision } = model;
  const report = await applyPass(model, fuseFlashAttention(options));
  expect(model.revision).toBe(revision);
  return reasons(report);
}

function only(model: Model, opType: string): Node {
  const found = [...model.graph.nodesOf(opType)];
  expect(found).toHaveLength(1);
  return found[0] as Node;
}

/** Operators from a value upwards along first inputs. */
function chain(value: Value | undefined): string[] {
  const node = value?.producer;
  return node === undefined ? [value?.name ?? ''] : [node.opType, ...chain(node.inputs[0])];
}

/** One attention on inputs that a test makes itself. */
function written(fill: (writer: FormWriter) => void, form: AttentionForm = TORCH_1): Model {
  return buildModel(form.opset, (g) => fill(new FormWriter(form, g)));
}

describe('what the operator gets', () => {
  test('FlashAttentionTik: heads first, and queries scaled in front of the Reshape by the node that scaled the scores', async () => {
    const model = await fused(TORCH_1);
    const node = only(model, 'FlashAttentionTik');
    expect(node.inputs.map(chain)).toEqual([
      ['Transpose', 'Reshape', 'Mul', 'MatMul', 'x'],
      ['Transpose', 'Reshape', 'MatMul', 'x'],
      ['Transpose', 'Reshape', 'MatMul', 'x'],
    ]);
    expect(node.attributes).toEqual([]);
    expect([node.name, node.output().name]).toEqual(['/attn/FlashAttentionTik', '/attn/MatMul_4_output_0']);
    expect(only(model, 'Mul').name).toBe('/attn/Mul');
    expect(chain(model.graph.outputs[0])).toEqual([
      'Reshape',
      'Transpose',
      'FlashAttentionTik',
      ...chain(node.inputs[0]),
    ]);
  });

  test('UnpadFlashAttentionMix: tokens first, queries unscaled, a Cast behind, no Transpose left', async () => {
    const model = await fused(TORCH_1, A2);
    const node = only(model, 'UnpadFlashAttentionMix');
    expect(node.inputs.map(chain)).toEqual(Array.from({ length: 3 }, () => ['Reshape', 'MatMul', 'x']));
    expect(node.output().name).toBe('/attn/UnpadFlashAttentionMix//attn/Cast');
    const cast = only(model, 'Cast');
    expect([cast.name, cast.output().name, cast.int('to', 0)]).toEqual([
      '/attn/Cast',
      '/attn/MatMul_4_output_0',
      DataType.FLOAT,
    ]);
    expect([...model.graph.nodesOf('Transpose'), ...model.graph.nodesOf('Mul')]).toEqual([]);
  });

  test('PromptFlashAttention: heads first, the scale as attribute', async () => {
    const model = await fused({ ...TORCH_1, scale: 0.25 }, PROMPT);
    const node = only(model, 'PromptFlashAttention');
    expect(node.attribute('num_heads')?.int).toBe(3n);
    expect(node.attribute('scale_value')?.float).toBe(0.25);
    expect(node.attribute('input_layout')?.string).toBe('BNSD');
    expect(node.attribute('next_tokens')?.int).toBe(2_147_483_647n);
    expect([...model.graph.nodesOf('Mul')]).toEqual([]);
  });

  test('nothing but the rewritten nodes is left: no Softmax, no zeros, no constant that nobody reads', async () => {
    for (const target of [DUO, A2, PROMPT]) {
      for (const form of [TORCH_1, TORCH_2, { ...TORCH_1, scaling: 'projection', self: true } as const]) {
        const model = await fused(form, target);
        const unread = [...model.graph.nodes].filter((node) =>
          node.outputs.every((value) => value?.useCount === 0 && !value.isGraphOutput),
        );
        expect(unread.map(String)).toEqual([]);
        expect([...model.graph.nodesOf('Softmax'), ...model.graph.nodesOf('Add')]).toEqual([]);
      }
    }
  });

  test('a scale that several nodes share out becomes one new constant on the queries', async () => {
    const model = await fused({ ...TORCH_2, headDim: 16 });
    const scale = only(model, 'Mul');
    expect(constantScalar(scale.inputs[1])).toBe(0.25);
    expect(chain(scale.inputs[0])).toEqual(['MatMul', 'x']);
    expect([...model.graph.nodesOf('Sqrt')]).toEqual([]);
  });

  test('operands in no layout that the operator takes are brought into one', async () => {
    const given = { ...TORCH_1, q: 'given', k: 'given', v: 'given', merged: false } as const;
    const model = await fused(given, A2);
    const node = only(model, 'UnpadFlashAttentionMix');
    expect(node.inputs.map(chain)).toEqual(['q', 'k', 'v'].map((name) => ['Transpose', 'Reshape', name]));
    expect(chain(model.graph.outputs[0]).slice(0, 4)).toEqual([
      'Reshape',
      'Transpose',
      'Cast',
      'UnpadFlashAttentionMix',
    ]);
  });

  test('a graph output keeps its name and type', async () => {
    for (const target of [DUO, A2]) {
      for (const rank of [3, 4] as const) {
        const form = { ...TORCH_1, rank, merged: false };
        const before = attentionForm(form).graph.outputs[0];
        const after = (await reopened(await fused(form, target))).graph.outputs[0];
        expect(after?.name).toBe(before?.name);
        expect(after?.type).toEqual(before?.type);
      }
    }
  });

  test('value info of the old result is not left to describe the new one (H33)', async () => {
    const model = attentionForm(TORCH_1);
    const value = model.graph.value('/attn/MatMul_4_output_0');
    value?.setType({ kind: 'tensor', elemType: DataType.FLOAT, shape: [6, 5, 4] });
    model.graph.value('/attn/Mul_output_0')?.setType({ kind: 'tensor', elemType: DataType.FLOAT, shape: [6, 5, 5] });
    await applyPass(model, fuseFlashAttention({ target: DUO }));
    expect(model.graph.value('/attn/MatMul_4_output_0')?.shape).toEqual([2, 3, 5, 4]);
    expect(model.graph.value('/attn/Mul_output_0')?.type).toBeUndefined();
  });

  test('half precision stays: constants are halves, casts to float32 and back are seen through, none is added', async () => {
    const build = (): Model =>
      written((w) => {
        const [q, k, v] = ['q', 'k', 'v'].map((name) => w.g.input(name, [2, 3, 5, 4], DataType.FLOAT16)) as [
          Value,
          Value,
          Value,
        ];
        const scores = w.op('MatMul', [w.cast(q), w.cast(w.transpose(k, [0, 1, 3, 2]))]);
        const weights = w.op('Softmax', [w.op('Mul', [scores, w.scalar(0.5)])], Attribute.int('axis', 3));
        w.g.output(w.op('MatMul', [w.cast(weights, DataType.FLOAT16), v]), [2, 3, 5, 4], DataType.FLOAT16);
      });
    const duo = build();
    await applyPass(duo, fuseFlashAttention({ target: DUO }));
    const scale = only(duo, 'Mul');
    expect(constantScalar(scale.inputs[1])).toBe(0.5);
    expect(scale.inputs[1]?.type).toMatchObject({ elemType: DataType.FLOAT16 });
    const a2 = build();
    await applyPass(a2, fuseFlashAttention({ target: A2 }));
    expect([...duo.graph.nodesOf('Cast'), ...a2.graph.nodesOf('Cast')]).toEqual([]);
    expect(only(a2, 'UnpadFlashAttentionMix').inputs.map(chain)).toEqual(
      ['q', 'k', 'v'].map((name) => ['Transpose', name]),
    );
  });
});

describe('what is refused', () => {
  test('a mask (H5)', async () => {
    const masked = (op: (w: FormWriter, scores: Value) => Value): Model =>
      written((w) => {
        const { q, kT, v } = w.operands();
        w.output(w.mix(op(w, w.scores(q, kT)), v));
      });
    const mask = (w: FormWriter): Value => w.floats([0, 0, 0, 0, -1e4]);
    for (const each of [
      masked((w, scores) => w.op('Add', [scores, mask(w)])),
      masked((w, scores) => w.op('Add', [mask(w), scores])),
      masked((w, scores) => w.op('Add', [scores, w.g.input('mask', [6, 5, 5])])),
      masked((w, scores) => w.op('Where', [w.g.input('keep', [6, 5, 5], DataType.BOOL), scores, w.scalar(-1e4)])),
      masked((w, scores) =>
        w.reshape(w.op('Add', [w.reshape(scores, [2, 3, 5, 5]), w.g.input('mask', [2, 1, 5, 5])]), [6, 5, 5]),
      ),
    ]) {
      expect(await refusal(each)).toEqual([
        expect.stringMatching(/^refused \/attn\/Softmax: .* puts a mask on the scores/),
      ]);
    }
  });

  test('zeros that stretch the scores', async () => {
    const stretched = written((w) => {
      const { q, kT, v } = w.operands();
      const scores = w.op('Add', [w.scores(q, kT), w.floats(new Float32Array(7 * 6), [7, 6, 1, 1])]);
      w.g.output(w.op('MatMul', [w.op('Softmax', [scores], Attribute.int('axis', 3)), v]));
    });
    expect(await refusal(stretched)).toEqual([expect.stringContaining('zeros that may stretch the scores')]);
  });

  test('another axis than the last, also by default before opset 13', async () => {
    const over = (opset: number, attributes: readonly Attribute[]): Model =>
      written(
        (w) => {
          const { q, kT, v } = w.operands();
          w.output(w.op('MatMul', [w.op('Softmax', [w.scores(q, kT)], ...attributes), v]));
        },
        { ...TORCH_1, opset },
      );
    expect(await refusal(over(13, [Attribute.int('axis', 1)]))).toEqual([expect.stringContaining('over axis 1 of 3')]);
    expect(await refusal(over(11, []))).toEqual([expect.stringContaining('over axis 1 of 3')]);
    expect(countSites((await applyPass(over(13, []), fuseFlashAttention({ target: DUO }))).sites).applied).toBe(1);
  });

  test('scores or weights that are read elsewhere too', async () => {
    const scores = written((w) => {
      const { q, kT, v } = w.operands();
      const read = w.scores(q, kT);
      w.output(w.mix(read, v));
      w.g.output(read, [6, 5, 5]);
    });
    expect(await refusal(scores)).toEqual([
      expect.stringContaining('on the way from the scores is also read elsewhere'),
    ]);
    const weights = written((w) => {
      const { q, kT, v } = w.operands();
      const soft = w.op('Softmax', [w.scores(q, kT)], Attribute.int('axis', 2));
      w.output(w.op('MatMul', [soft, v]));
      w.g.output(w.op('Relu', [soft]), [6, 5, 5]);
    });
    expect(await refusal(weights)).toEqual([expect.stringContaining("weights are also read by Relu '/attn/Relu'")]);
  });

  test('a softmax over something else than scores, and values of another width', async () => {
    const capped = written((w) => {
      const { q, kT, v } = w.operands();
      w.output(w.mix(w.op('Tanh', [w.scores(q, kT)]), v));
    });
    expect(await refusal(capped)).toEqual([expect.stringContaining("the softmax reads Tanh '/attn/Tanh'")]);
    const wide = written((w) => {
      const { q, kT } = w.operands();
      w.g.output(w.mix(w.scores(q, kT), w.g.input('wide', [6, 5, 9])), [6, 5, 9]);
    });
    expect(await refusal(wide)).toEqual([
      expect.stringContaining('the head dim of the values, 9, is not that of the queries, 4'),
    ]);
  });

  test('heads that are shared by broadcasting', async () => {
    const shared = written(
      (w) => {
        const q = w.g.input('q', [2, 4, 5, 4]);
        const kT = w.g.input('k', [2, 1, 4, 5]);
        w.g.output(w.mix(w.op('MatMul', [q, kT]), w.g.input('v', [2, 1, 5, 4])), [2, 4, 5, 4]);
      },
      { ...TORCH_1, rank: 4 },
    );
    expect(await refusal(shared)).toEqual([expect.stringContaining('not known to have the same batch and heads')]);
  });

  test('a scale that the operator cannot express', async () => {
    const reasonsFound = await refusal(attentionForm({ ...TORCH_1, scale: 0.4 }), { target: A2 });
    expect(reasonsFound).toEqual([expect.stringContaining('scaled by 0.4')]);
    expect(reasonsFound[0]).toContain('always scales by 1/sqrt(4) = 0.5');
    expect(await refusal(attentionForm({ ...TORCH_1, scaling: 'none' }), { target: A2 })).toEqual([
      expect.stringContaining('scaled by 1,'),
    ]);
  });

  test('element types that differ', async () => {
    const mixed = written((w) => {
      const [q, k] = ['q', 'k'].map((name) => w.g.input(name, [2, 3, 5, 4])) as [Value, Value];
      const scores = w.op('MatMul', [q, w.transpose(k, [0, 1, 3, 2])]);
      const weights = w.cast(w.op('Softmax', [scores], Attribute.int('axis', 3)), DataType.FLOAT16);
      const v = w.g.input('v', [2, 3, 5, 4], DataType.FLOAT16);
      w.g.output(w.op('MatMul', [weights, v]), [2, 3, 5, 4], DataType.FLOAT16);
    });
    expect(await refusal(mixed)).toEqual([expect.stringContaining('different element types')]);
  });

  test('attention operators of ONNX, onnxruntime and other targets', async () => {
    const others = buildModel(23, (g) => {
      const [q, k, v] = ['q', 'k', 'v'].map((name) => g.input(name, [2, 3, 5, 4])) as [Value, Value, Value];
      g.output(g.op('Attention', [q, k, v]));
      g.output(g.op('MultiHeadAttention', [q, k, v], { domain: 'com.microsoft' }));
      g.output(g.op('UnpadFlashAttentionMix', [q, k, v]));
      g.output(g.op('Attention', [q, k, v], { domain: 'com.example', name: 'other' }));
    });
    others.setOpset('com.microsoft', 1);
    others.setOpset('com.example', 1);
    expect(await refusal(others)).toEqual(
      ['Attention', 'MultiHeadAttention', 'UnpadFlashAttentionMix'].map(
        (name) => `refused ${name}: an attention operator already, which FlashAttentionTik does not replace`,
      ),
    );
  });
});

describe('what is skipped', () => {
  test('a Softmax that is no attention', async () => {
    const classifier = buildModel(13, (g) => {
      const x = g.input('x', [2, 5]);
      g.output(g.op('Softmax', [x], { name: 'output' }));
      g.output(g.op('MatMul', [g.op('Softmax', [x], { name: 'mixture' }), g.input('experts', [5, 3])]));
      g.output(g.op('MatMul', [g.input('left', [5, 2]), g.op('Softmax', [x], { name: 'right' })]));
    });
    expect(await refusal(classifier)).toEqual([
      'skipped output: its result is not the weights of a sum over values',
      'skipped mixture: its input is not a product of queries and keys',
      'skipped right: its result is not the weights of a sum over values',
    ]);
  });

  test('layers that were not asked for', async () => {
    const cross = { ...TORCH_1, self: false, kvLength: 7 };
    expect(await refusal(attentionForm(cross), { target: DUO, layers: 'self' })).toEqual([
      'skipped /attn/Softmax: cross-attention was not asked for',
    ]);
    expect(await refusal(attentionForm(TORCH_1), { target: DUO, layers: 'cross' })).toEqual([
      'skipped /attn/Softmax: self-attention was not asked for',
    ]);
    expect(await refusal(attentionForm(cross), { target: 'ascend910b-aie-7.0' })).toEqual([
      'skipped /attn/Softmax: UnpadFlashAttentionMix is not used for cross-attention',
    ]);
  });

  test('unknown choices are refused before anything runs', () => {
    expectError('E_PASS_OPTION', () => fuseFlashAttention({ layers: 'some' as 'all' }));
    expectError('E_TARGET', () => fuseFlashAttention({ target: 'ascend999' }));
  });
});

test('a requested fusion that finds nothing is an error with the reason (H2)', async () => {
  const masked = written((w) => {
    const { q, kT, v } = w.operands();
    w.output(w.mix(w.op('Add', [w.scores(q, kT), w.g.input('mask', [6, 5, 5])]), v));
  });
  await expect(pipeline([fuseFlashAttention({ target: DUO })]).run(masked)).rejects.toMatchObject({
    code: 'E_REWRITE_MISSING',
    found: expect.stringContaining('puts a mask on the scores') as string,
  });
});

test('every scope is covered: branches of an If have attentions of their own', async () => {
  const branched = buildModel(13, (g) => {
    const condition = g.input('condition', [], DataType.BOOL);
    const form = { ...TORCH_2, opset: 13 };
    const x = g.input('x', [2, 5, 12]);
    const branch = (inner: typeof g): Value => {
      const writer = new FormWriter(form, inner);
      const heads = (): Value => writer.transpose(writer.reshape(x, [2, 5, 3, 4]), [0, 2, 1, 3]);
      const kT = writer.transpose(heads(), [0, 1, 3, 2]);
      return writer.mix(writer.op('Mul', [writer.op('MatMul', [heads(), kT]), writer.scalar(0.5)]), heads());
    };
    g.output(g.branch(condition, branch, branch), [2, 3, 5, 4]);
  });
  const report = await applyPass(branched, fuseFlashAttention({ target: DUO }));
  expect(countSites(report.sites).applied).toBe(2);
  expect(listing(await reopened(branched)).filter((line) => line.includes('FlashAttentionTik'))).toHaveLength(2);
});

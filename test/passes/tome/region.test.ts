import { describe, expect, test } from 'vitest';
import { insertTome } from '../../../passes/insert-tome.ts';
import { SdgraphError } from '../../../src/errors.ts';
import { Attribute } from '../../../src/ir/attribute.ts';
import { floatTensor } from '../../../src/ir/constants.ts';
import type { Model } from '../../../src/ir/model.ts';
import type { Node } from '../../../src/ir/node.ts';
import type { Tensor } from '../../../src/ir/tensor.ts';
import type { Value } from '../../../src/ir/value.ts';
import { pipeline } from '../../../src/rewrite/pipeline.ts';
import { type AttentionModelOptions, attentionModel, blockPath } from '../../support/attention-blocks.ts';
import { GraphBuilder } from '../../support/model-builder.ts';
import { node as nodeNamed } from '../../support/tome-run.ts';

const T = blockPath(0);

/** A constant with one element for each pair of tokens. */
const square = (name: string): Tensor =>
  floatTensor(
    Array.from({ length: 512 * 512 }, () => 0),
    [512, 512],
    name,
  );

async function sites(model: Model): Promise<string[]> {
  const report = await pipeline([insertTome({ count: 1 })]).run(model, { allowMissing: true });
  return (report.passes[0]?.sites ?? []).map(({ status, reason }) => `${status}: ${reason}`);
}

const node = (model: Model, name: string): Node => nodeNamed(model, `${T}/${name}`);

/** Inserts a node behind a value, between it and those that read it. */
function behind(model: Model, name: string, make: (g: GraphBuilder, value: Value) => Value): void {
  const value = node(model, name).output();
  const uses = [...value.uses];
  const made = make(new GraphBuilder(model.graph), value);
  for (const use of uses) use.node.setInput(use.index, made);
}

describe('an attention is rewritten', () => {
  const rows: { why: string; built?: AttentionModelOptions; change?: (model: Model) => void }[] = [
    { why: 'as torch exports it' },
    { why: 'with the skipped value first in the residual Add (H25)', built: { skippedFirst: true } },
    { why: 'with biases on the projections', built: { projection: 'MatMul with bias' } },
    { why: 'with Gemm for projections', built: { projection: 'Gemm' } },
    {
      why: 'with weights and biases behind Identity (H24)',
      built: { weight: (g, value) => g.op('Identity', [value]) },
    },
    { why: 'with LayerNormalization', built: { opset: 17, norm: 'operator' } },
    {
      why: 'with a mask that is the same for all tokens',
      built: { scores: (g, value) => g.op('Add', [value, g.floats([0.5], [1, 1, 1])]) },
    },
    {
      why: 'with Casts in between',
      change: (model) =>
        behind(model, 'attn1/Softmax', (g, value) => g.op('Cast', [value], { attributes: [Attribute.int('to', 1)] })),
    },
    {
      why: 'with the scale on q, and a computed one',
      change: (model) =>
        behind(model, 'attn1/to_q/MatMul', (g, value) => g.op('Mul', [g.op('Sqrt', [g.scalar(0.25)]), value])),
    },
    {
      why: 'with axes of one element more, for a while',
      change: (model) =>
        behind(model, 'attn1/Transpose_4', (g, value) =>
          g.op('Squeeze', [g.op('Unsqueeze', [value], { attributes: [Attribute.ints('axes', [1])] })], {
            attributes: [Attribute.ints('axes', [1])],
          }),
        ),
    },
  ];
  test.each(rows)('$why', async ({ built, change }) => {
    const model = attentionModel(built);
    change?.(model);
    expect(await sites(model)).toEqual(['applied: the self-attention behind it runs on 256 tokens of 512']);
  });
});

describe('an attention is refused', () => {
  const rows: { why: string; built?: AttentionModelOptions; change?: (model: Model) => void; says: string }[] = [
    {
      why: 'a constant with one element for each pair of tokens',
      built: {
        scores: (g, value) => g.op('Add', [value, g.tensor(square('zeros'))]),
      },
      says: "reads 'zeros' of shape [512,512], which fits 512 tokens only; if it holds zeros, remove-zero-add takes it away",
    },
    {
      why: 'a mask of a shape that is not known (H5)',
      built: { scores: (g, value) => g.op('Add', [value, g.input('mask', undefined)]) },
      says: "the shape of 'mask'",
    },
    {
      why: 'a mask with one element for each token (H5)',
      built: { scores: (g, value) => g.op('Add', [value, g.input('mask', [1, 1, 512])]) },
      says: "reads 'mask' of shape [1,1,512], which fits 512 tokens only",
    },
    {
      why: 'a mask in a fused attention',
      built: { attention: 'PromptFlashAttention' },
      change: (model) =>
        node(model, 'attn1/PromptFlashAttention').setInput(4, new GraphBuilder(model.graph).input('mask', [1])),
      says: 'has a mask',
    },
    {
      why: 'a value in between that is a graph output',
      change: (model) => model.graph.addOutput(node(model, 'attn1/MatMul_1').output()),
      says: 'is a graph output and needs all tokens',
    },
    {
      why: 'a result that is a graph output',
      change: (model) => model.graph.addOutput(node(model, 'attn1/to_out.0/Add').output()),
      says: 'is a graph output and needs all tokens',
    },
    {
      why: 'a value in between that something else reads (H14)',
      change: (model) => {
        const g = new GraphBuilder(model.graph);
        g.output(g.op('Relu', [node(model, 'attn1/to_v/MatMul').output()]));
      },
      says: 'Relu (Relu) is not part of a self-attention that is understood',
    },
    {
      why: 'a subgraph that reads in between',
      change: (model) => {
        const g = new GraphBuilder(model.graph);
        const inner = node(model, 'attn1/to_v/MatMul').output();
        g.output(
          g.branch(
            g.input('which', [], 9),
            (then) => then.op('Neg', [inner]),
            (other) => other.op('Neg', [inner]),
          ),
        );
      },
      says: 'a subgraph reads',
    },
    {
      why: 'no residual Add (H25)',
      change: (model) => {
        const add = node(model, 'Add');
        const g = new GraphBuilder(model.graph);
        const difference = g.op('Sub', [add.inputs[0], add.inputs[1]]);
        add.output().replaceAllUsesWith(difference);
        model.graph.remove(add);
      },
      says: "reads '/Reshape_output_0' of shape [2,512,32], which fits 512 tokens only",
    },
    {
      why: 'two residual Adds (H25)',
      change: (model) => {
        const g = new GraphBuilder(model.graph);
        const { inputs } = node(model, 'Add');
        g.output(g.op('Add', [inputs[1], inputs[0]]));
      },
      says: '2 Adds bring values back, not one',
    },
    {
      why: 'a second attention behind the first',
      change: (model) =>
        behind(model, 'attn1/Softmax', (g, value) =>
          g.op('Softmax', [value], { attributes: [Attribute.int('axis', 2)] }),
        ),
      says: 'there are 2 attentions behind the projections, not one',
    },
    {
      why: 'a shape that is computed',
      change: (model) => {
        const reshape = node(model, 'attn1/Reshape');
        const g = new GraphBuilder(model.graph);
        reshape.setInput(
          1,
          g.op('Concat', [g.ints([2, 512]), g.ints([2, 16])], { attributes: [Attribute.int('axis', 0)] }),
        );
      },
      says: 'Reshape) takes is computed, not constant',
    },
    {
      why: 'tokens that are cut',
      change: (model) =>
        behind(model, 'attn1/Transpose_4', (g, value) =>
          g.op('Reshape', [g.op('Reshape', [value, g.ints([2, 256, 4, 16])]), g.ints([2, 512, 2, 16])]),
        ),
      says: '(Reshape) does not keep the tokens on one axis',
    },
    {
      why: 'a contraction over the tokens with a constant',
      change: (model) =>
        behind(model, 'attn1/to_v/MatMul', (g, value) => g.op('MatMul', [g.tensor(square('mixing')), value])),
      says: "reads 'mixing' of shape [512,512], which fits 512 tokens only",
    },
    {
      why: 'an operator of another domain',
      change: (model) =>
        behind(model, 'attn1/to_v/MatMul', (g, value) => g.op('FastGelu', [value], { domain: 'com.microsoft' })),
      says: '(com.microsoft.FastGelu) is not understood',
    },
  ];
  test.each(rows)('for $why', async ({ built, change, says }) => {
    const model = attentionModel(built);
    change?.(model);
    const { revision } = model;
    const [first] = await sites(model);
    expect(first).toMatch(/^refused: /);
    expect(first).toContain(says);
    expect(model.revision).toBe(revision);
  });

  test('for values that do not come back (H25)', async () => {
    const model = attentionModel();
    const add = node(model, 'Add');
    add.output().replaceAllUsesWith(add.inputs[1] as Value);
    model.graph.remove(add);
    expect(await sites(model)).toEqual([
      'refused: no Add brings the normalized value back to the one it was made from',
    ]);
  });

  test('for no attention at all', async () => {
    const model = attentionModel();
    const softmax = node(model, 'attn1/Softmax');
    softmax.output().replaceAllUsesWith(softmax.inputs[0] as Value);
    model.graph.remove(softmax);
    expect(await sites(model)).toEqual(['refused: there are 0 attentions behind the projections, not one']);
  });

  test('for a fused attention with its tokens on another axis', async () => {
    const model = attentionModel({ attention: 'PromptFlashAttention' });
    node(model, 'attn1/PromptFlashAttention').setAttribute(Attribute.string('input_layout', 'BSND'));
    expect((await sites(model))[0]).toContain('has its tokens elsewhere than on axis -3');
    node(model, 'attn1/PromptFlashAttention').setAttribute(Attribute.string('input_layout', 'TND'));
    expect((await sites(model))[0]).toContain('has the layout TND, which is not understood');
  });
});

test('an attention in circles is an error of the graph, not a hang', async () => {
  const model = attentionModel();
  node(model, 'attn1/Softmax').setInput(0, node(model, 'attn1/MatMul_1').output());
  await expect(sites(model)).rejects.toThrow(SdgraphError);
});

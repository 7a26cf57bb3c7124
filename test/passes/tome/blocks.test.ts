import { describe, expect, test } from 'vitest';
import { type InsertTomeOptions, insertTome } from '../../../passes/insert-tome.ts';
import { DataType } from '../../../src/ir/data-type.ts';
import type { Model } from '../../../src/ir/model.ts';
import type { Node } from '../../../src/ir/node.ts';
import { pipeline } from '../../../src/rewrite/pipeline.ts';
import { attentionModel, blockPath } from '../../support/attention-blocks.ts';
import { GraphBuilder } from '../../support/model-builder.ts';
import { node as nodeNamed } from '../../support/tome-run.ts';

const T = blockPath(0);

async function sites(model: Model, options: Partial<InsertTomeOptions> = {}): Promise<string[]> {
  const report = await pipeline([insertTome({ count: 1, ...options })]).run(model, { allowMissing: true });
  return (report.passes[0]?.sites ?? []).map(({ status, reason }) => `${status}: ${reason}`);
}

const node = (model: Model, name: string): Node => nodeNamed(model, `${T}/${name}`);

const APPLIED = 'applied: the self-attention behind it runs on 256 tokens of 512';

describe('a block is one', () => {
  test('only when its normalized value feeds three projections and nothing else', async () => {
    const more = attentionModel();
    const g = new GraphBuilder(more.graph);
    g.output(g.op('Relu', [node(more, 'norm1/Add_1').output()]));
    expect(await sites(more)).toEqual([
      'skipped: the normalized value has 4 readers, not projections of q, k, v alone',
    ]);
    const twice = attentionModel();
    node(twice, 'attn1/to_k/MatMul').setInput(0, node(twice, 'norm1/Sub').output());
    expect(await sites(twice)).toEqual([
      'skipped: the normalized value has 2 readers, not projections of q, k, v alone',
    ]);
    node(twice, 'attn1/to_v/MatMul').setInput(0, node(twice, 'norm1/Sub').output());
    expect(await sites(twice)).toEqual([
      'skipped: the normalized value has 1 reader, not projections of q, k, v alone',
    ]);
  });

  test('only with constant weights (H24)', async () => {
    const model = attentionModel();
    node(model, 'attn1/to_k/MatMul').setInput(1, new GraphBuilder(model.graph).input('weight', [32, 32]));
    expect(await sites(model)).toEqual([
      'skipped: the normalized value has 3 readers, not projections of q, k, v alone',
    ]);
  });

  test('whatever its width is: 320 says nothing', async () => {
    expect(await sites(attentionModel({ channels: 320 }))).toEqual([APPLIED]);
    const lower = attentionModel({ channels: 320 });
    expect(lower.graph.inputs.map(({ name }) => name)).toEqual(['latents']);
    lower.graph.inputs[0]?.setType({ kind: 'tensor', elemType: DataType.FLOAT, shape: [2, 320 * 4, 8, 16] });
    expect(await sites(lower)).toEqual(['skipped: no graph input has a grid of latents that gives 512 tokens']);
  });

  test('whatever it is called: names are no part of the match', async () => {
    const model = attentionModel();
    for (const [i, each] of [...model.graph.nodes].entries()) each.name = `n${i}`;
    expect(await sites(model)).toEqual([APPLIED]);
  });

  test('only in float32', async () => {
    const model = attentionModel();
    model.graph.inputs[0]?.setType({ kind: 'tensor', elemType: DataType.FLOAT16, shape: [2, 32, 16, 32] });
    expect((await sites(model))[0]).toContain('is not float32');
  });
});

describe('the latents', () => {
  const withInput = (shape: readonly number[], name = 'residual'): Model => {
    const model = attentionModel();
    const g = new GraphBuilder(model.graph);
    g.output(g.op('Neg', [g.input(name, shape)]));
    return model;
  };

  test('may have company of other sizes, as with ControlNet', async () => {
    expect(await sites(withInput([2, 32, 8, 16]))).toEqual([APPLIED]);
    expect(await sites(withInput([2, 3, 128, 256]))).toEqual([APPLIED]);
    expect(await sites(withInput([2, 32, 16, 32]))).toEqual([APPLIED]);
  });

  test('have to be told apart from another input of as many tokens', async () => {
    expect(await sites(withInput([2, 32, 32, 16]))).toEqual([
      "refused: the inputs 'latents' and 'residual' could both be the latents; name one with the option latents",
    ]);
    expect(await sites(withInput([2, 32, 32, 16]), { latents: 'latents' })).toEqual([APPLIED]);
  });

  test('can be named, and then no other input will do', async () => {
    expect(await sites(withInput([2, 32, 8, 16]), { latents: 'residual' })).toEqual([
      'skipped: runs at 512 tokens, not at the 128 of the latents',
    ]);
    expect(await sites(attentionModel(), { latents: 'sample' })).toEqual([
      'skipped: no graph input has a grid of latents that gives 512 tokens',
    ]);
  });

  test('need a grid of known size', async () => {
    const model = attentionModel();
    model.graph.inputs[0]?.setType({ kind: 'tensor', elemType: DataType.FLOAT, shape: [2, 32, 'height', 32] });
    expect(await sites(model)).toEqual(['skipped: no graph input has a grid of latents that gives 512 tokens']);
  });
});

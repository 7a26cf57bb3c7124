import { Attribute } from '../../src/ir/attribute.ts';
import { int64Tensor } from '../../src/ir/constants.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Value } from '../../src/ir/value.ts';
import { buildModel, type GraphBuilder } from './model-builder.ts';
import { someFloats } from './run-model.ts';

/** What a test varies in {@link attentionModel}. */
export interface AttentionModelOptions {
  readonly opset?: number;
  readonly batch?: number | string;
  /** Batch as written in shape constants, when the input's is symbolic. */
  readonly height?: number;
  readonly width?: number;
  readonly channels?: number;
  readonly heads?: number;
  readonly blocks?: number;
  readonly norm?: 'chain' | 'operator';
  readonly attention?: 'plain' | 'FlashAttentionTik' | 'UnpadFlashAttentionMix' | 'PromptFlashAttention';
  readonly projection?: 'MatMul' | 'Gemm' | 'MatMul with bias';
  /** Puts the skipped value first in the residual Add. */
  readonly skippedFirst?: boolean;
  /** Makes the shape constant of a Reshape; an initializer of its own by default. */
  readonly shape?: (g: GraphBuilder, ints: readonly number[], name: string) => Value;
  /** Wraps weights and biases. */
  readonly weight?: (g: GraphBuilder, value: Value) => Value;
  /** Comes between the scores and Softmax. */
  readonly scores?: (g: GraphBuilder, scores: Value) => Value;
}

type Settings = Required<Omit<AttentionModelOptions, 'batch'>> & { readonly batch: number; readonly g: GraphBuilder };

/** A block's names start with this. */
export const blockPath = (index: number): string => `/down_blocks.0/attentions.${index}/transformer_blocks.0`;

/**
 * A model of nothing but self-attention blocks over `[batch, channels, height, width]` latents, with the nodes and names
 * that torch 1.13 writes for a transformer block of diffusers up to its first residual Add. The input is `latents`, the
 * output `sample`.
 */
export function attentionModel(options: AttentionModelOptions = {}): Model {
  const { opset = 11, height = 16, width = 32, channels = 32, blocks = 1, batch = 2 } = options;
  return buildModel(opset, (g) => {
    const known = typeof batch === 'number' ? batch : 2;
    const settings: Settings = {
      opset,
      height,
      width,
      channels,
      blocks,
      heads: 2,
      norm: 'chain',
      attention: 'plain',
      projection: 'MatMul',
      skippedFirst: false,
      shape: (graph, ints, name) => graph.ints(ints, [ints.length], name),
      weight: (_, value) => value,
      scores: (_, value) => value,
      ...options,
      batch: known,
      g,
    };
    const latents = g.input('latents', [batch, channels, height, width]);
    const last = g.op('Transpose', [latents], {
      name: '/Transpose',
      attributes: [Attribute.ints('perm', [0, 2, 3, 1])],
    });
    let x = g.op('Reshape', [last, g.ints([typeof batch === 'number' ? batch : -1, height * width, channels])], {
      name: '/Reshape',
    });
    for (let index = 0; index < blocks; index++) x = addBlock(settings, x, index);
    const grid = g.op('Reshape', [x, g.ints([typeof batch === 'number' ? batch : -1, height, width, channels])], {
      name: '/Reshape_1',
    });
    const sample = g.op('Transpose', [grid], {
      name: '/Transpose_1',
      outputs: ['sample'],
      attributes: [Attribute.ints('perm', [0, 3, 1, 2])],
    });
    g.output(sample, [batch, channels, height, width]);
  });
}

/** Weights of a block as the model has them: the same numbers for the same names. */
export function weightsOf(name: string, count: number, scale: number): Float32Array {
  let seed = 7;
  for (const char of name) seed = (Math.imul(seed, 31) + char.charCodeAt(0)) & 0x7fffffff;
  return someFloats(count, seed).map((value) => value * scale);
}

function addBlock(settings: Settings, x: Value, index: number): Value {
  const { g, channels, skippedFirst, weight } = settings;
  const path = blockPath(index);
  const normed = addNorm(settings, x, `${path}/norm1`);
  const mixed = addAttention(settings, normed, `${path}/attn1`);
  const out = `${path}/attn1/to_out.0`;
  const product = g.op('MatMul', [mixed, weight(g, matrix(g, channels, `${out}.weight`))], { name: `${out}/MatMul` });
  const bias = weight(g, vector(g, channels, `${out}.bias`));
  const result = g.op('Add', [bias, product], { name: `${out}/Add` });
  return g.op('Add', skippedFirst ? [x, result] : [result, x], { name: `${path}/Add` });
}

function matrix(g: GraphBuilder, channels: number, name: string): Value {
  return g.floats([...weightsOf(name, channels * channels, 0.1)], [channels, channels], name);
}

function vector(g: GraphBuilder, channels: number, name: string): Value {
  return g.floats([...weightsOf(name, channels, 0.5)], [channels], name);
}

function addNorm({ g, opset, channels, norm, weight }: Settings, x: Value, path: string): Value {
  const scale = weight(g, vector(g, channels, `${path}.weight`));
  const bias = weight(g, vector(g, channels, `${path}.bias`));
  if (norm === 'operator') {
    const attributes = [Attribute.int('axis', -1), Attribute.float('epsilon', 1e-5)];
    return g.op('LayerNormalization', [x, scale, bias], { name: `${path}/LayerNormalization`, attributes });
  }
  const mean = (value: Value, name: string): Value =>
    opset < 18
      ? g.op('ReduceMean', [value], { name: `${path}/${name}`, attributes: [Attribute.ints('axes', [-1])] })
      : g.op('ReduceMean', [value, g.ints([-1])], { name: `${path}/${name}` });
  const centred = g.op('Sub', [x, mean(x, 'ReduceMean')], { name: `${path}/Sub` });
  const variance = mean(g.op('Pow', [centred, g.scalar(2)], { name: `${path}/Pow` }), 'ReduceMean_1');
  const root = g.op('Sqrt', [g.op('Add', [variance, g.scalar(1e-5)], { name: `${path}/Add` })], {
    name: `${path}/Sqrt`,
  });
  const unit = g.op('Div', [centred, root], { name: `${path}/Div` });
  const scaled = g.op('Mul', [unit, scale], { name: `${path}/Mul` });
  return g.op('Add', [scaled, bias], { name: `${path}/Add_1` });
}

function addAttention(settings: Settings, normed: Value, path: string): Value {
  const { g, batch, heads, channels, attention, shape } = settings;
  const tokens = settings.height * settings.width;
  const depth = channels / heads;
  const reshape = (value: Value, dims: readonly number[], name: string): Value =>
    g.op('Reshape', [value, shape(g, dims, `${path}/${name}_shape`)], { name: `${path}/${name}` });
  const transpose = (value: Value, perm: readonly number[], name: string): Value =>
    g.op('Transpose', [value], { name: `${path}/${name}`, attributes: [Attribute.ints('perm', perm)] });
  const scale = (value: Value): Value => g.op('Mul', [value, g.scalar(1 / Math.sqrt(depth))], { name: `${path}/Mul` });
  const split = (value: Value, name: string): Value => reshape(value, [batch, tokens, heads, depth], name);

  const [q, k, v] = ['to_q', 'to_k', 'to_v'].map((name) => project(settings, normed, `${path}/${name}`)) as [
    Value,
    Value,
    Value,
  ];
  if (attention === 'plain') {
    const fold = (value: Value, names: readonly [string, string, string]): Value => {
      const turned = transpose(split(value, names[0]), [0, 2, 1, 3], names[1]);
      return reshape(turned, [batch * heads, tokens, depth], names[2]);
    };
    const queries = fold(q, ['Reshape', 'Transpose', 'Reshape_1']);
    const keys = transpose(fold(k, ['Reshape_2', 'Transpose_1', 'Reshape_3']), [0, 2, 1], 'Transpose_3');
    const values = fold(v, ['Reshape_4', 'Transpose_2', 'Reshape_5']);
    const scores = settings.scores(g, scale(g.op('MatMul', [queries, keys], { name: `${path}/MatMul` })));
    const softmax = g.op('Softmax', [scores], { name: `${path}/Softmax`, attributes: [Attribute.int('axis', 2)] });
    const mixed = g.op('MatMul', [softmax, values], { name: `${path}/MatMul_1` });
    const whole = reshape(mixed, [batch, heads, tokens, depth], 'Reshape_6');
    return reshape(transpose(whole, [0, 2, 1, 3], 'Transpose_4'), [batch, tokens, channels], 'Reshape_7');
  }
  if (attention === 'UnpadFlashAttentionMix') {
    const inputs = [split(q, 'Reshape'), split(k, 'Reshape_2'), split(v, 'Reshape_4')];
    return reshape(g.op(attention, inputs, { name: `${path}/${attention}` }), [batch, tokens, channels], 'Reshape_7');
  }
  const heading = (value: Value, first: string, second: string): Value =>
    transpose(split(value, first), [0, 2, 1, 3], second);
  const isTik = attention === 'FlashAttentionTik';
  const inputs = [
    heading(isTik ? scale(q) : q, 'Reshape', 'Transpose'),
    heading(k, 'Reshape_2', 'Transpose_1'),
    heading(v, 'Reshape_4', 'Transpose_2'),
  ];
  const attributes = isTik
    ? []
    : [
        Attribute.int('num_heads', heads),
        Attribute.float('scale_value', 1 / Math.sqrt(depth)),
        Attribute.string('input_layout', 'BNSD'),
      ];
  const fused = g.op(attention, inputs, { name: `${path}/${attention}`, attributes });
  return reshape(transpose(fused, [0, 2, 1, 3], 'Transpose_4'), [batch, tokens, channels], 'Reshape_7');
}

function project(
  { g, batch, channels, height, width, projection, weight, shape }: Settings,
  x: Value,
  path: string,
): Value {
  const weights = weight(g, matrix(g, channels, `${path}.weight`));
  if (projection === 'Gemm') {
    const rows = batch * height * width;
    const flat = g.op('Reshape', [x, shape(g, [rows, channels], `${path}/flat`)], { name: `${path}/Reshape` });
    const bias = weight(g, vector(g, channels, `${path}.bias`));
    return g.op('Gemm', [flat, weights, bias], { name: `${path}/Gemm` });
  }
  const product = g.op('MatMul', [x, weights], { name: `${path}/MatMul` });
  if (projection === 'MatMul') return product;
  return g.op('Add', [weight(g, vector(g, channels, `${path}.bias`)), product], { name: `${path}/Add` });
}

/** A constant made by a Constant node, as torch writes it. */
export function constantNode(g: GraphBuilder, ints: readonly number[], name: string): Value {
  return g.constant(int64Tensor(ints, [ints.length]), name);
}

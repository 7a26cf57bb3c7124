import type { Value } from '../ir/value.ts';
import { attend, conv, gelu, groupNorm, joinHeads, layerNorm, linear, splitHeads } from './modules.ts';
import type { Network } from './network.ts';

/** What the transformers of one level have in common. */
export interface TransformerOptions {
  readonly heads: number;
  readonly groups: number;
  /** `proj_in` and `proj_out` are linear layers on tokens instead of 1x1 convolutions on the image. */
  readonly linearProjection: boolean;
  readonly upcastAttention: boolean;
}

/** Not from the configuration: diffusers has it in the code. */
const NORM_EPSILON = 1e-6;

/** `Transformer2DModel`: the pixels of [B, C, H, W] as tokens through a block that attends to them and to the text. */
export function transformer(net: Network, name: string, x: Value, text: Value, options: TransformerOptions): Value {
  const { heads, groups, linearProjection, upcastAttention } = options;
  return net.module(name, () => {
    const { builder } = net;
    const [batch = 0, channels = 0, height = 0, width = 0] = net.dims(x);
    const toTokens = (image: Value): Value =>
      builder.reshape(builder.transpose(image, [0, 2, 3, 1]), [batch, height * width, channels]);
    const toImage = (tokens: Value): Value =>
      builder.transpose(builder.reshape(tokens, [batch, height, width, channels]), [0, 3, 1, 2]);
    const block = (tokens: Value): Value =>
      transformerBlock(net, 'transformer_blocks.0', tokens, text, { heads, upcastAttention });

    const normal = groupNorm(net, 'norm', x, { groups, epsilon: NORM_EPSILON });
    if (linearProjection) {
      const tokens = block(linear(net, 'proj_in', toTokens(normal), channels));
      return builder.add(toImage(linear(net, 'proj_out', tokens, channels)), x);
    }
    const tokens = block(toTokens(conv(net, 'proj_in', normal, channels, { kernel: 1 })));
    return builder.add(conv(net, 'proj_out', toImage(tokens), channels, { kernel: 1 }), x);
  });
}

type BlockOptions = Pick<TransformerOptions, 'heads' | 'upcastAttention'>;

/** `BasicTransformerBlock`: attention to itself, attention to the text, feed-forward, each around a residual. */
function transformerBlock(net: Network, name: string, tokens: Value, text: Value, options: BlockOptions): Value {
  return net.module(name, () => {
    const { builder } = net;
    const normal = layerNorm(net, 'norm1', tokens);
    const self = builder.add(attention(net, 'attn1', normal, normal, options), tokens);
    const cross = builder.add(attention(net, 'attn2', layerNorm(net, 'norm2', self), text, options), self);
    return builder.add(feedForward(net, 'ff', layerNorm(net, 'norm3', cross)), cross);
  });
}

/** `CrossAttention`: queries of the tokens, keys and values of the context. */
function attention(net: Network, name: string, tokens: Value, context: Value, options: BlockOptions): Value {
  const { heads, upcastAttention: upcast } = options;
  return net.module(name, () => {
    const channels = net.dim(tokens, -1);
    const q = linear(net, 'to_q', tokens, channels, { bias: false });
    const k = linear(net, 'to_k', context, channels, { bias: false });
    const v = linear(net, 'to_v', context, channels, { bias: false });
    const [queries, keys, values] = [q, k, v].map((each) => splitHeads(net, each, heads)) as [Value, Value, Value];
    const attended = attend(net, queries, keys, values, { upcast });
    return linear(net, 'to_out.0', joinHeads(net, attended, heads), channels);
  });
}

/** `FeedForward` with GEGLU: to four times the width, half of it gated by the other half, and back. */
function feedForward(net: Network, name: string, tokens: Value): Value {
  return net.module(name, () => {
    const channels = net.dim(tokens, -1);
    const gated = net.module('net.0', () => geglu(net, linear(net, 'proj', tokens, 8 * channels)));
    return linear(net, 'net.2', gated, channels);
  });
}

/** The first half of the last dimension times the GELU of the second, with the middle computed as PyTorch's chunk does. */
function geglu(net: Network, x: Value): Value {
  const { builder } = net;
  const shape = builder.shapeOf(x);
  const axes = builder.int64([-1]);
  const size = builder.gather(shape, axes);
  const start = builder.int64([0]);
  const half = builder.div(builder.add(size, builder.int64([1])), builder.int64([2]));
  const middle = builder.mul(half, builder.int64([1]));
  const value = builder.slice(x, { starts: start, ends: middle, axes });
  const end = builder.mul(half, builder.int64([2]));
  const gate = builder.slice(x, { starts: middle, ends: end, axes });
  return builder.mul(value, gelu(net, gate));
}

import type { Tensor } from '../ir/tensor.ts';
import type { Value } from '../ir/value.ts';
import type { ClipConfig } from './config-clip.ts';
import { gelu, layerNorm, linear, quickGelu } from './modules.ts';
import type { Network } from './network.ts';

/** `CLIPEncoderLayer`: attention to the tokens before, then a feed-forward network, each around a residual. */
export function clipLayer(net: Network, name: string, x: Value, mask: Tensor, config: ClipConfig): Value {
  const { hiddenSize, intermediateSize, activation, layerNormEps } = config;
  return net.module(name, () => {
    const { builder } = net;
    const normal = layerNorm(net, 'layer_norm1', x, layerNormEps);
    const attended = builder.add(x, attention(net, 'self_attn', normal, mask, config));
    const second = layerNorm(net, 'layer_norm2', attended, layerNormEps);
    const fed = net.module('mlp', () => {
      const inner = linear(net, 'fc1', second, intermediateSize);
      const active = net.module('activation_fn', () => (activation === 'gelu' ? gelu : quickGelu)(net, inner));
      return linear(net, 'fc2', active, hiddenSize);
    });
    return builder.add(attended, fed);
  });
}

/**
 * `CLIPAttention`. Constants stand where the exporter has them: the shapes of keys and values together, those of the
 * three reshapes to one row a head together.
 */
function attention(net: Network, name: string, x: Value, mask: Tensor, { heads }: ClipConfig): Value {
  return net.module(name, () => {
    const { builder } = net;
    const [batch = 0, length = 0, features = 0] = net.dims(x);
    const width = features / heads;
    const rows = batch * heads;
    const apart = (value: Value, shape: Value): Value => builder.transpose(builder.reshape(value, shape), [0, 2, 1, 3]);

    const q = builder.mul(linear(net, 'q_proj', x, features), width ** -0.5);
    const k = linear(net, 'k_proj', x, features);
    const shapes = [0, 1].map(() => builder.int64([batch, -1, heads, width])) as [Value, Value];
    const keys = apart(k, shapes[0]);
    const values = apart(linear(net, 'v_proj', x, features), shapes[1]);
    const queries = apart(q, builder.int64([batch, length, heads, width]));

    const flat = [0, 1, 2].map(() => builder.int64([rows, -1, width]));
    const [qs, ks, vs] = [queries, keys, values].map((value, i) => builder.reshape(value, flat[i] as Value)) as [
      Value,
      Value,
      Value,
    ];
    const scores = builder.matmul(qs, builder.transpose(ks, [0, 2, 1]));
    const masked = builder.add(builder.reshape(scores, [batch, heads, length, length]), builder.constant(mask));
    const weights = builder.softmax(builder.reshape(masked, [rows, length, length]), 3);
    const attended = builder.reshape(builder.matmul(weights, vs), [batch, heads, length, width]);
    const joined = builder.reshape(builder.transpose(attended, [0, 2, 1, 3]), [batch, length, features]);
    return linear(net, 'out_proj', joined, features);
  });
}

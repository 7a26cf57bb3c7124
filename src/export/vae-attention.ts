import { DataType } from '../ir/data-type.ts';
import type { Value } from '../ir/value.ts';
import { type GroupNormOptions, groupNorm, joinHeads, linear, splitHeads } from './modules.ts';
import type { Network } from './network.ts';

/** `AttentionBlock` with one head: the pixels of [B, C, H, W] attend to each other, around a residual. */
export function vaeAttention(net: Network, name: string, image: Value, norm: GroupNormOptions): Value {
  return net.module(name, () => {
    const { builder } = net;
    const [batch = 0, channels = 0, height = 0, width = 0] = net.dims(image);
    const normal = groupNorm(net, 'group_norm', image, norm);
    const tokens = builder.transpose(builder.reshape(normal, [batch, channels, height * width]), [0, 2, 1]);
    const projected = ['query', 'key', 'value'].map((layer) => linear(net, layer, tokens, channels));
    const [q, k, v] = projected.map((each) => splitHeads(net, each, 1)) as [Value, Value, Value];

    const scores = builder.mul(builder.matmul(q, builder.transpose(k, [0, 2, 1])), channels ** -0.5);
    // The exporter adds zeros of the size of the scores here.
    builder.skipName('Constant');
    builder.skipName('Add');
    // Softmax is in float32 in any graph.
    const weights = builder.softmax(builder.cast(scores, DataType.FLOAT), 3);
    const attended = builder.matmul(builder.cast(weights, net.dataType), v);

    const joined = linear(net, 'proj_attn', joinHeads(net, attended, 1), channels);
    const back = builder.reshape(builder.transpose(joined, [0, 2, 1]), [batch, channels, height, width]);
    // A scale that is 1 in all networks of Stable Diffusion.
    return builder.div(builder.add(back, image), 1);
  });
}

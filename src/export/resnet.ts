import type { Value } from '../ir/value.ts';
import { conv, groupNorm, linear, silu } from './modules.ts';
import type { Network } from './network.ts';

/** What a {@link resnet} is told. */
export interface ResnetOptions {
  /** Channels of what comes out. */
  readonly channels: number;
  readonly groups: number;
  readonly epsilon: number;
  /** Embedding of the timestep, [B, E]; a decoder has none. */
  readonly time?: Value;
}

/** `ResnetBlock2D`: two convolutions around a residual, with the embedding of the timestep added in between. */
export function resnet(net: Network, name: string, image: Value, options: ResnetOptions): Value {
  const { channels, groups, epsilon, time } = options;
  const activated = (norm: string, x: Value): Value =>
    silu(net, 'nonlinearity', groupNorm(net, norm, x, { groups, epsilon }));
  return net.module(name, () => {
    const { builder } = net;
    let x = conv(net, 'conv1', activated('norm1', image), channels);
    if (time !== undefined) {
      // The same in all resnets: computed by the first of them, as the exporter merges equal nodes.
      const shift = linear(
        net,
        'time_emb_proj',
        net.once(time, () => silu(net, 'nonlinearity', time)),
        channels,
      );
      x = builder.add(x, builder.unsqueeze(builder.unsqueeze(shift, [2]), [3]));
    }
    x = conv(net, 'conv2', activated('norm2', x), channels);
    const isWidened = net.dim(image, 1) !== channels;
    const residual = isWidened ? conv(net, 'conv_shortcut', image, channels, { kernel: 1 }) : image;
    // A scale that is 1 in all networks of Stable Diffusion.
    return builder.div(builder.add(residual, x), 1);
  });
}

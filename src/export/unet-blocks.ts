import type { Value } from '../ir/value.ts';
import { conv, doubleSize, groupNorm, linear, silu } from './modules.ts';
import type { Network } from './network.ts';
import { type TransformerOptions, transformer } from './unet-transformer.ts';

/** What the blocks of a UNet read besides the image. */
export interface Conditions {
  /** Embedding of the timestep, [B, E]. */
  readonly time: Value;
  /** Embeddings of the tokens of the prompt, [B, L, D]. */
  readonly text: Value;
}

/** What one block of a UNet is like. */
export interface BlockOptions {
  /** Channels of what comes out. */
  readonly channels: number;
  /** Resnets, each followed by a transformer if there are transformers. */
  readonly layers: number;
  readonly groups: number;
  readonly epsilon: number;
  /** The transformers of a block that attends to the text; undefined for one that does not. */
  readonly transformer: TransformerOptions | undefined;
  /** Whether the image is halved, or doubled, at the end. */
  readonly resizes: boolean;
}

/** `DownBlock2D` and `CrossAttnDownBlock2D`: every image that comes up is kept in `skips` for the way back. */
export function downBlock(
  net: Network,
  name: string,
  image: Value,
  skips: Value[],
  conditions: Conditions,
  options: BlockOptions,
): Value {
  return net.module(name, () => {
    let x = image;
    for (let layer = 0; layer < options.layers; layer++) {
      x = resnet(net, `resnets.${layer}`, x, conditions, options);
      if (options.transformer) x = transformer(net, `attentions.${layer}`, x, conditions.text, options.transformer);
      skips.push(x);
    }
    if (options.resizes) {
      x = net.module('downsamplers.0', () => conv(net, 'conv', x, options.channels, { stride: 2 }));
      skips.push(x);
    }
    return x;
  });
}

/** `UNetMidBlock2DCrossAttn`: one resnet more than there are transformers. */
export function midBlock(
  net: Network,
  name: string,
  image: Value,
  conditions: Conditions,
  options: BlockOptions,
): Value {
  return net.module(name, () => {
    let x = resnet(net, 'resnets.0', image, conditions, options);
    if (options.transformer) x = transformer(net, 'attentions.0', x, conditions.text, options.transformer);
    return resnet(net, 'resnets.1', x, conditions, options);
  });
}

/** `UpBlock2D` and `CrossAttnUpBlock2D`: every resnet also reads the latest of `skips`, and takes it off. */
export function upBlock(
  net: Network,
  name: string,
  image: Value,
  skips: Value[],
  conditions: Conditions,
  options: BlockOptions,
): Value {
  return net.module(name, () => {
    let x = image;
    for (let layer = 0; layer < options.layers; layer++) {
      const skip = skips.pop();
      if (skip !== undefined) x = net.builder.concat([x, skip], 1);
      x = resnet(net, `resnets.${layer}`, x, conditions, options);
      if (options.transformer) x = transformer(net, `attentions.${layer}`, x, conditions.text, options.transformer);
    }
    if (!options.resizes) return x;
    return net.module('upsamplers.0', () => conv(net, 'conv', doubleSize(net, x), options.channels));
  });
}

/** `ResnetBlock2D`: two convolutions around a residual, with the embedding of the timestep added in between. */
function resnet(net: Network, name: string, image: Value, { time }: Conditions, options: BlockOptions): Value {
  const { channels, groups, epsilon } = options;
  return net.module(name, () => {
    const { builder } = net;
    const first = conv(
      net,
      'conv1',
      silu(net, 'nonlinearity', groupNorm(net, 'norm1', image, { groups, epsilon })),
      channels,
    );
    // The same in all resnets: computed by the first of them, as the exporter merges equal nodes.
    const activated = net.once(time, () => silu(net, 'nonlinearity', time));
    const shift = linear(net, 'time_emb_proj', activated, channels);
    const shifted = builder.add(first, builder.unsqueeze(builder.unsqueeze(shift, [2]), [3]));
    const second = conv(
      net,
      'conv2',
      silu(net, 'nonlinearity', groupNorm(net, 'norm2', shifted, { groups, epsilon })),
      channels,
    );
    const isWidened = net.dim(image, 1) !== channels;
    const residual = isWidened ? conv(net, 'conv_shortcut', image, channels, { kernel: 1 }) : image;
    return builder.div(builder.add(residual, second), 1);
  });
}

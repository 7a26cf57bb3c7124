import type { Value } from '../ir/value.ts';
import { conv, doubleSize } from './modules.ts';
import type { Network } from './network.ts';
import { resnet } from './resnet.ts';
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
      x = blockLayer(net, layer, x, conditions, options);
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
    const x = blockLayer(net, 0, image, conditions, options);
    return resnet(net, 'resnets.1', x, { ...options, time: conditions.time });
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
      x = blockLayer(net, layer, x, conditions, options);
    }
    if (!options.resizes) return x;
    return net.module('upsamplers.0', () => conv(net, 'conv', doubleSize(net, x), options.channels));
  });
}

/** A resnet, and the transformer behind it where the block attends to the text. */
function blockLayer(net: Network, index: number, image: Value, conditions: Conditions, options: BlockOptions): Value {
  const x = resnet(net, `resnets.${index}`, image, { ...options, time: conditions.time });
  if (options.transformer === undefined) return x;
  return transformer(net, `attentions.${index}`, x, conditions.text, options.transformer);
}

import { GraphBuilder } from '../author/graph-builder.ts';
import type { Model } from '../ir/model.ts';
import type { Value } from '../ir/value.ts';
import type { VaeConfig } from './config-vae.ts';
import { conv, doubleSize, groupNorm, silu } from './modules.ts';
import { Network } from './network.ts';
import { type GraphType, graphType, requireSide, requireWhole } from './options.ts';
import { resnet } from './resnet.ts';
import { vaeAttention } from './vae-attention.ts';
import type { WeightSource } from './weights.ts';

/** How {@link buildVae} writes the graph. */
export interface VaeOptions {
  /** Images in one run; default 1. */
  readonly batchSize?: number;
  /** Height and width of the latents, those of the UNet; default 64. The configuration of a VAE says nothing of them. */
  readonly sampleSize?: number;
  /** Element type of the graph, its input and output; default `fp32`. */
  readonly dtype?: GraphType;
  /**
   * Whether `post_quant_conv` is in the graph. Default false, as PyTorch exports it: the graph is the decoder alone, and
   * who calls it convolves the latents before.
   */
  readonly postQuant?: boolean;
  /** Version of the standard operators, 11 or newer; default 11. */
  readonly opset?: number;
}

/** Not from the configuration: diffusers has it in the code. */
const NORM_EPSILON = 1e-6;

/**
 * Writes the decoder of diffusers' `AutoencoderKL` as a graph, under the names that PyTorch's exporter gives.
 *
 * Input `latents` [B, C, S, S], already divided by the scaling factor; output `image` [B, 3, 8 S, 8 S] around -1 to 1.
 *
 * @throws SdgraphError `E_EXPORT` for options that cannot be, `E_AUTHOR` for an operator set that graphs are not written
 * for, `E_CHECKPOINT_TENSOR` when the weights are not those of the configuration
 */
export function buildVae(config: VaeConfig, weights: WeightSource, options: VaeOptions = {}): Model {
  const { batchSize = 1, sampleSize: side = 64, postQuant = false, opset = 11 } = options;
  requireWhole('batchSize', batchSize);
  requireSide(side, 1);
  const dataType = graphType(options.dtype ?? 'fp32');
  const builder = new GraphBuilder({ opset, name: 'vae' });
  const latents = builder.input('latents', dataType, [batchSize, config.latentChannels, side, side]);
  const host = new Network({ builder, weights, dataType });
  const z = postQuant ? conv(host, 'post_quant_conv', latents, config.latentChannels, { kernel: 1 }) : latents;
  const net = new Network({ builder, weights, dataType, prefix: 'decoder.' });
  builder.output('image', decoder(net, z, config));
  return builder.build();
}

/** `Decoder`: from the coarsest level up, every level but the last twice as large at its end. */
function decoder(net: Network, latents: Value, config: VaeConfig): Value {
  const norm = { groups: config.normGroups, epsilon: NORM_EPSILON };
  const widths = config.blockOutChannels.toReversed();
  const widest = widths[0] ?? 0;
  let x = conv(net, 'conv_in', latents, widest);
  x = net.module('mid_block', () => {
    const first = resnet(net, 'resnets.0', x, { ...norm, channels: widest });
    return resnet(net, 'resnets.1', vaeAttention(net, 'attentions.0', first, norm), { ...norm, channels: widest });
  });
  for (const [level, channels] of widths.entries()) {
    x = net.module(`up_blocks.${level}`, () => {
      for (let i = 0; i <= config.layersPerBlock; i++) x = resnet(net, `resnets.${i}`, x, { ...norm, channels });
      if (level === widths.length - 1) return x;
      return net.module('upsamplers.0', () => conv(net, 'conv', doubleSize(net, x), channels));
    });
  }
  return conv(net, 'conv_out', silu(net, 'conv_act', groupNorm(net, 'conv_norm_out', x, norm)), config.outChannels);
}

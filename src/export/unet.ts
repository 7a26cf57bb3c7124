import { GraphBuilder } from '../author/graph-builder.ts';
import type { Model } from '../ir/model.ts';
import type { Value } from '../ir/value.ts';
import type { UNetConfig } from './config-unet.ts';
import { conv, groupNorm, silu } from './modules.ts';
import { Network } from './network.ts';
import { type GraphType, graphType, integerType, requireSide, requireWhole } from './options.ts';
import { type BlockOptions, type Conditions, downBlock, midBlock, upBlock } from './unet-blocks.ts';
import { timeEmbedding } from './unet-time.ts';
import type { WeightSource } from './weights.ts';

/** How {@link buildUNet} writes the graph. */
export interface UNetOptions {
  /** Images in one run of the pipeline; default 1. */
  readonly batchSize?: number;
  /** One run of the graph is for one half of the guidance: the batch is `batchSize` and not twice that. Default false. */
  readonly parallel?: boolean;
  /** Height and width of the latents; by default those of the configuration. */
  readonly sampleSize?: number;
  /** Tokens of the text embeddings; default 77. */
  readonly textLength?: number;
  /** Element type of the graph, its inputs and outputs; default `fp32`. */
  readonly dtype?: GraphType;
  /** Element type of the timestep; default `int64`, as PyTorch exports it. */
  readonly timestep?: 'int64' | 'int32';
  /** Version of the standard operators, 11 or newer; default 11. */
  readonly opset?: number;
}

/**
 * Writes `UNet2DConditionModel` of diffusers 0.14 as a graph, under the names that PyTorch's exporter gives.
 *
 * Inputs `latent_model_input` [U, C, S, S], `t` [1] and `encoder_hidden_states` [U, 77, D], output `sample` [U, C, S, S],
 * where U is twice the batch size, or the batch size with `parallel`.
 *
 * @throws SdgraphError `E_EXPORT` for options that cannot be, `E_AUTHOR` for an operator set that graphs are not written
 * for, `E_CHECKPOINT_TENSOR` when the weights are not those of the configuration
 */
export function buildUNet(config: UNetConfig, weights: WeightSource, options: UNetOptions = {}): Model {
  const { batchSize = 1, parallel = false, textLength = 77, timestep = 'int64', opset = 11 } = options;
  const samples = requireWhole('batchSize', batchSize) * (parallel ? 1 : 2);
  const { sampleSize: side = config.sampleSize } = options;
  requireSide(side, 2 ** (config.blockOutChannels.length - 1));
  requireWhole('textLength', textLength);
  const dataType = graphType(options.dtype ?? 'fp32');
  const builder = new GraphBuilder({ opset, name: 'unet' });
  const latents = builder.input('latent_model_input', dataType, [samples, config.inChannels, side, side]);
  const t = builder.input('t', integerType('timestep', timestep), [1]);
  const text = builder.input('encoder_hidden_states', dataType, [samples, textLength, config.crossAttentionDim]);
  const net = new Network({ builder, weights, dataType });
  builder.output('sample', unet(net, latents, { time: timeEmbedding(net, t, samples, config), text }, config));
  return builder.build();
}

/** The network itself: down to the coarsest level and back up, where every block also reads what came down. */
function unet(net: Network, latents: Value, conditions: Conditions, config: UNetConfig): Value {
  const { blockOutChannels, downAttention, upAttention, layersPerBlock } = config;
  const last = blockOutChannels.length - 1;
  let x = conv(net, 'conv_in', latents, blockOutChannels[0] ?? 0);
  const skips = [x];
  for (let level = 0; level <= last; level++) {
    const options = blockOptions(config, level, downAttention[level] === true);
    const block = { ...options, layers: layersPerBlock, resizes: level < last };
    x = downBlock(net, `down_blocks.${level}`, x, skips, conditions, block);
  }
  x = midBlock(net, 'mid_block', x, conditions, blockOptions(config, last, true));
  for (let step = 0; step <= last; step++) {
    const options = blockOptions(config, last - step, upAttention[step] === true);
    const block = { ...options, layers: layersPerBlock + 1, resizes: step < last };
    x = upBlock(net, `up_blocks.${step}`, x, skips, conditions, block);
  }
  const normal = groupNorm(net, 'conv_norm_out', x, { groups: config.normGroups, epsilon: config.normEps });
  return conv(net, 'conv_out', silu(net, 'conv_act', normal), config.outChannels);
}

/** What blocks of one level have in common, on both ways. */
function blockOptions(config: UNetConfig, level: number, attends: boolean): BlockOptions {
  const { normGroups: groups, normEps: epsilon, useLinearProjection: linearProjection, upcastAttention } = config;
  const heads = config.heads[level] ?? 1;
  return {
    channels: config.blockOutChannels[level] ?? 0,
    layers: 1,
    groups,
    epsilon,
    transformer: attends ? { heads, groups, linearProjection, upcastAttention } : undefined,
    resizes: false,
  };
}

import type { ClipConfig } from './config-clip.ts';
import type { UNetConfig } from './config-unet.ts';
import type { VaeConfig } from './config-vae.ts';

/** Tensors of a checkpoint by name, with their dimensions. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** Collects the parameters of layers. */
class ShapeList {
  readonly shapes = new Map<string, readonly number[]>();

  /** A layer with a weight of this shape, and a bias unless said otherwise. */
  layer(name: string, weight: readonly number[], hasBias = true): void {
    this.shapes.set(`${name}.weight`, weight);
    if (hasBias) this.shapes.set(`${name}.bias`, [weight[0] ?? 0]);
  }

  /** Two convolutions with normalizations, and one around them where the number of channels changes. */
  resnet(name: string, from: number, to: number, time?: number): void {
    this.layer(`${name}.norm1`, [from]);
    this.layer(`${name}.conv1`, [to, from, 3, 3]);
    if (time !== undefined) this.layer(`${name}.time_emb_proj`, [to, time]);
    this.layer(`${name}.norm2`, [to]);
    this.layer(`${name}.conv2`, [to, to, 3, 3]);
    if (from !== to) this.layer(`${name}.conv_shortcut`, [to, from, 1, 1]);
  }
}

/** Tensors of a text encoder. */
export function clipShapes({ hiddenSize: d, intermediateSize, layers, vocabSize, maxPositions }: ClipConfig): Shapes {
  const list = new ShapeList();
  list.layer('text_model.embeddings.token_embedding', [vocabSize, d], false);
  list.layer('text_model.embeddings.position_embedding', [maxPositions, d], false);
  for (let i = 0; i < layers; i++) {
    const layer = `text_model.encoder.layers.${i}`;
    for (const each of ['q', 'k', 'v', 'out']) list.layer(`${layer}.self_attn.${each}_proj`, [d, d]);
    list.layer(`${layer}.layer_norm1`, [d]);
    list.layer(`${layer}.mlp.fc1`, [intermediateSize, d]);
    list.layer(`${layer}.mlp.fc2`, [d, intermediateSize]);
    list.layer(`${layer}.layer_norm2`, [d]);
  }
  list.layer('text_model.final_layer_norm', [d]);
  return list.shapes;
}

/** Tensors of a UNet. */
export function unetShapes(config: UNetConfig): Shapes {
  const { blockOutChannels: widths, layersPerBlock, downAttention, upAttention } = config;
  const list = new ShapeList();
  const [first = 0] = widths;
  const last = widths.at(-1) ?? 0;
  const time = 4 * first;
  list.layer('conv_in', [first, config.inChannels, 3, 3]);
  list.layer('time_embedding.linear_1', [time, first]);
  list.layer('time_embedding.linear_2', [time, time]);
  for (const [k, width] of widths.entries()) {
    const block = `down_blocks.${k}`;
    for (let j = 0; j < layersPerBlock; j++) {
      list.resnet(`${block}.resnets.${j}`, j === 0 ? (widths[k - 1] ?? first) : width, width, time);
      if (downAttention[k] === true) transformer(list, `${block}.attentions.${j}`, width, config);
    }
    if (k < widths.length - 1) list.layer(`${block}.downsamplers.0.conv`, [width, width, 3, 3]);
  }
  list.resnet('mid_block.resnets.0', last, last, time);
  transformer(list, 'mid_block.attentions.0', last, config);
  list.resnet('mid_block.resnets.1', last, last, time);
  const reversed = widths.toReversed();
  for (const [k, width] of reversed.entries()) {
    const block = `up_blocks.${k}`;
    for (let j = 0; j <= layersPerBlock; j++) {
      const from = j === 0 ? (reversed[k - 1] ?? width) : width;
      const skip = j === layersPerBlock ? (reversed[k + 1] ?? width) : width;
      list.resnet(`${block}.resnets.${j}`, from + skip, width, time);
      if (upAttention[k] === true) transformer(list, `${block}.attentions.${j}`, width, config);
    }
    if (k < widths.length - 1) list.layer(`${block}.upsamplers.0.conv`, [width, width, 3, 3]);
  }
  list.layer('conv_norm_out', [first]);
  list.layer('conv_out', [config.outChannels, first, 3, 3]);
  return list.shapes;
}

function transformer(list: ShapeList, name: string, width: number, config: UNetConfig): void {
  const projection = config.useLinearProjection ? [width, width] : [width, width, 1, 1];
  list.layer(`${name}.norm`, [width]);
  list.layer(`${name}.proj_in`, projection);
  const block = `${name}.transformer_blocks.0`;
  for (const [attention, text] of [
    ['attn1', width],
    ['attn2', config.crossAttentionDim],
  ] as const) {
    list.layer(`${block}.${attention}.to_q`, [width, width], false);
    list.layer(`${block}.${attention}.to_k`, [width, text], false);
    list.layer(`${block}.${attention}.to_v`, [width, text], false);
    list.layer(`${block}.${attention}.to_out.0`, [width, width]);
  }
  list.layer(`${block}.ff.net.0.proj`, [8 * width, width]);
  list.layer(`${block}.ff.net.2`, [width, 4 * width]);
  for (const norm of ['norm1', 'norm2', 'norm3']) list.layer(`${block}.${norm}`, [width]);
  list.layer(`${name}.proj_out`, projection);
}

/** Tensors of a VAE, encoder included. Images have as many channels on both sides. */
export function vaeShapes({
  blockOutChannels: widths,
  layersPerBlock,
  latentChannels,
  outChannels,
}: VaeConfig): Shapes {
  const list = new ShapeList();
  const [first = 0] = widths;
  const last = widths.at(-1) ?? 0;
  list.layer('encoder.conv_in', [first, outChannels, 3, 3]);
  for (const [k, width] of widths.entries()) {
    const block = `encoder.down_blocks.${k}`;
    for (let j = 0; j < layersPerBlock; j++) {
      list.resnet(`${block}.resnets.${j}`, j === 0 ? (widths[k - 1] ?? first) : width, width);
    }
    if (k < widths.length - 1) list.layer(`${block}.downsamplers.0.conv`, [width, width, 3, 3]);
  }
  vaeMiddle(list, 'encoder', last);
  list.layer('encoder.conv_norm_out', [last]);
  list.layer('encoder.conv_out', [2 * latentChannels, last, 3, 3]);
  list.layer('quant_conv', [2 * latentChannels, 2 * latentChannels, 1, 1]);
  list.layer('post_quant_conv', [latentChannels, latentChannels, 1, 1]);
  list.layer('decoder.conv_in', [last, latentChannels, 3, 3]);
  vaeMiddle(list, 'decoder', last);
  const reversed = widths.toReversed();
  for (const [k, width] of reversed.entries()) {
    const block = `decoder.up_blocks.${k}`;
    for (let j = 0; j <= layersPerBlock; j++) {
      list.resnet(`${block}.resnets.${j}`, j === 0 ? (reversed[k - 1] ?? width) : width, width);
    }
    if (k < widths.length - 1) list.layer(`${block}.upsamplers.0.conv`, [width, width, 3, 3]);
  }
  list.layer('decoder.conv_norm_out', [first]);
  list.layer('decoder.conv_out', [outChannels, first, 3, 3]);
  return list.shapes;
}

function vaeMiddle(list: ShapeList, side: string, width: number): void {
  list.resnet(`${side}.mid_block.resnets.0`, width, width);
  const attention = `${side}.mid_block.attentions.0`;
  list.layer(`${attention}.group_norm`, [width]);
  for (const each of ['query', 'key', 'value', 'proj_attn']) list.layer(`${attention}.${each}`, [width, width]);
  list.resnet(`${side}.mid_block.resnets.1`, width, width);
}

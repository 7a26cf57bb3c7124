import { ConfigFile } from './config.ts';

/** The UNet of a checkpoint (`UNet2DConditionModel`), as the graph needs to know it. */
export interface UNetConfig {
  /** Height and width S of the latents. */
  readonly sampleSize: number;
  /** Channels of the latents that go in. */
  readonly inChannels: number;
  /** Channels of the prediction that comes out. */
  readonly outChannels: number;
  /** Width of each level, from the finest to the coarsest. */
  readonly blockOutChannels: readonly number[];
  /** Per level, on the way down: whether its blocks attend to the text. */
  readonly downAttention: readonly boolean[];
  /** Per level, on the way up (so from the coarsest to the finest): whether its blocks attend to the text. */
  readonly upAttention: readonly boolean[];
  /** Resnets of each block on the way down; blocks on the way up have one more. */
  readonly layersPerBlock: number;
  /** Attention heads of each level, from the finest to the coarsest (the file calls them `attention_head_dim`). */
  readonly heads: readonly number[];
  /** Width of the text embeddings. */
  readonly crossAttentionDim: number;
  /** Whether `proj_in` and `proj_out` are linear layers instead of 1x1 convolutions. */
  readonly useLinearProjection: boolean;
  /** Whether scores of attention are computed in float32. */
  readonly upcastAttention: boolean;
  /** Groups of every group normalization. */
  readonly normGroups: number;
  /** Epsilon of the group normalizations of resnets and of the output. */
  readonly normEps: number;
  /** Whether the embedding of the timestep has cosines before sines. */
  readonly flipSinToCos: boolean;
  /** Shift of the frequencies of that embedding. */
  readonly freqShift: number;
}

/** Values that change the graph and have one supported setting, with what absence means. */
const FIXED: readonly (readonly [key: string, values: readonly unknown[]])[] = [
  ['_class_name', ['UNet2DConditionModel']],
  ['act_fn', ['silu', 'swish']],
  ['addition_embed_type', []],
  ['addition_time_embed_dim', []],
  ['attention_type', ['default']],
  ['center_input_sample', [false]],
  ['class_embed_type', []],
  ['class_embeddings_concat', [false]],
  ['conv_in_kernel', [3]],
  ['conv_out_kernel', [3]],
  ['cross_attention_norm', []],
  ['downsample_padding', [1]],
  ['dual_cross_attention', [false]],
  ['encoder_hid_dim', []],
  ['encoder_hid_dim_type', []],
  ['mid_block_only_cross_attention', [false]],
  ['mid_block_scale_factor', [1]],
  ['mid_block_type', ['UNetMidBlock2DCrossAttn']],
  ['num_attention_heads', []],
  ['num_class_embeds', []],
  ['only_cross_attention', [false]],
  ['projection_class_embeddings_input_dim', []],
  ['resnet_out_scale_factor', [1]],
  ['resnet_skip_time_act', [false]],
  ['resnet_time_scale_shift', ['default']],
  ['reverse_transformer_layers_per_block', []],
  ['time_cond_proj_dim', []],
  ['time_embedding_act_fn', []],
  ['time_embedding_dim', []],
  ['time_embedding_type', ['positional']],
  ['timestep_post_act', []],
  ['transformer_layers_per_block', [1]],
];

/** Keys that only training reads, or that have an effect only together with one that is refused. */
const UNUSED = ['addition_embed_type_num_heads', 'dropout'];

/** Files older than version 0.9 of diffusers say 32 where 64 is meant. */
const MENDED_MINOR = 9;

/**
 * Reads `unet/config.json`.
 *
 * @throws SdgraphError `E_CHECKPOINT_CONFIG` for a value that is missing, of another kind, or not supported, and for an
 * unknown key that is set; `E_FILE_MISSING`, `E_FILE_READ`
 */
export function readUNetConfig(path: string): UNetConfig {
  const file = ConfigFile.read(path);
  for (const [key, values] of FIXED) file.fixed(key, values);
  const blockOutChannels = file.sizes('block_out_channels');
  const levels = blockOutChannels.length;
  const down = file.choices('down_block_types', ['CrossAttnDownBlock2D', 'DownBlock2D'], levels);
  const up = file.choices('up_block_types', ['CrossAttnUpBlock2D', 'UpBlock2D'], levels);
  const config: UNetConfig = {
    sampleSize: sampleSize(file),
    inChannels: file.size('in_channels'),
    outChannels: file.size('out_channels'),
    blockOutChannels,
    downAttention: down.map((type) => type === 'CrossAttnDownBlock2D'),
    upAttention: up.map((type) => type === 'CrossAttnUpBlock2D'),
    layersPerBlock: file.size('layers_per_block'),
    heads: file.sizePerLevel('attention_head_dim', levels),
    crossAttentionDim: file.size('cross_attention_dim'),
    useLinearProjection: file.flag('use_linear_projection', false),
    upcastAttention: file.flag('upcast_attention', false),
    normGroups: file.size('norm_num_groups', 32),
    normEps: file.epsilon('norm_eps', 1e-5),
    flipSinToCos: file.flag('flip_sin_to_cos', true),
    freqShift: file.number('freq_shift', 0),
  };
  for (const [level, channels] of blockOutChannels.entries()) {
    file.multiple('block_out_channels', channels, 'norm_num_groups', config.normGroups);
    file.multiple('block_out_channels', channels, 'attention_head_dim', config.heads[level] ?? 1);
  }
  file.multiple('sample_size', config.sampleSize, 'the halvings between levels, as a factor', 2 ** (levels - 1));
  file.multiple('block_out_channels', blockOutChannels[0] ?? 0, 'the halves of the time embedding', 2);
  file.finish(UNUSED);
  return config;
}

function sampleSize(file: ConfigFile): number {
  const size = file.size('sample_size');
  const version = /^0\.(\d+)\./.exec(file.text('_diffusers_version') ?? '');
  return version !== null && Number(version[1]) < MENDED_MINOR ? Math.max(size, 64) : size;
}

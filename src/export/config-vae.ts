import { ConfigFile } from './config.ts';

/** The decoder of a checkpoint's VAE (`AutoencoderKL`), as the graph needs to know it. */
export interface VaeConfig {
  /** Channels of the latents that go in. */
  readonly latentChannels: number;
  /** Channels of the image that comes out. */
  readonly outChannels: number;
  /** Width of each level, from the finest to the coarsest; the image is `2 ** (levels - 1)` times the latents. */
  readonly blockOutChannels: readonly number[];
  /** Resnets of a block of the encoder; those of the decoder have one more. */
  readonly layersPerBlock: number;
  /** Groups of every group normalization. */
  readonly normGroups: number;
  /** What latents are multiplied with before the UNet sees them, and divided by before they are decoded. */
  readonly scalingFactor: number;
  /** Whether the checkpoint asks for float32: activations of this decoder do not fit in float16. */
  readonly forceUpcast: boolean;
}

/** Values that change the graph or what is done around it and have one supported setting. */
const FIXED: readonly (readonly [key: string, values: readonly unknown[]])[] = [
  ['_class_name', ['AutoencoderKL']],
  ['act_fn', ['silu', 'swish']],
  ['latents_mean', []],
  ['latents_std', []],
  ['mid_block_add_attention', [true]],
  ['shift_factor', []],
  ['use_post_quant_conv', [true]],
];

/** Keys of the encoder, and the size of images in training. */
const UNUSED = ['down_block_types', 'in_channels', 'sample_size', 'use_quant_conv'];

/**
 * Reads `vae/config.json`.
 *
 * @throws SdgraphError `E_CHECKPOINT_CONFIG` for a value that is missing, of another kind, or not supported, and for an
 * unknown key that is set; `E_FILE_MISSING`, `E_FILE_READ`
 */
export function readVaeConfig(path: string): VaeConfig {
  const file = ConfigFile.read(path);
  for (const [key, values] of FIXED) file.fixed(key, values);
  const blockOutChannels = file.sizes('block_out_channels');
  file.choices('up_block_types', ['UpDecoderBlock2D'], blockOutChannels.length);
  const config: VaeConfig = {
    latentChannels: file.size('latent_channels'),
    outChannels: file.size('out_channels'),
    blockOutChannels,
    layersPerBlock: file.size('layers_per_block'),
    normGroups: file.size('norm_num_groups', 32),
    scalingFactor: file.number('scaling_factor', 0.18215),
    forceUpcast: file.flag('force_upcast', false),
  };
  for (const channels of blockOutChannels) {
    file.multiple('block_out_channels', channels, 'norm_num_groups', config.normGroups);
  }
  file.finish(UNUSED);
  return config;
}

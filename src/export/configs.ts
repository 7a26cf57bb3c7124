import { SdgraphError } from '../errors.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type ClipConfig, readClipConfig } from './config-clip.ts';
import { readUNetConfig, type UNetConfig } from './config-unet.ts';
import { readVaeConfig, type VaeConfig } from './config-vae.ts';

/** Tokens of a prompt where no text encoder says otherwise. */
const TEXT_LENGTH = 77;

/** The configurations of a checkpoint that an export needs. */
export interface CheckpointConfigs {
  clip(): ClipConfig;
  unet(): UNetConfig;
  vae(): VaeConfig;
  /** Tokens of a prompt. */
  readonly textLength: number;
}

/**
 * Reads the configurations that these models need, and checks that the models fit each other.
 *
 * @throws SdgraphError `E_CHECKPOINT_CONFIG`, `E_CHECKPOINT`, `E_FILE_MISSING`, `E_FILE_READ`
 */
export function readCheckpointConfigs(checkpoint: Checkpoint, names: readonly string[]): CheckpointConfigs {
  const clip = names.includes('clip') ? readClipConfig(checkpoint.config('text_encoder')) : undefined;
  const vae = names.includes('vae') ? readVaeConfig(checkpoint.config('vae')) : undefined;
  // The latents that the VAE decodes have the size that the UNet has them in.
  const unet = names.some((name) => name !== 'clip') ? readUNetConfig(checkpoint.config('unet')) : undefined;
  if (unet !== undefined && clip !== undefined && unet.crossAttentionDim !== clip.hiddenSize) {
    throw misfit(
      checkpoint,
      'cross_attention_dim',
      `${clip.hiddenSize} (hidden_size of the text encoder)`,
      unet.crossAttentionDim,
    );
  }
  if (unet !== undefined && vae !== undefined && unet.outChannels !== vae.latentChannels) {
    throw misfit(checkpoint, 'out_channels', `${vae.latentChannels} (latent_channels of the VAE)`, unet.outChannels);
  }
  const need = <T>(config: T | undefined): T => {
    if (config === undefined) throw new SdgraphError('E_INTERNAL', 'a configuration was not read');
    return config;
  };
  return {
    clip: () => need(clip),
    unet: () => need(unet),
    vae: () => need(vae),
    textLength: clip?.maxPositions ?? TEXT_LENGTH,
  };
}

function misfit(checkpoint: Checkpoint, name: string, expected: string, found: number): SdgraphError {
  return new SdgraphError(
    'E_CHECKPOINT_CONFIG',
    'the models of the checkpoint do not fit each other',
    { file: `${checkpoint.dir}/unet/config.json`, name },
    { expected, found: `${found}`, hint: 'the directory mixes parts of different checkpoints' },
  );
}

/** What the host needs of a checkpoint in diffusers layout: a few values, the tokenizer, and no weights. */

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '../errors.ts';
import { ConfigFile, checkpointError } from './config-file.ts';
import { DEFAULT_SCALING_FACTOR } from './guidance.ts';
import type { SchedulerConfig } from './schedulers/common.ts';
import { loadSchedulerConfig } from './schedulers/index.ts';
import { createTokenizer, type Tokenizer } from './tokenizer.ts';

/** Channels of a latent: what the schedulers, `post_quant_conv` and the models of Stable Diffusion have in common. */
const LATENT_CHANNELS = 4;

/** Sides of latents up to this are plausible: 8192 pixels. */
const MAX_SAMPLE_SIZE = 1024;

/** What diffusers takes a smaller `sample_size` for in a configuration older than 0.9.0, where it was often wrong. */
const OLD_SAMPLE_SIZE = 64;

/** What the host needs of a checkpoint. */
export interface Checkpoint {
  /** The folder it was read from. */
  readonly dir: string;
  /** Side of a latent: `sample_size` of the UNet. */
  readonly sampleSize: number;
  /** Pixels for each side of a latent's element: 8 for all of Stable Diffusion. */
  readonly pixelsPerLatent: number;
  /** `scaling_factor` of the VAE. */
  readonly scalingFactor: number;
  readonly schedulerConfig: SchedulerConfig;
  readonly tokenizer: Tokenizer;
  /** Whether the checkpoint ships a safety checker, as that of Stable Diffusion 1.5 does. */
  readonly hasSafetyChecker: boolean;
}

/**
 * Reads what the host needs of a checkpoint folder: `unet/config.json`, `vae/config.json`,
 * `scheduler/scheduler_config.json`, the `tokenizer/`, and `model_index.json` if it is there.
 *
 * @throws SdgraphError `E_CHECKPOINT` when it is no folder, lacks a part or has another form, `E_CHECKPOINT_CONFIG`
 * when a value cannot be used; `E_TOKENIZER`, `E_SCHEDULER`, `E_FILE_READ`
 */
export async function loadCheckpoint(dir: string): Promise<Checkpoint> {
  requireFolder(dir);
  const unet = new ConfigFile(requirePart(dir, 'unet/config.json'));
  const vae = new ConfigFile(requirePart(dir, 'vae/config.json'));
  const scheduler = requirePart(dir, 'scheduler/scheduler_config.json');
  requirePart(dir, 'tokenizer/vocab.json');
  requirePart(dir, 'tokenizer/merges.txt');

  const channels = unet.whole('in_channels', 1024);
  if (channels !== LATENT_CHANNELS) {
    throw checkpointError(
      'the UNet takes more than latents',
      { file: unet.file, name: 'in_channels' },
      {
        expected: `${LATENT_CHANNELS}`,
        found: `${channels}`,
        hint: 'checkpoints for inpainting or editing need other inputs than a prompt',
      },
      'E_CHECKPOINT_CONFIG',
    );
  }
  return {
    dir,
    sampleSize: sampleSizeOf(unet),
    pixelsPerLatent: pixelsPerLatent(vae),
    scalingFactor: vae.positive('scaling_factor', DEFAULT_SCALING_FACTOR),
    schedulerConfig: loadSchedulerConfig(scheduler),
    tokenizer: await createTokenizer(join(dir, 'tokenizer')),
    hasSafetyChecker: hasSafetyChecker(dir),
  };
}

function requireFolder(dir: string): void {
  const stat = statSync(dir, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return;
  const isHubName = stat === undefined && /^[\w.-]+\/[\w.-]+$/u.test(dir);
  const hint = isHubName
    ? `nothing is downloaded here; fetch it first, for example with: hf download ${printable(dir)} --local-dir DIR`
    : 'name the folder that holds model_index.json, unet/, vae/, tokenizer/ and scheduler/';
  const found = stat === undefined ? 'no such folder' : 'a file';
  throw checkpointError('the checkpoint is not a folder', { file: dir }, { expected: 'a local folder', found, hint });
}

/** The path of a file that every checkpoint has. */
function requirePart(dir: string, part: string): string {
  const file = join(dir, part);
  if (existsSync(file)) return file;
  const hint = 'a checkpoint in diffusers layout has it; single .ckpt or .safetensors files have to be converted first';
  throw checkpointError('the checkpoint lacks a part', { file: dir }, { expected: part, found: 'nothing', hint });
}

function sampleSizeOf(unet: ConfigFile): number {
  const size = unet.whole('sample_size', MAX_SAMPLE_SIZE);
  return size < OLD_SAMPLE_SIZE && isOlderThanNine(unet) ? OLD_SAMPLE_SIZE : size;
}

/** Whether diffusers before 0.9.0 wrote the configuration. Pre-releases of 0.9.0 count as 0.9.0, as diffusers has it. */
function isOlderThanNine(config: ConfigFile): boolean {
  const version = config.get('_diffusers_version');
  if (version === undefined) return false;
  const [, major, minor] = (typeof version === 'string' ? /^v?(\d+)\.(\d+)/u.exec(version) : undefined) ?? [];
  if (major === undefined || minor === undefined)
    throw config.refused('_diffusers_version', 'a version such as 0.14.0');
  return Number(major) === 0 && Number(minor) < 9;
}

function pixelsPerLatent(vae: ConfigFile): number {
  const blocks = vae.get('block_out_channels');
  if (!Array.isArray(blocks) || blocks.length < 1 || blocks.length > 8) {
    throw vae.refused('block_out_channels', 'a list of one to eight numbers');
  }
  return 2 ** (blocks.length - 1);
}

function hasSafetyChecker(dir: string): boolean {
  const index = join(dir, 'model_index.json');
  if (!existsSync(index)) return existsSync(join(dir, 'safety_checker'));
  const entry = new ConfigFile(index).get('safety_checker');
  if (entry === undefined) return false;
  // Where there is none, diffusers writes a list of nulls in its place.
  return !Array.isArray(entry) || entry.some((part) => part !== null);
}

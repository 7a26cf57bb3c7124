import { onTestFinished } from 'vitest';
import { Checkpoint } from '../../src/export/checkpoint.ts';
import { buildClip, type ClipOptions } from '../../src/export/clip.ts';
import { type ClipConfig, readClipConfig } from '../../src/export/config-clip.ts';
import { readUNetConfig } from '../../src/export/config-unet.ts';
import { readVaeConfig, type VaeConfig } from '../../src/export/config-vae.ts';
import { buildUNet, type UNetOptions } from '../../src/export/unet.ts';
import { buildVae, type VaeOptions } from '../../src/export/vae.ts';
import { CheckpointWeights } from '../../src/export/weights-checkpoint.ts';
import type { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import { type Architecture, type ModelName, tinySd } from './tiny-sd.ts';

/** A model of a miniature checkpoint, and the names of its weights that the model does not have. */
export interface TinyExport {
  readonly model: Model;
  readonly leftOver: readonly string[];
}

/** How a miniature model is exported. */
export interface TinyOptions {
  /** Have the weights converted and transposed to this type when they are read. */
  readonly fold?: typeof DataType.FLOAT | typeof DataType.FLOAT16;
  /** Another folder with a checkpoint of this architecture. */
  readonly dir?: string;
  readonly clip?: ClipOptions;
  readonly unet?: UNetOptions;
  readonly vae?: VaeOptions;
  /** Changes of the configuration. */
  readonly clipConfig?: Partial<ClipConfig>;
  readonly vaeConfig?: Partial<VaeConfig>;
}

const PARTS = { clip: 'text_encoder', unet: 'unet', vae: 'vae' } as const;

/** Exports a model of a miniature checkpoint, 16x16 latents; its weights can be read until the running test is over. */
export function tinyExport(architecture: Architecture, name: ModelName, options: TinyOptions = {}): TinyExport {
  const checkpoint = Checkpoint.open(options.dir ?? tinySd(architecture));
  const part = checkpoint.part(PARTS[name]);
  onTestFinished(() => part.close());
  const weights = new CheckpointWeights(part, options.fold === undefined ? {} : { fold: options.fold });
  const path = checkpoint.config(PARTS[name]);
  const build = {
    clip: () => buildClip({ ...readClipConfig(path), ...options.clipConfig }, weights, options.clip),
    unet: () => buildUNet(readUNetConfig(path), weights, options.unet),
    vae: () => buildVae({ ...readVaeConfig(path), ...options.vaeConfig }, weights, { sampleSize: 16, ...options.vae }),
  };
  const model = build[name]();
  return { model, leftOver: weights.leftOver() };
}

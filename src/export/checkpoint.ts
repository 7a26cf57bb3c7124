/**
 * A checkpoint directory as diffusers saves it: which file holds what.
 *
 * The directory comes from a stranger, and its files are read and may be passed on with a model. So every path in it
 * must end inside it; a symbolic link that leads out is followed only in the cache of the Hugging Face hub, where
 * `snapshots/REVISION/unet/x.safetensors` leads to `blobs/` of the same model, or when links are allowed.
 */

import { readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { SdgraphError } from '../errors.ts';
import { systemReason } from '../wire/source.ts';
import { chooseFile } from './checkpoint-files.ts';
import { type CheckpointPart, openPart } from './checkpoint-part.ts';

/** The parts of a checkpoint that are exported. */
export type PartName = 'text_encoder' | 'unet' | 'vae';

/** How a checkpoint is read. */
export interface CheckpointOptions {
  /** Follow symbolic links wherever they lead. Default: inside the checkpoint and in a hub cache only. */
  readonly followLinks?: boolean;
  /** Take `NAME.VARIANT.safetensors`, for example `fp16`. Default: the plain file, or the only variant there is. */
  readonly variant?: string;
}

/** A file of a checkpoint. */
export interface CheckpointFile {
  /** As the user would name it: inside the directory of the checkpoint. */
  readonly path: string;
  /** The plain file behind it, links resolved. */
  readonly real: string;
}

/** A checkpoint directory in diffusers layout. */
export class Checkpoint {
  /** The directory as the user named it. */
  readonly dir: string;
  readonly #real: string;
  readonly #options: CheckpointOptions;

  private constructor(dir: string, real: string, options: CheckpointOptions) {
    this.dir = dir;
    this.#real = real;
    this.#options = options;
  }

  /**
   * Opens a directory. No file in it is read yet.
   *
   * @throws SdgraphError `E_CHECKPOINT` when it is no directory in diffusers layout, saying what it is and how to get one
   */
  static open(dir: string, options: CheckpointOptions = {}): Checkpoint {
    const { variant } = options;
    if (variant !== undefined && !/^\w+$/u.test(variant)) {
      throw new SdgraphError('E_CHECKPOINT', 'a variant is one word', {}, { expected: 'fp16', found: `'${variant}'` });
    }
    const real = requireDirectory(dir);
    requireLayout(dir);
    return new Checkpoint(dir, real, options);
  }

  /**
   * Opens a part: finds its files and reads their headers. Weights stay on disk.
   *
   * @throws SdgraphError `E_CHECKPOINT`, `E_SAFETENSORS`, `E_FILE_MISSING`, `E_FILE_READ`
   */
  part(name: PartName): CheckpointPart {
    const names = this.#list(name);
    const choice = chooseFile(join(this.dir, name), names, stemOf(name), this.#options.variant);
    return openPart(name, choice, (file) => this.file(join(name, file)));
  }

  /** The path of the configuration of a part, checked as every file is. */
  config(name: PartName): string {
    return this.file(join(name, 'config.json')).real;
  }

  /**
   * Finds a file of the checkpoint.
   *
   * @param path relative to the directory
   * @throws SdgraphError `E_FILE_MISSING`, `E_CHECKPOINT` when a link leads out of the checkpoint
   */
  file(path: string): CheckpointFile {
    const label = join(this.dir, path);
    let real: string;
    try {
      real = realpathSync(label);
    } catch (cause) {
      const hint = 'name the directory that holds text_encoder, unet and vae, whole as it was downloaded';
      const found = systemReason(cause);
      throw new SdgraphError(
        'E_FILE_MISSING',
        'a file of the checkpoint is missing',
        { file: label },
        { found, hint, cause },
      );
    }
    if (this.#options.followLinks === true || isInside(this.#real, real) || this.#isBlob(real))
      return { path: label, real };
    throw new SdgraphError(
      'E_CHECKPOINT',
      'a file of the checkpoint is a link that leads out of it',
      { file: label },
      {
        expected: 'a file inside the checkpoint, or in the blobs of the same entry of a hub cache',
        found: real,
        hint: 'if you trust where the checkpoint came from, allow links (--follow-links, in code followLinks)',
      },
    );
  }

  /** `models--A--B/snapshots/REVISION` is this directory, and `models--A--B/blobs/HASH` the file. */
  #isBlob(real: string): boolean {
    const snapshots = dirname(this.#real);
    return basename(snapshots) === 'snapshots' && isInside(join(dirname(snapshots), 'blobs'), real);
  }

  #list(name: PartName): readonly string[] {
    try {
      return readdirSync(join(this.dir, name)).toSorted();
    } catch (cause) {
      const file = join(this.dir, name);
      const hint = 'name the directory that holds text_encoder, unet and vae';
      throw new SdgraphError(
        'E_CHECKPOINT',
        'a part of the checkpoint cannot be read',
        { file },
        { found: systemReason(cause), hint, cause },
      );
    }
  }
}

/** Names of weight files begin with this. */
function stemOf(name: PartName): string {
  return name === 'text_encoder' ? 'model' : 'diffusion_pytorch_model';
}

/** Whether a file is below a folder; both are real paths. */
export function isInside(folder: string, file: string): boolean {
  const path = relative(folder, file);
  return path !== '' && path.split(sep)[0] !== '..' && !isAbsolute(path);
}

function requireDirectory(dir: string): string {
  try {
    if (statSync(dir).isDirectory()) return realpathSync(dir);
  } catch (cause) {
    const hint = 'name a directory on this machine; sdgraph downloads nothing';
    throw new SdgraphError(
      'E_CHECKPOINT',
      'there is no such checkpoint',
      { file: dir },
      { found: systemReason(cause), hint, cause },
    );
  }
  throw new SdgraphError(
    'E_CHECKPOINT',
    'a checkpoint is a directory, not one file',
    { file: dir },
    {
      expected: 'a directory in diffusers layout',
      found: 'a file',
      hint: 'turn a single .safetensors or .ckpt file into a directory with convert_original_stable_diffusion_to_diffusers.py of diffusers',
    },
  );
}

/** Tells two frequent mistakes apart from a file that is really missing. */
function requireLayout(dir: string): void {
  const there = (name: string): boolean => statSync(join(dir, name), { throwIfNoEntry: false })?.isDirectory() === true;
  if (there('unet') || there('text_encoder') || there('vae')) return;
  const hint = there('snapshots')
    ? 'this is an entry of a hub cache; name one of the directories in snapshots'
    : 'name the directory that holds text_encoder, unet and vae';
  throw new SdgraphError('E_CHECKPOINT', 'the directory is no checkpoint in diffusers layout', { file: dir }, { hint });
}

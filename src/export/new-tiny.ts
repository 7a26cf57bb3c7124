import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { SdgraphError } from '../errors.ts';
import { writeFileAtomic } from '../io/atomic.ts';
import { writeSafetensors } from '../io/safetensors-writer.ts';
import { removeStale, temporaryPath } from '../io/temporary.ts';
import { systemReason } from '../wire/source.ts';
import { readClipConfig } from './config-clip.ts';
import { readUNetConfig } from './config-unet.ts';
import { readVaeConfig } from './config-vae.ts';
import { type TinyArchitecture, tinyConfigs } from './new-tiny-configs.ts';
import { clipShapes, type Shapes, unetShapes, vaeShapes } from './new-tiny-shapes.ts';
import { tinyTokenizer } from './new-tiny-tokenizer.ts';
import { tinyTensors } from './new-tiny-values.ts';

/** What {@link newTinyCheckpoint} makes. */
export interface NewTinyOptions {
  /** The directory to make; it must not exist, or be empty. */
  readonly out: string;
  /** Stable Diffusion 1.5 or 2.1-base; default `sd15`. */
  readonly architecture?: TinyArchitecture;
  /** Equal seeds give equal files; default 0. */
  readonly seed?: number;
  /** The sizes of the real models, 2.1 GB (`sd15`) or 2.6 GB of weights in float16. Default: some megabytes. */
  readonly fullSize?: boolean;
  /** Zeros that take no room on disk, in place of random weights. Default false. */
  readonly sparse?: boolean;
  /** Element type of the weights; by default `fp32` for a small `sd15`, `fp16` for `sd21` and at full size. */
  readonly dtype?: 'fp32' | 'fp16';
  /** Called now and then with the bytes of weights written so far, and those to write in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What {@link newTinyCheckpoint} made. */
export interface NewTinyReport {
  readonly out: string;
  readonly architecture: TinyArchitecture;
  readonly seed: number;
  readonly fullSize: boolean;
  /** Whether all weights are zeros that take no room on disk. */
  readonly sparse: boolean;
  readonly dtype: 'fp32' | 'fp16';
  readonly files: readonly TinyWeightFile[];
}

/** A file with weights. */
export interface TinyWeightFile {
  /** Path in the directory. */
  readonly path: string;
  readonly bytes: number;
  readonly tensors: number;
  /** Elements of all tensors. */
  readonly parameters: number;
}

/** Tokens that the tokenizer knows; a larger vocabulary of the text encoder has room for more. */
const TOKENS = 800;

/**
 * Makes up a checkpoint in diffusers layout, for tests and measurements: the layers and names of the real models, made-up
 * weights. The directory appears when it is complete.
 *
 * @throws SdgraphError `E_FILE_WRITE`; `E_EXPORT` for a seed that is no whole number from 0 to 2^32 - 1
 */
export async function newTinyCheckpoint(options: NewTinyOptions): Promise<NewTinyReport> {
  const { out, architecture = 'sd15', seed = 0, fullSize = false, sparse = false, onProgress } = options;
  const dtype = options.dtype ?? (fullSize || architecture === 'sd21' ? 'fp16' : 'fp32');
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    const expected = 'a whole number from 0 to 4294967295';
    throw new SdgraphError('E_EXPORT', 'a seed is not valid', {}, { expected, found: `${seed}` });
  }
  return inNewFolder(out, async (folder) => {
    for (const [path, config] of tinyConfigs(architecture, fullSize)) {
      writeText(folder, path, `${JSON.stringify(config, undefined, 2)}\n`);
    }
    const at = (part: string): string => join(folder, part, 'config.json');
    const clip = readClipConfig(at('text_encoder'));
    for (const [name, text] of tinyTokenizer(TOKENS, clip.maxPositions)) writeText(folder, `tokenizer/${name}`, text);
    const parts: readonly (readonly [string, string, Shapes])[] = [
      ['text_encoder', 'model', clipShapes(clip)],
      ['unet', 'diffusion_pytorch_model', unetShapes(readUNetConfig(at('unet')))],
      ['vae', 'diffusion_pytorch_model', vaeShapes(readVaeConfig(at('vae')))],
    ];
    const elementBytes = dtype === 'fp16' ? 2 : 4;
    const total = parts.reduce((sum, [, , shapes]) => sum + countElements(shapes), 0) * elementBytes;
    const files: TinyWeightFile[] = [];
    let before = 0;
    for (const [part, stem, shapes] of parts) {
      const path = `${part}/${stem}.safetensors`;
      const tensors = tinyTensors(shapes, {
        dtype: dtype === 'fp16' ? 'F16' : 'F32',
        seed: sparse ? undefined : seed,
        part,
      });
      const parameters = countElements(shapes);
      const bytes = await writeSafetensors(join(folder, path), tensors, { format: 'pt' }, (done) =>
        onProgress?.(before + done, total),
      );
      before += parameters * elementBytes;
      files.push({ path, bytes, tensors: tensors.length, parameters });
    }
    return { out, architecture, seed, fullSize, sparse, dtype, files };
  });
}

function countElements(shapes: Shapes): number {
  let count = 0;
  for (const shape of shapes.values()) count += shape.reduce((product, dim) => product * dim, 1);
  return count;
}

function writeText(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileAtomic(join(folder, path), text);
}

/** Fills a folder beside its place and moves it there; after a failure, or when the process ends before, it is gone. */
async function inNewFolder<T>(out: string, fill: (folder: string) => Promise<T>): Promise<T> {
  const target = resolve(out);
  requireFree(out, target);
  removeStale(dirname(target), basename(target));
  const temporary = temporaryPath(dirname(target), basename(target));
  const remove = (): void => rmSync(temporary, { recursive: true, force: true });
  process.on('exit', remove);
  try {
    attempt(out, () => mkdirSync(temporary, { recursive: true }));
    const result = await fill(temporary);
    attempt(out, () => renameSync(temporary, target));
    return result;
  } finally {
    process.off('exit', remove);
    remove();
  }
}

function requireFree(out: string, target: string): void {
  let entries: readonly string[];
  try {
    entries = readdirSync(target);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw writeFailed(out, cause);
  }
  if (entries.length === 0) return;
  const hint = 'name a new directory; nothing is ever replaced';
  throw new SdgraphError('E_FILE_WRITE', 'the directory is not empty', { file: out }, { hint });
}

function attempt(file: string, action: () => void): void {
  try {
    action();
  } catch (cause) {
    throw writeFailed(file, cause);
  }
}

function writeFailed(file: string, cause: unknown): SdgraphError {
  return new SdgraphError('E_FILE_WRITE', `the directory cannot be made: ${systemReason(cause)}`, { file }, { cause });
}

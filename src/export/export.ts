import { mkdirSync, rmdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { SdgraphError } from '../errors.ts';
import { saveModel } from '../io/save.ts';
import type { Model } from '../ir/model.ts';
import { formatType } from '../ir/type.ts';
import type { Value } from '../ir/value.ts';
import { systemReason } from '../wire/source.ts';
import { Checkpoint, type CheckpointOptions, type PartName } from './checkpoint.ts';
import type { CheckpointPart } from './checkpoint-part.ts';
import { buildClip } from './clip.ts';
import { readCheckpointConfigs } from './configs.ts';
import { type GraphType, graphType } from './options.ts';
import { type Placed, placeWeights, type WeightPlacement } from './place.ts';
import { buildUNet } from './unet.ts';
import { buildVae } from './vae.ts';
import { CheckpointWeights } from './weights-checkpoint.ts';

/** The models that a checkpoint is exported to, in the order in which the pipeline runs them. */
export const EXPORTED_MODELS = ['clip', 'unet', 'vae'] as const;

/** A model that a checkpoint is exported to. */
export type ExportedName = (typeof EXPORTED_MODELS)[number];

/** What {@link exportCheckpoint} exports, and how. */
export interface ExportOptions extends CheckpointOptions {
  /** The checkpoint: a directory in diffusers layout. */
  readonly model: string;
  /** Folder for `clip/clip.onnx`, `unet/unet.onnx` and `vae/vae.onnx`; made if missing. */
  readonly outputDir: string;
  /** Images in one run; default 1. The UNet takes twice as many latents, for both halves of the guidance. */
  readonly batchSize?: number;
  /** The halves of the guidance run on two devices: the UNet takes `batchSize` latents. Default false. */
  readonly parallel?: boolean;
  /** Version of the standard operators, 11 to 21; default 11. */
  readonly opset?: number;
  /** The models to export; default all. */
  readonly only?: readonly ExportedName[];
  /** Put `post_quant_conv` into the VAE; default false: the pipeline does it. */
  readonly vaePostQuant?: boolean;
  /** Element type of the graphs; default `fp32`. */
  readonly dtype?: GraphType;
  /** Element type of the timestep; default `int64`, as PyTorch exports it. */
  readonly timestep?: 'int64' | 'int32';
  /** Where weights go; default `reference`. What is not possible becomes `copy`, and the report says why. */
  readonly weights?: WeightPlacement;
  /** Convert and transpose weights while they are copied, instead of in the graph. Default false. */
  readonly fold?: boolean;
  /** Called when work on a model begins. */
  readonly onModel?: (name: ExportedName) => void;
  /** Called now and then with the bytes of a model written so far, and those to write in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** An input or output of an exported model. */
export interface ExportedPort {
  readonly name: string;
  /** Element type and dimensions, such as `float32[2,4,64,64]`. */
  readonly type: string;
}

/** One exported model. */
export interface ExportedModel {
  readonly name: ExportedName;
  readonly path: string;
  readonly inputs: readonly ExportedPort[];
  readonly outputs: readonly ExportedPort[];
  readonly nodes: number;
  /** Tensors of the checkpoint that the model has. */
  readonly tensors: number;
  /** The variant of the weight files, such as `fp16`; null for the plain ones. */
  readonly variant: string | null;
  readonly weights: WeightPlacement;
  /** Files written, the model last. Links are not among them. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** Bytes of weights that were written. */
  readonly weightBytes: number;
  readonly warnings: readonly string[];
}

/** What {@link exportCheckpoint} did. */
export interface ExportReport {
  readonly model: string;
  readonly outputDir: string;
  readonly batchSize: number;
  readonly parallel: boolean;
  readonly opset: number;
  readonly dtype: GraphType;
  readonly models: readonly ExportedModel[];
}

const OPSETS = { oldest: 11, newest: 21 } as const;

/** BFLOAT16 can be cast from here on. */
const BFLOAT_OPSET = 13;

const PARTS: Readonly<Record<ExportedName, PartName>> = { clip: 'text_encoder', unet: 'unet', vae: 'vae' };

/**
 * Exports the models of a checkpoint, as upstream's script does with PyTorch: same files, inputs, outputs and names.
 * All graphs are built before anything is written. Every file is written whole or not at all.
 *
 * ```ts
 * await exportCheckpoint({ model: 'stable-diffusion-v1-5', outputDir: 'models', batchSize: 1 });
 * ```
 *
 * @throws SdgraphError `E_CHECKPOINT`, `E_CHECKPOINT_CONFIG`, `E_CHECKPOINT_TENSOR`, `E_SAFETENSORS`, `E_EXPORT`, and what
 * saving throws
 */
export async function exportCheckpoint(options: ExportOptions): Promise<ExportReport> {
  const { model, outputDir, batchSize = 1, parallel = false, opset = OPSETS.oldest, dtype = 'fp32' } = options;
  const names = checkOptions(options);
  const checkpoint = Checkpoint.open(model, options);
  const jobs: Job[] = [];
  const folders = new FreshFolders();
  try {
    const configs = readCheckpointConfigs(checkpoint, names);
    for (const name of names) {
      options.onModel?.(name);
      jobs.push(prepare(name, checkpoint, configs, options, folders));
    }
    const models: ExportedModel[] = [];
    for (const job of jobs) {
      options.onModel?.(job.name);
      models.push(await save(job, options));
    }
    folders.keep();
    return { model, outputDir, batchSize, parallel, opset, dtype, models };
  } finally {
    for (const job of jobs) job.close();
    folders.removeEmpty();
  }
}

/** A model that is ready to be saved. */
interface Job {
  readonly name: ExportedName;
  readonly path: string;
  readonly part: CheckpointPart;
  readonly weights: CheckpointWeights;
  readonly model: Model;
  readonly placed: Placed;
  readonly warnings: readonly string[];
  close(): void;
}

function checkOptions({
  only,
  opset = OPSETS.oldest,
  fold = false,
  weights = 'copy',
}: ExportOptions): readonly ExportedName[] {
  if (!Number.isInteger(opset) || opset < OPSETS.oldest || opset > OPSETS.newest) {
    throw refuse('opset', `${OPSETS.oldest} to ${OPSETS.newest}`, `${opset}`);
  }
  if (fold && weights !== 'copy') throw refuse('fold', 'weights that are copied', weights);
  const unknown = only?.find((name) => !EXPORTED_MODELS.includes(name));
  if (unknown !== undefined) throw refuse('only', EXPORTED_MODELS.join(', '), unknown);
  if (only?.length === 0) throw refuse('only', 'at least one model', 'none');
  return EXPORTED_MODELS.filter((name) => only === undefined || only.includes(name));
}

function refuse(option: string, expected: string, found: string): SdgraphError {
  const reason = 'a model cannot be exported with this option';
  return new SdgraphError('E_EXPORT', reason, { name: option }, { expected, found });
}

function prepare(
  name: ExportedName,
  checkpoint: Checkpoint,
  configs: ReturnType<typeof readCheckpointConfigs>,
  options: ExportOptions,
  folders: FreshFolders,
): Job {
  const { outputDir, batchSize, parallel, opset = OPSETS.oldest, dtype = 'fp32', timestep } = options;
  const part = checkpoint.part(PARTS[name]);
  let placed: Placed | undefined;
  try {
    const folder = join(outputDir, name);
    folders.make(folder);
    const isUncastable = opset < BFLOAT_OPSET && [...part.tensors.values()].some((tensor) => tensor.dtype === 'BF16');
    const isFolded = options.fold === true || isUncastable;
    placed = placeWeights(part.files, folder, isFolded ? 'copy' : (options.weights ?? 'reference'), options);
    const weights = new CheckpointWeights(part, {
      ...(isFolded ? { fold: graphType(dtype) } : {}),
      ...(placed.locate === undefined ? {} : { locate: placed.locate }),
    });
    const common = { opset, dtype, ...(batchSize === undefined ? {} : { batchSize }) };
    const model =
      name === 'clip'
        ? buildClip(configs.clip(), weights, common)
        : name === 'unet'
          ? buildUNet(configs.unet(), weights, {
              ...common,
              parallel: parallel ?? false,
              textLength: configs.textLength,
              timestep: timestep ?? 'int64',
            })
          : buildVae(configs.vae(), weights, {
              ...common,
              sampleSize: configs.unet().sampleSize,
              postQuant: options.vaePostQuant ?? false,
            });
    const warnings = [
      ...(isUncastable && options.fold !== true
        ? [`weights are copied and converted: they are bfloat16, which no graph of opset ${opset} can cast`]
        : []),
      ...(placed.reason === undefined ? [] : [`weights are copied: ${placed.reason}`]),
      ...(name === 'vae' && dtype === 'fp16' && configs.vae().forceUpcast
        ? ['the checkpoint asks for float32 here (force_upcast): images may come out black or with spots in float16']
        : []),
      ...leftOver(weights),
    ];
    const { undo } = placed;
    const close = (): void => {
      undo();
      part.close();
    };
    return { name, path: join(folder, `${name}.onnx`), part, weights, model, placed, warnings, close };
  } catch (error) {
    placed?.undo();
    part.close();
    throw error;
  }
}

/** Tensors that nobody asked for may mean that the model is another one than the configuration says. */
function leftOver(weights: CheckpointWeights): readonly string[] {
  const names = weights.leftOver();
  if (names.length === 0) return [];
  const shown = names.slice(0, 5).join(', ');
  return [`${names.length} tensors of the checkpoint are not used: ${shown}${names.length > 5 ? ', …' : ''}`];
}

async function save(job: Job, { onProgress }: ExportOptions): Promise<ExportedModel> {
  const { name, path, model, placed, part, weights, warnings } = job;
  const { placement } = placed;
  const saved = await saveModel(model, path, {
    externalData: placement === 'copy' ? 'single' : 'reuse',
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  placed.keep();
  const isLinked = placement === 'link';
  return {
    name,
    path,
    inputs: model.graph.inputs.map(port),
    outputs: model.graph.outputs.map(port),
    nodes: model.graph.nodes.size,
    tensors: weights.count,
    variant: part.variant ?? null,
    weights: placement,
    files: saved.files,
    weightBytes: saved.files.slice(0, -1).reduce((sum, { bytes }) => sum + bytes, 0),
    warnings: isLinked
      ? [
          ...warnings,
          'weights and the file of the checkpoint are one file with two names (hard links), which many readers of models refuse; sdgraph takes it with --follow-links',
        ]
      : warnings,
  };
}

function port(value: Value): ExportedPort {
  return { name: value.name, type: value.type === undefined ? 'unknown' : formatType(value.type) };
}

/** Folders that an export makes, so that one that fails leaves none behind. */
class FreshFolders {
  #made: { readonly folder: string; readonly first: string }[] = [];

  make(folder: string): void {
    try {
      const first = mkdirSync(folder, { recursive: true });
      if (first !== undefined) this.#made.push({ folder: resolve(folder), first: resolve(first) });
    } catch (cause) {
      const reason = `the folder cannot be made: ${systemReason(cause)}`;
      throw new SdgraphError('E_FILE_WRITE', reason, { file: folder }, { cause });
    }
  }

  keep(): void {
    this.#made = [];
  }

  removeEmpty(): void {
    for (const { folder, first } of this.#made.toReversed()) {
      try {
        for (let each = folder; each.length >= first.length; each = dirname(each)) rmdirSync(each);
      } catch {
        // A folder that holds something stays, and those above it.
      }
    }
  }
}

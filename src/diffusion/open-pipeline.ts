import { printable } from '../errors.ts';
import { openSession } from '../runtime/open.ts';
import type { InferenceSession } from '../runtime/session.ts';
import { type Checkpoint, loadCheckpoint } from './checkpoint.ts';
import { pipelineError, planGeneration } from './generation.ts';
import { findModels, holdsPostQuantConv, type ModelFiles, type PipelineBackend } from './model-files.ts';
import { closeSessions, TextToImagePipeline } from './pipeline.ts';
import type { GenerateOptions, ImageResult, PipelineSessions, SafetyChecker } from './pipeline-types.ts';
import { readPostQuantConv } from './post-quant-conv.ts';

/** How {@link openPipeline} opens. */
export interface OpenPipelineOptions {
  /** Folder of the checkpoint in diffusers layout. Of its weights only `post_quant_conv` is read. */
  readonly model: string;
  /** Folder with `clip/`, `unet/` and `vae/`. Default `./models`. Not looked at when there are {@link sessions}. */
  readonly modelDir?: string;
  /** Default: `acl` where all `.om` files are there, otherwise `ort`. */
  readonly backend?: PipelineBackend;
  /**
   * Devices, 0 to 255. Two of them share the UNet, which must have been exported for that (`--parallel`); with
   * onnxruntime both are the CPU. Default `[0]`.
   */
  readonly devices?: readonly number[];
  /** Batch size that the models must have. By default they say it themselves. */
  readonly batchSize?: number;
  /**
   * Whether `post_quant_conv` is computed by the model of the VAE or by the host. `auto` (the default) looks into an
   * `.onnx` file and takes an `.om` file for the sample's, without it.
   */
  readonly vaePostQuant?: 'auto' | 'host' | 'model';
  /** Threads inside an operator on the CPU; 0 (the default) lets onnxruntime choose. */
  readonly threads?: number;
  /** Longest time that one run of a compiled model may take, in milliseconds; no limit if not given. */
  readonly timeoutMs?: number;
  readonly safetyChecker?: SafetyChecker;
  /** Models that are loaded already, in place of files. `vaePostQuant` `auto` means `host` then. */
  readonly sessions?: PipelineSessions;
  /** Ends the opening with the signal's reason, as soon as the model that is loading has been loaded. */
  readonly signal?: AbortSignal;
}

/** Options of {@link textToImage}. */
export interface TextToImageOptions extends OpenPipelineOptions, GenerateOptions {}

/**
 * Opens a checkpoint and its models. Close the pipeline when it is no longer needed: it closes the models, those in
 * `sessions` included.
 *
 * @throws SdgraphError `E_PIPELINE` for options out of range, `E_CHECKPOINT` and `E_TOKENIZER` for the checkpoint,
 * `E_MODELS` for models that are missing or do not fit, and what loading them throws. Nothing is left open.
 */
export async function openPipeline(options: OpenPipelineOptions): Promise<TextToImagePipeline> {
  const checkpoint = await loadCheckpoint(options.model);
  return openWith(options, checkpoint);
}

/**
 * Makes images from texts: opens a pipeline, generates, closes it. What is asked for is checked before models are loaded.
 *
 * ```ts
 * for await (const { image, name } of textToImage({ model: 'sd15', modelDir: 'models', prompts: ['a cat'], seed: 1 })) {
 *   writeFileSync(name, encodePng(image));
 * }
 * ```
 *
 * @throws SdgraphError while iterating: as {@link openPipeline} and {@link TextToImagePipeline.generate}
 */
export async function* textToImage(options: TextToImageOptions): AsyncGenerator<ImageResult, void, undefined> {
  options.signal?.throwIfAborted();
  const checkpoint = await loadCheckpoint(options.model);
  planGeneration(options, checkpoint);
  const pipeline = await openWith(options, checkpoint);
  try {
    yield* pipeline.generate(options);
  } finally {
    await pipeline.close();
  }
}

/** The same as {@link openPipeline}, for a checkpoint that has been read. */
export async function openWith(options: OpenPipelineOptions, checkpoint: Checkpoint): Promise<TextToImagePipeline> {
  const { modelDir = './models', batchSize, safetyChecker, vaePostQuant = 'auto', signal } = options;
  const devices = requireDevices(options.devices ?? [0]);
  requireBatchSize(batchSize);
  if (!['auto', 'host', 'model'].includes(vaePostQuant)) {
    throw pipelineError('vaePostQuant has no such value', 'auto, host or model', printable(vaePostQuant));
  }
  const files = options.sessions === undefined ? findModels(modelDir, options.backend) : undefined;
  const inModel =
    vaePostQuant === 'model' ||
    (vaePostQuant === 'auto' && files?.backend === 'ort' && (await holdsPostQuantConv(files.vae)));
  const conv = inModel ? undefined : readPostQuantConv(checkpoint.dir);
  const sessions = files === undefined ? options.sessions : await openSessions(files, devices, options);
  if (sessions === undefined) throw pipelineError('there are no models', 'files or sessions', 'neither');
  try {
    signal?.throwIfAborted();
    return new TextToImagePipeline({
      checkpoint,
      sessions,
      ...(conv === undefined ? {} : { postQuantConv: conv }),
      ...(batchSize === undefined ? {} : { batchSize }),
      ...(safetyChecker === undefined ? {} : { safetyChecker }),
    });
  } catch (error) {
    // Sessions of the caller stay open: there is no pipeline that has taken them over.
    if (files !== undefined) await closeSessions(sessions);
    throw error;
  }
}

/** Loads the small models first: what is wrong shows before gigabytes are read. */
async function openSessions(
  files: ModelFiles,
  devices: readonly number[],
  { threads, timeoutMs, signal }: OpenPipelineOptions,
): Promise<PipelineSessions> {
  const opened: { -readonly [Name in keyof PipelineSessions]?: PipelineSessions[Name] } = {};
  const [first = 0, second] = devices;
  const load = (file: string, device: number): Promise<InferenceSession> => {
    signal?.throwIfAborted();
    const settings = {
      device,
      backend: files.backend,
      ...(threads === undefined ? {} : { threads }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
    return openSession(file, settings);
  };
  try {
    const clip = (opened.clip = await load(files.clip, first));
    const vae = (opened.vae = await load(files.vae, first));
    const unet = (opened.unet = await load(files.unet, first));
    if (second === undefined) return { clip, vae, unet };
    const secondUnet = (opened.secondUnet = await load(files.unet, second));
    return { clip, vae, unet, secondUnet };
  } catch (error) {
    await closeSessions(opened);
    throw error;
  }
}

function requireDevices(devices: readonly number[]): readonly number[] {
  const bad = devices.find((id) => !Number.isInteger(id) || id < 0 || id > 255);
  if (bad !== undefined) throw pipelineError('there is no such device', 'a whole number from 0 to 255', `${bad}`);
  if (devices.length < 1 || devices.length > 2) {
    throw pipelineError('a pipeline runs on one device or two', 'one id or two', `${devices.length} ids`);
  }
  if (devices.length === 2 && devices[0] === devices[1]) {
    throw pipelineError('the two devices are the same', 'two different ids', devices.join(' and '));
  }
  return devices;
}

function requireBatchSize(size: number | undefined): void {
  if (size === undefined || (Number.isInteger(size) && size >= 1 && size <= 1024)) return;
  throw pipelineError('the batch size is out of range', 'a whole number from 1 to 1024', `${size}`);
}

import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFileAtomic } from '../io/atomic.ts';
import { closeAfter } from '../runtime/close-after.ts';
import { loadCheckpoint } from './checkpoint.ts';
import { ContactSheet } from './contact-sheet.ts';
import { planGeneration } from './generation.ts';
import { ImageInfo } from './image-info.ts';
import { describeImage, type ImageSettings, notedSettings, requireSameSettings } from './image-settings.ts';
import { findModels } from './model-files.ts';
import { type OpenPipelineOptions, openWith } from './open-pipeline.ts';
import type { GenerateOptions } from './pipeline-types.ts';
import { encodePng } from './png.ts';
import { type Prompt, promptBatches } from './prompts.ts';
import { readPng } from './read-png.ts';
import { requireOutputs } from './render-outputs.ts';

/** What {@link renderPrompts} renders, and where to. */
export interface RenderOptions
  extends OpenPipelineOptions,
    Pick<
      GenerateOptions,
      'imagesPerPrompt' | 'steps' | 'scheduler' | 'guidanceScale' | 'negativePrompt' | 'seed' | 'onEvent'
    > {
  /** At least one. */
  readonly prompts: readonly Prompt[];
  /** Folder of the images, made if missing. */
  readonly saveDir: string;
  /** The image info file. Default `./image_info.json`. */
  readonly infoFile?: string;
  /**
   * Leave images alone that are noted in the info file and there. The others are the same as in a run without a break;
   * without a {@link seed} that of the images is taken. Default false.
   */
  readonly resume?: boolean;
  /** A PNG file with thumbnails of all images. */
  readonly contactSheet?: string;
  /** Files that must not be replaced, such as the one that the prompts are from. The models never are. */
  readonly keep?: readonly string[];
  /** Ends the run after the batch that is being made. What was made is kept and noted. */
  readonly signal?: AbortSignal;
}

/** What {@link renderPrompts} did. */
export interface RenderReport {
  /** Images made, in order. */
  readonly images: readonly { readonly file: string; readonly prompt: string; readonly category: string }[];
  /** Images that were there already. */
  readonly skipped: number;
  /** Images that were asked for. */
  readonly total: number;
  /** True when the signal ended the run before all images were made. */
  readonly cancelled: boolean;
  readonly settings: ImageSettings;
  readonly batchSize: number;
  readonly imageSize: number;
  /** Milliseconds of all batches, from tokens to pixels; loading and writing are no part of it. */
  readonly useTime: number;
  readonly infoFile: string;
  readonly contactSheet: string | undefined;
}

/**
 * Renders prompts to PNG files, as the sample does: `PROMPT_IMAGE.png` in a folder, and a JSON file that says which
 * image belongs to which prompt. Everything that can be checked is checked before models are loaded. Images are written
 * whole, and noted batch by batch: whenever a run ends, the info file is valid and tells what is there.
 *
 * @throws SdgraphError `E_PROMPTS`, `E_SCHEDULER`, `E_PIPELINE`, `E_CHECKPOINT`, `E_MODELS` and what models throw;
 * `E_IMAGE_INFO` when resuming what was made of other prompts or with other settings; `E_OVERWRITES_INPUT`, `E_IMAGE`, `E_FILE_WRITE`. The
 * signal's reason when it comes before the models are loaded.
 */
export async function renderPrompts(options: RenderOptions): Promise<RenderReport> {
  const { prompts, saveDir, infoFile = './image_info.json', resume = false, contactSheet, signal } = options;
  const { imagesPerPrompt = 1 } = options;
  const total = prompts.length * imagesPerPrompt;
  promptBatches(prompts, imagesPerPrompt, 1);
  requireOutputs({ saveDir, infoFile, contactSheet, total, inputs: inputsOf(options) });
  const info = resume ? ImageInfo.resume(infoFile, prompts) : ImageInfo.create(infoFile);
  const there = resume ? imagesThere(info, prompts, imagesPerPrompt, saveDir) : new Map<string, string>();
  const settings = settle(options, [...there.values()]);

  const images: { file: string; prompt: string; category: string }[] = [];
  let useTime = 0;
  /** Images of the batch that are not written yet. */
  let waiting = 0;
  const generation = { ...settings, prompts };
  const checkpoint = await loadCheckpoint(options.model);
  planGeneration(generation, checkpoint);
  const pipeline = await openWith(options, checkpoint);
  await closeAfter(pipeline, async () => {
    try {
      const results = pipeline.generate({
        ...generation,
        // A run that is to end makes no further batch: all that is left counts as not wanted.
        skip: (job) => signal?.aborted === true || there.has(job.name),
        onEvent: (event) => {
          if (event.type === 'batch') waiting = event.jobs.length;
          if (event.type === 'batch-done') useTime += event.timings.total;
          options.onEvent?.(event);
        },
      });
      if (!resume) info.write();
      for await (const result of results) {
        const file = imagePath(saveDir, result.name);
        writeFileAtomic(file, encodePng(result.image, describeImage(result, settings)));
        info.add(result.job.prompt, file);
        images.push({ file, prompt: result.prompt, category: result.category });
        waiting--;
        if (waiting === 0) info.write();
      }
    } catch (error) {
      keep(info);
      throw error;
    }
  });
  const done = there.size + images.length;
  if (contactSheet !== undefined && done > 0) {
    writeSheet(contactSheet, [...imagesThere(info, prompts, imagesPerPrompt, saveDir).values()]);
  }
  const { batchSize, imageSize } = pipeline;
  return {
    images,
    skipped: there.size,
    total,
    cancelled: done < total,
    settings,
    batchSize,
    imageSize,
    useTime,
    infoFile,
    contactSheet: done > 0 ? contactSheet : undefined,
  };
}

/** Files that are read, and must stay as they are. */
function inputsOf({ keep: kept = [], sessions, modelDir = './models', backend }: RenderOptions): string[] {
  if (sessions !== undefined) return [...kept];
  const { clip, unet, vae } = findModels(modelDir, backend);
  return [...kept, clip, unet, vae];
}

/** The path of an image as upstream notes it: put together, not normalized. */
function imagePath(saveDir: string, name: string): string {
  return saveDir.endsWith('/') ? `${saveDir}${name}` : `${saveDir}/${name}`;
}

/** The files of the images that are noted and there, in order, by name. */
function imagesThere(
  info: ImageInfo,
  prompts: readonly Prompt[],
  imagesPerPrompt: number,
  saveDir: string,
): Map<string, string> {
  const files = new Map<string, string>();
  for (const { jobs } of promptBatches(prompts, imagesPerPrompt, 1)) {
    for (const { prompt, name } of jobs) {
      const file = imagePath(saveDir, name);
      if (info.has(prompt, file) && existsSync(file)) files.set(name, file);
    }
  }
  return files;
}

/** The settings of the run; those that images are there of must be the same, and a seed that nobody gave is theirs. */
function settle(options: RenderOptions, there: readonly string[]): ImageSettings {
  const noted = there.map((file) => ({ file, settings: notedSettings(readPng(file).text) }));
  const seedBefore = noted.find(({ settings }) => settings?.seed !== undefined)?.settings?.seed;
  const { steps = 50, scheduler = 'DDIM', guidanceScale = 7.5, negativePrompt = '', imagesPerPrompt = 1 } = options;
  const seed = options.seed ?? seedBefore ?? randomInt(2 ** 32);
  const settings: ImageSettings = { seed, steps, scheduler, guidanceScale, negativePrompt, imagesPerPrompt };
  for (const { file, settings: before } of noted) {
    if (before !== undefined) requireSameSettings(file, before, settings);
  }
  return settings;
}

/** Notes what was made before a failure. That failure is what matters, whatever becomes of the note. */
function keep(info: ImageInfo): void {
  try {
    info.write();
  } catch {
    // The file of the batch before is still there.
  }
}

function writeSheet(path: string, files: readonly string[]): void {
  const sheet = new ContactSheet(files.length);
  for (const file of files) sheet.add(readPng(file).image());
  writeFileAtomic(path, encodePng(sheet.image, new Map([['Software', 'sdgraph']])));
}

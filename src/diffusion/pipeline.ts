/** Text to image: the models on their devices, everything between them on the host. */

import type { Checkpoint } from './checkpoint.ts';
import { denoise } from './denoise.ts';
import { type Generation, pipelineError, planGeneration, type WantedBatch } from './generation.ts';
import { postQuantConv, unscaleLatents } from './guidance.ts';
import { type RgbImage, toImages } from './images.ts';
import { checkModels, type ModelFit } from './model-check.ts';
import { modelsError } from './model-files.ts';
import { FloatFeed, runModel } from './model-run.ts';
import type { BatchTimings, GenerateOptions, ImageResult, PipelineSessions, SafetyChecker } from './pipeline-types.ts';
import type { PostQuantConv } from './post-quant-conv.ts';
import { TextEncoder } from './text-encoder.ts';
import { truncationWarning } from './tokenizer.ts';

/** What a pipeline is made of. */
export interface PipelineParts {
  readonly checkpoint: Checkpoint;
  /** The models; the pipeline closes them. */
  readonly sessions: PipelineSessions;
  /** Weights of the VAE that its model does not contain; none for a VAE that was exported with them. */
  readonly postQuantConv?: PostQuantConv;
  /** Batch size that the models must have. By default they say it themselves. */
  readonly batchSize?: number;
  /** Looks at the images; without one, nobody does, and a checkpoint that ships one causes a warning. */
  readonly safetyChecker?: SafetyChecker;
}

/**
 * Makes images from texts, with models that are loaded once.
 *
 * ```ts
 * await using pipeline = await openPipeline({ model: 'sd15', modelDir: 'models' });
 * for await (const { image, name } of pipeline.generate({ prompts: ['a photo of a cat'], seed: 42 })) {
 *   writeFileSync(name, encodePng(image));
 * }
 * ```
 */
export class TextToImagePipeline implements AsyncDisposable {
  readonly checkpoint: Checkpoint;
  /** Images at once. */
  readonly batchSize: number;
  /** Width and height of the images. */
  readonly imageSize: number;
  readonly #sessions: PipelineSessions;
  readonly #postQuantConv: PostQuantConv | undefined;
  readonly #safetyChecker: SafetyChecker | undefined;
  readonly #fit: ModelFit;
  readonly #text: TextEncoder;
  #closing: Promise<void> | undefined;

  /**
   * @throws SdgraphError `E_MODELS` when the models do not fit each other, the checkpoint or the batch size. They are left
   * open then.
   */
  constructor({ checkpoint, sessions, postQuantConv: conv, batchSize, safetyChecker }: PipelineParts) {
    this.#fit = checkModels(sessions, checkpoint, batchSize);
    this.#sessions = sessions;
    this.#postQuantConv = conv;
    this.#safetyChecker = safetyChecker;
    this.#text = new TextEncoder(sessions.clip, checkpoint.tokenizer, this.#fit);
    this.checkpoint = checkpoint;
    this.batchSize = this.#fit.batch;
    this.imageSize = checkpoint.sampleSize * checkpoint.pixelsPerLatent;
  }

  /**
   * Makes images. What is asked for is checked at once; models run as the result is iterated, a batch at a time.
   * Generations of one pipeline may overlap; their models take turns.
   *
   * @throws SdgraphError at once: `E_PROMPTS`, `E_SCHEDULER`, `E_LATENTS`, `E_PIPELINE`, and `E_MODELS` when the UNet is
   * for two devices and there is one. While iterating: what the sessions throw. The signal's reason when it aborts.
   */
  generate(options: GenerateOptions): AsyncGenerator<ImageResult, void, undefined> {
    if (this.#closing !== undefined) throw pipelineError('the pipeline is closed', 'an open one', 'a closed one');
    options.signal?.throwIfAborted();
    const generation = planGeneration(options, this.checkpoint);
    this.#requireUnetFor(generation.guidanceScale);
    return this.#images(generation);
  }

  /** Closes the models, whatever runs on them. Closing twice is fine. */
  close(): Promise<void> {
    this.#closing ??= closeSessions(this.#sessions);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #requireUnetFor(guidanceScale: number): void {
    const { batch, unetBatch } = this.#fit;
    if (guidanceScale === 0 || this.#sessions.secondUnet !== undefined || unetBatch === 2 * batch) return;
    throw modelsError(
      'the UNet is for two devices',
      {},
      {
        expected: `batch ${2 * batch}: with and without the prompt`,
        found: `batch ${unetBatch}`,
        hint: 'name two devices, export it without --parallel, or switch guidance off (a scale of 1)',
      },
    );
  }

  async *#images(generation: Generation): AsyncGenerator<ImageResult, void, undefined> {
    const { onEvent, signal } = generation.options;
    if (this.checkpoint.hasSafetyChecker && this.#safetyChecker === undefined) {
      const message = '[warning] the safety checker of the checkpoint is not run; images are shown as they are';
      onEvent?.({ type: 'warning', reason: 'no-safety-checker', message });
    }
    for (const batch of generation.batches(this.batchSize)) {
      signal?.throwIfAborted();
      const { done, total, texts, wanted } = batch;
      onEvent?.({ type: 'batch', jobs: wanted.map(({ job }) => job), texts, done, total });
      const results = await this.#batch(generation, batch);
      onEvent?.({ type: 'batch-done', timings: (results[0] as ImageResult).timings, done, total });
      for (const result of results) {
        onEvent?.({ type: 'image', result });
        yield result;
      }
    }
  }

  async #batch(generation: Generation, { texts, slices, wanted }: WantedBatch): Promise<ImageResult[]> {
    const { scheduler, guidanceScale, negativePrompt, options } = generation;
    const { onEvent } = options;
    const beforeRun = (): void => options.signal?.throwIfAborted();
    const started = performance.now();

    const prompts = await this.#text.encode(texts);
    const warning = truncationWarning(prompts.encoded, this.#fit.tokens);
    if (warning !== undefined) onEvent?.({ type: 'warning', reason: 'truncated', message: warning });
    beforeRun();
    const unconditional = guidanceScale === 0 ? undefined : await this.#text.repeated(negativePrompt);

    const { latents, unetTime } = await denoise(this.#noise(generation, slices), {
      sessions: this.#sessions,
      scheduler,
      batch: this.#fit.batch,
      unetBatch: this.#fit.unetBatch,
      side: this.checkpoint.sampleSize,
      text: prompts.embeddings,
      unconditional: unconditional?.embeddings,
      tokens: this.#fit.tokens,
      guidanceScale,
      beforeRun,
      onStep: (step, x) => {
        const { length: steps } = scheduler.timesteps;
        const t = scheduler.timesteps[step - 1];
        onEvent?.({ type: 'step', step, steps, timestep: t === undefined ? undefined : Math.trunc(t), latents: x });
      },
    });
    if (!latents.every(Number.isFinite)) {
      const message = '[warning] the UNet returned numbers that are not finite; such images are black';
      onEvent?.({ type: 'warning', reason: 'not-finite', message });
    }
    beforeRun();
    const decoded = await this.#decode(latents);
    const { images, flags } = await this.#censor(decoded.images, texts, wanted);
    const total = performance.now() - started;
    const text = prompts.time + (unconditional?.time ?? 0);
    const timings: BatchTimings = {
      text,
      unet: unetTime,
      vae: decoded.time,
      host: total - text - unetTime - decoded.time,
      total,
      images: wanted.length,
    };
    return wanted.map(({ job, place }) => ({
      image: images[place] as RgbImage,
      prompt: job.prompt.text,
      category: job.prompt.category,
      promptIndex: job.prompt.index,
      imageIndex: job.image,
      name: job.name,
      job,
      seed: generation.seed,
      flagged: flags[place] as boolean,
      timings,
    }));
  }

  /** The noise of a batch. Places that only fill it up get that of the first image. */
  #noise({ noise }: Generation, slices: readonly (number | undefined)[]): Float32Array {
    const size = 4 * this.checkpoint.sampleSize ** 2;
    const values = new Float32Array(slices.length * size);
    for (const [place, index] of slices.entries()) {
      if (index === undefined) values.copyWithin(place * size, 0, size);
      else noise.fill(values.subarray(place * size, (place + 1) * size), index);
    }
    return values;
  }

  async #decode(latents: Float32Array): Promise<{ images: RgbImage[]; time: number }> {
    const { sampleSize, scalingFactor } = this.checkpoint;
    const { batch } = this.#fit;
    const unscaled = unscaleLatents(latents, scalingFactor);
    const conv = this.#postQuantConv;
    const z = conv === undefined ? unscaled : postQuantConv(unscaled, conv.weight, conv.bias, sampleSize ** 2);
    const feed = new FloatFeed(firstInput(this.#sessions.vae), [batch, 4, sampleSize, sampleSize]);
    feed.set(z);
    const dims = [batch, 3, this.imageSize, this.imageSize];
    const started = performance.now();
    const output = await runModel(this.#sessions.vae, [feed.tensor], 3 * batch * this.imageSize ** 2);
    const time = performance.now() - started;
    return { images: toImages(output, dims), time };
  }

  /** Makes images black that must not be shown. */
  async #censor(
    images: readonly RgbImage[],
    texts: readonly string[],
    wanted: WantedBatch['wanted'],
  ): Promise<{ images: readonly RgbImage[]; flags: readonly boolean[] }> {
    const flags = images.map(() => false);
    if (this.#safetyChecker === undefined) return { images, flags };
    const shown = wanted.map(({ place }) => images[place] as RgbImage);
    const verdicts = await this.#safetyChecker(
      shown,
      wanted.map(({ place }) => texts[place] as string),
    );
    if (!Array.isArray(verdicts) || verdicts.length !== wanted.length) {
      throw pipelineError(
        'the safety checker did not judge every image',
        `${wanted.length} verdicts`,
        'another number',
      );
    }
    for (const [i, { place }] of wanted.entries()) {
      // What is not clearly harmless is not shown.
      flags[place] = verdicts[i] !== false;
    }
    return {
      images: images.map((image, i) =>
        flags[i] === true ? { ...image, data: new Uint8Array(image.data.length) } : image,
      ),
      flags,
    };
  }
}

function firstInput({ inputs }: PipelineSessions['vae']): (typeof inputs)[number] {
  return inputs[0] as (typeof inputs)[number];
}

/** Closes all models, also when closing one of them fails; the first failure is thrown. */
export async function closeSessions({ clip, unet, secondUnet, vae }: Partial<PipelineSessions>): Promise<void> {
  const open = [clip, unet, secondUnet, vae].filter((session) => session !== undefined);
  const closed = await Promise.allSettled(open.map((session) => session.close()));
  const failed = closed.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason as Error;
}

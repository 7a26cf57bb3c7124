/** What is asked of a pipeline, checked before anything runs. */

import { randomInt } from 'node:crypto';
import { SdgraphError } from '../errors.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type NoiseSource, noiseSource } from './noise-source.ts';
import type { GenerateOptions } from './pipeline-types.ts';
import { type ImageJob, NO_CATEGORY, type Prompt, type PromptBatch, promptBatches } from './prompts.ts';
import type { Scheduler } from './schedulers/common.ts';
import { createScheduler } from './schedulers/index.ts';

/** A generation that can begin. */
export interface Generation {
  readonly scheduler: Scheduler;
  /** 0 when guidance is off. */
  readonly guidanceScale: number;
  readonly negativePrompt: string;
  readonly seed: number | bigint | undefined;
  readonly noise: NoiseSource;
  readonly options: GenerateOptions;
  /** The batches in which something is wanted, for a batch size. */
  batches(batchSize: number): Generator<WantedBatch>;
}

/** A batch, and which of its places are wanted. */
export interface WantedBatch extends PromptBatch {
  /** Index of each place's image in the stream of noise; undefined for places that only fill up the batch. */
  readonly slices: readonly (number | undefined)[];
  readonly wanted: readonly { readonly job: ImageJob; readonly place: number }[];
}

/** Guidance scales beyond this are a mistake. */
const MAX_GUIDANCE = 1000;

/**
 * Checks everything about a generation that can be told without models.
 *
 * @throws SdgraphError `E_PROMPTS`, `E_SCHEDULER`, `E_LATENTS`, `E_PIPELINE`
 */
export function planGeneration(options: GenerateOptions, checkpoint: Checkpoint): Generation {
  const { imagesPerPrompt = 1, steps = 50, scheduler = 'DDIM', guidanceScale = 7.5, negativePrompt = '' } = options;
  const prompts = toPrompts(options.prompts);
  // Bad numbers are found now, not at the first batch.
  promptBatches(prompts, imagesPerPrompt, 1);
  if (!(Math.abs(guidanceScale) <= MAX_GUIDANCE)) {
    throw pipelineError('the guidance scale is out of range', `a number up to ${MAX_GUIDANCE}`, `${guidanceScale}`);
  }
  if (typeof negativePrompt !== 'string') {
    throw pipelineError('the negative prompt is no text', 'one text', typeof negativePrompt);
  }
  const slices = Math.max(...prompts.map(({ index }) => index + 1)) * imagesPerPrompt;
  const seed = options.latents === undefined ? (options.seed ?? randomInt(2 ** 32)) : undefined;
  return {
    scheduler: createScheduler(scheduler, checkpoint.schedulerConfig, steps),
    guidanceScale: guidanceScale > 1 ? guidanceScale : 0,
    negativePrompt,
    seed,
    noise: noiseSource(checkpoint.sampleSize, seed ?? 0, options.latents, slices),
    options,
    batches: (batchSize) => wantedBatches(prompts, imagesPerPrompt, batchSize, options.skip),
  };
}

function* wantedBatches(
  prompts: readonly Prompt[],
  perPrompt: number,
  batchSize: number,
  skip: GenerateOptions['skip'],
): Generator<WantedBatch> {
  for (const batch of promptBatches(prompts, perPrompt, batchSize)) {
    const wanted = batch.jobs.map((job, place) => ({ job, place })).filter(({ job }) => skip?.(job) !== true);
    if (wanted.length === 0) continue;
    const slices = batch.texts.map((_, place) => {
      const job = batch.jobs[place];
      return job === undefined ? undefined : job.prompt.index * perPrompt + job.image;
    });
    yield { ...batch, wanted, slices };
  }
}

function toPrompts(prompts: GenerateOptions['prompts']): Prompt[] {
  const list: readonly unknown[] = typeof prompts === 'string' ? [prompts] : prompts;
  if (!Array.isArray(list) || list.length === 0) {
    throw new SdgraphError('E_PROMPTS', 'there are no prompts', {}, { expected: 'at least one', found: 'none' });
  }
  return list.map((prompt: unknown, i) => {
    if (typeof prompt === 'string') return { index: i, text: prompt, category: NO_CATEGORY };
    if (isPrompt(prompt)) return prompt;
    const expected = 'a text, or an object with index, text and category';
    throw new SdgraphError(
      'E_PROMPTS',
      'this is no prompt',
      { path: `prompts[${i}]` },
      { expected, found: typeof prompt },
    );
  });
}

function isPrompt(value: unknown): value is Prompt {
  if (typeof value !== 'object' || value === null) return false;
  const { index, text, category } = value as Record<string, unknown>;
  return Number.isSafeInteger(index) && Number(index) >= 0 && typeof text === 'string' && typeof category === 'string';
}

/** The typed error of a pipeline. */
export function pipelineError(reason: string, expected: string, found: string, hint?: string): SdgraphError {
  return new SdgraphError('E_PIPELINE', reason, {}, { expected, found, ...(hint === undefined ? {} : { hint }) });
}

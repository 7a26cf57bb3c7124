/** What goes into the text-to-image pipeline and what comes out of it. */

import type { InferenceSession } from '../runtime/session.ts';
import type { RgbImage } from './images.ts';
import type { ImageJob, Prompt } from './prompts.ts';
import type { SchedulerName } from './schedulers/index.ts';

/** The models of a pipeline, loaded. */
export interface PipelineSessions {
  /** Token ids to embeddings: `[B,77]` integers to `[B,77,H]`. */
  readonly clip: InferenceSession;
  /** Latents, timestep, embeddings to noise. Batch 2B on one device, B where there is a {@link secondUnet}. */
  readonly unet: InferenceSession;
  /** The same UNet on the second device: it gets the half with the prompts, {@link unet} the unconditional one. */
  readonly secondUnet?: InferenceSession;
  /** Latents to images: `[B,4,S,S]` to `[B,3,8S,8S]`. */
  readonly vae: InferenceSession;
}

/**
 * Looks at the images of a batch and says for each whether it must not be shown; such an image becomes black.
 *
 * @param texts the prompts of the images
 */
export type SafetyChecker = (
  images: readonly RgbImage[],
  texts: readonly string[],
) => readonly boolean[] | Promise<readonly boolean[]>;

/** What images to make. */
export interface GenerateOptions {
  /** Texts, or prompts as `loadPrompts` reads them. At least one. */
  readonly prompts: string | readonly string[] | readonly Prompt[];
  /** Default 1. */
  readonly imagesPerPrompt?: number;
  /** Default 50. DDIM and DPM: 1 to 999; Euler: 2 to 1000. */
  readonly steps?: number;
  /** Default `DDIM`. */
  readonly scheduler?: SchedulerName;
  /** How far to follow the prompt. 1 and less switch guidance off: the UNet sees the prompts alone. Default 7.5. */
  readonly guidanceScale?: number;
  /** What the images are to stay away from; for all prompts alike. Default: nothing. Without guidance not used. */
  readonly negativePrompt?: string;
  /**
   * Seed of the noise, as `torch.manual_seed` takes it; a random one by default. Image k of prompt p always gets slice
   * `p * imagesPerPrompt + k` of the stream, whatever the batch size is and whatever is left out.
   */
  readonly seed?: number | bigint;
  /** Takes the place of the seeded noise: slices of `4 * S * S` standard normal values, in the same order. */
  readonly latents?: Float32Array;
  /**
   * Images that need not be made, such as those of an earlier run. Batches keep their composition, so that what is made
   * does not depend on what is left out, to the last bit; a batch is not run at all when nothing in it is wanted.
   */
  readonly skip?: (job: ImageJob) => boolean;
  /** Called as things happen; generation waits for it to return. What it throws ends the generation. */
  readonly onEvent?: (event: PipelineEvent) => void;
  /** Ends the generation with the signal's reason, as soon as the model that is running has finished. */
  readonly signal?: AbortSignal;
}

/** What a generation tells while it runs. */
export type PipelineEvent =
  /** A batch begins. */
  | {
      readonly type: 'batch';
      /** Images to make in this batch; what is skipped is not among them. */
      readonly jobs: readonly ImageJob[];
      /** A text for each place of the batch; empty ones fill up the last batch. */
      readonly texts: readonly string[];
      /** Images up to and including this batch, skipped ones counted. */
      readonly done: number;
      /** Images in all, skipped ones counted. */
      readonly total: number;
    }
  /** Something is not as it should be, and goes on. The message is a line that starts with `[warning]`. */
  | {
      readonly type: 'warning';
      readonly reason: 'truncated' | 'not-finite' | 'no-safety-checker';
      readonly message: string;
    }
  /** A step is done; step 0 comes before the first one. */
  | {
      readonly type: 'step';
      /** Steps done, 0 to {@link steps}. */
      readonly step: number;
      readonly steps: number;
      /** The timestep that was given to the UNet; undefined for step 0. */
      readonly timestep: number | undefined;
      /** The latents after the step, `[B,4,S,S]`. Not to be changed. */
      readonly latents: Float32Array;
    }
  /** An image is ready. */
  | { readonly type: 'image'; readonly result: ImageResult }
  /** A batch is done, its images are on their way. */
  | {
      readonly type: 'batch-done';
      readonly timings: BatchTimings;
      readonly done: number;
      readonly total: number;
    };

/**
 * Where the time of a batch went, in milliseconds of wall clock. Loading models and prompts and writing images is no part
 * of it.
 */
export interface BatchTimings {
  /** The text encoder. */
  readonly text: number;
  /** All runs of the UNet. */
  readonly unet: number;
  /** The decoder. */
  readonly vae: number;
  /** Tokenizing, scheduler, guidance, noise, pixels, safety checker. */
  readonly host: number;
  /** All of it: what the sample calls use time. */
  readonly total: number;
  /** Images of the batch that were wanted; `total / images` summed over all results is the use time of the run. */
  readonly images: number;
}

/** An image with what it came from. */
export interface ImageResult {
  readonly image: RgbImage;
  readonly prompt: string;
  readonly category: string;
  /** Index of the prompt. */
  readonly promptIndex: number;
  /** Which image of the prompt, from 0. */
  readonly imageIndex: number;
  /** File name: `PROMPT_IMAGE.png`. */
  readonly name: string;
  /** The same as an entry of the work list. */
  readonly job: ImageJob;
  /** Seed of the run; undefined where latents were given. */
  readonly seed: number | bigint | undefined;
  /** Whether the safety checker made it black. */
  readonly flagged: boolean;
  /** Of the batch it was made in, shared by all its images. */
  readonly timings: BatchTimings;
}

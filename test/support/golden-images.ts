import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type TextToImageOptions, textToImage } from '../../src/diffusion/open-pipeline.ts';
import type { ImageResult, PipelineEvent } from '../../src/diffusion/pipeline-types.ts';
import type { SchedulerName } from '../../src/diffusion/schedulers/index.ts';
import { expectNear, expectSamePixels } from './tiny-pipeline.ts';
import { type Architecture, golden, goldens, tinySd } from './tiny-sd.ts';

/** What `golden.json` says. */
export interface GoldenSettings {
  readonly steps: number;
  readonly guidance_scale: number;
  readonly prompts: readonly string[];
  readonly schedulers: Readonly<Record<string, { readonly timesteps: readonly number[] }>>;
}

/** The settings that the goldens of a checkpoint were made with. */
export function settingsOf(architecture: Architecture): GoldenSettings {
  return JSON.parse(readFileSync(join(tinySd(architecture), 'golden.json'), 'utf8')) as GoldenSettings;
}

/** What a run over the golden prompts gave. */
export interface GoldenRun {
  readonly results: readonly ImageResult[];
  /** For each batch, the latents at each step. */
  readonly latents: readonly (readonly Float32Array[])[];
  readonly events: readonly PipelineEvent[];
}

/** Makes the images of the golden prompts, from the golden noise. */
export async function generateGoldens(
  architecture: Architecture,
  scheduler: SchedulerName,
  options: Partial<TextToImageOptions>,
): Promise<GoldenRun> {
  const { steps, guidance_scale: guidanceScale, prompts } = settingsOf(architecture);
  const noise = golden(goldens(architecture), 'noise').data as Float32Array;
  const latents: Float32Array[][] = [];
  const events: PipelineEvent[] = [];
  const results: ImageResult[] = [];
  const run = textToImage({
    model: tinySd(architecture),
    prompts,
    steps,
    guidanceScale,
    scheduler,
    latents: noise,
    threads: 1,
    onEvent: (event) => {
      events.push(event);
      if (event.type === 'batch') latents.push([]);
      if (event.type === 'step') latents.at(-1)?.push(event.latents);
    },
    ...options,
  });
  for await (const result of run) results.push(result);
  return { results, latents, events };
}

/** Compares latents within 5e-5 and pixels, of which one in a thousand may be one level off. */
export function expectGoldens(architecture: Architecture, scheduler: SchedulerName, run: GoldenRun): void {
  expectGoldenLatents(architecture, scheduler, run, 5e-5);
  const made = Uint8Array.from(run.results.flatMap((result) => [...result.image.data]));
  expectSamePixels(made, golden(goldens(architecture), `${scheduler}.image_u8`).data as Uint8Array, 0.001);
}

/** Compares latents after every step, relative to the largest value. */
export function expectGoldenLatents(
  architecture: Architecture,
  scheduler: SchedulerName,
  { latents }: GoldenRun,
  tolerance: number,
): void {
  const wanted = goldens(architecture);
  const rows = golden(wanted, `${scheduler}.latents`);
  const [, images = 0, ...rest] = rows.dims;
  const size = rest.reduce((a, b) => a * b, 1);
  const all = rows.data as Float32Array;
  let image = 0;
  for (const batch of latents) {
    expect(batch).toHaveLength(settingsOf(architecture).steps + 1);
    for (const [step, x] of batch.entries()) {
      const from = (step * images + image) * size;
      expectNear(x, all.subarray(from, from + x.length), tolerance, `image ${image}, step ${step}`);
    }
    image += (batch[0]?.length ?? 0) / size;
  }
  expect(image).toBe(images);
}

import { printable, SdgraphError } from '../errors.ts';
import type { ImageResult } from './pipeline-types.ts';
import type { SchedulerName } from './schedulers/index.ts';

/** What decides, with the prompt and the models, how an image turns out. */
export interface ImageSettings {
  readonly seed: number | bigint;
  readonly steps: number;
  readonly scheduler: SchedulerName;
  readonly guidanceScale: number;
  readonly negativePrompt: string;
  readonly imagesPerPrompt: number;
}

/** Keyword of the text chunk that has the settings. */
const SETTINGS = 'Settings';

/** What is noted in an image: its prompt, and a JSON object with how it was made. */
export function describeImage(result: ImageResult, settings: ImageSettings): Map<string, string> {
  return new Map([
    ['Description', result.prompt],
    ['Software', 'sdgraph'],
    [SETTINGS, JSON.stringify({ ...settings, seed: String(settings.seed), image: result.imageIndex })],
  ]);
}

/**
 * The settings that are noted in an image.
 *
 * @param text the text chunks of the image
 * @returns undefined for an image of another program
 */
export function notedSettings(text: ReadonlyMap<string, string>): Partial<ImageSettings> | undefined {
  let noted: unknown;
  try {
    noted = JSON.parse(text.get(SETTINGS) ?? 'null');
  } catch {
    return undefined;
  }
  if (typeof noted !== 'object' || noted === null) return undefined;
  const { seed, ...rest } = noted as { seed?: unknown } & Partial<ImageSettings>;
  if (typeof seed !== 'string' || !/^-?\d{1,20}$/.test(seed)) return rest;
  return { ...rest, seed: Number.isSafeInteger(Number(seed)) ? Number(seed) : BigInt(seed) };
}

/**
 * Refuses to go on with other settings than those an image was made with: the images would not belong together.
 *
 * @throws SdgraphError `E_IMAGE_INFO`
 */
export function requireSameSettings(file: string, noted: Partial<ImageSettings>, wanted: ImageSettings): void {
  for (const name of ['seed', 'steps', 'scheduler', 'guidanceScale', 'negativePrompt', 'imagesPerPrompt'] as const) {
    const [before, now] = [noted[name], wanted[name]].map((value) => (value === undefined ? undefined : String(value)));
    if (before === undefined || before === now) continue;
    throw new SdgraphError(
      'E_IMAGE_INFO',
      'an image was made with other settings',
      { file, name },
      {
        expected: printable(now ?? ''),
        found: printable(before),
        hint: 'resume with the same settings, or save to another folder',
      },
    );
  }
}

import { existsSync } from 'node:fs';
import { printable, SdgraphError } from '../errors.ts';
import { AtomicFile } from '../io/atomic.ts';
import { readJsonFile } from '../targets/json-file.ts';
import type { Prompt } from './prompts.ts';

/** What an image info file says of one prompt. */
export interface ImageInfoEntry {
  /** Paths of its images, as they were given. */
  readonly images: readonly string[];
  readonly prompt: string;
  readonly category: string;
}

/**
 * Reads an image info file: a JSON list of `{ images, prompt, category }`, however it is laid out.
 *
 * @throws SdgraphError `E_IMAGE_INFO` naming the entry that is none, `E_FILE_MISSING`, `E_FILE_READ`
 */
export function readImageInfo(file: string): ImageInfoEntry[] {
  const value = readJsonFile(file, 'E_IMAGE_INFO');
  if (!Array.isArray(value)) throw infoError(file, '', 'the file does not hold a list', { expected: 'a JSON list' });
  return value.map((entry: unknown, i) => {
    if (isEntry(entry)) return { images: [...entry.images], prompt: entry.prompt, category: entry.category };
    const expected = 'an object with images (a list of texts), prompt and category (texts)';
    throw infoError(file, `[${i}]`, 'an entry is not about images', { expected });
  });
}

function isEntry(value: unknown): value is ImageInfoEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { images, prompt, category } = value as Record<string, unknown>;
  const texts: unknown[] = [prompt, category];
  return Array.isArray(images) && [...texts, ...(images as unknown[])].every((one) => typeof one === 'string');
}

/**
 * The image info file of a run: which images were made for which prompt, one entry a prompt in the order of the prompts.
 *
 * Written whole each time, and put in place at once: whenever a run ends, the file tells what had been made at the last
 * {@link write}. The layout is that of Python's `json.dump`, which the tools upstream compare as text.
 *
 * ```ts
 * const info = ImageInfo.create('image_info.json');
 * for (const batch of promptBatches(prompts, 1, 4)) {
 *   for (const job of batch.jobs) info.add(job.prompt, join('results', job.name));
 *   info.write();
 * }
 * ```
 */
export class ImageInfo {
  readonly #file: string;
  /** By index of the prompt. */
  readonly #entries: Map<number, { readonly images: string[]; readonly prompt: string; readonly category: string }>;

  private constructor(file: string) {
    this.#file = file;
    this.#entries = new Map();
  }

  /** Begins anew; a file that is there is replaced by the first {@link write}. */
  static create(file: string): ImageInfo {
    return new ImageInfo(file);
  }

  /**
   * Goes on where another run of the same prompts ended; without a file, that is the beginning.
   *
   * @throws SdgraphError `E_IMAGE_INFO` when the file is about other prompts, and what {@link readImageInfo} throws
   */
  static resume(file: string, prompts: readonly Prompt[]): ImageInfo {
    const info = new ImageInfo(file);
    for (const [i, entry] of (existsSync(file) ? readImageInfo(file) : []).entries()) {
      const prompt = prompts[i];
      if (prompt?.text !== entry.prompt || prompt.category !== entry.category) {
        throw infoError(file, `[${i}]`, 'the file is about other prompts', {
          expected: prompt === undefined ? 'no entry' : `'${printable(prompt.text)}' (${printable(prompt.category)})`,
          found: `'${printable(entry.prompt)}' (${printable(entry.category)})`,
        });
      }
      info.#entries.set(prompt.index, { ...entry, images: [...entry.images] });
    }
    return info;
  }

  /** The entries so far, in the order of the prompts. */
  get entries(): readonly ImageInfoEntry[] {
    return [...this.#entries].toSorted(([a], [b]) => a - b).map(([, entry]) => entry);
  }

  /** Whether an image of a prompt is noted. */
  has(prompt: Prompt, image: string): boolean {
    return this.#entries.get(prompt.index)?.images.includes(image) ?? false;
  }

  /** Notes an image. Noting it twice changes nothing. */
  add(prompt: Prompt, image: string): void {
    const { index, text, category } = prompt;
    const entry = this.#entries.get(index) ?? { images: [], prompt: text, category };
    if (!entry.images.includes(image)) entry.images.push(image);
    this.#entries.set(index, entry);
  }

  /**
   * Writes the file.
   *
   * @throws SdgraphError `E_FILE_WRITE`
   */
  write(): void {
    const output = AtomicFile.create(this.#file);
    try {
      let separator = '[';
      for (const { images, prompt, category } of this.entries) {
        const list = images.map(quote).join(', ');
        const entry = `{"images": [${list}], "prompt": ${quote(prompt)}, "category": ${quote(category)}}`;
        output.write(Buffer.from(separator + entry, 'latin1'));
        separator = ', ';
      }
      output.write(Buffer.from(separator === '[' ? '[]' : ']', 'latin1'));
      output.commit();
    } finally {
      output.abort();
    }
  }
}

/** A JSON string in ASCII, as Python writes it. */
function quote(text: string): string {
  const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(text).replaceAll(/[\u007f-\uffff]/g, escape);
}

function infoError(
  file: string,
  path: string,
  reason: string,
  details: { readonly expected?: string; readonly found?: string },
): SdgraphError {
  return new SdgraphError('E_IMAGE_INFO', reason, path === '' ? { file } : { file, path }, details);
}

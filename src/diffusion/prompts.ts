import { SdgraphError } from '../errors.ts';
import { FileSource } from '../wire/source.ts';
import { readTsv } from './tsv.ts';

/** Largest prompt file that is read: PartiPrompts has an eighth of a megabyte. */
const MAX_BYTES = 64 << 20;

/** The formats of prompt files, the default first. */
export const PROMPT_FILE_TYPES = ['plain', 'parti'] as const;

/** A key of {@link PROMPT_FILE_TYPES}. */
export type PromptFileType = (typeof PROMPT_FILE_TYPES)[number];

/** The category of a prompt in a file that has none. */
export const NO_CATEGORY = 'Not_specified';

/** A prompt of a file. */
export interface Prompt {
  /** Its place among the prompts that are kept, from 0. */
  readonly index: number;
  readonly text: string;
  readonly category: string;
}

/** The prompts of a file. */
export interface PromptFile {
  /** At least one. */
  readonly prompts: readonly Prompt[];
  /** Every category once, in the order in which they first appear. */
  readonly categories: readonly string[];
}

/** Options of {@link loadPrompts}. */
export interface LoadPromptsOptions {
  /**
   * `plain` (the default): one prompt a line, trimmed; blank lines do not count. `parti`: a header line, then rows of
   * tab-separated columns, prompt and category first, quoted as in Python's csv module.
   */
  readonly type?: PromptFileType;
  /** Prompts to keep; what comes after them is not looked at. 0 (the default) keeps all. */
  readonly maxPrompts?: number;
}

/**
 * Reads a prompt file: UTF-8, with or without a byte order mark, any line ends.
 *
 * @throws SdgraphError `E_PROMPTS` when the file holds no prompts, is not UTF-8, or has a row that is none; also for
 * options out of range. `E_FILE_MISSING`, `E_FILE_READ`
 */
export function loadPrompts(path: string, options: LoadPromptsOptions = {}): PromptFile {
  const { type = 'plain', maxPrompts = 0 } = options;
  if (!PROMPT_FILE_TYPES.includes(type)) {
    throw promptsError('there is no such type of prompt file', {}, PROMPT_FILE_TYPES.join(' or '), type);
  }
  requireWhole('maximum number of prompts', maxPrompts, 0);

  const prompts: Prompt[] = [];
  for (const [text, category] of (type === 'plain' ? readPlain : readParti)(readText(path), path)) {
    prompts.push({ index: prompts.length, text, category });
    if (prompts.length === maxPrompts) break;
  }
  if (prompts.length === 0) throw promptsError('the file holds no prompts', { file: path }, 'at least one', 'none');
  return { prompts, categories: [...new Set(prompts.map(({ category }) => category))] };
}

type Entry = readonly [text: string, category: string];

function* readPlain(text: string): Generator<Entry> {
  for (const line of text.split(/\r\n|[\r\n]/)) {
    const prompt = line.trim();
    if (prompt !== '') yield [prompt, NO_CATEGORY];
  }
}

function* readParti(text: string, file: string): Generator<Entry> {
  // The header ends with its line, whatever quotes it holds.
  const header = /^[^\r\n]*(?:\r\n|[\r\n]|$)/.exec(text)?.[0] ?? '';
  for (const { columns, line, isOpen } of readTsv(text.slice(header.length), 2)) {
    const [prompt, category] = columns;
    const where = { file, path: `line ${line}` };
    if (isOpen) throw promptsError('a quoted column does not end', where, 'a closing quote', 'the end of the file');
    if (prompt === undefined || category === undefined) {
      throw promptsError('a row is no prompt', where, 'prompt and category, separated by a tab', count(columns.length));
    }
    yield [prompt, category];
  }
}

function count(columns: number): string {
  return columns === 0 ? 'a blank line' : 'one column';
}

function readText(file: string): string {
  const source = FileSource.open(file);
  try {
    if (source.size > MAX_BYTES) {
      throw promptsError('the file is too large', { file }, `at most ${MAX_BYTES} bytes`, `${source.size}`);
    }
    // The decoder also drops the byte order mark.
    return new TextDecoder('utf-8', { fatal: true }).decode(source.read(0, source.size));
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw promptsError('the file is not text', { file }, 'UTF-8', 'other bytes');
  } finally {
    source.close();
  }
}

/** One image to make. */
export interface ImageJob {
  readonly prompt: Prompt;
  /** Which image of the prompt, from 0. */
  readonly image: number;
  /** File name: `PROMPT_IMAGE.png`, both from 0. */
  readonly name: string;
}

/** What the models are run for at once. */
export interface PromptBatch {
  /** The images, in order: as many as the batch size, fewer in the last batch. */
  readonly jobs: readonly ImageJob[];
  /** A text for each place of the batch; places without an image are empty, computed and thrown away. */
  readonly texts: readonly string[];
  /** Images up to and including this batch. */
  readonly done: number;
  /** Images in all. */
  readonly total: number;
}

/**
 * Arranges the images to make into batches: all images of the first prompt, then those of the second; a batch may hold
 * images of several prompts.
 *
 * @throws SdgraphError `E_PROMPTS` unless both numbers are whole and at least 1. At once, not at the first batch.
 */
export function promptBatches(
  prompts: readonly Prompt[],
  imagesPerPrompt: number,
  batchSize: number,
): Generator<PromptBatch> {
  requireWhole('number of images per prompt', imagesPerPrompt, 1);
  requireWhole('batch size', batchSize, 1);
  return batches(prompts, imagesPerPrompt, batchSize);
}

function* batches(prompts: readonly Prompt[], perPrompt: number, size: number): Generator<PromptBatch> {
  const total = prompts.length * perPrompt;
  for (let at = 0; at < total; at += size) {
    const done = Math.min(at + size, total);
    const jobs = Array.from({ length: done - at }, (_, i): ImageJob => {
      const prompt = prompts[Math.floor((at + i) / perPrompt)] as Prompt;
      const image = (at + i) % perPrompt;
      return { prompt, image, name: `${prompt.index}_${image}.png` };
    });
    yield { jobs, texts: Array.from({ length: size }, (_, i) => jobs[i]?.prompt.text ?? ''), done, total };
  }
}

/** A number of things that somebody asked for. */
function requireWhole(what: string, value: number, min: number): void {
  const max = 1_000_000;
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw promptsError(`${what}: not possible`, {}, `a whole number from ${min} to ${max}`, String(value));
}

function promptsError(
  reason: string,
  where: { readonly file?: string; readonly path?: string },
  expected: string,
  found: string,
): SdgraphError {
  return new SdgraphError('E_PROMPTS', reason, where, { expected, found });
}

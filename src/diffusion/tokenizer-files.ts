/** Reads the files of a CLIP tokenizer as checkpoints lay them out. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { printable, SdgraphError } from '../errors.ts';
import { readJsonFile } from '../targets/json-file.ts';
import { FileSource } from '../wire/source.ts';

/** The real file has half a megabyte. */
const MAX_MERGES_BYTES = 4 << 20;

/** Highest id: ids go into int64 tensors, and index a table of embeddings. */
const MAX_ID = 2 ** 31 - 1;

/** Longest text encoder that is plausible. A larger `model_max_length` is how checkpoints say "unknown". */
const MAX_LENGTH = 1 << 16;

/** What CLIP's tokenizer is when a checkpoint does not say. */
const BEGIN = '<|startoftext|>';
const END = '<|endoftext|>';

/** A token that means something besides itself. */
export interface SpecialToken {
  readonly content: string;
  readonly id: number;
}

/** The content of a tokenizer's files, checked. */
export interface TokenizerFiles {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly merges: readonly (readonly [string, string])[];
  readonly begin: SpecialToken;
  readonly end: SpecialToken;
  readonly unknown: SpecialToken;
  readonly padding: SpecialToken;
  /** Tokens that the text encoder takes, begin and end included. */
  readonly maxLength: number;
}

/**
 * Reads `vocab.json` and `merges.txt`, and what there is of `tokenizer_config.json` and `special_tokens_map.json` (which
 * has the last word, as in transformers).
 *
 * @throws SdgraphError `E_TOKENIZER` naming file and key, `E_FILE_MISSING`, `E_FILE_READ`
 */
export function readTokenizerFiles(dir: string): TokenizerFiles {
  const vocabularyFile = join(dir, 'vocab.json');
  const vocabulary = readVocabulary(vocabularyFile);
  const config = readOptional(join(dir, 'tokenizer_config.json'));
  const specials = readOptional(join(dir, 'special_tokens_map.json'));

  const special = (key: string, fallback: string): SpecialToken => {
    const content = tokenOf(specials, key) ?? tokenOf(config, key) ?? fallback;
    const id = vocabulary.get(content);
    if (id !== undefined) return { content, id };
    throw invalid(vocabularyFile, `the vocabulary lacks the ${key}`, { found: 'no such token', name: content });
  };
  return {
    vocabulary,
    merges: readMerges(join(dir, 'merges.txt')),
    begin: special('bos_token', BEGIN),
    end: special('eos_token', END),
    unknown: special('unk_token', END),
    padding: special('pad_token', END),
    maxLength: maxLengthOf(config),
  };
}

/** An object of a JSON file with the file's name. */
interface Settings {
  readonly file: string;
  readonly values: ReadonlyMap<string, unknown>;
}

function readOptional(file: string): Settings {
  return { file, values: existsSync(file) ? readObject(file) : new Map<string, unknown>() };
}

function readObject(file: string): ReadonlyMap<string, unknown> {
  const value = readJsonFile(file, 'E_TOKENIZER');
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return new Map(Object.entries(value));
  throw invalid(file, 'the file does not hold an object', { expected: 'a JSON object' });
}

function readVocabulary(file: string): Map<string, number> {
  const vocabulary = new Map<string, number>();
  const taken = new Set<number>();
  for (const [token, id] of readObject(file)) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > MAX_ID || taken.has(id)) {
      const expected = `a whole number up to ${MAX_ID} that no other token has`;
      throw invalid(file, 'a token has no id of its own', { expected, found: kindOf(id), name: token });
    }
    taken.add(id);
    vocabulary.set(token, id);
  }
  return vocabulary;
}

/** One merge a line, the most frequent first; the first line may be a comment with the version. */
function readMerges(file: string): (readonly [string, string])[] {
  const lines = readText(file).split(/\r?\n/);
  const merges: (readonly [string, string])[] = [];
  for (const [i, line] of lines.entries()) {
    if (line === '' || (i === 0 && line.startsWith('#version'))) continue;
    const [left = '', right = '', more] = line.split(' ');
    if (left === '' || right === '' || more !== undefined) {
      const expected = 'two symbols with a space between them';
      throw invalid(file, `line ${i + 1} is no merge`, { expected, found: `'${printable(line)}'` });
    }
    merges.push([left, right]);
  }
  return merges;
}

function readText(file: string): string {
  const source = FileSource.open(file);
  try {
    if (source.size > MAX_MERGES_BYTES) {
      throw invalid(file, 'the file is too large', {
        expected: `at most ${MAX_MERGES_BYTES} bytes`,
        found: `${source.size}`,
      });
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(source.read(0, source.size));
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw invalid(file, 'the file is not UTF-8', {});
  } finally {
    source.close();
  }
}

/** A special token: a string, or an object with the string as its `content`. */
function tokenOf({ file, values }: Settings, key: string): string | undefined {
  const value = values.get(key);
  if (value === undefined || value === null) return undefined;
  const content: unknown = typeof value === 'object' && 'content' in value ? value.content : value;
  if (typeof content === 'string' && content !== '') return content;
  throw invalid(file, 'a special token is no text', { expected: 'a string', found: kindOf(content), name: key });
}

function maxLengthOf({ file, values }: Settings): number {
  const value = values.get('model_max_length') ?? 77;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 2 && value <= MAX_LENGTH) return value;
  const expected = `a whole number from 2 to ${MAX_LENGTH}`;
  throw invalid(file, 'no text encoder has this length', { expected, found: kindOf(value), name: 'model_max_length' });
}

function kindOf(value: unknown): string {
  if (typeof value === 'number') return `${value}`;
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`;
}

function invalid(
  file: string,
  reason: string,
  { name, ...details }: { readonly expected?: string; readonly found?: string; readonly name?: string },
): SdgraphError {
  return new SdgraphError('E_TOKENIZER', reason, name === undefined ? { file } : { file, name }, details);
}

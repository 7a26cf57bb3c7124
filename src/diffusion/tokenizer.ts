import { cleanText } from './clean-text.ts';
import { readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.ts';

/** A prompt as the text encoder takes it. */
export interface EncodedPrompt {
  /** Exactly {@link Tokenizer.maxLength} ids: begin, the prompt, end, padding. */
  readonly ids: readonly number[];
  /** Whether the prompt was too long and lost its end. */
  readonly truncated: boolean;
  /** The text that was cut off, as far as tokens can tell: lower case, one space between words. Empty if nothing was. */
  readonly lost: string;
}

/** The tokenizer of a CLIP text encoder. */
export interface Tokenizer {
  /** Tokens that the text encoder takes, begin and end included. */
  readonly maxLength: number;
  /** The ids of a prompt, truncated and padded to {@link maxLength}. */
  encode(text: string): EncodedPrompt;
  /** All ids of a prompt with begin and end, neither truncated nor padded. */
  tokenize(text: string): number[];
  /** The text that ids stand for, without the differences that the tokenizer does not see. */
  decode(ids: readonly number[]): string;
}

/**
 * Reads a tokenizer from the `tokenizer/` folder of a checkpoint: `vocab.json`, `merges.txt`, and, where they are,
 * `tokenizer_config.json` and `special_tokens_map.json`.
 *
 * ```ts
 * const tokenizer = await createTokenizer('sd15/tokenizer');
 * const { ids, truncated } = tokenizer.encode('a photo of a cat');
 * ```
 *
 * @throws SdgraphError `E_TOKENIZER` when a file breaks the rules of its format, `E_FILE_MISSING`, `E_FILE_READ`
 */
export async function createTokenizer(dir: string): Promise<Tokenizer> {
  const files = readTokenizerFiles(dir);
  const library: unknown = await import('@huggingface/tokenizers');
  const { BPE } = library as BpeLibrary;
  const model = new BPE({
    type: 'BPE',
    vocab: Object.fromEntries(files.vocabulary),
    merges: files.merges,
    unk_token: files.unknown.content,
    end_of_word_suffix: END_OF_WORD,
  });
  return new ClipTokenizer(files, (words) => model.encode(words));
}

/**
 * The line that warns of prompts that were too long, or nothing when all of them fit.
 *
 * @param batch the prompts of a batch, in order; what each lost is listed, empty for those that fit
 */
export function truncationWarning(batch: readonly EncodedPrompt[], maxLength: number): string | undefined {
  if (!batch.some(({ truncated }) => truncated)) return undefined;
  const lost = batch.map((prompt) => JSON.stringify(prompt.lost)).join(', ');
  return `[warning] the text encoder takes at most ${maxLength} tokens; these ends of prompts were cut off: [${lost}]`;
}

/** The part of @huggingface/tokenizers that is used; its own declarations do not resolve as Node resolves modules. */
interface BpeLibrary {
  readonly BPE: new (config: {
    readonly type: 'BPE';
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (readonly [string, string])[];
    readonly unk_token: string;
    readonly end_of_word_suffix: string;
  }) => { encode(words: readonly string[]): string[] };
}

/** What marks the last symbol of a word. */
const END_OF_WORD = '</w>';

/**
 * Words: the two tokens that CLIP treats as words wherever they stand, English contractions, runs of letters, single
 * digits, and runs of anything else that is no white space.
 */
const WORDS = /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/giu;

class ClipTokenizer implements Tokenizer {
  readonly maxLength: number;
  readonly #files: TokenizerFiles;
  readonly #merge: (words: readonly string[]) => string[];
  readonly #tokens: ReadonlyMap<number, string>;
  readonly #special: ReadonlyMap<string, number>;
  readonly #specialSplit: RegExp;

  constructor(files: TokenizerFiles, merge: (words: readonly string[]) => string[]) {
    this.maxLength = files.maxLength;
    this.#files = files;
    this.#merge = merge;
    this.#tokens = new Map([...files.vocabulary].map(([token, id]) => [id, token]));
    const { begin, end, unknown, padding } = files;
    this.#special = new Map([begin, end, unknown, padding].map(({ content, id }) => [content, id]));
    // The longest first: one may be the beginning of another.
    const contents = [...this.#special.keys()].toSorted((a, b) => b.length - a.length);
    this.#specialSplit = new RegExp(`(${contents.map((text) => text.replaceAll(/\W/gu, escaped)).join('|')})`, 'u');
  }

  encode(text: string): EncodedPrompt {
    const all = this.tokenize(text);
    const truncated = all.length > this.maxLength;
    if (!truncated) {
      const padding = Array.from({ length: this.maxLength - all.length }, () => this.#files.padding.id);
      return { ids: [...all, ...padding], truncated, lost: '' };
    }
    const kept = this.maxLength - 1;
    return { ids: [...all.slice(0, kept), this.#files.end.id], truncated, lost: this.decode(all.slice(kept, -1)) };
  }

  tokenize(text: string): number[] {
    const { begin, end } = this.#files;
    const ids = [begin.id];
    // Special tokens are found before anything else is done to the text; every second piece is one.
    for (const [i, piece] of text.split(this.#specialSplit).entries()) {
      if (i % 2 === 0) this.#addWords(piece, ids);
      else ids.push(this.#special.get(piece) as number);
    }
    ids.push(end.id);
    return ids;
  }

  decode(ids: readonly number[]): string {
    const symbols = ids.map((id) => this.#tokens.get(id) ?? this.#files.unknown.content).join('');
    // A symbol that stands for no byte can only come from a vocabulary with more than bytes in it.
    const bytes = Array.from(symbols, (symbol) => BYTES.get(symbol) ?? 0x3f);
    const text = Buffer.from(bytes).toString('utf8').replaceAll(END_OF_WORD, ' ').trim();
    return text.replaceAll(/ (?=[.?!,]|n't|'(?:m|s|ve|re))/g, '').replaceAll(" ' ", "'");
  }

  #addWords(piece: string, ids: number[]): void {
    const text = cleanText(piece).replaceAll(/\s+/gu, ' ').trim().toLowerCase();
    for (const [word] of text.matchAll(WORDS)) {
      const special = this.#special.get(word);
      if (special !== undefined) {
        ids.push(special);
        continue;
      }
      const symbols = Array.from(Buffer.from(word, 'utf8'), (byte) => SYMBOLS[byte]).join('');
      for (const token of this.#merge([symbols])) {
        ids.push(this.#files.vocabulary.get(token) ?? this.#files.unknown.id);
      }
    }
  }
}

/** A character that a Unicode regular expression must not read as syntax. */
function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) as number).toString(16)}}`;
}

/** The printable character for each byte: itself where it is printable, otherwise the next from U+0100 on. */
const SYMBOLS: readonly string[] = byteSymbols();

function byteSymbols(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(isPrintable ? byte : next++);
  });
}

const BYTES: ReadonlyMap<string, number> = new Map(SYMBOLS.map((symbol, byte) => [symbol, byte]));

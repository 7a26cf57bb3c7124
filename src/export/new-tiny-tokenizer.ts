/** Text that the merges of a made-up tokenizer are learned from. */
const TEXT = `
a photo of an astronaut riding a horse on the moon, a painting of a small house by the sea in the evening light,
a red car in front of an old castle, beautiful landscape with mountains and a river, an oil painting of a cat wearing a hat,
portrait of a woman with flowers in her hair, highly detailed digital art, a robot playing chess in the garden,
the quick brown fox jumps over the lazy dog, a bowl of fruit on a wooden table, black and white photograph of a street in the rain,
a dragon flying above the clouds, two children building a snowman, a lighthouse in a storm, watercolor of a bird on a branch,
an illustration of the ocean in a serene landscape, magic realism, people walking through a forest in autumn,
a city at night with many lights, a cup of coffee and a book, soft morning sunlight through the window, cinematic lighting,
a green tractor working in a field of corn, studio quality, sharp focus, high resolution, a map of an island with a treasure
`;

/** Symbols before the merges: 256 bytes, each inside a word and at its end. */
const SYMBOLS = 512;
const SPECIAL = ['<|startoftext|>', '<|endoftext|>'] as const;

/** The files of a tokenizer by name. */
export type TokenizerFiles = ReadonlyMap<string, string>;

/**
 * A tokenizer of CLIP's kind with a small vocabulary: the 512 symbols of bytes, merges learned from a text, two special
 * tokens.
 *
 * @param vocabSize entries of the vocabulary, 514 or more
 */
export function tinyTokenizer(vocabSize: number, maxLength: number): TokenizerFiles {
  const merges = learn(TEXT, vocabSize - SYMBOLS - SPECIAL.length);
  const symbols = byteSymbols();
  const tokens = [
    ...symbols,
    ...symbols.map((symbol) => `${symbol}</w>`),
    ...merges.map((pair) => pair.join('')),
    ...SPECIAL,
  ];
  const [start, end] = SPECIAL;
  const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
  return new Map([
    ['vocab.json', json(Object.fromEntries(tokens.map((token, id) => [token, id])))],
    ['merges.txt', `#version: 0.2\n${merges.map((pair) => `${pair.join(' ')}\n`).join('')}`],
    ['special_tokens_map.json', json({ bos_token: start, eos_token: end, pad_token: end, unk_token: end })],
    [
      'tokenizer_config.json',
      json({
        add_prefix_space: false,
        bos_token: start,
        do_lower_case: true,
        eos_token: end,
        errors: 'replace',
        model_max_length: maxLength,
        pad_token: end,
        tokenizer_class: 'CLIPTokenizer',
        unk_token: end,
      }),
    ],
  ]);
}

/** A character for every byte: printable ones stand for themselves, the others for characters from U+0100 on. */
function byteSymbols(): readonly string[] {
  const isPlain = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const others = bytes.filter((byte) => !isPlain(byte));
  return [...bytes.filter(isPlain), ...others.map((_, i) => 256 + i)].map((code) => String.fromCodePoint(code));
}

type Pair = readonly [string, string];

/** Byte pair encoding: the most frequent pair of neighbours becomes one symbol, again and again. Ties go by the alphabet. */
function learn(text: string, count: number): readonly Pair[] {
  let words = (text.match(/[a-z]+|,/gu) ?? []).map(symbolsOf);
  const merges: Pair[] = [];
  const known = new Set<string>();
  while (merges.length < count) {
    const pair = mostFrequent(words, known);
    if (pair === undefined) break;
    merges.push(pair);
    known.add(pair.join(''));
    words = words.map((word) => merge(word, pair));
  }
  return merges;
}

/** The characters of a word; the last one says that it is. */
function symbolsOf(word: string): string[] {
  return Array.from(word, (character, i) => (i === word.length - 1 ? `${character}</w>` : character));
}

/** Two merges that give one token would leave an entry of the vocabulary without a number of its own. */
function mostFrequent(words: readonly (readonly string[])[], known: ReadonlySet<string>): Pair | undefined {
  const counts = new Map<string, number>();
  for (const word of words) {
    for (let i = 1; i < word.length; i++) {
      const key = `${word[i - 1]} ${word[i]}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  let best: [string, number] = ['', 0];
  for (const [key, count] of counts) {
    if (known.has(key.replace(' ', ''))) continue;
    if (count > best[1] || (count === best[1] && key < best[0])) best = [key, count];
  }
  const [left, right] = best[0].split(' ');
  return left === undefined || right === undefined ? undefined : [left, right];
}

function merge(word: readonly string[], [left, right]: Pair): string[] {
  const merged: string[] = [];
  for (const symbol of word) {
    if (symbol === right && merged.at(-1) === left) merged[merged.length - 1] = left + right;
    else merged.push(symbol);
  }
  return merged;
}

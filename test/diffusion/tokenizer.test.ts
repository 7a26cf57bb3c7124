import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { createTokenizer, type Tokenizer, truncationWarning } from '../../src/diffusion/tokenizer.ts';
import { expectRejection } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const FIXTURES = join(ROOT, 'fixtures/tokenizer');
const TINY = join(FIXTURES, 'tiny');
const FILES = ['vocab.json', 'merges.txt', 'tokenizer_config.json', 'special_tokens_map.json'] as const;

/** Where the vocabulary of CLIP is, which is too large for this repository. */
const FULL = join(
  resolve(ROOT, process.env['SDGRAPH_BPE_VOCABULARY'] ?? '../shared/fixtures/tokenizer'),
  'bpe_simple_vocab_16e6.txt.gz',
);

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(join(FIXTURES, name), 'utf8'));
}

/** A folder with the tiny tokenizer, some of its files replaced or (undefined) left out. */
function tinyWith(changes: Partial<Record<(typeof FILES)[number], string | undefined>> = {}): string {
  const dir = tempDir();
  for (const name of FILES) {
    const text = name in changes ? changes[name] : readFileSync(join(TINY, name), 'utf8');
    if (text !== undefined) writeFileSync(join(dir, name), text);
  }
  return dir;
}

/** The files of CLIP's tokenizer, made from its list of merges as the checkpoints' own files were. */
function writeFullTokenizer(dir: string): void {
  const merges = gunzipSync(readFileSync(FULL)).toString('utf8').split('\n').slice(1, 48_895);
  const printable = (byte: number): boolean => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  const all = Array.from({ length: 256 }, (_, byte) => byte);
  const symbols = [
    ...all.filter(printable).map((byte) => String.fromCharCode(byte)),
    ...all.filter((byte) => !printable(byte)).map((_, i) => String.fromCharCode(256 + i)),
  ];
  const tokens = [
    ...symbols,
    ...symbols.map((symbol) => `${symbol}</w>`),
    ...merges.map((merge) => merge.replace(' ', '')),
    '<|startoftext|>',
    '<|endoftext|>',
  ];
  writeFileSync(join(dir, 'vocab.json'), JSON.stringify(Object.fromEntries(tokens.map((token, id) => [token, id]))));
  writeFileSync(join(dir, 'merges.txt'), ['#version: 0.2', ...merges, ''].join('\n'));
}

describe('the vocabulary of CLIP', () => {
  test('gives every recorded prompt its ids', async ({ skip }) => {
    skip(!existsSync(FULL), 'set SDGRAPH_BPE_VOCABULARY to a folder with bpe_simple_vocab_16e6.txt.gz');
    const dir = tempDir();
    writeFullTokenizer(dir);
    const tokenizer = await createTokenizer(dir);
    const recorded = readJson('clip-ids.json') as { text: string; hf: number[] }[];
    expect(recorded).toHaveLength(87);
    for (const { text, hf } of recorded) {
      expect(tokenizer.tokenize(text), text).toEqual(hf);
      const { ids, truncated } = tokenizer.encode(text);
      expect(truncated).toBe(hf.length > 77);
      const kept = hf.length > 77 ? [...hf.slice(0, 76), 49_407] : hf;
      expect(ids).toEqual([...kept, ...Array.from({ length: 77 - kept.length }, () => 49_407)]);
    }
  });
});

describe('a tiny vocabulary', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await createTokenizer(TINY);
  });

  test.each(readJson('tiny-ids.json') as { text: string; tokens: number; ids: number[] }[])(
    'encodes $tokens tokens as recorded',
    ({ text, tokens, ids }) => {
      expect(tokenizer.tokenize(text)).toHaveLength(tokens);
      expect(tokenizer.encode(text)).toMatchObject({ ids, truncated: tokens > 77 });
    },
  );

  test('merges as the definition says: all places of the first pair of the list, then again', () => {
    const merges = readFileSync(join(TINY, 'merges.txt'), 'utf8').split('\n').slice(1);
    const ranks = new Map(merges.map((merge, rank) => [merge, rank]));
    const vocabulary = new Map(Object.entries(readJson('tiny/vocab.json') as Record<string, number>));
    const byDefinition = (word: string): (number | undefined)[] => {
      let symbols = Array.from(word);
      symbols.push(`${symbols.pop() as string}</w>`);
      for (;;) {
        const pairs = symbols.slice(1).map((right, i) => `${symbols[i] as string} ${right}`);
        const best = pairs.toSorted((a, b) => (ranks.get(a) ?? Infinity) - (ranks.get(b) ?? Infinity))[0];
        if (best === undefined || !ranks.has(best)) break;
        const merged: string[] = [];
        for (let i = 0; i < symbols.length; i++) {
          const isPair = pairs[i] === best;
          merged.push(isPair ? best.replace(' ', '') : (symbols[i] as string));
          if (isPair) i++;
        }
        symbols = merged;
      }
      return symbols.map((symbol) => vocabulary.get(symbol));
    };
    // Few letters, so that there is much to merge and the same pair stands in a row.
    const anyWord = fc.stringMatching(/^[aeinorst]{1,24}$/);
    fc.assert(
      fc.property(anyWord, (word) => {
        expect(tokenizer.tokenize(word).slice(1, -1)).toEqual(byDefinition(word));
      }),
      { numRuns: 500 },
    );
  });

  test('any text gives as many ids as the encoder takes, begins, ends, and loses nothing unsaid', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.lorem({ maxCount: 120 }),
      fc.string({ unit: 'grapheme' }),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        const all = tokenizer.tokenize(text);
        const { ids, truncated, lost } = tokenizer.encode(text);
        expect(ids).toHaveLength(77);
        expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < 1000)).toBe(true);
        expect(ids[0]).toBe(998);
        expect(ids.slice(0, Math.min(76, all.length - 1))).toEqual(all.slice(0, Math.min(76, all.length - 1)));
        expect(new Set(ids.slice(all.length - 1))).toEqual(all.length > 77 ? new Set() : new Set([999]));
        expect(ids[76]).toBe(999);
        expect(truncated).toBe(all.length > 77);
        expect(lost).toBe(truncated ? tokenizer.decode(all.slice(76, -1)) : '');
      }),
    );
  });

  test('decodes what it encoded, up to case, spaces and cleaning', () => {
    expect(tokenizer.decode(tokenizer.tokenize('  A  Café, it’s 12 ').slice(1, -1))).toBe("a café, it's 1 2");
    fc.assert(
      fc.property(fc.lorem({ maxCount: 9 }), (text) => {
        const plain = text.toLowerCase().replaceAll(/[.,]/g, '');
        expect(tokenizer.decode(tokenizer.tokenize(plain).slice(1, -1))).toBe(plain);
      }),
    );
    expect(tokenizer.decode([])).toBe('');
    expect(tokenizer.decode([123_456])).toBe('<|endoftext|>');
  });

  test('special tokens count as such wherever they stand, in any case', () => {
    expect(tokenizer.tokenize('<|startoftext|><|EndOfText|>x<|endoftext|>')).toEqual([
      998,
      998,
      999,
      ...tokenizer.tokenize('x').slice(1, -1),
      999,
      999,
    ]);
  });

  test('a prompt is truncated one token past the limit, not before', () => {
    const digits = (count: number): string => '1'.repeat(count);
    expect(tokenizer.encode(digits(75))).toMatchObject({ truncated: false, lost: '' });
    const { ids, truncated, lost } = tokenizer.encode(`${digits(75)} 23`);
    expect({ last: ids[76], truncated, lost }).toEqual({ last: 999, truncated: true, lost: '2 3' });
  });

  test('the warning lists what each prompt of the batch lost', () => {
    const batch = ['short', `${'1 '.repeat(75)} the end`, ''].map((text) => tokenizer.encode(text));
    const warning = truncationWarning(batch, tokenizer.maxLength);
    expect(warning).toMatch(/^\[warning\] .*77 tokens.*\["", "the end", ""\]$/);
    expect(truncationWarning([tokenizer.encode('short')], 77)).toBeUndefined();
  });

  test('a very long prompt takes no longer than it must', () => {
    const { lost } = tokenizer.encode('abcdefgh'.repeat(20_000));
    expect(lost.length).toBeGreaterThan(100_000);
  });
});

describe('the files of a tokenizer', () => {
  test('vocabulary and merges are enough', async () => {
    const dir = tinyWith({ 'tokenizer_config.json': undefined, 'special_tokens_map.json': undefined });
    const [plain, full] = await Promise.all([createTokenizer(dir), createTokenizer(TINY)]);
    expect(plain.encode('a photo of a cat')).toEqual(full.encode('a photo of a cat'));
  });

  test('length and padding are the checkpoint’s; special_tokens_map.json has the last word', async () => {
    const dir = tinyWith({
      'tokenizer_config.json': JSON.stringify({ model_max_length: 6, pad_token: { content: '#' } }),
      'special_tokens_map.json': JSON.stringify({ pad_token: '!' }),
    });
    const tokenizer = await createTokenizer(dir);
    expect(tokenizer.maxLength).toBe(6);
    expect(tokenizer.encode('').ids).toEqual([998, 999, 0, 0, 0, 0]);
    // As a special token, it is one wherever it stands.
    expect(tokenizer.encode('!!').ids).toEqual([998, 0, 0, 999, 0, 0]);
    expect(tokenizer.encode('1 2 3 4 5 6')).toMatchObject({ truncated: true, lost: '5 6' });
    const onlyConfig = tinyWith({
      'tokenizer_config.json': JSON.stringify({ model_max_length: 4, pad_token: { content: '#' } }),
      'special_tokens_map.json': undefined,
    });
    expect((await createTokenizer(onlyConfig)).encode('').ids).toEqual([998, 999, 2, 2]);
  });

  test('merges may have other line ends, no version and no end', async () => {
    const merges = readFileSync(join(TINY, 'merges.txt'), 'utf8').split('\n').slice(1).join('\r\n').trimEnd();
    const [other, tiny] = await Promise.all([
      createTokenizer(tinyWith({ 'merges.txt': merges })),
      createTokenizer(TINY),
    ]);
    expect(other.encode('a photo of the cat')).toEqual(tiny.encode('a photo of the cat'));
  });

  test.each<[string, Partial<Record<(typeof FILES)[number], string>>, string]>([
    ['a vocabulary that is a list', { 'vocab.json': '[]' }, 'vocab.json'],
    ['a vocabulary that is not JSON', { 'vocab.json': '{' }, 'vocab.json'],
    ['a vocabulary without special tokens', { 'vocab.json': '{"a":0}' }, 'vocab.json'],
    ['an id that is no number', { 'vocab.json': '{"a":"0"}' }, 'vocab.json'],
    ['a negative id', { 'vocab.json': '{"a":-1}' }, 'vocab.json'],
    ['an id beyond any table', { 'vocab.json': '{"a":1e300}' }, 'vocab.json'],
    ['an id given twice', { 'vocab.json': '{"a":1,"b":1}' }, 'vocab.json'],
    ['a merge of one symbol', { 'merges.txt': 'a b\nc' }, 'merges.txt'],
    ['a merge of three symbols', { 'merges.txt': 'a b c' }, 'merges.txt'],
    ['a merge with an empty symbol', { 'merges.txt': ' b' }, 'merges.txt'],
    ['a length of nothing', { 'tokenizer_config.json': '{"model_max_length":1}' }, 'tokenizer_config.json'],
    ['a length without bound', { 'tokenizer_config.json': '{"model_max_length":1e30}' }, 'tokenizer_config.json'],
    ['a length in words', { 'tokenizer_config.json': '{"model_max_length":"77"}' }, 'tokenizer_config.json'],
    ['a special token that is a number', { 'special_tokens_map.json': '{"pad_token":0}' }, 'special_tokens_map.json'],
    [
      'a special token without content',
      { 'tokenizer_config.json': '{"bos_token":{}}', 'special_tokens_map.json': '{}' },
      'tokenizer_config.json',
    ],
    ['a special token that nobody knows', { 'special_tokens_map.json': '{"eos_token":"__proto__"}' }, 'vocab.json'],
    ['settings that are none', { 'tokenizer_config.json': 'null' }, 'tokenizer_config.json'],
  ])('%s: E_TOKENIZER names the file', async (_, changes, file) => {
    const dir = tinyWith(changes);
    const error = await expectRejection('E_TOKENIZER', () => createTokenizer(dir));
    expect(error.where.file).toBe(join(dir, file));
  });

  test('bytes that are not UTF-8, and files that are not there', async () => {
    const dir = tinyWith();
    writeFileSync(join(dir, 'merges.txt'), Uint8Array.of(0x61, 0x20, 0xff));
    expect((await expectRejection('E_TOKENIZER', () => createTokenizer(dir))).where.file).toBe(join(dir, 'merges.txt'));
    await expectRejection('E_FILE_MISSING', () => createTokenizer(tinyWith({ 'merges.txt': undefined })));
    await expectRejection('E_FILE_MISSING', () => createTokenizer(tinyWith({ 'vocab.json': undefined })));
    await expectRejection('E_FILE_MISSING', () => createTokenizer(join(dir, 'nowhere')));
  });

  test('tokens may have names of object members; what no token stands for is unknown', async () => {
    const tokens = ['__proto__</w>', 'constructor', '<|startoftext|>', '<|endoftext|>', 'a</w>'];
    const vocabulary = `{${tokens.map((token, id) => `${JSON.stringify(token)}:${id}`).join()}}`;
    const tokenizer = await createTokenizer(tinyWith({ 'vocab.json': vocabulary, 'merges.txt': '' }));
    expect(tokenizer.tokenize('a é constructor').slice(1, 5)).toEqual([4, 3, 3, 3]);
  });
});

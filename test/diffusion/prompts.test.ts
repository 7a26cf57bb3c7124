import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadPrompts, type Prompt, type PromptFileType, promptBatches } from '../../src/diffusion/prompts.ts';
import { expectError } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

function write(content: string | Uint8Array): string {
  const path = join(tempDir(), 'prompts.txt');
  writeFileSync(path, content);
  return path;
}

const texts = (path: string, options = {}): string[] => loadPrompts(path, options).prompts.map(({ text }) => text);

describe('a plain file', () => {
  test('has a prompt on each line that is not blank', () => {
    const path = write('\ufeff  a cat \r\n\n\t\n"a dog"\ttoo\rlast');
    expect(loadPrompts(path)).toEqual({
      prompts: [
        { index: 0, text: 'a cat', category: 'Not_specified' },
        { index: 1, text: '"a dog"\ttoo', category: 'Not_specified' },
        { index: 2, text: 'last', category: 'Not_specified' },
      ],
      categories: ['Not_specified'],
    });
  });

  test('is cut at the number of prompts asked for; blank lines do not count', () => {
    const path = write('\na\n\nb\nb\n');
    expect(texts(path, { maxPrompts: 2 })).toEqual(['a', 'b']);
    expect(texts(path, { maxPrompts: 0 })).toEqual(['a', 'b', 'b']);
    expect(texts(path, { maxPrompts: 99 })).toEqual(['a', 'b', 'b']);
  });

  test('gives back any prompts that were written to it', () => {
    const anyPrompt = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .map((text) => text.replaceAll(/[\r\n]/g, ' ').trim())
      .filter((text) => text !== '');
    const dir = tempDir();
    fc.assert(
      fc.property(fc.array(anyPrompt, { minLength: 1 }), fc.constantFrom('\n', '\r\n', '\n\n'), (prompts, end) => {
        const path = join(dir, 'any.txt');
        writeFileSync(path, prompts.join(end));
        expect(texts(path)).toEqual(prompts);
      }),
    );
  });
});

describe('a parti file', () => {
  const type = 'parti';
  const HEADER = 'Prompt\tCategory\tChallenge\tNote\n';

  test('has prompt and category in its first columns, under a header', () => {
    const path = write(
      `${HEADER} bond \tAbstract\tBasic\t\n"G I G G L E" painted\tIllustrations\tWriting\t\na "b"\tAbstract\n"x\ty\nz"\tPeople`,
    );
    expect(loadPrompts(path, { type })).toEqual({
      prompts: [
        { index: 0, text: ' bond ', category: 'Abstract' },
        { index: 1, text: 'G I G G L E painted', category: 'Illustrations' },
        { index: 2, text: 'a "b"', category: 'Abstract' },
        { index: 3, text: 'x\ty\nz', category: 'People' },
      ],
      categories: ['Abstract', 'Illustrations', 'People'],
    });
  });

  test('has a header of one line, whatever is in it', () => {
    expect(texts(write('\ufeff"Prompt\tCategory\r\na\tA\r\n'), { type })).toEqual(['a']);
  });

  test.each([
    ['a blank line', `${HEADER}a\tA\n\nb\tB\n`, 'line 3', 'a blank line'],
    ['one column', `${HEADER}a\tA\nb\n`, 'line 3', 'one column'],
    ['a quote that does not end', `${HEADER}"a\nb"\tA\n"c\tC\nd\tD\n`, 'line 4', 'the end of the file'],
  ])('with %s is refused, naming the line', (_, content, line, found) => {
    const path = write(content);
    const error = expectError('E_PROMPTS', () => loadPrompts(path, { type }));
    expect(error).toMatchObject({ where: { file: path, path: line }, found });
    // What is not asked for is not looked at.
    expect(texts(path, { type, maxPrompts: 1 })).toHaveLength(1);
  });
});

describe('what is no prompt file', () => {
  test.each<[string, string | Uint8Array, PromptFileType]>([
    ['nothing', '', 'plain'],
    ['blank lines', '\n \r\n\t\n', 'plain'],
    ['nothing', '', 'parti'],
    ['a header alone', 'Prompt\tCategory', 'parti'],
    ['bytes that are not UTF-8', Uint8Array.of(0x61, 0xe9, 0x0a), 'plain'],
    ['UTF-16', Buffer.from('\ufeffa cat', 'utf16le'), 'parti'],
  ])('%s (%#): E_PROMPTS', (_, content, type) => {
    const path = write(content);
    expect(expectError('E_PROMPTS', () => loadPrompts(path, { type })).where.file).toBe(path);
  });

  test('a path to nothing, or to a folder', () => {
    expectError('E_FILE_MISSING', () => loadPrompts(join(tempDir(), 'none.txt')));
    expectError('E_FILE_READ', () => loadPrompts(tempDir()));
  });

  test('options out of range', () => {
    const path = write('a');
    for (const maxPrompts of [-1, 0.5, Number.NaN]) expectError('E_PROMPTS', () => loadPrompts(path, { maxPrompts }));
    expectError('E_PROMPTS', () => loadPrompts(path, { type: 'toString' as PromptFileType }));
  });
});

describe('batches', () => {
  const prompts = ['a', 'b', 'b'].map((text, index): Prompt => ({ index, text, category: 'C' }));

  test('go through the images of a prompt, then to the next; the last is padded', () => {
    const found = [...promptBatches(prompts, 3, 4)].map(({ jobs, texts: all, done, total }) => ({
      names: jobs.map(({ name }) => name),
      all,
      done,
      total,
    }));
    expect(found).toEqual([
      { names: ['0_0.png', '0_1.png', '0_2.png', '1_0.png'], all: ['a', 'a', 'a', 'b'], done: 4, total: 9 },
      { names: ['1_1.png', '1_2.png', '2_0.png', '2_1.png'], all: ['b', 'b', 'b', 'b'], done: 8, total: 9 },
      { names: ['2_2.png'], all: ['b', '', '', ''], done: 9, total: 9 },
    ]);
  });

  test('hold every image once, in order, whatever their size', () => {
    const anyCount = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(fc.array(fc.string()), anyCount, anyCount, (all, perPrompt, size) => {
        const some = all.map((text, index): Prompt => ({ index, text, category: '' }));
        const found = [...promptBatches(some, perPrompt, size)];
        const names = found.flatMap(({ jobs }) => jobs.map(({ name }) => name));
        const expected = some.flatMap(({ index }) => Array.from({ length: perPrompt }, (_, k) => `${index}_${k}.png`));
        expect(names).toEqual(expected);
        for (const { jobs, texts: batch } of found) {
          expect(batch).toHaveLength(size);
          expect(batch.slice(0, jobs.length)).toEqual(jobs.map(({ prompt }) => prompt.text));
          expect(batch.slice(jobs.length).every((text) => text === '')).toBe(true);
        }
        expect(found.slice(0, -1).every(({ jobs }) => jobs.length === size)).toBe(true);
      }),
    );
  });

  test('of no size are refused at once', () => {
    for (const bad of [0, -1, 1.5, Number.NaN, Infinity]) {
      expectError('E_PROMPTS', () => promptBatches(prompts, bad, 1));
      expectError('E_PROMPTS', () => promptBatches(prompts, 1, bad));
    }
  });
});

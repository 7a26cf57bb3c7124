import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ImageInfo, readImageInfo } from '../../src/diffusion/image-info.ts';
import type { Prompt } from '../../src/diffusion/prompts.ts';
import { expectError } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

const prompt = (index: number, text: string, category = 'C'): Prompt => ({ index, text, category });
const [CAT, SAME, DOG] = [prompt(0, 'a cat'), prompt(1, 'a cat', 'D'), prompt(2, 'a dog')] as const;

describe('an image info file', () => {
  test('is laid out as Python lays it out', () => {
    const file = join(tempDir(), 'image_info.json');
    const info = ImageInfo.create(file);
    info.write();
    expect(readFileSync(file, 'latin1')).toBe('[]');
    info.add(prompt(0, 'naïve "q" \\ \u007f\u0000\n\t😀', 'Food & Beverage'), './results/0_0.png');
    info.add(prompt(1, 'plain'), 'a');
    info.add(prompt(1, 'plain'), 'b');
    info.write();
    expect(readFileSync(file, 'latin1')).toBe(
      '[{"images": ["./results/0_0.png"], "prompt": "na\\u00efve \\"q\\" \\\\ \\u007f\\u0000\\n\\t\\ud83d\\ude00", ' +
        '"category": "Food & Beverage"}, {"images": ["a", "b"], "prompt": "plain", "category": "C"}]',
    );
    expect(statSync(file).mode & 0o600).toBe(0o600);
  });

  test('has an entry for each prompt, also for equal ones, in order, and each image once', () => {
    const info = ImageInfo.create('unused.json');
    for (const [which, image] of [
      [DOG, '2_0'],
      [CAT, '0_0'],
      [SAME, '1_0'],
      [CAT, '0_1'],
      [CAT, '0_0'],
    ] as const) {
      info.add(which, image);
    }
    expect(info.entries).toEqual([
      { images: ['0_0', '0_1'], prompt: 'a cat', category: 'C' },
      { images: ['1_0'], prompt: 'a cat', category: 'D' },
      { images: ['2_0'], prompt: 'a dog', category: 'C' },
    ]);
    expect([info.has(CAT, '0_1'), info.has(CAT, '1_0'), info.has(prompt(7, 'x'), '7_0')]).toEqual([true, false, false]);
  });

  test('comes back whatever it holds, and a run goes on from it', () => {
    const file = join(tempDir(), 'image_info.json');
    const anyText = fc.string({ unit: 'binary' });
    const anyRun = fc.array(
      fc.record({ text: anyText, category: anyText, images: fc.uniqueArray(anyText, { minLength: 1 }) }),
    );
    fc.assert(
      fc.property(anyRun, fc.nat(), (run, part) => {
        const prompts = run.map(({ text, category }, index): Prompt => ({ index, text, category }));
        const write = (info: ImageInfo, count: number): void => {
          for (const [i, one] of prompts.slice(0, count).entries()) {
            for (const image of run[i]?.images ?? []) info.add(one, image);
          }
          info.write();
        };
        write(ImageInfo.create(file), run.length === 0 ? 0 : part % run.length);
        write(ImageInfo.resume(file, prompts), run.length);
        const expected = run.map(({ text, category, images }) => ({ images, prompt: text, category }));
        expect(readImageInfo(file)).toEqual(expected);
        expect(ImageInfo.resume(file, prompts).entries).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  test('is replaced at once: nothing else is left in the folder, and a failure leaves the old file', () => {
    const dir = tempDir();
    const file = join(dir, 'image_info.json');
    writeFileSync(file, 'old');
    const info = ImageInfo.create(file);
    info.add(CAT, '0_0.png');
    expect(readFileSync(file, 'utf8')).toBe('old');
    info.write();
    expect(readImageInfo(file)).toHaveLength(1);
    expect(readdirSync(dir)).toEqual(['image_info.json']);
    expectError('E_FILE_WRITE', () => ImageInfo.create(join(dir, 'none', 'image_info.json')).write());
    expectError('E_FILE_WRITE', () => ImageInfo.create(dir).write());
  });
});

describe('a run that goes on', () => {
  test('begins anew where there is no file', () => {
    expect(ImageInfo.resume(join(tempDir(), 'none.json'), [CAT]).entries).toEqual([]);
  });

  test.each([
    ['another prompt', [prompt(0, 'a bird')]],
    ['another category', [prompt(0, 'a cat', 'D')]],
    ['fewer prompts', []],
  ])('refuses the file of %s', (_, prompts) => {
    const file = join(tempDir(), 'image_info.json');
    const info = ImageInfo.create(file);
    info.add(CAT, '0_0.png');
    info.write();
    const error = expectError('E_IMAGE_INFO', () => ImageInfo.resume(file, prompts));
    expect(error).toMatchObject({ where: { file, path: '[0]' }, found: "'a cat' (C)" });
  });
});

describe('reading', () => {
  test('takes any layout of JSON, and more keys than there are', () => {
    const file = join(tempDir(), 'info.json');
    writeFileSync(file, '\ufeff[\n  {"prompt": "é", "more": {}, "category": "",\n "images": []}\n]\n');
    expect(readImageInfo(file)).toEqual([{ images: [], prompt: 'é', category: '' }]);
  });

  test.each([
    ['no JSON', '[{', undefined],
    ['no list', '{"images": []}', undefined],
    ['no object', '[null]', '[0]'],
    ['no images', '[{"prompt": "a", "category": "b"}]', '[0]'],
    ['a number for an image', '[{"images": [1], "prompt": "a", "category": "b"}]', '[0]'],
    ['no prompt', '[{"images": [], "prompt": "a", "category": "b"}, {"images": [], "category": "b"}]', '[1]'],
    ['a list for a category', '[{"images": [], "prompt": "a", "category": []}]', '[0]'],
  ])('refuses %s', (_, text, path) => {
    const file = join(tempDir(), 'info.json');
    writeFileSync(file, text);
    const error = expectError('E_IMAGE_INFO', () => readImageInfo(file));
    expect(error.where).toEqual(path === undefined ? { file } : { file, path });
    expectError('E_FILE_MISSING', () => readImageInfo(`${file}.none`));
  });
});

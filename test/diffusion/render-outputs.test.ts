import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { renderPrompts } from '../../src/diffusion/render.ts';
import { requireOutputs } from '../../src/diffusion/render-outputs.ts';
import { expectError, expectRejection } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';
import { writeTinyModels } from '../support/tiny-pipeline.ts';

let folder: string;

beforeEach(() => {
  folder = tempDir();
  writeFileSync(join(folder, 'prompts.txt'), 'a fox\n');
});

function check(info: string, sheet?: string): void {
  requireOutputs({
    saveDir: join(folder, 'results'),
    infoFile: join(folder, info),
    contactSheet: sheet === undefined ? undefined : join(folder, sheet),
    total: 4,
    inputs: [join(folder, 'prompts.txt')],
  });
}

test('names of their own are fine, and the folder of the images is made', () => {
  check('info.json', 'results/sheet.png');
  check('results/info.json', 'sheet.png');
  expect(readdirSync(join(folder, 'results'))).toEqual([]);
});

describe('a file that is read is not replaced', () => {
  test.each([
    ['by its name', 'prompts.txt'],
    ['by a roundabout name', 'results/../prompts.txt'],
    ['through a symbolic link', 'link.txt'],
    ['through a hard link', 'hard.txt'],
  ])('%s', (_how, name) => {
    mkdirSync(join(folder, 'results'));
    symlinkSync('prompts.txt', join(folder, 'link.txt'));
    linkSync(join(folder, 'prompts.txt'), join(folder, 'hard.txt'));
    expectError('E_OVERWRITES_INPUT', () => check(name));
    expectError('E_OVERWRITES_INPUT', () => check('info.json', name));
  });

  test.each(['clip/clip.onnx', 'unet/unet.onnx', 'vae/vae.onnx'])('%s', async (name) => {
    const modelDir = writeTinyModels(join(folder, 'models'), 'sd15');
    const before = readFileSync(join(modelDir, name));
    await expectRejection('E_OVERWRITES_INPUT', () =>
      renderPrompts({
        model: join(import.meta.dirname, '../../fixtures/tiny-sd/sd15'),
        modelDir,
        prompts: [{ index: 0, text: 'a fox', category: '' }],
        saveDir: join(folder, 'results'),
        infoFile: join(modelDir, name),
      }),
    );
    expect(readFileSync(join(modelDir, name)).equals(before)).toBe(true);
    expect(existsSync(join(folder, 'results'))).toBe(false);
  });
});

test.each([
  ['the info file is named as an image', 'results/0_0.png', undefined],
  ['so is the contact sheet', 'info.json', 'results/12_3.png'],
  ['through a link to the folder', 'also/0_0.png', undefined],
  ['both have one name', 'info.json', 'results/../info.json'],
])('refused: %s', (_what, info, sheet) => {
  mkdirSync(join(folder, 'results'));
  symlinkSync('results', join(folder, 'also'));
  expectError('E_FILE_WRITE', () => check(info, sheet));
});

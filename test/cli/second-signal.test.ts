import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readImageInfo } from '../../src/diffusion/image-info.ts';
import { buildCli, type Cli, finished } from '../support/cli.ts';
import { tempDir } from '../support/temp-dir.ts';
import { writeTinyModels } from '../support/tiny-pipeline.ts';
import { tinySd } from '../support/tiny-sd.ts';

let cli: Cli;

beforeAll(() => {
  cli = buildCli();
});

afterAll(() => cli.remove());

// Enough steps that no image is ever finished; the models are busy all the time.
test.each(['SIGINT', 'SIGTERM'] as const)('a second %s ends a run at once, while a model runs', async (name) => {
  const cwd = tempDir();
  const models = writeTinyModels(join(cwd, 'models'), 'sd15');
  writeFileSync(join(cwd, 'prompts.txt'), 'a fox\n');
  const args = ['--model', tinySd('sd15'), '--model-dir', models, '--prompt-file', 'prompts.txt', '--steps', '999'];
  const child = cli.start(['run', ...args], { cwd });
  const ended = finished(child);
  let told = '';
  const isTold = new Promise<void>((resolve) => {
    child.stdout?.on('data', () => child.kill(name));
    child.stderr?.on('data', (text: string) => {
      told += text;
      if (told.includes('once more ends at once')) resolve();
    });
  });
  await isTold;
  child.kill(name);
  // Exit codes of a shell: 128 and the number of the signal, whichever way the program ends.
  const { code, signal, stderr } = await ended;
  expect(signal ?? code).toBe(signal === null ? { SIGINT: 130, SIGTERM: 143 }[name] : name);
  expect(stderr.trim()).toBe('ending after the images that are being made; once more ends at once');
  expect(readdirSync(join(cwd, 'results'))).toEqual([]);
  expect(readImageInfo(join(cwd, 'image_info.json'))).toEqual([]);
});

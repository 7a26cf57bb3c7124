import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readImageInfo } from '../../src/diffusion/image-info.ts';
import type { PipelineEvent } from '../../src/diffusion/pipeline-types.ts';
import type { Prompt } from '../../src/diffusion/prompts.ts';
import { readPng } from '../../src/diffusion/read-png.ts';
import { type RenderOptions, type RenderReport, renderPrompts } from '../../src/diffusion/render.ts';
import { expectRejection } from '../support/errors.ts';
import { type FakeModelOptions, type FakeModels, fakeModels } from '../support/fake-models.ts';
import { tempDir } from '../support/temp-dir.ts';

const CHECKPOINT = join(import.meta.dirname, '../../fixtures/tiny-sd/sd15');

const prompts: readonly Prompt[] = ['a fox', 'a fox', "a cat's naïve 雪"].map((text, index) => ({
  index,
  text,
  category: index === 1 ? 'Animals' : 'Not_specified',
}));

interface Rendered {
  readonly report: RenderReport;
  readonly models: FakeModels;
}

/** Renders into `folder/results` with models that need no runtime. */
async function render(
  folder: string,
  options: Partial<RenderOptions> = {},
  model: FakeModelOptions = {},
): Promise<Rendered> {
  const models = fakeModels(model);
  const report = await renderPrompts({
    model: CHECKPOINT,
    sessions: models,
    prompts,
    saveDir: join(folder, 'results'),
    infoFile: join(folder, 'info.json'),
    steps: 2,
    seed: 7,
    ...options,
  });
  return { report, models };
}

/** The pixels of all images by name, and what is noted in the info file. */
function stateOf(folder: string): { pixels: Record<string, string>; info: unknown } {
  const dir = join(folder, 'results');
  const names = existsSync(dir) ? readdirSync(dir).toSorted() : [];
  const pixels = names.map((name) => [name, Buffer.from(readPng(join(dir, name)).image().data).toString('base64')]);
  return { pixels: Object.fromEntries(pixels) as Record<string, string>, info: infoOf(folder) };
}

function infoOf(folder: string): unknown {
  return readImageInfo(join(folder, 'info.json')).map(({ images, ...entry }) => ({
    ...entry,
    images: images.map((path) => path.slice(folder.length)),
  }));
}

describe('rendering prompts', () => {
  test('writes an image for each, notes them one entry a prompt, and closes the models', async () => {
    const folder = tempDir();
    const { report, models } = await render(folder, { imagesPerPrompt: 2 });
    expect(report).toMatchObject({ skipped: 0, total: 6, cancelled: false, batchSize: 1, imageSize: 128 });
    expect(report.images.map(({ file }) => file)).toEqual(
      ['0_0', '0_1', '1_0', '1_1', '2_0', '2_1'].map((name) => `${folder}/results/${name}.png`),
    );
    expect(infoOf(folder)).toEqual([
      { prompt: 'a fox', category: 'Not_specified', images: ['/results/0_0.png', '/results/0_1.png'] },
      { prompt: 'a fox', category: 'Animals', images: ['/results/1_0.png', '/results/1_1.png'] },
      { prompt: prompts[2]?.text, category: 'Not_specified', images: ['/results/2_0.png', '/results/2_1.png'] },
    ]);
    expect(models.calls.filter((call) => call.endsWith('closed'))).toHaveLength(3);
    expect(report.useTime).toBeGreaterThan(0);
  });

  test('notes prompt and settings in each image', async () => {
    const folder = tempDir();
    await render(folder, { negativePrompt: 'rain', guidanceScale: 5.5, scheduler: 'Euler' });
    const { text, width, height } = readPng(join(folder, 'results/2_0.png'));
    expect([width, height]).toEqual([128, 128]);
    expect(text.get('Description')).toBe(prompts[2]?.text);
    expect(JSON.parse(text.get('Settings') ?? '')).toEqual({
      seed: '7',
      steps: 2,
      scheduler: 'Euler',
      guidanceScale: 5.5,
      negativePrompt: 'rain',
      imagesPerPrompt: 1,
      image: 0,
    });
  });

  test('gives the same images whatever the batch size and the number of devices', async () => {
    const folders = [tempDir(), tempDir(), tempDir()] as const;
    await render(folders[0]);
    await render(folders[1], {}, { batch: 2 });
    await render(folders[2], { devices: [3, 0] }, { twoDevices: true });
    expect(stateOf(folders[1])).toEqual(stateOf(folders[0]));
    expect(stateOf(folders[2])).toEqual(stateOf(folders[0]));
  });

  test('makes a contact sheet of all images', async () => {
    const folder = tempDir();
    const contactSheet = join(folder, 'sheet.png');
    const { report } = await render(folder, { contactSheet });
    expect(report.contactSheet).toBe(contactSheet);
    expect(readPng(contactSheet)).toMatchObject({ width: 2 * 132 + 4, height: 2 * 132 + 4 });
  });

  test('replaces the info file of another run', async () => {
    const folder = tempDir();
    await render(folder);
    await render(folder, { prompts: prompts.slice(0, 1) });
    expect(infoOf(folder)).toHaveLength(1);
  });
});

describe('resuming', () => {
  test('makes what is missing, the same as without a break, with the seed of what is there', async () => {
    const [whole, broken] = [tempDir(), tempDir()];
    const { report } = await render(whole, { imagesPerPrompt: 2 });
    await render(broken, { imagesPerPrompt: 2 });
    rmSync(join(broken, 'results/0_1.png'));
    rmSync(join(broken, 'results/2_0.png'));
    const models = fakeModels();
    const again = await renderPrompts({
      ...{ model: CHECKPOINT, sessions: models, prompts, steps: 2, imagesPerPrompt: 2, resume: true },
      saveDir: join(broken, 'results'),
      infoFile: join(broken, 'info.json'),
    });
    expect(again).toMatchObject({ skipped: 4, total: 6, cancelled: false, settings: report.settings });
    expect(again.images.map(({ file }) => file.slice(-7))).toEqual(['0_1.png', '2_0.png']);
    expect(models.calls.filter((call) => call === 'vae begins')).toHaveLength(2);
    expect(stateOf(broken)).toEqual(stateOf(whole));
  });

  test('is a whole run where there is nothing', async () => {
    const folder = tempDir();
    expect((await render(folder, { resume: true })).report).toMatchObject({ skipped: 0, total: 3 });
  });

  test.each([
    ['seed', { seed: 8 }],
    ['steps', { steps: 3 }],
    ['scheduler', { scheduler: 'DPM' }],
    ['guidanceScale', { guidanceScale: 2 }],
    ['negativePrompt', { negativePrompt: 'rain' }],
    ['imagesPerPrompt', { imagesPerPrompt: 2 }],
  ] as const)('is refused with another %s', async (name, change) => {
    const folder = tempDir();
    await render(folder);
    const error = await expectRejection('E_IMAGE_INFO', () => render(folder, { resume: true, ...change }));
    expect(error.where).toMatchObject({ name, file: `${folder}/results/0_0.png` });
  });

  test('is refused with other prompts, and with an image that is cut off', async () => {
    const folder = tempDir();
    await render(folder);
    const other = [{ index: 0, text: 'a dog', category: 'Not_specified' }];
    await expectRejection('E_IMAGE_INFO', () => render(folder, { resume: true, prompts: other }));
    const file = join(folder, 'results/1_0.png');
    writeFileSync(file, readFileSync(file).subarray(0, -20));
    const error = await expectRejection('E_IMAGE', () => render(folder, { resume: true }));
    expect(error.where.file).toBe(file);
  });
});

describe('a signal', () => {
  test('ends the run after the batch that is being made, and the rest can be resumed', async () => {
    const [whole, broken] = [tempDir(), tempDir()];
    await render(whole, { imagesPerPrompt: 2 }, { batch: 2 });
    const controller = new AbortController();
    const onEvent = (event: PipelineEvent): void => {
      if (event.type === 'step' && event.step === 1) controller.abort();
    };
    const options = { imagesPerPrompt: 2, signal: controller.signal, onEvent };
    const { report, models } = await render(broken, options, { batch: 2 });
    expect(report).toMatchObject({ cancelled: true, total: 6, skipped: 0 });
    expect(report.images).toHaveLength(2);
    expect(infoOf(broken)).toHaveLength(1);
    expect(models.calls.filter((call) => call.endsWith('closed'))).toHaveLength(3);
    await render(broken, { imagesPerPrompt: 2, resume: true }, { batch: 2 });
    expect(stateOf(broken)).toEqual(stateOf(whole));
  });

  test('before the models are loaded ends at once', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    controller.abort(reason);
    await expect(render(tempDir(), { signal: controller.signal })).rejects.toBe(reason);
  });
});

describe('a failure', () => {
  test.each(['clip', 'unet', 'vae'])('of the %s keeps what was made and notes it', async (broken) => {
    const folder = tempDir();
    const runs = { clip: 3, unet: 3, vae: 2 }[broken] ?? 0;
    const onRun = (model: string, run: number): void => {
      if (model === broken && run === runs) throw new Error('device lost');
    };
    await expect(render(folder, {}, { onRun })).rejects.toThrow('device lost');
    expect(readdirSync(join(folder, 'results'))).toEqual(['0_0.png']);
    expect(infoOf(folder)).toHaveLength(1);
  });

  test('of writing an image keeps the others', async () => {
    const folder = tempDir();
    mkdirSync(join(folder, 'results/1_0.png'), { recursive: true });
    await expectRejection('E_FILE_WRITE', () => render(folder));
    expect(infoOf(folder)).toHaveLength(1);
  });

  test.each([
    ['a folder that cannot be made', 'E_FILE_WRITE', { saveDir: '/dev/null/results' }],
    ['no folder for the info file', 'E_FILE_WRITE', { infoFile: '/nowhere/info.json' }],
    ['a contact sheet in the place of an image', 'E_FILE_WRITE', { contactSheet: 'results/1_0.png' }],
    ['no prompts', 'E_PROMPTS', { prompts: [] }],
    ['no images', 'E_PROMPTS', { imagesPerPrompt: 0 }],
    ['too many steps', 'E_SCHEDULER', { steps: 2000 }],
    ['too much guidance', 'E_PIPELINE', { guidanceScale: Number.POSITIVE_INFINITY }],
    ['another batch size', 'E_MODELS', { batchSize: 2 }],
    ['no checkpoint', 'E_CHECKPOINT', { model: '/nowhere' }],
  ] as const)('%s is found before anything runs', async (_, code, change) => {
    const folder = tempDir();
    const sheet = 'contactSheet' in change ? { contactSheet: join(folder, change.contactSheet) } : {};
    let calls = 0;
    const onRun = (): void => {
      calls++;
    };
    await expectRejection(code, () => render(folder, { ...change, ...sheet }, { onRun }));
    expect(calls).toBe(0);
    expect(existsSync(join(folder, 'info.json'))).toBe(false);
  });
});

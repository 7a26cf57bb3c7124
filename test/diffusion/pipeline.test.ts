import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Checkpoint, loadCheckpoint } from '../../src/diffusion/checkpoint.ts';
import { NormalNoise } from '../../src/diffusion/noise.ts';
import { TextToImagePipeline } from '../../src/diffusion/pipeline.ts';
import type { GenerateOptions, ImageResult, PipelineEvent } from '../../src/diffusion/pipeline-types.ts';
import { readPostQuantConv } from '../../src/diffusion/post-quant-conv.ts';
import { SCHEDULER_NAMES } from '../../src/diffusion/schedulers/index.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { expectError, expectRejection } from '../support/errors.ts';
import { type FakeModelOptions, type FakeModels, fakeModels } from '../support/fake-models.ts';
import { tinySd } from '../support/tiny-sd.ts';

let checkpoint: Checkpoint;
beforeAll(async () => {
  checkpoint = await loadCheckpoint(tinySd('sd15'));
});

const PROMPTS = ['The ocean', 'a photo', 'horse on mars'];

function make(
  options: FakeModelOptions = {},
  parts: object = {},
): { models: FakeModels; pipeline: TextToImagePipeline } {
  const models = fakeModels(options);
  const postQuantConv = readPostQuantConv(checkpoint.dir);
  return { models, pipeline: new TextToImagePipeline({ checkpoint, sessions: models, postQuantConv, ...parts }) };
}

async function all(run: AsyncIterable<ImageResult>): Promise<ImageResult[]> {
  const results: ImageResult[] = [];
  for await (const result of run) results.push(result);
  return results;
}

/** Name and pixels of each image. */
function digest(results: readonly ImageResult[]): string[] {
  return results.map(({ name, image }) => `${name} ${createHash('sha256').update(image.data).digest('hex')}`);
}

const BASE: GenerateOptions = { prompts: PROMPTS, imagesPerPrompt: 2, steps: 3, seed: 7 };

async function digestOf(models: FakeModelOptions, options: Partial<GenerateOptions> = {}): Promise<string[]> {
  return digest(await all(make(models).pipeline.generate({ ...BASE, ...options })));
}

describe('the same images', () => {
  test.each(SCHEDULER_NAMES)('%s: whatever the batch size and the number of devices', async (scheduler) => {
    const wanted = await digestOf({}, { scheduler });
    expect(new Set(wanted.map((line) => line.split(' ')[1])).size).toBe(6);
    for (const batch of [1, 2, 4, 5]) {
      for (const twoDevices of [false, true]) {
        expect(await digestOf({ batch, twoDevices }, { scheduler })).toEqual(wanted);
      }
    }
  });

  test('whatever is skipped', async () => {
    const wanted = await digestOf({ batch: 2 });
    for (const kept of [['1_1'], ['0_0', '2_1'], ['2_0', '2_1'], []]) {
      const names = new Set(kept.map((name) => `${name}.png`));
      const found = await digestOf({ batch: 2 }, { skip: ({ name }) => !names.has(name) });
      expect(found).toEqual(wanted.filter((line) => names.has(line.split(' ')[0] as string)));
    }
  });

  test('from prompts with the indices of a file, in any order', async () => {
    const wanted = await digestOf({});
    const prompts = [2, 0].map((index) => ({ index, text: PROMPTS[index] as string, category: 'c' }));
    const found = await digestOf({}, { prompts });
    expect(found).toEqual([4, 5, 0, 1].map((i) => wanted[i]));
  });

  test('from the noise that torch draws, given as latents', async () => {
    const latents = new NormalNoise(7).draw([6, 4, 16, 16]);
    expect(await digestOf({ batch: 4 }, { latents })).toEqual(await digestOf({}));
  });

  test('with int32 inputs, and nearly with float16', async () => {
    expect(await digestOf({ int: DataType.INT32 })).toEqual(await digestOf({}));
    const [exact, half] = await Promise.all(
      [DataType.FLOAT, DataType.FLOAT16].map((float) => all(make({ float }).pipeline.generate(BASE))),
    );
    for (const [i, { image }] of (exact ?? []).entries()) {
      const other = half?.[i]?.image.data ?? new Uint8Array();
      expect(image.data.reduce((a, level, at) => Math.max(a, Math.abs(level - (other[at] as number))), 0)).toBeLessThan(
        8,
      );
    }
  });

  test('from generations that overlap', async () => {
    const { pipeline } = make();
    const wanted = await digestOf({}, { scheduler: 'DPM' });
    const both = await Promise.all([1, 2].map(() => all(pipeline.generate({ ...BASE, scheduler: 'DPM' }))));
    expect(both.map(digest)).toEqual([wanted, wanted]);
  });
});

describe('what the models are given', () => {
  test('unconditional half first, timesteps without fractions, no doubling for two devices', async () => {
    const options: Partial<GenerateOptions> = {
      scheduler: 'Euler',
      steps: 5,
      imagesPerPrompt: 1,
      prompts: ['The ocean'],
    };
    const one = make();
    const steps: (number | undefined)[] = [];
    await all(
      one.pipeline.generate({
        ...BASE,
        ...options,
        onEvent: (event) => {
          if (event.type === 'step') steps.push(event.timestep);
        },
      }),
    );
    expect(steps).toEqual([undefined, 999, 749, 499, 249, 0]);
    const two = make({ twoDevices: true });
    await all(two.pipeline.generate({ ...BASE, ...options }));
    const [latents = [], t, states = []] = one.models.fed.get('unet') ?? [];
    const [firstLatents, firstT, uncond = []] = two.models.fed.get('unet') ?? [];
    const [secondLatents, , text = []] = two.models.fed.get('second') ?? [];
    expect(t).toEqual([0]);
    expect(firstT).toEqual([0]);
    expect(states).toEqual([...uncond, ...text]);
    expect(latents).toEqual([...(firstLatents ?? []), ...(secondLatents ?? [])]);
    expect(uncond).not.toEqual(text);
  });

  test('the second device is started first, and both end before the next step', async () => {
    const { models, pipeline } = make({ twoDevices: true });
    await all(pipeline.generate({ prompts: 'a', steps: 2, seed: 1 }));
    const step = ['second begins', 'unet begins', 'second ends', 'unet ends'];
    expect(models.calls).toEqual([
      ...['clip begins', 'clip ends', 'clip begins', 'clip ends'],
      ...step,
      ...step,
      ...['vae begins', 'vae ends'],
    ]);
  });

  test.each([DataType.FLOAT, DataType.FLOAT16])('the same buffers at every step, element type %i', async (float) => {
    const { models, pipeline } = make({ float });
    const run = models.unet.run.bind(models.unet);
    const buffers = new Set<unknown>();
    models.unet.run = (feeds) => {
      for (const { data } of feeds.values()) buffers.add(data);
      return run(feeds);
    };
    await all(pipeline.generate({ prompts: 'a', steps: 5, seed: 1 }));
    expect(buffers.size).toBe(3);
  });

  test('the unconditional embeddings are computed once for each negative prompt', async () => {
    const { models, pipeline } = make();
    const runs = (): number => models.calls.filter((call) => call === 'clip begins').length;
    await all(pipeline.generate(BASE));
    expect(runs()).toBe(6 + 1);
    await all(pipeline.generate(BASE));
    expect(runs()).toBe(12 + 1);
    await all(pipeline.generate({ ...BASE, negativePrompt: 'blurry' }));
    expect(runs()).toBe(18 + 2);
  });

  test('a negative prompt changes the image, unless guidance is off', async () => {
    expect(await digestOf({}, { negativePrompt: 'mars' })).not.toEqual(await digestOf({}));
    expect(await digestOf({}, { negativePrompt: 'mars', guidanceScale: 1 })).toEqual(
      await digestOf({}, { guidanceScale: 1 }),
    );
  });

  test.each([
    { why: 'one device, UNet of batch 2B', models: {} },
    { why: 'one device, UNet of batch B', models: { unetBatch: 1 } },
    { why: 'two devices, the second of which rests', models: { twoDevices: true } },
  ])('without guidance: $why', async ({ models }) => {
    const { models: fake, pipeline } = make(models);
    const results = await all(pipeline.generate({ ...BASE, guidanceScale: 1 }));
    expect(digest(results)).toEqual(await digestOf({ unetBatch: 1 }, { guidanceScale: 0 }));
    expect(fake.calls).not.toContain('second begins');
    expect(fake.calls.filter((call) => call === 'clip begins')).toHaveLength(6);
    expect(digest(results)).not.toEqual(await digestOf({}));
  });

  test('a UNet for two devices is refused on one before anything runs', () => {
    const { models, pipeline } = make({ unetBatch: 1 });
    expect(expectError('E_MODELS', () => pipeline.generate(BASE)).hint).toMatch(/two devices/);
    expect(models.calls).toEqual([]);
  });
});

describe('events and results', () => {
  test('tell what happens, in order', async () => {
    const events: PipelineEvent[] = [];
    const results = await all(
      make({ batch: 4 }).pipeline.generate({ ...BASE, onEvent: (event) => events.push(event) }),
    );
    const steps = ['step 0/3', 'step 1/3', 'step 2/3', 'step 3/3'];
    const lines = events.map((event) => {
      if (event.type === 'step') return `step ${event.step}/${event.steps}`;
      if (event.type === 'batch')
        return `batch ${event.jobs.length} of ${event.texts.length}, ${event.done}/${event.total}`;
      if (event.type === 'image') return event.result.name;
      return event.type;
    });
    expect(lines).toEqual([
      ...['batch 4 of 4, 4/6', ...steps, 'batch-done', '0_0.png', '0_1.png', '1_0.png', '1_1.png'],
      ...['batch 2 of 4, 6/6', ...steps, 'batch-done', '2_0.png', '2_1.png'],
    ]);
    expect(results[3]).toMatchObject({
      prompt: 'a photo',
      category: 'Not_specified',
      promptIndex: 1,
      imageIndex: 1,
      name: '1_1.png',
      seed: 7,
      flagged: false,
    });
    expect(results[0]?.image).toMatchObject({ width: 128, height: 128 });
    for (const { timings } of results) {
      const { text, unet, vae, host, total } = timings;
      expect(text + unet + vae + host).toBeCloseTo(total, 6);
    }
    expect(results.map(({ timings }) => timings.images)).toEqual([4, 4, 4, 4, 2, 2]);
  });

  test('a seed of its own when none is given', async () => {
    const { pipeline } = make();
    const [first] = await all(pipeline.generate({ prompts: 'a', steps: 1 }));
    const again = await all(pipeline.generate({ prompts: 'a', steps: 1, seed: first?.seed ?? 0 }));
    expect(digest(again)).toEqual(digest(first === undefined ? [] : [first]));
  });

  test('long prompts, numbers that are not finite and a missing safety checker cause warnings', async () => {
    const warnings: string[] = [];
    const { pipeline } = make({ batch: 2 }, { checkpoint: { ...checkpoint, hasSafetyChecker: true } });
    const latents = new Float32Array(2 * 4 * 256).fill(Number.NaN);
    const run = pipeline.generate({
      prompts: ['a', 'castle '.repeat(200)],
      steps: 1,
      latents,
      onEvent: (event) => {
        if (event.type === 'warning') warnings.push(`${event.reason} ${event.message.slice(0, 9)}`);
      },
    });
    const results = await all(run);
    expect(warnings).toEqual(['no-safety-checker [warning]', 'truncated [warning]', 'not-finite [warning]']);
    expect(results.every(({ image }) => image.data.every((level) => level === 0))).toBe(true);
  });

  test('the safety checker sees wanted images only, and what it flags is black', async () => {
    const seen: string[] = [];
    const safetyChecker = (images: readonly unknown[], texts: readonly string[]): boolean[] => {
      expect(images).toHaveLength(texts.length);
      seen.push(...texts);
      return texts.map((text) => text === 'a photo');
    };
    const { pipeline } = make({ batch: 4 }, { safetyChecker });
    const results = await all(
      pipeline.generate({ ...BASE, imagesPerPrompt: 1, skip: ({ name }) => name === '0_0.png' }),
    );
    expect(seen).toEqual(['a photo', 'horse on mars']);
    expect(results.map(({ flagged }) => flagged)).toEqual([true, false]);
    expect(results.map(({ image }) => image.data.some((level) => level > 0))).toEqual([false, true]);
    const careless = make({}, { safetyChecker: () => [] }).pipeline;
    await expectRejection('E_PIPELINE', () => all(careless.generate({ prompts: 'a', steps: 1 })));
  });
});

describe('ends early', () => {
  /** Number of runs of all models in a generation of one batch with two steps on two devices. */
  const RUNS = 7;

  test.each(Array.from({ length: RUNS }, (_, i) => i))('aborted during run %i: nothing runs after it', async (at) => {
    const controller = new AbortController();
    const reason = new Error('enough');
    let runs = 0;
    const onRun = (): void => {
      if (runs++ === at) controller.abort(reason);
    };
    const { models, pipeline } = make({ twoDevices: true, onRun });
    const run = all(pipeline.generate({ prompts: ['a', 'b'], steps: 2, seed: 1, signal: controller.signal }));
    await expect(run).rejects.toBe(reason);
    // A step takes both devices.
    const others = models.calls.filter((call) => call.endsWith('begins')).length - 1 - at;
    expect(others).toBe(at === 2 || at === 4 ? 1 : 0);
    expect(models.calls.filter((call) => call.endsWith('ends'))).toHaveLength(at + 1 + others);
  });

  test('aborted before it begins, and between images', async () => {
    const { models, pipeline } = make({ batch: 2 });
    expect(() => pipeline.generate({ ...BASE, signal: AbortSignal.abort() })).toThrow(/abort/i);
    expect(models.calls).toEqual([]);
    const controller = new AbortController();
    const names: string[] = [];
    await expect(async () => {
      for await (const { name } of pipeline.generate({ ...BASE, signal: controller.signal })) {
        names.push(name);
        controller.abort();
      }
    }).rejects.toThrow(/abort/i);
    // The images of a batch that is done are handed out.
    expect(names).toEqual(['0_0.png', '0_1.png']);
  });

  test('a consumer that stops', async () => {
    const { models, pipeline } = make();
    for await (const { name } of pipeline.generate(BASE)) {
      expect(name).toBe('0_0.png');
      break;
    }
    expect(models.calls.filter((call) => call === 'vae begins')).toHaveLength(1);
  });

  test.each([
    { broken: 'clip', run: 1 },
    { broken: 'clip', run: 2 },
    { broken: 'unet', run: 1 },
    { broken: 'unet', run: 2 },
    { broken: 'second', run: 1 },
    { broken: 'second', run: 2 },
    { broken: 'vae', run: 1 },
  ])('$broken fails in run $run: its error comes out when the other device is done', async ({ broken, run }) => {
    const failure = new Error('device lost');
    const { models, pipeline } = make({
      twoDevices: true,
      onRun: async (model, number) => {
        if (model === broken && number === run) throw failure;
        // The device that does not fail takes longer.
        for (let i = 0; i < 20; i++) await Promise.resolve();
      },
    });
    await expect(all(pipeline.generate({ prompts: 'a', steps: 2, seed: 1 }))).rejects.toBe(failure);
    const count = (what: string): number => models.calls.filter((call) => call.endsWith(what)).length;
    expect(count('begins')).toBe(count('ends') + 1);
  });

  test('an output of another size', async () => {
    const { pipeline, models } = make();
    models.unet.run = () =>
      Promise.resolve(new Map([['out', { dataType: DataType.FLOAT, dims: [1], data: Float32Array.of(1) }]]));
    await expectRejection('E_MODELS', () => all(pipeline.generate({ prompts: 'a', steps: 1 })));
  });
});

describe('is refused before anything runs', () => {
  test.each([
    { why: 'no prompts', options: { prompts: [] }, code: 'E_PROMPTS' },
    { why: 'a prompt that is none', options: { prompts: [5] }, code: 'E_PROMPTS' },
    { why: 'no images', options: { imagesPerPrompt: 0 }, code: 'E_PROMPTS' },
    { why: 'no steps', options: { steps: 0 }, code: 'E_SCHEDULER' },
    { why: 'too many steps', options: { steps: 1000 }, code: 'E_SCHEDULER' },
    { why: 'one step of Euler', options: { steps: 1, scheduler: 'Euler' }, code: 'E_SCHEDULER' },
    { why: 'an unknown scheduler', options: { scheduler: 'PNDM' }, code: 'E_SCHEDULER' },
    { why: 'a guidance scale that is no number', options: { guidanceScale: Number.NaN }, code: 'E_PIPELINE' },
    { why: 'a negative prompt that is no text', options: { negativePrompt: ['a'] }, code: 'E_PIPELINE' },
    { why: 'a seed with a fraction', options: { seed: 0.5 }, code: 'E_LATENTS' },
    { why: 'too few latents', options: { latents: new Float32Array(4 * 256) }, code: 'E_LATENTS' },
    { why: 'latents that are no floats', options: { latents: [1, 2] }, code: 'E_LATENTS' },
  ] as const)('$why', ({ options, code }) => {
    const { models, pipeline } = make();
    expectError(code, () => pipeline.generate({ ...BASE, ...(options as object) }));
    expect(models.calls).toEqual([]);
  });

  test('anything, once the pipeline is closed', async () => {
    const { models, pipeline } = make({ twoDevices: true });
    await pipeline.close();
    await pipeline.close();
    expect(models.calls).toEqual(['clip closed', 'unet closed', 'second closed', 'vae closed']);
    expectError('E_PIPELINE', () => pipeline.generate(BASE));
  });
});

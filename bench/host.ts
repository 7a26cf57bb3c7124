import type { Checkpoint } from '../src/diffusion/checkpoint.ts';
import { TextToImagePipeline } from '../src/diffusion/pipeline.ts';
import { SCHEDULER_NAMES } from '../src/diffusion/schedulers/index.ts';
import { DataType } from '../src/ir/data-type.ts';
import type { InferenceSession, SessionPort } from '../src/runtime/session.ts';
import type { Bench } from './bench.ts';
import { median } from './measure.ts';
import type { Row } from './row.ts';

const [SIDE, TOKENS, HIDDEN, STEPS] = [64, 77, 768, 50];
const SCHEDULER_CONFIG = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  set_alpha_to_one: false,
};

/** What the host adds to every step of the pipeline, with models of real size that answer at once. */
export async function hostOverhead(bench: Bench): Promise<readonly Row[]> {
  const pipeline = new TextToImagePipeline({ checkpoint: checkpoint(), sessions: sessions() });
  const rows: Row[] = [];
  for (const scheduler of SCHEDULER_NAMES) {
    const times: number[] = [];
    for (let run = -1; run < 2 * bench.runs; run++) {
      bench.log(`${scheduler}, run ${run + 2}`);
      const time = await perStep(pipeline, scheduler);
      if (run >= 0) times.push(time);
    }
    const cost = { milliseconds: median(times), rss: process.memoryUsage.rss(), read: undefined, written: undefined };
    const budgets = [{ text: '<= 3 ms', kept: cost.milliseconds <= 3 }];
    rows.push({ name: `host, a step of ${scheduler}, latents 1x4x64x64`, cost: { ...cost, parts: {} }, budgets });
  }
  await pipeline.close();
  return rows;
}

/** Milliseconds from one step to the next. */
async function perStep(pipeline: TextToImagePipeline, scheduler: (typeof SCHEDULER_NAMES)[number]): Promise<number> {
  let [started, ended] = [0, 0];
  const images = pipeline.generate({
    prompts: 'a photo of a cat',
    steps: STEPS,
    scheduler,
    seed: 1,
    onEvent: (event) => {
      if (event.type !== 'step') return;
      ended = performance.now();
      if (event.step === 0) started = ended;
    },
  });
  for await (const { image } of images) if (image.width !== 8 * SIDE) throw new Error('an image of another size');
  return (ended - started) / STEPS;
}

function checkpoint(): Checkpoint {
  const ids = Array.from({ length: TOKENS }, () => 1);
  return {
    dir: '',
    sampleSize: SIDE,
    pixelsPerLatent: 8,
    scalingFactor: 0.18215,
    schedulerConfig: SCHEDULER_CONFIG,
    hasSafetyChecker: false,
    tokenizer: {
      maxLength: TOKENS,
      encode: () => ({ ids, truncated: false, lost: '' }),
      tokenize: () => ids,
      decode: () => '',
    },
  };
}

function sessions(): { clip: InferenceSession; unet: InferenceSession; vae: InferenceSession } {
  const latents = [4, SIDE, SIDE];
  const sample = port('sample', DataType.FLOAT, 2, ...latents);
  const states = port('encoder_hidden_states', DataType.FLOAT, 2, TOKENS, HIDDEN);
  return {
    clip: instant([port('prompt', DataType.INT64, 1, TOKENS)], port('text', DataType.FLOAT, 1, TOKENS, HIDDEN)),
    unet: instant([sample, port('t', DataType.INT64, 1), states], sample),
    vae: instant(
      [port('latents', DataType.FLOAT, 1, ...latents)],
      port('image', DataType.FLOAT, 1, 3, 8 * SIDE, 8 * SIDE),
    ),
  };
}

/** A port without open dimensions. */
interface FixedPort extends SessionPort {
  readonly shape: readonly number[];
}

function port(name: string, dataType: number, ...shape: number[]): FixedPort {
  return { name, dataType, shape };
}

/** A model that gives the same output at once. */
function instant(inputs: readonly SessionPort[], output: FixedPort): InferenceSession {
  const { name, dataType, shape: dims } = output;
  const count = dims.reduce((a, b) => a * b, 1);
  const data = Float32Array.from({ length: count }, (_, i) => Math.sin(i));
  const results = new Map([[name, { dataType, dims, data }]]);
  return { inputs, outputs: [output], run: () => Promise.resolve(results), close: () => Promise.resolve() };
}

import type { SessionPort } from '../runtime/session.ts';
import { guide, guideHalves } from './guidance.ts';
import { FloatFeed, IntFeed, runModel } from './model-run.ts';
import type { PipelineSessions } from './pipeline-types.ts';
import type { Scheduler } from './schedulers/common.ts';

/** What the loop over the timesteps needs. */
export interface DenoiseOptions {
  readonly sessions: Pick<PipelineSessions, 'unet' | 'secondUnet'>;
  readonly scheduler: Scheduler;
  /** B, U and the side of the latents. */
  readonly batch: number;
  readonly unetBatch: number;
  readonly side: number;
  /** [B,tokens,H] each; without `unconditional` there is no guidance. */
  readonly text: Float32Array;
  readonly unconditional: Float32Array | undefined;
  readonly tokens: number;
  readonly guidanceScale: number;
  /** Called after each step, and before the first one with 0. */
  readonly onStep: (done: number, latents: Float32Array) => void;
  /** Called before every run of the UNet; throws to end the loop. */
  readonly beforeRun: () => void;
}

/**
 * From noise to the latents of images.
 *
 * @param noise standard normal, `[B,4,S,S]`
 * @returns the latents, and the milliseconds that the UNet took
 * @throws SdgraphError what the sessions throw; with two devices only when both runs have ended
 */
export async function denoise(
  noise: Float32Array,
  options: DenoiseOptions,
): Promise<{ readonly latents: Float32Array; readonly unetTime: number }> {
  const { scheduler, onStep, beforeRun } = options;
  const predict = options.unconditional === undefined ? single(options, noise.length) : guided(options, noise.length);
  let latents: Float32Array = noise.map((value) => value * scheduler.initNoiseSigma);
  let unetTime = 0;
  onStep(0, latents);
  for (const [i, t] of scheduler.timesteps.entries()) {
    beforeRun();
    const input = scheduler.scaleModelInput(latents, i);
    const predicted = await predict(input, Math.trunc(t));
    unetTime += predicted.time;
    latents = scheduler.step(predicted.output(), i, latents);
    onStep(i + 1, latents);
  }
  return { latents, unetTime };
}

/** What the UNet gave; the output is put together on request, so that it does not count as the UNet's time. */
interface Predicted {
  readonly time: number;
  output(): Float32Array;
}

type Predict = (input: Float32Array, t: number) => Promise<Predicted>;

/** Without guidance: the prompts alone. A UNet that is exported for both halves gets the same in both. */
function single(options: DenoiseOptions, size: number): Predict {
  const { sessions, unetBatch, batch, text } = options;
  const feeds = new UNetFeeds(options, unetBatch);
  const copies = unetBatch / batch;
  for (let copy = 0; copy < copies; copy++) feeds.embeddings.set(text, copy * text.length);
  return async (input, t) => {
    feeds.set(input, t, copies > 1);
    const started = performance.now();
    const output = await runModel(sessions.unet, feeds.tensors, copies * size);
    return { time: performance.now() - started, output: () => output.subarray(0, size) };
  };
}

function guided(options: DenoiseOptions, size: number): Predict {
  return options.sessions.secondUnet === undefined ? oneDevice(options, size) : twoDevices(options, size);
}

/** Both halves in one run, the unconditional one first. */
function oneDevice(options: DenoiseOptions, size: number): Predict {
  const { sessions, batch, text, unconditional = text, guidanceScale } = options;
  const feeds = new UNetFeeds(options, 2 * batch);
  feeds.embeddings.set(unconditional);
  feeds.embeddings.set(text, unconditional.length);
  return async (input, t) => {
    feeds.set(input, t, true);
    const started = performance.now();
    const output = await runModel(sessions.unet, feeds.tensors, 2 * size);
    return { time: performance.now() - started, output: () => guideHalves(output, guidanceScale) };
  };
}

/** The half with the prompts on the second device, which is started first, the unconditional one on the first. */
function twoDevices(options: DenoiseOptions, size: number): Predict {
  const { sessions, batch, text, unconditional = text, guidanceScale } = options;
  const { unet, secondUnet = unet } = sessions;
  const feeds = new UNetFeeds(options, batch);
  feeds.embeddings.set(unconditional);
  const states = new FloatFeed(unet.inputs[2] as SessionPort, feeds.embeddings.tensor.dims);
  states.set(text);
  return async (input, t) => {
    feeds.set(input, t, false);
    const [latent, time] = feeds.tensors;
    const started = performance.now();
    const prompted = runModel(secondUnet, [latent, time, states.tensor], size);
    const base = runModel(unet, feeds.tensors, size);
    // Nothing may still run on a device when an error of the other one is passed on.
    const [second, first] = await Promise.allSettled([prompted, base]);
    const ended = performance.now();
    if (second.status === 'rejected') throw second.reason as Error;
    if (first.status === 'rejected') throw first.reason as Error;
    return { time: ended - started, output: () => guide(first.value, second.value, guidanceScale) };
  };
}

/** The inputs of the UNet. The buffers are the same at every step. */
class UNetFeeds {
  readonly #latents: FloatFeed;
  readonly #timestep: IntFeed;
  readonly embeddings: FloatFeed;
  readonly tensors: readonly [FloatFeed['tensor'], IntFeed['tensor'], FloatFeed['tensor']];

  constructor({ sessions, batch, side, text, tokens }: DenoiseOptions, rows: number) {
    const [latents, timestep, states] = sessions.unet.inputs as [SessionPort, SessionPort, SessionPort];
    const hidden = text.length / (batch * tokens);
    this.#latents = new FloatFeed(latents, [rows, 4, side, side]);
    this.#timestep = new IntFeed(timestep, timestep.shape.length === 0 ? [] : [1]);
    this.embeddings = new FloatFeed(states, [rows, tokens, hidden]);
    this.tensors = [this.#latents.tensor, this.#timestep.tensor, this.embeddings.tensor];
  }

  set(latents: Float32Array, t: number, doubled: boolean): void {
    this.#latents.set(latents);
    if (doubled) this.#latents.repeat(latents.length);
    this.#timestep.set([t]);
  }
}

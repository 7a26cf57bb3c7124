/** Checks that the models of a pipeline fit each other and the checkpoint, before any of them runs. */

import { DataType, typeName } from '../ir/data-type.ts';
import type { Dim } from '../ir/type.ts';
import type { InferenceSession, SessionPort } from '../runtime/session.ts';
import type { Checkpoint } from './checkpoint.ts';
import { modelsError } from './model-files.ts';
import type { PipelineSessions } from './pipeline-types.ts';

/** What a pipeline knows of its models. */
export interface ModelFit {
  /** B: images at once. */
  readonly batch: number;
  /** U: batch of the UNet, 2B or B. */
  readonly unetBatch: number;
  /** Tokens of a prompt. */
  readonly tokens: number;
  /** H: width of the embeddings; undefined where no model says. */
  readonly hidden: number | undefined;
}

const FLOATS = [DataType.FLOAT, DataType.FLOAT16];
const INTEGERS = [DataType.INT64, DataType.INT32];
const CHANNELS = 4;
const PIXEL_CHANNELS = 3;

type Ports = Pick<InferenceSession, 'inputs' | 'outputs'>;

/**
 * Checks number, types and shapes of all inputs and first outputs, by position.
 *
 * @param batchSize what the models must be for; otherwise what they say, or 1
 * @throws SdgraphError `E_MODELS` naming model and tensor
 */
export function checkModels(sessions: PipelineSessions, checkpoint: Checkpoint, batchSize?: number): ModelFit {
  const { clip, unet, secondUnet, vae } = sessions;
  const tokens = checkpoint.tokenizer.maxLength;
  const side = checkpoint.sampleSize;
  const pixels = side * checkpoint.pixelsPerLatent;
  const [ids] = inputsOf('text encoder', clip, 1);
  const [sample, t, states] = inputsOf('UNet', unet, 3);
  const [latents] = inputsOf('VAE', vae, 1);

  const batch = commonBatch([ids, latents, sample], secondUnet !== undefined, batchSize);
  const unetBatch = unetBatchOf(sample, batch, secondUnet !== undefined);

  requirePort('text encoder', ids, INTEGERS, [batch, tokens]);
  const embeddings = outputOf('text encoder', clip);
  requirePort('text encoder', embeddings, FLOATS, [batch, tokens, undefined]);
  requirePort('UNet', sample, FLOATS, [unetBatch, CHANNELS, side, side]);
  requireTimestep(t);
  const hidden = numberOf(embeddings.shape[2]);
  requirePort('UNet', states, FLOATS, [unetBatch, tokens, hidden]);
  requirePort('UNet', outputOf('UNet', unet), FLOATS, [unetBatch, CHANNELS, side, side]);
  requirePort('VAE', latents, FLOATS, [batch, CHANNELS, side, side]);
  requirePort('VAE', outputOf('VAE', vae), FLOATS, [batch, PIXEL_CHANNELS, pixels, pixels]);
  if (secondUnet !== undefined) requireTwin(unet, secondUnet);
  return { batch, unetBatch, tokens, hidden: hidden ?? numberOf(states.shape[2]) };
}

function inputsOf<Count extends 1 | 3>(
  model: string,
  { inputs }: Ports,
  count: Count,
): Count extends 1 ? [SessionPort] : [SessionPort, SessionPort, SessionPort] {
  if (inputs.length === count) return [...inputs] as ReturnType<typeof inputsOf<Count>>;
  throw modelsError(
    `the ${model} has another number of inputs`,
    {},
    { expected: `${count}`, found: `${inputs.length}` },
  );
}

function outputOf(model: string, { outputs }: Ports): SessionPort {
  const [first] = outputs;
  if (first !== undefined) return first;
  throw modelsError(`the ${model} has no output`, {}, { expected: 'at least one', found: 'none' });
}

function numberOf(dim: Dim): number | undefined {
  return typeof dim === 'number' ? dim : undefined;
}

/** The batch size that the request, the text encoder and the decoder agree on. */
function commonBatch(
  [ids, latents, sample]: readonly [SessionPort, SessionPort, SessionPort],
  twoDevices: boolean,
  wanted: number | undefined,
): number {
  const unet = numberOf(sample.shape[0]);
  const batch =
    wanted ??
    numberOf(ids.shape[0]) ??
    numberOf(latents.shape[0]) ??
    (unet === undefined ? 1 : twoDevices ? unet : Math.ceil(unet / 2));
  for (const [model, port] of [['text encoder', ids] as const, ['VAE', latents] as const]) {
    const found = numberOf(port.shape[0]);
    if (found === undefined || found === batch) continue;
    throw modelsError(
      `the ${model} is for another batch size`,
      { name: port.name },
      { expected: `batch size ${batch}`, found: `batch size ${found}`, hint: 'export all three models alike' },
    );
  }
  return batch;
}

function unetBatchOf(sample: SessionPort, batch: number, twoDevices: boolean): number {
  const usual = twoDevices ? batch : 2 * batch;
  const found = numberOf(sample.shape[0]) ?? usual;
  // With guidance off, a UNet for two devices does on one; the generation decides.
  if (found === usual || found === batch) return found;
  const isForOne = twoDevices && found === 2 * batch;
  throw modelsError(
    isForOne ? 'the UNet is for one device' : 'the UNet is for another batch size',
    { name: sample.name },
    {
      expected: twoDevices ? `batch ${batch}` : `batch ${2 * batch}: with and without the prompt`,
      found: `batch ${found}`,
      hint: isForOne ? 'for two devices, export it with --parallel' : `the other models are for batch size ${batch}`,
    },
  );
}

function requirePort(model: string, port: SessionPort, types: readonly number[], dims: readonly Dim[]): void {
  const { name, dataType, shape } = port;
  const fits =
    types.includes(dataType) &&
    shape.length === dims.length &&
    shape.every((dim, i) => typeof dim !== 'number' || dims[i] === undefined || dim === dims[i]);
  if (fits) return;
  throw modelsError(
    `the ${model} does not fit the checkpoint or the other models`,
    { name },
    {
      expected: `${types.map(typeName).join(' or ')}${dimsText(dims)}`,
      found: `${typeName(dataType)}${dimsText(shape)}`,
    },
  );
}

/** One timestep for the whole batch: [1], or a scalar. */
function requireTimestep(t: SessionPort): void {
  requirePort('UNet', t, INTEGERS, t.shape.length === 0 ? [] : [1]);
}

/** The second device must have a model of the same form; that it holds the same weights is not looked at. */
function requireTwin(unet: Ports, second: Ports): void {
  const form = ({ inputs, outputs }: Ports): string =>
    [...inputs, ...outputs.slice(0, 1)]
      .map(({ dataType, shape }) => `${typeName(dataType)}${dimsText(shape)}`)
      .join(', ');
  const [expected, found] = [form(unet), form(second)];
  if (expected !== found) throw modelsError('the UNets of the two devices differ', {}, { expected, found });
}

function dimsText(dims: readonly Dim[]): string {
  return `[${dims.map((dim) => (typeof dim === 'number' ? dim : '?')).join(',')}]`;
}

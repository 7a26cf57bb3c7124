import * as ort from 'onnxruntime-node';
import { saveBytes } from '../../src/io/save.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import { halfToNumber, numberToHalf } from '../../src/ir/numbers.ts';
import { type Architecture, type Goldens, golden, goldens, type ModelName } from './tiny-sd.ts';

/** One call of a model whose results torch recorded. */
export interface GoldenCall {
  readonly name: string;
  /** Names of goldens, or numbers, in the order of the graph inputs. */
  readonly feeds: readonly (string | readonly number[])[];
  /** Names of goldens in the order of the graph outputs; those that are not there are not compared. */
  readonly results: readonly string[];
}

/** The recorded calls of each model. */
export const GOLDEN_CALLS: Readonly<Record<ModelName | 'vae with post_quant', readonly GoldenCall[]>> = {
  clip: [
    { name: 'prompts', feeds: ['ids.cond'], results: ['clip.cond', 'clip.pooled_cond'] },
    { name: 'empty prompts', feeds: ['ids.uncond'], results: ['clip.uncond'] },
  ],
  unet: [
    { name: 'timestep of the record', feeds: ['unet.in', 'unet.t', 'unet.emb'], results: ['unet.out'] },
    { name: 'timestep 3', feeds: ['unet.in', [3], 'unet.emb'], results: ['unet.t3_out'] },
  ],
  vae: [{ name: 'latents', feeds: ['vae.post_quant'], results: ['vae.image'] }],
  'vae with post_quant': [{ name: 'latents', feeds: ['vae.z'], results: ['vae.image'] }],
};

/** What is allowed, for results in single precision: differences relative to the larger of 1 and the largest value. */
export const TOLERANCE: Readonly<Record<ModelName, number>> = { clip: 2e-5, unet: 2e-5, vae: 5e-5 };

type Floats = Float32Array | Float64Array;

/** Floats of one model for each recorded call and each output that was recorded. */
export async function callGoldens(
  model: Model,
  architecture: Architecture,
  calls: readonly GoldenCall[],
): Promise<Map<string, Floats>> {
  const recorded = goldens(architecture);
  const session = await ort.InferenceSession.create(await saveBytes(model), {
    graphOptimizationLevel: 'disabled',
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  try {
    const results = new Map<string, Floats>();
    for (const call of calls) {
      for (const [i, floats] of (await runBatches(model, session, feedsOf(call, recorded))).entries()) {
        const name = call.results[i];
        if (name !== undefined) results.set(name, floats);
      }
    }
    return results;
  } finally {
    await session.release();
  }
}

/** The largest difference of each recorded result, relative to the larger of 1 and its largest value. */
export function errorsOf(results: ReadonlyMap<string, Floats>, architecture: Architecture): Map<string, number> {
  const recorded = goldens(architecture);
  return new Map(
    Array.from(results, ([name, floats]) => [name, relativeError(floats, golden(recorded, name).data as Float32Array)]),
  );
}

/** The largest difference between two results, relative to the larger of 1 and the largest value of the second. */
export function relativeError(found: Floats, expected: Floats): number {
  if (found.length !== expected.length) throw new Error(`${found.length} numbers instead of ${expected.length}`);
  let [difference, size] = [0, 1];
  for (const [i, value] of expected.entries()) {
    const distance = Math.abs((found[i] ?? Number.NaN) - value);
    if (Number.isNaN(distance)) return Number.POSITIVE_INFINITY;
    difference = Math.max(difference, distance);
    size = Math.max(size, Math.abs(value));
  }
  return difference / size;
}

function feedsOf({ feeds }: GoldenCall, recorded: Goldens): ort.Tensor[] {
  return feeds.map((feed) =>
    typeof feed === 'string' ? golden(recorded, feed) : new ort.Tensor('int32', Int32Array.from(feed), [feed.length]),
  );
}

/** Calls a model of a smaller batch once for each part of the recorded one, and joins the results. */
async function runBatches(
  model: Model,
  session: ort.InferenceSession,
  feeds: readonly ort.Tensor[],
): Promise<Floats[]> {
  const ports = model.graph.inputs.map(({ name, type }) => {
    if (type?.kind !== 'tensor') throw new Error(`'${name}' is no tensor`);
    return { name, elemType: type.elemType, batch: Number(type.shape?.[0]) };
  });
  const parts = Math.max(...ports.map(({ batch }, i) => (feeds[i]?.dims[0] ?? 0) / batch));
  const joined: number[][] = [];
  for (let part = 0; part < parts; part++) {
    const inputs: Record<string, ort.Tensor> = {};
    for (const [i, { name, elemType, batch }] of ports.entries()) {
      const feed = feeds[i];
      if (feed === undefined) throw new Error(`nothing to feed '${name}' with`);
      inputs[name] = converted(feed, elemType, batch, (feed.dims[0] ?? 0) > batch ? part : 0);
    }
    const outputs = await session.run(inputs);
    for (const [i, { name }] of model.graph.outputs.entries()) {
      const tensor = outputs[name];
      if (tensor !== undefined) (joined[i] ??= []).push(...floatsOf(tensor));
    }
  }
  return joined.map((values) => Float64Array.from(values));
}

/** One batch of a tensor as the model wants its elements. */
function converted(tensor: ort.Tensor, elemType: number, batch: number, part: number): ort.Tensor {
  const dims = [batch, ...tensor.dims.slice(1)];
  const count = dims.reduce((product, dim) => product * dim, 1);
  const data = Array.from(tensor.data as ArrayLike<number | bigint>).slice(part * count, (part + 1) * count);
  switch (elemType) {
    case DataType.FLOAT:
      return new ort.Tensor('float32', Float32Array.from(data, Number), dims);
    case DataType.FLOAT16:
      return new ort.Tensor(
        'float16',
        Uint16Array.from(data, (value) => numberToHalf(Number(value))),
        dims,
      );
    case DataType.INT64:
      return new ort.Tensor('int64', BigInt64Array.from(data, BigInt), dims);
    case DataType.INT32:
      return new ort.Tensor('int32', Int32Array.from(data, Number), dims);
    default:
      throw new Error(`no golden is of type ${elemType}`);
  }
}

function floatsOf(tensor: ort.Tensor): number[] {
  const data = tensor.data as ArrayLike<number>;
  return tensor.type === 'float16' && data instanceof Uint16Array ? Array.from(data, halfToNumber) : Array.from(data);
}

import type { PipelineSessions } from '../../src/diffusion/pipeline-types.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { halfToNumber, numberToHalf } from '../../src/ir/numbers.ts';
import type { InferenceSession, SessionFeeds, SessionPort, SessionTensor } from '../../src/runtime/session.ts';

/** How {@link fakeModels} are made. */
export interface FakeModelOptions {
  readonly batch?: number;
  /** Batch of the UNet. Default: 2B for one device, B for two. */
  readonly unetBatch?: number;
  readonly twoDevices?: boolean;
  /** Element type of what goes in and out as floats. */
  readonly float?: number;
  /** Element type of timestep and ids. */
  readonly int?: number;
  readonly side?: number;
  /** Called in each run with the model's name and the number of its run, from 1. May throw, or take its time. */
  readonly onRun?: (model: string, run: number) => void | Promise<void>;
  /** Changes ports: (model, input or output, its index, the port as it would be). */
  readonly port?: (model: string, kind: 'input' | 'output', index: number, port: SessionPort) => SessionPort;
}

/** Models whose every row depends on the same row of the inputs alone, and the calls that they got. */
export interface FakeModels extends PipelineSessions {
  /** `NAME begins` and `NAME ends` for each run, `NAME closed`. */
  readonly calls: readonly string[];
  /** What each model was fed last: values of each input. */
  readonly fed: ReadonlyMap<string, readonly (readonly number[])[]>;
}

const TOKENS = 77;
const HIDDEN = 8;

type Compute = (inputs: readonly (readonly number[])[], row: number) => readonly number[];

/** Small stand-ins for text encoder, UNet and decoder that need no runtime. */
export function fakeModels(options: FakeModelOptions = {}): FakeModels {
  const { batch = 1, twoDevices = false, float = DataType.FLOAT, int = DataType.INT64, side = 16 } = options;
  const { unetBatch = twoDevices ? batch : 2 * batch } = options;
  const calls: string[] = [];
  const fed = new Map<string, readonly (readonly number[])[]>();
  const latents = [4, side, side];
  const size = 4 * side * side;
  const model = (
    name: string,
    inputs: readonly SessionPort[],
    output: readonly number[],
    compute: Compute,
  ): InferenceSession => new FakeModel(name, inputs, output, compute, { options, calls, fed, float });
  const port = (name: string, dataType: number, ...shape: number[]): SessionPort => ({ name, dataType, shape });

  const unet = (name: string): InferenceSession =>
    model(
      name,
      [
        port('latent_model_input', float, unetBatch, ...latents),
        port('t', int, 1),
        port('encoder_hidden_states', float, unetBatch, TOKENS, HIDDEN),
      ],
      [unetBatch, ...latents],
      ([x = [], [t = 0] = [], states = []], row) => {
        const text = states.slice(row * TOKENS * HIDDEN, (row + 1) * TOKENS * HIDDEN);
        const mean = text.reduce((a, b) => a + b, 0) / text.length;
        return x.slice(row * size, (row + 1) * size).map((value) => 0.4 * value + mean + t / 5000);
      },
    );
  return {
    clip: model('clip', [port('prompt', int, batch, TOKENS)], [batch, TOKENS, HIDDEN], ([ids = []], row) =>
      ids
        .slice(row * TOKENS, (row + 1) * TOKENS)
        .flatMap((id, at) => Array.from({ length: HIDDEN }, (_, h) => Math.sin(id * (h + 1) + at))),
    ),
    unet: unet('unet'),
    ...(twoDevices ? { secondUnet: unet('second') } : {}),
    vae: model('vae', [port('latents', float, batch, ...latents)], [batch, 3, 8 * side, 8 * side], ([z = []], row) =>
      Array.from({ length: 3 * 64 * side * side }, (_, i) => {
        const [channel, y, x] = [
          Math.floor(i / (64 * side * side)),
          Math.floor(i / (8 * side)) % (8 * side),
          i % (8 * side),
        ];
        return Math.sin(z[row * size + channel * side * side + (y >> 3) * side + (x >> 3)] as number);
      }),
    ),
    calls,
    fed,
  };
}

interface Shared {
  readonly options: FakeModelOptions;
  readonly calls: string[];
  readonly fed: Map<string, readonly (readonly number[])[]>;
  readonly float: number;
}

class FakeModel implements InferenceSession {
  readonly inputs: readonly SessionPort[];
  readonly outputs: readonly SessionPort[];
  readonly #name: string;
  readonly #dims: readonly number[];
  readonly #compute: Compute;
  readonly #shared: Shared;
  #runs = 0;

  constructor(
    name: string,
    inputs: readonly SessionPort[],
    output: readonly number[],
    compute: Compute,
    shared: Shared,
  ) {
    const change = shared.options.port ?? ((_model, _kind, _index, port): SessionPort => port);
    this.inputs = inputs.map((port, i) => change(name, 'input', i, port));
    this.outputs = [change(name, 'output', 0, { name: 'out', dataType: shared.float, shape: output })];
    this.#name = name;
    this.#dims = output;
    this.#compute = compute;
    this.#shared = shared;
  }

  async run(feeds: SessionFeeds): Promise<Map<string, SessionTensor>> {
    const { calls, fed, options, float } = this.#shared;
    calls.push(`${this.#name} begins`);
    const tensors = this.inputs.map(({ name }, i) => (isMap(feeds) ? feeds.get(name) : feeds[i]) as SessionTensor);
    const inputs = tensors.map(numbersOf);
    fed.set(this.#name, inputs);
    await options.onRun?.(this.#name, ++this.#runs);
    const values = Float32Array.from(
      Array.from({ length: this.#dims[0] as number }, (_, row) => this.#compute(inputs, row)).flat(),
    );
    const data = float === DataType.FLOAT16 ? Uint16Array.from(values, numberToHalf) : values;
    calls.push(`${this.#name} ends`);
    return new Map([['out', { dataType: float, dims: this.#dims, data }]]);
  }

  close(): Promise<void> {
    this.#shared.calls.push(`${this.#name} closed`);
    return Promise.resolve();
  }
}

function isMap(feeds: SessionFeeds): feeds is ReadonlyMap<string, SessionTensor> {
  return feeds instanceof Map;
}

function numbersOf({ data, dataType }: SessionTensor): number[] {
  const numbers = Array.from(data as ArrayLike<number | bigint>, Number);
  return dataType === DataType.FLOAT16 ? numbers.map(halfToNumber) : numbers;
}

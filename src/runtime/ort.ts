import { printable, SdgraphError } from '../errors.ts';
import { DataType, typeName } from '../ir/data-type.ts';
import { checkFeeds } from './check-feeds.ts';
import type { InferenceSession, RunTimings, SessionFeeds, SessionPort, SessionTensor, TensorData } from './session.ts';
import { RuntimeThread } from './thread.ts';

/** How onnxruntime runs a model. */
export interface OrtOptions {
  /** Folder of the external data when the model itself comes from bytes or from another folder. */
  readonly dataFolder?: string;
  /** Threads inside an operator; 0 lets onnxruntime choose. Default 0. */
  readonly threads?: number;
  /** How far onnxruntime rewrites the graph itself. Default `all`. */
  readonly optimization?: 'disabled' | 'basic' | 'extended' | 'all';
  /** How the model is called in errors. */
  readonly label?: string;
}

/** onnxruntime's names of element types. */
const TYPES: ReadonlyMap<string, number> = new Map([
  ['float32', DataType.FLOAT],
  ['float64', DataType.DOUBLE],
  ['float16', DataType.FLOAT16],
  ['int8', DataType.INT8],
  ['uint8', DataType.UINT8],
  ['int16', DataType.INT16],
  ['uint16', DataType.UINT16],
  ['int32', DataType.INT32],
  ['uint32', DataType.UINT32],
  ['int64', DataType.INT64],
  ['uint64', DataType.UINT64],
  ['bool', DataType.BOOL],
  ['string', DataType.STRING],
]);
const TYPE_NAMES: ReadonlyMap<number, string> = new Map([...TYPES].map(([name, id]) => [id, name]));

/** What to do about the one rule on links that cannot be lifted. */
const LINK_HINT =
  'onnxruntime reads no external data behind links that lead out of the folder; copy the data beside the model first';

/** The last question to the thread: let the model go. */
const CLOSE = { kind: 'close' };

interface OrtPort {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

interface OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

interface OrtAnswer {
  readonly results: readonly (readonly [name: string, tensor: OrtTensor])[];
  /** Milliseconds that the model ran. */
  readonly execute: number;
}

/**
 * Loads a model into onnxruntime on the CPU, on a thread of its own. Turns the telemetry of onnxruntime off unless the
 * environment says otherwise (`ORT_DISABLE_TELEMETRY=0`).
 *
 * @param model path of an `.onnx` file, or its bytes
 * @throws SdgraphError `E_SESSION_LOAD` with onnxruntime's own words when it refuses the model
 */
export async function openOrtSession(model: string | Uint8Array, options: OrtOptions = {}): Promise<InferenceSession> {
  refuseTelemetry();
  const label = options.label ?? (typeof model === 'string' ? model : '<bytes>');
  const thread = new RuntimeThread(new URL('./ort-worker.js', import.meta.url), `sdgraph ort ${label}`);
  const session: Record<string, string> = {};
  if (options.dataFolder !== undefined) session['model_external_initializers_file_folder_path'] = options.dataFolder;
  const ortOptions = {
    executionProviders: ['cpu'],
    graphOptimizationLevel: options.optimization ?? 'all',
    intraOpNumThreads: options.threads ?? 0,
    // Warnings of the runtime about a model are not the user's concern; errors come back as such.
    logSeverityLevel: 4,
    extra: { session },
  };
  try {
    const ports = (await thread.ask({ kind: 'open', model, options: ortOptions })) as {
      inputs: OrtPort[];
      outputs: OrtPort[];
    };
    return new OrtSession(thread, label, ports.inputs.map(portOf), ports.outputs.map(portOf));
  } catch (cause) {
    await thread.end(CLOSE).catch(() => undefined);
    const found = cause instanceof Error ? cause.message : String(cause);
    const hint = hintFor(found);
    const details = { found: printable(withoutPlaces(found)), cause, ...(hint === undefined ? {} : { hint }) };
    throw new SdgraphError('E_SESSION_LOAD', 'onnxruntime cannot load the model', { file: label }, details);
  }
}

function hintFor(message: string): string | undefined {
  if (message.includes('escapes model directory')) return LINK_HINT;
  const [, newest] = /till opset (\d+)\.?\s*$/u.exec(message) ?? [];
  return newest === undefined ? undefined : `onnxruntime runs models of opset ${newest} at most; export with that one`;
}

/** Takes places in the source code of onnxruntime, each with the signature of a function, out of what it says. */
function withoutPlaces(message: string): string {
  return message.replace(/\/onnxruntime_src\/[^\s:]+:\d+ [^()]*\([^()]*\)(?: const)? /gu, ' ').trim();
}

/**
 * onnxruntime's packages for Linux and macOS report usage over the network, under an identifier that they keep in the
 * home folder, unless this is set before it is loaded. Whoever wants that sets the variable to 0. It has to be in the
 * environment of the process: native code does not see that of a thread.
 */
function refuseTelemetry(): void {
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
}

class OrtSession implements InferenceSession {
  readonly inputs: readonly SessionPort[];
  readonly outputs: readonly SessionPort[];
  readonly #thread: RuntimeThread;
  readonly #label: string;
  #timings: RunTimings | undefined;

  constructor(thread: RuntimeThread, label: string, inputs: readonly SessionPort[], outputs: readonly SessionPort[]) {
    this.#thread = thread;
    this.#label = label;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  get timings(): RunTimings | undefined {
    return this.#timings;
  }

  async run(feeds: SessionFeeds): Promise<Map<string, SessionTensor>> {
    const wire = [...checkFeeds(this.inputs, feeds, this.#label)].map(([name, { dataType, dims, data }]) => [
      name,
      { type: TYPE_NAMES.get(dataType) ?? typeName(dataType), dims, data },
    ]);
    try {
      const answer = (await this.#thread.ask({ kind: 'run', feeds: wire })) as OrtAnswer;
      this.#timings = { execute: answer.execute };
      return new Map(
        answer.results.map(([name, { type, dims, data }]) => [name, { dataType: TYPES.get(type) ?? 0, dims, data }]),
      );
    } catch (cause) {
      throw new SdgraphError(
        'E_SESSION_RUN',
        'onnxruntime cannot run the model',
        { file: this.#label },
        {
          found: printable(cause instanceof Error ? cause.message : String(cause)),
          cause,
        },
      );
    }
  }

  async close(): Promise<void> {
    await this.#thread.end(CLOSE).catch(() => undefined);
  }
}

function portOf({ name, type, shape }: OrtPort): SessionPort {
  const dims = shape.map((dim) => ((typeof dim === 'number' && dim < 0) || dim === '' ? undefined : dim));
  return { name, dataType: TYPES.get(type) ?? 0, shape: dims };
}

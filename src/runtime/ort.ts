import { Worker } from 'node:worker_threads';
import { printable, SdgraphError } from '../errors.ts';
import { DataType, typeName } from '../ir/data-type.ts';
import type { InferenceSession, SessionPort, SessionTensor, TensorData } from './session.ts';

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
  const thread = new OrtThread(label);
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
    await thread.end();
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
  readonly #thread: OrtThread;
  readonly #label: string;

  constructor(thread: OrtThread, label: string, inputs: readonly SessionPort[], outputs: readonly SessionPort[]) {
    this.#thread = thread;
    this.#label = label;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  async run(feeds: ReadonlyMap<string, SessionTensor>): Promise<Map<string, SessionTensor>> {
    checkFeeds(this.inputs, feeds, this.#label);
    const wire = [...feeds].map(([name, { dataType, dims, data }]) => [
      name,
      { type: TYPE_NAMES.get(dataType) ?? typeName(dataType), dims, data },
    ]);
    try {
      const results = (await this.#thread.ask({ kind: 'run', feeds: wire })) as [string, OrtTensor][];
      return new Map(
        results.map(([name, { type, dims, data }]) => [name, { dataType: TYPES.get(type) ?? 0, dims, data }]),
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
    await this.#thread.end();
  }
}

/** Refuses feeds that do not fit, before the runtime sees them. */
function checkFeeds(inputs: readonly SessionPort[], feeds: ReadonlyMap<string, SessionTensor>, label: string): void {
  for (const { name, dataType, shape } of inputs) {
    const feed = feeds.get(name);
    const expected = `${typeName(dataType)}[${shape.map((dim) => dim ?? '?').join(',')}]`;
    if (feed === undefined) throw feedError(label, name, expected, 'nothing');
    const fits =
      feed.dataType === dataType &&
      feed.dims.length === shape.length &&
      shape.every((dim, i) => typeof dim !== 'number' || dim === feed.dims[i]);
    if (!fits) throw feedError(label, name, expected, `${typeName(feed.dataType)}[${feed.dims.join(',')}]`);
  }
  const known = new Set(inputs.map(({ name }) => name));
  const extra = [...feeds.keys()].find((name) => !known.has(name));
  if (extra !== undefined)
    throw feedError(label, extra, `one of ${[...known].map(printable).join(', ')}`, printable(extra));
}

function feedError(file: string, name: string, expected: string, found: string): SdgraphError {
  return new SdgraphError('E_SESSION_FEED', 'an input does not fit the model', { file, name }, { expected, found });
}

function portOf({ name, type, shape }: OrtPort): SessionPort {
  const dims = shape.map((dim) => ((typeof dim === 'number' && dim < 0) || dim === '' ? undefined : dim));
  return { name, dataType: TYPES.get(type) ?? 0, shape: dims };
}

/** The thread that a session lives on. Questions are answered in order; a thread that dies answers all with its error. */
class OrtThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #next = 0;
  #ended: Error | undefined;

  constructor(label: string) {
    this.#worker = new Worker(new URL('./ort-worker.js', import.meta.url), { name: `sdgraph ort ${label}` });
    this.#worker.on('message', ({ id, result, error }: { id: number; result?: unknown; error?: string }) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error));
      this.#rest();
    });
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('the thread of the session ended')));
    this.#worker.unref();
  }

  ask(question: object): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#next++;
    // A question keeps the process alive, an idle thread does not.
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      this.#worker.postMessage({ id, ...question });
    });
  }

  async end(): Promise<void> {
    if (this.#ended !== undefined) return;
    await this.ask({ kind: 'close' }).catch(() => undefined);
    this.#ended = new Error('the session is closed');
    await this.#worker.terminate();
  }

  #rest(): void {
    if (this.#waiting.size === 0) this.#worker.unref();
  }

  #fail(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}

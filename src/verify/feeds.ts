import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LegacyRandom } from '../../passes/tome/random.ts';
import { printable, SdgraphError } from '../errors.ts';
import { DataType, typeName } from '../ir/data-type.ts';
import type { Model } from '../ir/model.ts';
import { numberToHalf } from '../ir/numbers.ts';
import type { Value } from '../ir/value.ts';
import type { SessionPort, SessionTensor, TensorData } from '../runtime/session.ts';
import { elementReader } from './compare.ts';
import { readNpy } from './npy.ts';

/** Timesteps of the training schedule: what a scalar integer input of a diffusion model counts (schedulers.md). */
const TIMESTEPS = 1000;

/** Most elements of one input: 1 GiB as float32. */
const MAX_ELEMENTS = 2 ** 28;

/** Where the inputs of both models come from. */
export interface FeedOptions {
  /** Seed of random inputs. Default 0. */
  readonly seed?: number;
  /** Folder with one `NAME.npy` for each input; random where there is none. */
  readonly inputs?: string;
  /** Extents of symbolic dimensions by name; 1 where nothing is given. */
  readonly dims?: ReadonlyMap<string, number>;
}

/**
 * One tensor for each input of the reference: from `.npy` files, else drawn from a seed. Floats are normal, as latents
 * and embeddings are; integers that index a table stay inside it; a scalar integer is a timestep.
 *
 * @throws SdgraphError `E_NPY` when a file does not fit its input, `E_VERIFY` when `inputs` is no folder or has no file
 * for any input, or `dims` names a dimension that no input has; `E_SESSION_FEED` for inputs that no numbers can be made for
 */
export function makeFeeds(
  model: Model,
  inputs: readonly SessionPort[],
  options: FeedOptions = {},
): Map<string, SessionTensor> {
  checkOptions(inputs, options);
  const random = new LegacyRandom(options.seed ?? 0);
  const feeds = new Map<string, SessionTensor>();
  for (const port of inputs) {
    const dims = port.shape.map((dim) => (typeof dim === 'number' ? dim : (options.dims?.get(dim ?? '') ?? 1)));
    // Drawn even where a file is used, so that one file more does not change the other inputs.
    const drawn = draw(random, port, dims, upperBound(model.graph.value(port.name), dims.length));
    const file = feedFile(port.name, options.inputs);
    feeds.set(port.name, file === undefined ? drawn : fromFile(file, port));
  }
  return feeds;
}

/** The file that an input is taken from, if there is one: `NAME.npy`, slashes in the name replaced by `_`. */
export function feedFile(name: string, folder: string | undefined): string | undefined {
  if (folder === undefined) return undefined;
  const file = join(folder, `${name.replaceAll('/', '_')}.npy`);
  return existsSync(file) ? file : undefined;
}

/** Refuses options that would have no effect: random numbers in the place of files that were meant prove nothing. */
function checkOptions(ports: readonly SessionPort[], { inputs, dims }: FeedOptions): void {
  const names = ports.map(({ name }) => printable(name)).join(', ');
  if (inputs !== undefined && statSync(inputs, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new SdgraphError('E_VERIFY', 'there is no such folder of inputs', { file: inputs });
  }
  if (inputs !== undefined && ports.every(({ name }) => feedFile(name, inputs) === undefined)) {
    const expected = `NAME.npy for one of ${names}`;
    throw new SdgraphError('E_VERIFY', 'the folder has no file for any input', { file: inputs }, { expected });
  }
  const symbolic = new Set(ports.flatMap(({ shape }) => shape.filter((dim) => typeof dim === 'string')));
  const unknown = [...(dims?.keys() ?? [])].find((name) => !symbolic.has(name));
  if (unknown === undefined) return;
  throw new SdgraphError(
    'E_VERIFY',
    'no input has a symbolic dimension of that name',
    { name: printable(unknown) },
    { expected: symbolic.size === 0 ? 'none: all shapes are fixed' : [...symbolic].map(printable).join(', ') },
  );
}

/**
 * The same numbers for two models whose inputs have other element types: what does not fit the narrower type is
 * rounded for both.
 */
export function sharedFeeds(
  feeds: ReadonlyMap<string, SessionTensor>,
  candidate: readonly SessionPort[],
): { readonly reference: Map<string, SessionTensor>; readonly candidate: Map<string, SessionTensor> } {
  const shared = { reference: new Map<string, SessionTensor>(), candidate: new Map<string, SessionTensor>() };
  for (const { name, dataType } of candidate) {
    const tensor = feeds.get(name) as SessionTensor;
    const narrow = convert(tensor, dataType);
    shared.candidate.set(name, narrow);
    shared.reference.set(name, convert(narrow, tensor.dataType));
  }
  return shared;
}

function fromFile(file: string, port: SessionPort): SessionTensor {
  const tensor = readNpy(file);
  const fits =
    tensor.dims.length === port.shape.length &&
    port.shape.every((dim, i) => typeof dim !== 'number' || dim === tensor.dims[i]);
  if (!fits) {
    throw new SdgraphError(
      'E_NPY',
      'an input file does not fit the model',
      { file, name: port.name },
      {
        expected: `[${port.shape.map((dim) => dim ?? '?').join(',')}]`,
        found: `[${tensor.dims.join(',')}]`,
      },
    );
  }
  const converted = convert(tensor, port.dataType);
  const [given, taken] = [elementReader(tensor), elementReader(converted)];
  for (let i = 0; !FLOATS.has(port.dataType) && i < tensor.data.length; i++) {
    if (given(i) === taken(i)) continue;
    throw new SdgraphError(
      'E_NPY',
      'an input file holds a number that the input cannot',
      { file, name: port.name },
      { expected: typeName(port.dataType), found: String(given(i)) },
    );
  }
  return converted;
}

/** The same numbers in another element type, where the models differ in it (a timestep as int64 or int32). */
export function convert(tensor: SessionTensor, dataType: number): SessionTensor {
  if (tensor.dataType === dataType) return tensor;
  const read = elementReader(tensor);
  const make = MAKERS.get(dataType);
  if (make === undefined || tensor.dataType === DataType.STRING) {
    throw new SdgraphError(
      'E_SESSION_FEED',
      `an input cannot be converted to ${typeName(dataType)}`,
      {},
      {
        found: typeName(tensor.dataType),
      },
    );
  }
  return { dataType, dims: tensor.dims, data: make(tensor.data.length, read) };
}

const MAKERS: ReadonlyMap<number, (length: number, at: (i: number) => number) => TensorData> = new Map<
  number,
  (length: number, at: (i: number) => number) => TensorData
>([
  [DataType.FLOAT, (length, at) => Float32Array.from({ length }, (_, i) => at(i))],
  [DataType.DOUBLE, (length, at) => Float64Array.from({ length }, (_, i) => at(i))],
  [DataType.FLOAT16, (length, at) => Uint16Array.from({ length }, (_, i) => numberToHalf(at(i)))],
  [DataType.INT8, (length, at) => Int8Array.from({ length }, (_, i) => at(i))],
  [DataType.UINT8, (length, at) => Uint8Array.from({ length }, (_, i) => at(i))],
  [DataType.INT16, (length, at) => Int16Array.from({ length }, (_, i) => at(i))],
  [DataType.UINT16, (length, at) => Uint16Array.from({ length }, (_, i) => at(i))],
  [DataType.INT32, (length, at) => Int32Array.from({ length }, (_, i) => at(i))],
  [DataType.UINT32, (length, at) => Uint32Array.from({ length }, (_, i) => at(i))],
  [DataType.INT64, (length, at) => BigInt64Array.from({ length }, (_, i) => whole(at(i)))],
  [DataType.UINT64, (length, at) => BigUint64Array.from({ length }, (_, i) => whole(at(i)))],
  [DataType.BOOL, (length, at) => Uint8Array.from({ length }, (_, i) => (at(i) === 0 ? 0 : 1))],
]);

/** A number without its fraction; 0 for one that is not finite, as typed arrays have it. */
function whole(value: number): bigint {
  return Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
}

const FLOATS: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16]);

function draw(random: LegacyRandom, port: SessionPort, dims: readonly number[], bound: number): SessionTensor {
  const length = dims.reduce((product, dim) => product * dim, 1);
  const make = MAKERS.get(port.dataType);
  if (make === undefined) {
    throw new SdgraphError(
      'E_SESSION_FEED',
      'no random values can be made for an input',
      { name: printable(port.name) },
      {
        found: typeName(port.dataType),
      },
    );
  }
  if (length > MAX_ELEMENTS) {
    throw new SdgraphError(
      'E_SESSION_FEED',
      'an input is too large',
      { name: printable(port.name) },
      { expected: `at most ${MAX_ELEMENTS} elements`, found: `[${dims.join(',')}]` },
    );
  }
  const limit = port.dataType === DataType.BOOL ? 2 : bound;
  const isFloat = FLOATS.has(port.dataType);
  return {
    dataType: port.dataType,
    dims,
    data: make(length, () => (isFloat ? normal(random) : (random.integers(limit, 1)[0] as number))),
  };
}

/** A standard normal number (Box and Muller's transform). */
function normal(random: LegacyRandom): number {
  const radius = Math.sqrt(-2 * Math.log((random.uint32() + 1) / 2 ** 32));
  return radius * Math.cos((2 * Math.PI * random.uint32()) / 2 ** 32);
}

/** How many different integers an input may hold: rows of the table it indexes, else timesteps. */
function upperBound(value: Value | undefined, rank: number): number {
  const pending = value === undefined ? [] : [value];
  const seen = new Set<Value>(pending);
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const { node, index } of at.uses) {
      if (node.opType === 'Gather' && index === 1) {
        const rows = node.inputs[0]?.shape?.[node.int('axis', 0)];
        if (typeof rows === 'number' && rows > 0) return rows;
      }
      if (!['Cast', 'Reshape', 'Unsqueeze', 'Squeeze', 'Identity', 'Expand'].includes(node.opType) || index !== 0)
        continue;
      const [output] = node.outputs;
      if (output !== undefined && !seen.has(output)) {
        seen.add(output);
        pending.push(output);
      }
    }
  }
  return rank <= 1 ? TIMESTEPS : 2;
}

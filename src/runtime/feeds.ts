import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LegacyRandom } from '../../passes/tome/random.ts';
import { printable, SdgraphError } from '../errors.ts';
import { DataType, typeName } from '../ir/data-type.ts';
import type { Model } from '../ir/model.ts';
import type { Dim } from '../ir/type.ts';
import type { Value } from '../ir/value.ts';
import { castTensor, elementReader, makerOf } from './elements.ts';
import { readNpy } from './npy.ts';
import type { SessionPort, SessionTensor } from './session.ts';

/** Timesteps of the training schedule: what a scalar integer input of a diffusion model counts (schedulers.md). */
const TIMESTEPS = 1000;

/** Most elements of one input: 1 GiB as float32. */
const MAX_ELEMENTS = 2 ** 28;

/** Where the inputs of a model come from. */
export interface FeedOptions {
  /** Seed of random inputs. Default 0. */
  readonly seed?: number;
  /** Folder with one `NAME.npy` for each input; random where there is none. */
  readonly inputs?: string;
  /** Extents of symbolic dimensions by name. */
  readonly dims?: ReadonlyMap<string, number>;
  /** Shapes by name of the input, for inputs whose dimensions are open. */
  readonly shapes?: ReadonlyMap<string, readonly number[]>;
  /** What becomes of a dimension that neither the model nor the options fix. Default `one`. */
  readonly open?: 'one' | 'refuse';
}

/**
 * One tensor for each input of a model: from `.npy` files, else drawn from a seed. Floats are normal, as latents
 * and embeddings are; integers that index a table stay inside it; a scalar integer is a timestep.
 *
 * @param model where to look up what integers index; without it they are taken for timesteps or flags
 * @throws SdgraphError `E_NPY` when a file does not fit its input; `E_SESSION_FEED` when `inputs` is no folder or has no
 * file for any input, when `dims` or `shapes` name what no input has or do not fit, when a dimension is open that must
 * not be, and for inputs that no numbers can be made for
 */
export function makeFeeds(
  model: Model | undefined,
  inputs: readonly SessionPort[],
  options: FeedOptions = {},
): Map<string, SessionTensor> {
  checkOptions(inputs, options);
  const random = new LegacyRandom(options.seed ?? 0);
  const feeds = new Map<string, SessionTensor>();
  for (const port of inputs) {
    const file = feedFile(port.name, options.inputs);
    const dims = extents(port, file === undefined ? options : { ...options, open: 'one' });
    // Drawn even where a file is used, so that one file more does not change the other inputs.
    const drawn = draw(random, port, dims, upperBound(model?.graph.value(port.name), dims.length));
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
function checkOptions(ports: readonly SessionPort[], { inputs, dims, shapes }: FeedOptions): void {
  const names = ports.map(({ name }) => printable(name)).join(', ');
  if (inputs !== undefined && statSync(inputs, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new SdgraphError('E_SESSION_FEED', 'there is no such folder of inputs', { file: inputs });
  }
  if (inputs !== undefined && ports.every(({ name }) => feedFile(name, inputs) === undefined)) {
    const expected = `NAME.npy for one of ${names}`;
    throw new SdgraphError('E_SESSION_FEED', 'the folder has no file for any input', { file: inputs }, { expected });
  }
  const symbolic = new Set(ports.flatMap(({ shape }) => shape.filter((dim) => typeof dim === 'string')));
  const unknown = [...(dims?.keys() ?? [])].find((name) => !symbolic.has(name));
  if (unknown !== undefined) {
    throw new SdgraphError(
      'E_SESSION_FEED',
      'no input has a symbolic dimension of that name',
      { name: printable(unknown) },
      { expected: symbolic.size === 0 ? 'none: all shapes are fixed' : [...symbolic].map(printable).join(', ') },
    );
  }
  const stray = [...(shapes?.keys() ?? [])].find((name) => ports.every((port) => port.name !== name));
  if (stray === undefined) return;
  throw new SdgraphError(
    'E_SESSION_FEED',
    'no input has that name',
    { name: printable(stray) },
    { expected: `one of ${names}` },
  );
}

/** The shape that is made for an input. */
function extents({ name, shape }: SessionPort, { dims, shapes, open = 'one' }: FeedOptions): readonly number[] {
  const given = shapes?.get(name);
  if (given !== undefined) {
    if (fits(shape, given)) return given;
    throw new SdgraphError(
      'E_SESSION_FEED',
      'a shape does not fit the input',
      { name: printable(name) },
      { expected: formatShape(shape), found: formatShape(given) },
    );
  }
  return shape.map((dim) => {
    const extent = typeof dim === 'number' ? dim : dims?.get(dim ?? '');
    if (extent !== undefined) return extent;
    if (open === 'one') return 1;
    throw new SdgraphError(
      'E_SESSION_FEED',
      'the shape of an input is open',
      { name: printable(name) },
      { found: formatShape(shape), hint: 'give its shape' },
    );
  });
}

function fits(wanted: readonly Dim[], found: readonly number[]): boolean {
  return (
    found.length === wanted.length && wanted.every((dim, i) => typeof dim !== 'number' || dim === (found[i] as number))
  );
}

function formatShape(shape: readonly Dim[]): string {
  return `[${shape.map((dim) => dim ?? '?').join(',')}]`;
}

/**
 * The same numbers for two models whose inputs have other element types, and possibly other names: what does not fit the
 * narrower type is rounded for both.
 *
 * @param feeds those of the reference
 * @param pairs inputs of the candidate, each with the name of the one in the reference
 */
export function sharedFeeds(
  feeds: ReadonlyMap<string, SessionTensor>,
  pairs: Iterable<readonly [reference: string, candidate: SessionPort]>,
): { readonly reference: Map<string, SessionTensor>; readonly candidate: Map<string, SessionTensor> } {
  const shared = { reference: new Map<string, SessionTensor>(), candidate: new Map<string, SessionTensor>() };
  for (const [reference, { name, dataType }] of pairs) {
    const tensor = feeds.get(reference) as SessionTensor;
    const narrow = castTensor(tensor, dataType);
    shared.candidate.set(name, narrow);
    shared.reference.set(reference, castTensor(narrow, tensor.dataType));
  }
  return shared;
}

function fromFile(file: string, port: SessionPort): SessionTensor {
  const tensor = readNpy(file);
  if (!fits(port.shape, tensor.dims)) {
    throw new SdgraphError(
      'E_NPY',
      'an input file does not fit the model',
      { file, name: port.name },
      { expected: formatShape(port.shape), found: formatShape(tensor.dims) },
    );
  }
  const converted = castTensor(tensor, port.dataType);
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

const FLOATS: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16]);

function draw(random: LegacyRandom, port: SessionPort, dims: readonly number[], bound: number): SessionTensor {
  const length = dims.reduce((product, dim) => product * dim, 1);
  const make = makerOf(port.dataType);
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

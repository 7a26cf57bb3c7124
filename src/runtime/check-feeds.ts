import { printable, SdgraphError } from '../errors.ts';
import { DataType, typeName } from '../ir/data-type.ts';
import type { SessionFeeds, SessionPort, SessionTensor, TensorData } from './session.ts';

/** What holds the elements of a type. */
const HOLDERS: ReadonlyMap<number, { readonly name: string } & (abstract new (...args: never[]) => TensorData)> =
  new Map<number, { readonly name: string } & (abstract new (...args: never[]) => TensorData)>([
    [DataType.FLOAT, Float32Array],
    [DataType.DOUBLE, Float64Array],
    [DataType.FLOAT16, Uint16Array],
    [DataType.BFLOAT16, Uint16Array],
    [DataType.INT8, Int8Array],
    [DataType.UINT8, Uint8Array],
    [DataType.BOOL, Uint8Array],
    [DataType.INT16, Int16Array],
    [DataType.UINT16, Uint16Array],
    [DataType.INT32, Int32Array],
    [DataType.UINT32, Uint32Array],
    [DataType.INT64, BigInt64Array],
    [DataType.UINT64, BigUint64Array],
  ]);

/**
 * Gives feeds that come in order the names of the inputs; those that come by name are taken as they are.
 *
 * @throws SdgraphError `E_SESSION_FEED` when there are fewer or more than inputs
 */
export function nameFeeds(
  inputs: readonly SessionPort[],
  feeds: SessionFeeds,
  file: string,
): ReadonlyMap<string, SessionTensor> {
  if (!Array.isArray(feeds)) return feeds as ReadonlyMap<string, SessionTensor>;
  const tensors = feeds as readonly SessionTensor[];
  if (tensors.length === inputs.length) return new Map(tensors.map((tensor, i) => [inputs[i]?.name ?? '', tensor]));
  throw new SdgraphError(
    'E_SESSION_FEED',
    'the model has another number of inputs',
    { file },
    { expected: String(inputs.length), found: String(tensors.length) },
  );
}

/**
 * Names feeds and refuses what does not fit, before a runtime sees it.
 *
 * @param file the model, as errors call it
 * @throws SdgraphError `E_SESSION_FEED`
 */
export function checkFeeds(
  inputs: readonly SessionPort[],
  feeds: SessionFeeds,
  file: string,
): ReadonlyMap<string, SessionTensor> {
  const named = nameFeeds(inputs, feeds, file);
  for (const { name, dataType, shape } of inputs) {
    const feed = named.get(name);
    const expected = `${typeName(dataType)}[${shape.map((dim) => dim ?? '?').join(',')}]`;
    if (feed === undefined) throw feedError(file, name, expected, 'nothing');
    const fits =
      feed.dataType === dataType &&
      feed.dims.length === shape.length &&
      shape.every((dim, i) => typeof dim !== 'number' || dim === feed.dims[i]);
    if (!fits) throw feedError(file, name, expected, `${typeName(feed.dataType)}[${feed.dims.join(',')}]`);
    checkData(feed, file, name);
  }
  const known = new Set(inputs.map(({ name }) => name));
  const extra = [...named.keys()].find((name) => !known.has(name));
  if (extra === undefined) return named;
  throw feedError(file, extra, `one of ${[...known].map(printable).join(', ')}`, printable(extra));
}

/** The elements are what the type and the dimensions say: native code reads that many bytes. */
function checkData({ dataType, dims, data }: SessionTensor, file: string, name: string): void {
  const wrong = dims.find((dim) => !Number.isSafeInteger(dim) || dim < 0);
  if (wrong !== undefined) throw feedError(file, name, 'dimensions of 0 or more', `[${dims.join(',')}]`);
  const holder = HOLDERS.get(dataType);
  const found = Array.isArray(data) ? 'Array' : data.constructor.name;
  if (holder !== undefined && !(data instanceof holder)) {
    throw feedError(file, name, `a ${holder.name} for ${typeName(dataType)}`, `a ${found}`);
  }
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (data.length !== count) throw feedError(file, name, `${count} elements`, `${data.length}`);
}

function feedError(file: string, name: string, expected: string, found: string): SdgraphError {
  return new SdgraphError('E_SESSION_FEED', 'an input does not fit the model', { file, name }, { expected, found });
}

import { extname } from 'node:path';
import { openModel } from '../io/open.ts';
import { typeName } from '../ir/data-type.ts';
import { type FeedOptions, feedFile, makeFeeds } from './feeds.ts';
import type { SessionPort, SessionTensor } from './session.ts';

/** One input that a model got. */
export interface InputReport {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: string;
  /** The `.npy` file that it came from; null for random numbers. */
  readonly file: string | null;
}

/** How {@link feedsForFile} makes inputs. */
export interface FileFeedOptions extends FeedOptions {
  /** Let external data be links. Default false. */
  readonly followLinks?: boolean;
}

/**
 * Inputs for a model that was loaded from a file, see {@link makeFeeds}. The graph of an `.onnx` file is looked at, so
 * that integers which index a table stay inside it; that of a compiled model cannot be.
 *
 * @throws SdgraphError as {@link makeFeeds} and `openModel`
 */
export async function feedsForFile(
  path: string,
  inputs: readonly SessionPort[],
  options: FileFeedOptions,
): Promise<Map<string, SessionTensor>> {
  if (extname(path).toLowerCase() !== '.onnx') return makeFeeds(undefined, inputs, options);
  using model = await openModel(path, { followLinks: options.followLinks ?? false });
  return makeFeeds(model, inputs, options);
}

/** What the inputs of a model were. */
export function reportFeeds(
  inputs: readonly SessionPort[],
  feeds: ReadonlyMap<string, SessionTensor>,
  { inputs: folder }: FeedOptions,
): InputReport[] {
  return inputs.map(({ name, dataType }) => ({
    name,
    dims: feeds.get(name)?.dims ?? [],
    dataType: typeName(dataType),
    file: feedFile(name, folder) ?? null,
  }));
}

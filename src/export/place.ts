/**
 * Where the weights of an exported model are: in the files of the checkpoint, in hard links to them, or copied.
 *
 * A model may only name files in or below its own folder: ATC, onnxruntime and sdgraph hold to that. So weights can
 * stay where they are only when the model is written beside or above them.
 */

import { linkSync, realpathSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SdgraphError } from '../errors.ts';
import { ExternalFiles } from '../io/external-files.ts';
import { identify, isSame } from '../io/identity.ts';
import { forget, remember, removeQuietly } from '../io/temporary.ts';
import { systemReason } from '../wire/source.ts';
import { isInside } from './checkpoint.ts';
import type { WeightFile } from './checkpoint-part.ts';
import type { WeightOptions } from './weights-checkpoint.ts';

/** Where weights go: they stay in the checkpoint, a hard link beside the model leads to them, or they are copied. */
export type WeightPlacement = 'reference' | 'link' | 'copy';

/** All placements, as a user may write them. */
export const WEIGHT_PLACEMENTS: readonly WeightPlacement[] = ['reference', 'link', 'copy'];

/** What was done, or is to be done, with the files of a part. */
export interface Placed {
  readonly placement: WeightPlacement;
  /** Why it is a copy when something else was asked for. */
  readonly reason?: string;
  /** How the model names the files; not given: as they are. */
  readonly locate?: NonNullable<WeightOptions['locate']>;
  /** Takes links away that were made, for an export that failed. */
  readonly undo: () => void;
  /** The export is complete: links stay. */
  readonly keep: () => void;
}

/**
 * Places the files of a part for a model in `folder`, which exists. Links are made at once; copying is left to the save.
 *
 * @param options with `followLinks` a file with further names may be referred to
 * @throws SdgraphError `E_EXPORT` when a link would have the name of another file
 */
export function placeWeights(
  files: readonly WeightFile[],
  folder: string,
  wanted: WeightPlacement,
  { followLinks = false }: { readonly followLinks?: boolean } = {},
): Placed {
  if (wanted === 'copy') return copied();
  if (wanted === 'link') return link(files, folder);
  const home = realpathSync(folder);
  const outside = files.find(({ real }) => !isInside(home, real));
  if (outside !== undefined) return copied(`${outside.path} is not in or below ${folder}`);
  const linked = files.find(({ real }) => statSync(real).nlink > 1);
  if (linked !== undefined && !followLinks) {
    return copied(`${linked.path} has further names (hard links), which readers of models refuse`);
  }
  return { placement: 'reference', undo: nothing, keep: nothing };
}

function link(files: readonly WeightFile[], folder: string): Placed {
  const made: string[] = [];
  const settle = (settleOne: (path: string) => void) => (): void => {
    for (const path of made) settleOne(path);
    made.length = 0;
  };
  const undo = settle((path) => {
    removeQuietly(path);
    forget(path);
  });
  for (const file of files) {
    const path = join(folder, basename(file.path));
    const there = identify(path);
    if (there !== undefined && isSame(there, identify(file.real) ?? there)) continue;
    try {
      linkSync(file.real, path);
    } catch (cause) {
      undo();
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw taken(path);
      return copied(`no hard link to ${file.path} can be made: ${systemReason(cause)}`);
    }
    made.push(path);
    remember(path);
  }
  const data = new ExternalFiles(realpathSync(folder), { followLinks: true });
  return {
    placement: 'link',
    locate: (file) => ({ data, location: basename(file.path) }),
    undo,
    keep: settle(forget),
  };
}

function copied(reason?: string): Placed {
  return { placement: 'copy', ...(reason === undefined ? {} : { reason }), undo: nothing, keep: nothing };
}

function nothing(): void {
  // Only links have to be taken away or kept.
}

function taken(file: string): SdgraphError {
  return new SdgraphError(
    'E_EXPORT',
    'a link to the weights would have the name of another file',
    { file },
    { hint: 'remove that file if no model needs it, or export to another folder' },
  );
}

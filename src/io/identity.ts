/** Which file is behind a name, and whether a model reads from it: what must not be replaced while a model is open. */

import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Model } from '../ir/model.ts';
import { FileSource } from '../wire/source.ts';
import { tensorsOf } from './placement.ts';

/** A file, whatever names and links lead to it. */
export interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** The file behind a name; undefined when there is none, or none that can be looked at, which writing will tell. */
export function identify(path: string): Identity | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

/** Whether two files are one. */
export function isSame(a: Identity, b: Identity): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/** Whether a file is the one that the model was opened from. */
export function isOpenedFrom({ source }: Model, file: Identity): boolean {
  return source instanceof FileSource && isSame(source, file);
}

/** Whether a file is one that external tensors of the model are in. */
export function hasWeightsIn(model: Model, file: Identity): boolean {
  for (const location of locations(model)) {
    const found = identify(join(dirname(model.label), location));
    if (found !== undefined && isSame(found, file)) return true;
  }
  return false;
}

function locations(model: Model): Set<string> {
  const found = new Set<string>();
  for (const { storage } of tensorsOf(model)) {
    if (storage.kind === 'external') found.add(storage.entries.get('location') ?? '');
  }
  return found;
}

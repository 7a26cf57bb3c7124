import { realpathSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { SdgraphError } from '../errors.ts';
import type { Placement } from '../ir/encode.ts';
import type { Model } from '../ir/model.ts';
import { Tensor } from '../ir/tensor.ts';
import type { ExternalData } from '../wire/source.ts';
import { ExternalFiles } from './external-files.ts';

/** Where weights go when a model is saved; `auto` is `reuse` in the folder of the source and `single` elsewhere. */
export type ExternalDataPolicy = 'auto' | 'reuse' | 'copy' | 'single' | 'inline';

/** All policies, as a user may write them. */
export const EXTERNAL_DATA_POLICIES: readonly ExternalDataPolicy[] = ['auto', 'reuse', 'copy', 'single', 'inline'];

/** Tensors of this size and more leave the model file under `single` (the threshold that exporters use). */
const MIN_EXTERNAL_BYTES = 1024;

/** External tensors begin at multiples of this, so that they can be mapped into memory (onnx.proto recommends a page). */
export const ALIGNMENT = 4096;

/** Every dense tensor of a model, in a fixed order: initializers and attributes, in all scopes. */
export function* tensorsOf(model: Model): Generator<Tensor> {
  for (const graph of model.scopes()) {
    for (const { initializer } of graph.initializers) if (initializer instanceof Tensor) yield initializer;
    for (const node of graph.nodes) {
      for (const { values } of node.attributes) if (values.tensors !== undefined) yield* values.tensors;
    }
  }
}

/** The policy that `auto` stands for: weights stay where they are unless the model moves to another folder. */
export function effectivePolicy(model: Model, target: string, policy: ExternalDataPolicy): ExternalDataPolicy {
  if (policy !== 'auto') return policy;
  const stays = sourceFolder(model) === folderOf(target);
  for (const tensor of tensorsOf(model)) {
    if (tensor.storage.kind === 'external' && !(stays && isOwn(model, tensor))) return 'single';
  }
  return 'reuse';
}

/** Whether the file of an external tensor is below the folder of this model, not of another that it was taken from. */
function isOwn(model: Model, { storage }: Tensor): boolean {
  return storage.kind === 'external' && storage.data === model.external;
}

/**
 * Placements that keep every external tensor in the file it is in, seen from the folder of the target. A model from
 * bytes has no folder; its locations stay as they are.
 *
 * @throws SdgraphError `E_EXTERNAL_ESCAPES` when a file would be outside the folder of the target
 */
export function reusePlacements(model: Model, target: string): Map<Tensor, Placement> {
  const placements = new Map<Tensor, Placement>();
  const to = folderOf(target);
  const folders = new Map<ExternalData | undefined, string | undefined>([[model.external, sourceFolder(model)]]);
  for (const tensor of tensorsOf(model)) {
    if (tensor.storage.kind !== 'external') continue;
    const { data } = tensor.storage;
    if (data instanceof ExternalFiles && !folders.has(data)) folders.set(data, realFolder(data.baseDir));
    if (!folders.has(data)) throw escapes(target, tensor, 'a tensor of another model');
    const from = folders.get(data);
    if (from === undefined || from === to) continue;
    const { location, offset, length } = tensor.externalRange();
    const parts = relative(to, resolve(from, location)).split(sep);
    if (parts[0] === '..' || isAbsolute(parts.join(sep))) throw escapes(target, tensor, parts.join('/'));
    placements.set(tensor, { kind: 'external', location: parts.join('/'), offset, length });
  }
  return placements;
}

function escapes(file: string, { name }: Tensor, found: string): SdgraphError {
  return new SdgraphError(
    'E_EXTERNAL_ESCAPES',
    'the weights would lie outside the folder of the saved model',
    { file, name },
    { found, hint: 'save beside or above the weights, or use --external-data single or copy' },
  );
}

/**
 * Tensors that leave the model file under `single`: those that are outside already, and the large ones inside. Elements
 * in typed fields stay: they have another form than files have.
 */
export function isLarge({ storage }: Tensor): boolean {
  if (storage.kind === 'external') return true;
  if (storage.kind === 'raw') return storage.span.end - storage.span.start >= MIN_EXTERNAL_BYTES;
  return storage.kind === 'memory' && storage.bytes.length >= MIN_EXTERNAL_BYTES;
}

/** The folder of the file that a model was opened from; undefined for one from bytes. */
function sourceFolder(model: Model): string | undefined {
  return model.external === undefined ? undefined : folderOf(model.label);
}

function folderOf(file: string): string {
  return realFolder(dirname(resolve(file)));
}

function realFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return resolve(folder);
  }
}

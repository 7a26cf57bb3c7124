import { realpathSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { SdgraphError } from '../errors.ts';
import type { Placement } from '../ir/encode.ts';
import type { Model } from '../ir/model.ts';
import { Tensor } from '../ir/tensor.ts';

/** Where weights go when a model is saved; `auto` is `reuse` in the folder of the source and `single` elsewhere. */
export type ExternalDataPolicy = 'auto' | 'reuse' | 'copy' | 'single' | 'inline';

/** All policies, as a user may write them. */
export const EXTERNAL_DATA_POLICIES: readonly ExternalDataPolicy[] = ['auto', 'reuse', 'copy', 'single', 'inline'];

/** Tensors of this size and more leave the model file under `single` (the threshold that exporters use). */
export const MIN_EXTERNAL_BYTES = 1024;

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
  if (sourceFolder(model) === folderOf(target)) return 'reuse';
  for (const { storage } of tensorsOf(model)) if (storage.kind === 'external') return 'single';
  return 'reuse';
}

/** Placements that keep every external tensor in the file it is in, seen from the folder of the target. */
export function reusePlacements(model: Model, target: string): Map<Tensor, Placement> {
  const placements = new Map<Tensor, Placement>();
  const from = sourceFolder(model);
  const to = folderOf(target);
  if (from === to) return placements;
  for (const tensor of tensorsOf(model)) {
    if (tensor.storage.kind !== 'external') continue;
    const { location, offset, length } = tensor.externalRange();
    const seen = relative(to, resolve(from ?? to, location));
    if (from === undefined || seen.startsWith('..')) {
      throw new SdgraphError(
        'E_EXTERNAL_ESCAPES',
        'the weights would lie outside the folder of the saved model',
        { file: target, name: tensor.name },
        { found: seen, hint: 'save beside or above the weights, or use --external-data single or copy' },
      );
    }
    placements.set(tensor, { kind: 'external', location: seen.split(sep).join('/'), offset, length });
  }
  return placements;
}

/** Tensors that leave the model file under `single`: those that are outside already, and the large ones inside. */
export function isLarge(tensor: Tensor): boolean {
  if (tensor.storage.kind === 'external') return true;
  return tensor.storage.kind !== 'strings' && tensor.byteLength >= MIN_EXTERNAL_BYTES;
}

/** The folder of the file that a model was opened from; undefined for one from bytes. */
export function sourceFolder(model: Model): string | undefined {
  return model.external === undefined ? undefined : folderOf(model.label);
}

function folderOf(file: string): string {
  const folder = dirname(resolve(file));
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

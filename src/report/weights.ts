import { SdgraphError } from '../errors.ts';
import { elementType } from '../ir/data-type.ts';
import type { Model } from '../ir/model.ts';
import { SparseTensor } from '../ir/sparse-tensor.ts';
import type { Tensor } from '../ir/tensor.ts';

/** What holds a tensor: an entry of a graph's initializers, or an attribute such as that of a Constant node. */
export type Holder = 'initializer' | 'attribute';

/** Tensors that lie in one place. */
export interface WeightPlace {
  readonly holder: Holder;
  /** The data file as the model names it; null for the model file itself. */
  readonly file: string | null;
  readonly tensors: number;
  /** Elements of these tensors. */
  readonly elements: number;
  /** Bytes that the elements take. Tensors over the same range of a file count once. */
  readonly bytes: number;
}

/**
 * Where the weights of a model are, in all scopes: initializers before attributes, the model file before data files,
 * data files in the order in which the model first names them. Reads no weights and opens no data file.
 */
export function weightPlaces(model: Model): readonly WeightPlace[] {
  const tallies = new Map<string, Tally>();
  const ranges = new Set<string>();
  for (const { holder, tensor } of heldTensors(model)) {
    const file = tensor.storage.kind === 'external' ? (tensor.storage.entries.get('location') ?? '') : null;
    const key = JSON.stringify([holder, file]);
    const tally = tallies.get(key) ?? { holder, file, tensors: 0, elements: 0, bytes: 0 };
    tallies.set(key, tally);
    tally.tensors++;
    tally.elements += tensor.elementCount;
    if (isFirstOfRange(tensor, ranges)) tally.bytes += bytesOf(tensor);
  }
  const order = (place: WeightPlace): number =>
    (place.holder === 'initializer' ? 0 : 2) + (place.file === null ? 0 : 1);
  return [...tallies.values()].toSorted((a, b) => order(a) - order(b));
}

/** Bytes of weights in data files, and in the model file itself. */
export function weightBytes(places: readonly WeightPlace[]): { external: number; inline: number } {
  let [external, inline] = [0, 0];
  for (const { file, bytes } of places) {
    if (file === null) inline += bytes;
    else external += bytes;
  }
  return { external, inline };
}

type Tally = { -readonly [Key in keyof WeightPlace]: WeightPlace[Key] };

/** Every dense tensor with what holds it; a sparse initializer as the tensors that it is made of. */
function* heldTensors(model: Model): Generator<{ holder: Holder; tensor: Tensor }> {
  for (const graph of model.scopes()) {
    for (const { initializer } of graph.initializers) {
      if (initializer instanceof SparseTensor) {
        yield { holder: 'initializer', tensor: initializer.values };
        yield { holder: 'initializer', tensor: initializer.indices };
      } else if (initializer !== undefined) {
        yield { holder: 'initializer', tensor: initializer };
      }
    }
    for (const node of graph.nodes) {
      for (const { values } of node.attributes) {
        for (const tensor of values.tensors ?? []) yield { holder: 'attribute', tensor };
      }
    }
  }
}

/** Bytes of a tensor, those of strings included; 0 for an element type that ONNX does not define. */
function bytesOf(tensor: Tensor): number {
  const type = elementType(tensor.dataType);
  if (type === undefined) return 0;
  if (type.bits !== 0) return tensor.byteLength;
  try {
    return tensor.strings().reduce((sum, { length }) => sum + length, 0);
  } catch (error) {
    // A count that contradicts the dimensions: for whoever reads the strings, not for an overview.
    if (error instanceof SdgraphError) return 0;
    throw error;
  }
}

function isFirstOfRange(tensor: Tensor, seen: Set<string>): boolean {
  if (tensor.storage.kind !== 'external') return true;
  const { entries } = tensor.storage;
  const key = JSON.stringify(['location', 'offset', 'length'].map((name) => entries.get(name)));
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

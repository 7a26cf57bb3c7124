import { printable, SdgraphError } from '../errors.ts';
import type { SafetensorsDtype } from '../io/safetensors.ts';
import { DataType } from '../ir/data-type.ts';
import { Tensor } from '../ir/tensor.ts';
import type { ExternalData } from '../wire/source.ts';
import type { PartName } from './checkpoint.ts';
import type { CheckpointPart, StoredTensor, WeightFile } from './checkpoint-part.ts';
import type { TakeOptions, WeightSource } from './weights.ts';
import { FoldedData } from './weights-fold.ts';

/** Element types that weights may have, with ONNX's numbers of them. */
const WEIGHT_TYPES: ReadonlyMap<SafetensorsDtype, number> = new Map([
  ['F32', DataType.FLOAT],
  ['F16', DataType.FLOAT16],
  ['BF16', DataType.BFLOAT16],
]);

/** What {@link CheckpointWeights} does with the tensors of a part. */
export interface WeightOptions {
  /** Give every tensor in this element type (FLOAT or FLOAT16), and transposed where asked for; not given: as stored. */
  readonly fold?: number;
  /** Where a file of the checkpoint is to be referred to. Default: where it is. */
  readonly locate?: (file: WeightFile) => { readonly data: ExternalData; readonly location: string };
}

/** The weights of one part of a checkpoint, as ranges of its files; each tensor that is taken is ticked off. */
export class CheckpointWeights implements WeightSource {
  readonly #part: CheckpointPart;
  readonly #options: WeightOptions;
  readonly #given = new Map<string, Tensor>();
  readonly #used = new Set<string>();

  constructor(part: CheckpointPart, options: WeightOptions = {}) {
    this.#part = part;
    this.#options = options;
  }

  get folds(): boolean {
    return this.#options.fold !== undefined;
  }

  /** Tensors of the checkpoint that were taken. */
  get count(): number {
    return this.#used.size;
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  take(name: string, shape: readonly number[], { transposed = false }: TakeOptions = {}): Tensor {
    const found = this.#find(name);
    if (found === undefined) throw this.#missing(name);
    const { stored, spelling } = found;
    if (!isSameShape(stored.shape, shape)) {
      throw this.#refuse(stored, spelling, 'a tensor has another shape than the configuration says', {
        expected: show(shape),
        found: show(stored.shape),
      });
    }
    const dataType = WEIGHT_TYPES.get(stored.dtype);
    if (dataType === undefined) {
      const expected = [...WEIGHT_TYPES.keys()].join(', ');
      throw this.#refuse(stored, spelling, 'a tensor has an element type that is not read', {
        expected,
        found: stored.dtype,
      });
    }
    this.#used.add(spelling);
    // One tensor in two ranks or orders is two tensors of the model.
    const key = `${spelling} ${show(shape)} ${transposed}`;
    const known = this.#given.get(key);
    if (known !== undefined) return known;
    const tensor = this.#tensor(name, stored, shape, dataType, transposed);
    this.#given.set(key, tensor);
    return tensor;
  }

  /** Tensors that nobody took, apart from those that are known to be of no use to the graph. */
  leftOver(): readonly string[] {
    const unused = KNOWN_UNUSED[this.#part.name];
    return [...this.#part.tensors.keys()].filter(
      (name) => !this.#used.has(name) && !unused.some((each) => each.test(name)),
    );
  }

  #tensor(name: string, stored: StoredTensor, shape: readonly number[], dataType: number, transposed: boolean): Tensor {
    const { fold, locate } = this.#options;
    const { file, offset, length } = stored;
    if (fold === undefined) {
      if (transposed) throw new SdgraphError('E_INTERNAL', 'only a source that folds transposes', { name });
      const place = locate?.(file) ?? file;
      return external(name, dataType, shape, place.data, { location: place.location, offset, length });
    }
    if (dataType === fold && !transposed) {
      return external(name, fold, shape, file.data, { location: file.location, offset, length });
    }
    const source = file.data.open(file.location);
    const data = new FoldedData({ source, offset, from: dataType, to: fold, shape, transposed });
    const dims = transposed ? shape.toReversed() : shape;
    return external(name, fold, dims, data, { location: file.location, offset: 0, length: data.size });
  }

  #find(name: string): { readonly stored: StoredTensor; readonly spelling: string } | undefined {
    for (const spelling of spellings(name)) {
      const stored = this.#part.tensors.get(spelling);
      if (stored !== undefined) return { stored, spelling };
    }
    return undefined;
  }

  #missing(name: string): SdgraphError {
    const files = this.#part.files.map(({ path }) => path);
    return new SdgraphError(
      'E_CHECKPOINT_TENSOR',
      'the checkpoint lacks a tensor that its configuration asks for',
      { file: files[0] ?? '', name },
      {
        expected: name,
        found: `${this.#part.tensors.size} others in ${files.length === 1 ? 'the file' : `${files.length} files`}`,
        hint: 'config.json and weights belong to different models, or the download is incomplete',
      },
    );
  }

  #refuse(
    { file }: StoredTensor,
    name: string,
    reason: string,
    details: { readonly expected: string; readonly found: string },
  ): SdgraphError {
    const hint = 'config.json and weights belong to different models';
    return new SdgraphError(
      'E_CHECKPOINT_TENSOR',
      reason,
      { file: file.path, name: printable(name) },
      { ...details, hint },
    );
  }
}

/** Tensors that a checkpoint has and the exported graphs do not: buffers, the encoder, what the host computes. */
const KNOWN_UNUSED: Readonly<Record<PartName, readonly RegExp[]>> = {
  text_encoder: [/^text_model\.embeddings\.position_ids$/u],
  unet: [],
  vae: [/^encoder\./u, /^quant_conv\./u, /^post_quant_conv\./u],
};

/** The attention of the VAE has old names and new ones; the layers are the same. */
const ATTENTION_NAMES: readonly (readonly [string, string])[] = [
  ['query', 'to_q'],
  ['key', 'to_k'],
  ['value', 'to_v'],
  ['proj_attn', 'to_out.0'],
];

/** A name, and the other spelling that it may have in a checkpoint. */
function spellings(name: string): readonly string[] {
  const match = /^(?<path>.*\.mid_block\.attentions\.\d+)\.(?<layer>.+)\.(?<parameter>weight|bias)$/u.exec(name);
  const { path, layer, parameter } = match?.groups ?? {};
  for (const [old, recent] of ATTENTION_NAMES) {
    if (layer === old) return [name, `${path}.${recent}.${parameter}`];
    if (layer === recent) return [name, `${path}.${old}.${parameter}`];
  }
  return [name];
}

/** Layers of 1x1 convolutions and linear ones have the same elements in the same order. */
function isSameShape(stored: readonly number[], wanted: readonly number[]): boolean {
  const [short, long] = stored.length <= wanted.length ? [stored, wanted] : [wanted, stored];
  const isKernel = short.length === 2 && long.length === 4;
  if (long.length !== short.length && !isKernel) return false;
  return long.every((dim, i) => dim === (short[i] ?? 1));
}

function external(
  name: string,
  dataType: number,
  dims: readonly number[],
  data: ExternalData,
  range: { readonly location: string; readonly offset: number; readonly length: number },
): Tensor {
  const entries = new Map([
    ['location', range.location],
    ['offset', String(range.offset)],
    ['length', String(range.length)],
  ]);
  return new Tensor({ name, dataType, dims, storage: { kind: 'external', entries, data } });
}

function show(shape: readonly number[]): string {
  return `[${shape.slice(0, 8).join(', ')}]`;
}

import { basename, dirname, join } from 'node:path';
import { SdgraphError } from '../errors.ts';
import { encodeModel, type Placement } from '../ir/encode.ts';
import type { Model } from '../ir/model.ts';
import type { Tensor } from '../ir/tensor.ts';
import { type Rope, ropeBytes } from '../wire/rope.ts';
import { FileSource } from '../wire/source.ts';
import { AtomicFile } from './atomic.ts';
import { copyDataFiles } from './copy-data.ts';
import { placementOf, writeTensors } from './data-writer.ts';
import { hasWeightsIn, identify, isOpenedFrom } from './identity.ts';
import { Outputs } from './outputs.ts';
import { type ExternalDataPolicy, effectivePolicy, isLarge, reusePlacements, tensorsOf } from './placement.ts';
import { Progress } from './progress.ts';

/** Most bytes of one protobuf message. */
const PROTOBUF_LIMIT = 2 ** 31 - 1;

/** How {@link saveModel} saves. */
export interface SaveOptions {
  /** Where weights go. Default `auto`. */
  readonly externalData?: ExternalDataPolicy;
  /** Allow the output to replace the file that the model was opened from. Default false. */
  readonly inPlace?: boolean;
  /** Called now and then with the bytes written so far and those to write in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What saving did. */
export interface SaveReport {
  /** The model file. */
  readonly path: string;
  /** The policy that was followed; never `auto`. */
  readonly externalData: ExternalDataPolicy;
  /** Files written, with their sizes. The model comes last. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** Bytes that were made for this save. */
  readonly encoded: number;
  /** Bytes that were copied from where they were. */
  readonly copied: number;
}

/**
 * Saves a model. What no edit touched is copied byte for byte; a model without edits gives the file it came from. Every
 * file is written beside its place and renamed, so that a kill leaves the old or the new one. The model must not be
 * edited or closed before the save has ended.
 *
 * @throws SdgraphError `E_OVERWRITES_INPUT`, `E_TOO_LARGE`, `E_FILE_WRITE`, `E_EXTERNAL_ESCAPES`, `E_FILE_CHANGED`, and
 * what reading the weights throws
 */
export async function saveModel(model: Model, path: string, options: SaveOptions = {}): Promise<SaveReport> {
  checkTarget(model, path, options.inPlace ?? false);
  checkUnchanged(model);
  const policy = effectivePolicy(model, path, options.externalData ?? 'auto');
  const progress = new Progress(options.onProgress);
  const outputs = new Outputs();
  try {
    const placements = await place(model, path, policy, progress, outputs);
    const rope = encodeModel(model, (tensor) => placements.get(tensor));
    checkSize(model, rope, path);
    progress.expect(rope.length);
    const file = AtomicFile.create(path);
    try {
      for (const piece of rope.pieces) await progress.copy(file, piece);
      checkUnchanged(model);
      outputs.commit(file, path);
      outputs.keep();
    } finally {
      file.abort();
    }
  } catch (error) {
    outputs.discard();
    throw error;
  }
  return { path, externalData: policy, files: outputs.files, ...progress.totals };
}

/** Writes data files as the policy has it, and says where each tensor is from then on. */
async function place(
  model: Model,
  path: string,
  policy: ExternalDataPolicy,
  progress: Progress,
  outputs: Outputs,
): Promise<ReadonlyMap<Tensor, Placement>> {
  switch (policy) {
    case 'single':
      return writeDataFile(model, path, progress, outputs);
    case 'copy':
      return copyDataFiles(model, path, progress, outputs);
    case 'inline':
      return inlinePlacements(model);
    default:
      return reusePlacements(model, path);
  }
}

/** What was not edited is copied from the file, which must still be the one that was opened. */
function checkUnchanged({ source }: Model): void {
  if (source instanceof FileSource) source.checkUnchanged();
}

/**
 * The bytes of a model. External tensors keep their locations; weights inside come along, so this is for models that
 * fit in memory. Throws `E_TOO_LARGE` past the two gibibytes of a protobuf message.
 */
export async function saveBytes(model: Model): Promise<Uint8Array> {
  const rope = encodeModel(model);
  checkSize(model, rope, model.label);
  checkUnchanged(model);
  return ropeBytes(rope);
}

function checkSize(model: Model, rope: Rope, path: string): void {
  const untouched = rope.pieces.length === 1 && rope.length === model.source?.size;
  if (rope.length <= PROTOBUF_LIMIT || untouched) return;
  throw new SdgraphError(
    'E_TOO_LARGE',
    'the model is too large for one protobuf file',
    { file: path },
    {
      expected: `at most ${PROTOBUF_LIMIT} bytes`,
      found: `${rope.length}`,
      hint: 'keep the weights outside with --external-data single',
    },
  );
}

/** Refuses a target that would destroy what is being read, by whatever name or link. */
function checkTarget(model: Model, path: string, inPlace: boolean): void {
  const target = identify(path);
  if (target === undefined) return;
  if (!inPlace && isOpenedFrom(model, target)) {
    throw new SdgraphError(
      'E_OVERWRITES_INPUT',
      'the output would replace the input',
      { file: path },
      { hint: 'choose another name, or allow it with --in-place' },
    );
  }
  if (hasWeightsIn(model, target)) {
    throw new SdgraphError(
      'E_OVERWRITES_INPUT',
      'the output would replace the weights of the input',
      { file: path },
      { hint: 'choose another name' },
    );
  }
}

function inlinePlacements(model: Model): Map<Tensor, Placement> {
  const placements = new Map<Tensor, Placement>();
  for (const tensor of tensorsOf(model)) {
    if (tensor.storage.kind === 'external') placements.set(tensor, { kind: 'inline' });
  }
  return placements;
}

/**
 * Writes every large tensor to one file beside the model. Its name holds the checksum of its contents: a later save of
 * other weights gets another name, so that no moment exists at which a model points into the wrong data.
 */
async function writeDataFile(
  model: Model,
  path: string,
  progress: Progress,
  outputs: Outputs,
): Promise<Map<Tensor, Placement>> {
  const tensors = [...tensorsOf(model)].filter(isLarge);
  if (tensors.length === 0) return new Map();
  const file = AtomicFile.create(`${path}.data`, { crc32: true });
  try {
    const written = await writeTensors(file, tensors, progress);
    const checksum = (file.crc32 ?? 0).toString(16).padStart(8, '0');
    const location = `${basename(path)}.${checksum}.data`;
    const data = join(dirname(path), location);
    const there = identify(data);
    // A file of this name that the weights were just read from holds them already.
    if (there === undefined || !hasWeightsIn(model, there)) outputs.commit(file, data, location);
    return new Map(written.map((each) => [each.tensor, placementOf(each, location)]));
  } finally {
    file.abort();
  }
}

import { statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { SdgraphError } from '../errors.ts';
import { encodeModel, type Placement } from '../ir/encode.ts';
import { contents } from '../ir/encode-tensor.ts';
import type { Model } from '../ir/model.ts';
import type { Tensor } from '../ir/tensor.ts';
import { pieceLength, type Rope, ropeBytes } from '../wire/rope.ts';
import { FileSource } from '../wire/source.ts';
import { AtomicFile } from './atomic.ts';
import { copyDataFiles } from './copy-data.ts';
import {
  ALIGNMENT,
  type ExternalDataPolicy,
  effectivePolicy,
  isLarge,
  reusePlacements,
  tensorsOf,
} from './placement.ts';
import { Progress } from './progress.ts';

/** Most bytes of one protobuf message. */
export const PROTOBUF_LIMIT = 2 ** 31 - 1;

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
 * @throws SdgraphError `E_OVERWRITES_INPUT`, `E_TOO_LARGE`, `E_FILE_WRITE`, `E_EXTERNAL_ESCAPES`, `E_TENSOR_SIZE`, and
 * what reading the weights throws
 */
export async function saveModel(model: Model, path: string, options: SaveOptions = {}): Promise<SaveReport> {
  checkTarget(model, path, options.inPlace ?? false);
  const policy = effectivePolicy(model, path, options.externalData ?? 'auto');
  const progress = new Progress(options.onProgress);
  const files: { path: string; bytes: number }[] = [];
  let placements: ReadonlyMap<Tensor, Placement>;
  if (policy === 'single') placements = await writeDataFile(model, path, progress, files);
  else if (policy === 'copy') {
    const copy = await copyDataFiles(model, path, progress);
    files.push(...copy.files);
    placements = copy.placements;
  } else if (policy === 'inline') placements = inlinePlacements(model);
  else placements = reusePlacements(model, path);
  const rope = encodeModel(model, (tensor) => placements.get(tensor));
  checkSize(model, rope, path);
  progress.expect(rope.length);
  const file = AtomicFile.create(path);
  try {
    for (const piece of rope.pieces) await progress.copy(file, piece);
    file.commit();
  } finally {
    file.abort();
  }
  files.push({ path, bytes: rope.length });
  return { path, externalData: policy, files, ...progress.totals };
}

/**
 * The bytes of a model. External tensors keep their locations; weights inside come along, so this is for models that
 * fit in memory. Throws `E_TOO_LARGE` past the two gibibytes of a protobuf message.
 */
export async function saveBytes(model: Model): Promise<Uint8Array> {
  const rope = encodeModel(model);
  checkSize(model, rope, model.label);
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

/** Refuses a target that would destroy what is being read. */
function checkTarget(model: Model, path: string, inPlace: boolean): void {
  const target = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (target === undefined) return;
  if (!inPlace && model.source instanceof FileSource) {
    const { dev, ino } = model.source;
    if (target.dev === dev && target.ino === ino) {
      throw new SdgraphError(
        'E_OVERWRITES_INPUT',
        'the output would replace the input',
        { file: path },
        { hint: 'choose another name, or allow it with --in-place' },
      );
    }
  }
  for (const { storage } of tensorsOf(model)) {
    if (storage.kind !== 'external') continue;
    const location = resolve(dirname(model.label), storage.entries.get('location') ?? '');
    if (location === resolve(path)) {
      throw new SdgraphError('E_OVERWRITES_INPUT', 'the output would replace the weights of the input', { file: path });
    }
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
  files: { path: string; bytes: number }[],
): Promise<Map<Tensor, Placement>> {
  const pieces = [...tensorsOf(model)].filter(isLarge).map((tensor) => ({ tensor, piece: contents(tensor) }));
  const placements = new Map<Tensor, Placement>();
  if (pieces.length === 0) return placements;
  progress.expect(pieces.reduce((sum, { piece }) => sum + pieceLength(piece), 0));
  const file = AtomicFile.create(`${path}.data`, { crc32: true });
  try {
    const spans: { tensor: Tensor; offset: number; length: number }[] = [];
    for (const { tensor, piece } of pieces) {
      file.write(new Uint8Array((ALIGNMENT - (file.position % ALIGNMENT)) % ALIGNMENT));
      const offset = file.position;
      await progress.copy(file, piece);
      spans.push({ tensor, offset, length: file.position - offset });
    }
    const checksum = (file.crc32 ?? 0).toString(16).padStart(8, '0');
    const location = `${basename(path)}.${checksum}.data`;
    files.push({ path: join(dirname(path), location), bytes: file.position });
    file.commit(location);
    for (const { tensor, offset, length } of spans) {
      placements.set(tensor, { kind: 'external', location, offset, length });
    }
  } finally {
    file.abort();
  }
  return placements;
}

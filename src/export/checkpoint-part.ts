import { basename, dirname } from 'node:path';
import { SdgraphError } from '../errors.ts';
import { ExternalFiles } from '../io/external-files.ts';
import { openSafetensors, type SafetensorsTensor } from '../io/safetensors.ts';
import type { CheckpointFile, PartName } from './checkpoint.ts';
import { type FileChoice, readIndex } from './checkpoint-files.ts';

/** A safetensors file of a checkpoint, open. */
export interface WeightFile extends CheckpointFile {
  /** Opens {@link location}. */
  readonly data: ExternalFiles;
  /** The name of the real file in its folder. */
  readonly location: string;
}

/** A tensor of a checkpoint and the file that holds it. */
export interface StoredTensor extends SafetensorsTensor {
  readonly file: WeightFile;
}

/** The weights of one part of a checkpoint: headers were read and checked, elements stay on disk. */
export interface CheckpointPart {
  readonly name: PartName;
  /** The variant of the files, such as `fp16`; undefined for the plain ones. */
  readonly variant: string | undefined;
  readonly files: readonly WeightFile[];
  /** Tensors by name, in the order of the files. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Lets the files go. Tensors cannot be read afterwards. */
  close(): void;
}

/**
 * Opens the weights of a part.
 *
 * @param find finds a file in the folder of the part
 * @throws SdgraphError `E_CHECKPOINT`, `E_SAFETENSORS`, `E_FILE_MISSING`, `E_FILE_READ`
 */
export function openPart(name: PartName, choice: FileChoice, find: (file: string) => CheckpointFile): CheckpointPart {
  const chosen = find(choice.name);
  const index = choice.isIndex ? readIndex(chosen.real, chosen.path) : undefined;
  const places = index === undefined ? [chosen] : [...new Set(index.values())].map(find);
  const files: WeightFile[] = [];
  const close = (): void => {
    for (const file of files) file.data.close();
  };
  const tensors = new Map<string, StoredTensor>();
  try {
    for (const place of places) {
      const file = openFile(place);
      files.push(file);
      addTensors(tensors, file, index);
    }
    const missing = index === undefined ? undefined : [...index.keys()].find((each) => !tensors.has(each));
    if (missing !== undefined) throw disagree(chosen.path, missing, 'a file that lacks it');
  } catch (error) {
    close();
    throw error;
  }
  return { name, variant: choice.variant, files, tensors, close };
}

/** Whether links are followed was decided when the file was found, and its real name has none. */
function openFile(place: CheckpointFile): WeightFile {
  const data = new ExternalFiles(dirname(place.real), { followLinks: true });
  return { ...place, data, location: basename(place.real) };
}

function addTensors(
  tensors: Map<string, StoredTensor>,
  file: WeightFile,
  index: ReadonlyMap<string, string> | undefined,
): void {
  const header = openSafetensors(file.data.open(file.location));
  for (const [name, tensor] of header.tensors) {
    // An index decides which file a tensor is in; one that is somewhere else too could mean something else to others.
    if (index !== undefined && index.get(name) !== basename(file.path)) {
      throw disagree(file.path, name, index.get(name) ?? 'nothing');
    }
    tensors.set(name, { ...tensor, file });
  }
}

function disagree(file: string, name: string, found: string): SdgraphError {
  return new SdgraphError(
    'E_CHECKPOINT',
    'the index of weights and its files disagree about a tensor',
    { file, name },
    { found: `the index names ${found}`, hint: 'the download is incomplete or mixed with another; fetch it again' },
  );
}

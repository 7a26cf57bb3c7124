import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SdgraphError } from '../errors.ts';
import type { Placement } from '../ir/encode.ts';
import type { Model } from '../ir/model.ts';
import type { Tensor } from '../ir/tensor.ts';
import type { ByteSource } from '../wire/source.ts';
import { AtomicFile } from './atomic.ts';
import { parseLocation } from './external.ts';
import { ALIGNMENT, tensorsOf } from './placement.ts';
import type { Progress } from './progress.ts';

/** A data file of the source and the tensors that are read from it. */
interface DataFile {
  readonly source: ByteSource;
  readonly ranges: { readonly tensor: Tensor; readonly offset: number; readonly length: number }[];
}

/**
 * Copies external tensors to files of the same names below the folder of the target; only what the model reads is
 * copied. A file that is there already may belong to another model and is never replaced.
 *
 * @throws SdgraphError `E_FILE_WRITE` when a file of that name exists
 */
export async function copyDataFiles(
  model: Model,
  target: string,
  progress: Progress,
): Promise<{ placements: Map<Tensor, Placement>; files: { path: string; bytes: number }[] }> {
  const sources = new Map<string, DataFile>();
  for (const tensor of tensorsOf(model)) {
    if (tensor.storage.kind !== 'external') continue;
    const { source, location, offset, length } = tensor.externalRange();
    const file = sources.get(location) ?? { source, ranges: [] };
    file.ranges.push({ tensor, offset, length });
    sources.set(location, file);
  }
  const placements = new Map<Tensor, Placement>();
  const files: { path: string; bytes: number }[] = [];
  for (const location of sources.keys()) refuseExisting(target, location);
  for (const [location, { source, ranges }] of sources) {
    const path = join(dirname(target), ...parseLocation(location));
    mkdirSync(dirname(path), { recursive: true });
    progress.expect(ranges.reduce((sum, { length }) => sum + length, 0));
    const file = AtomicFile.create(path);
    try {
      for (const { tensor, offset, length } of ranges) {
        file.write(new Uint8Array((ALIGNMENT - (file.position % ALIGNMENT)) % ALIGNMENT));
        placements.set(tensor, { kind: 'external', location, offset: file.position, length });
        await progress.copy(file, { source, start: offset, end: offset + length });
      }
      files.push({ path, bytes: file.position });
      file.commit();
    } finally {
      file.abort();
    }
  }
  return { placements, files };
}

function refuseExisting(target: string, location: string): void {
  const path = join(dirname(target), ...parseLocation(location));
  if (!existsSync(path)) return;
  throw new SdgraphError(
    'E_FILE_WRITE',
    'a data file of this name is there already and may belong to another model',
    { file: path },
    { hint: 'save to an empty folder, or use --external-data single' },
  );
}

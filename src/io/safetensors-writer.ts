import { setImmediate } from 'node:timers/promises';
import { SdgraphError } from '../errors.ts';
import { AtomicFile } from './atomic.ts';
import { type SafetensorsDtype, safetensorsBytes } from './safetensors.ts';

/** A tensor to be written to a safetensors file. */
export interface TensorToSave {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  /** Dimensions, outermost first. */
  readonly shape: readonly number[];
  /** Its bytes, row-major and little endian, piece by piece; zeros when not given, which take no room where possible. */
  readonly data?: () => Iterable<Uint8Array>;
}

/** Readers map tensors into memory, and want the first one aligned. */
const ALIGNMENT = 8;

/** Longest time without a turn for other work of the process, in milliseconds. */
const SLICE = 50;

/**
 * Writes a safetensors file, streaming, whole or not at all. Tensors come in the order given.
 *
 * @param onProgress called now and then with the bytes of tensors written so far, and those to write in all
 * @returns the size of the file in bytes
 * @throws SdgraphError `E_FILE_WRITE`; `E_SAFETENSORS` for tensors that no such file can hold
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToSave[],
  metadata: Readonly<Record<string, string>> = {},
  onProgress?: (done: number, total: number) => void,
): Promise<number> {
  const { header, total } = layOut(path, tensors, metadata);
  const file = AtomicFile.create(path);
  try {
    file.write(header);
    const start = file.position;
    let paused = performance.now();
    for (const tensor of tensors) {
      const expected = file.position + sizeOf(path, tensor);
      if (tensor.data === undefined) file.zeros(expected - file.position);
      for (const piece of tensor.data?.() ?? []) {
        file.write(piece);
        onProgress?.(file.position - start, total);
        if (performance.now() - paused < SLICE) continue;
        await setImmediate();
        paused = performance.now();
      }
      if (file.position !== expected) {
        throw new SdgraphError('E_INTERNAL', 'a tensor was given another number of bytes', { name: tensor.name });
      }
    }
    const size = file.position;
    file.commit();
    return size;
  } finally {
    file.abort();
  }
}

function layOut(
  path: string,
  tensors: readonly TensorToSave[],
  metadata: Readonly<Record<string, string>>,
): { readonly header: Uint8Array; readonly total: number } {
  const entries: string[] = [`"__metadata__":${JSON.stringify(metadata)}`];
  const names = new Set(['__metadata__']);
  let at = 0;
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor;
    if (names.has(name)) throw new SdgraphError('E_SAFETENSORS', 'a tensor comes twice', { file: path, name });
    names.add(name);
    const end = at + sizeOf(path, tensor);
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [at, end] })}`);
    at = end;
  }
  const text = Buffer.from(`{${entries.join(',')}}`);
  const size = Math.ceil(text.length / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(ALIGNMENT + size, ' ');
  header.writeBigUInt64LE(BigInt(size));
  text.copy(header, ALIGNMENT);
  return { header, total: at };
}

function sizeOf(file: string, { name, dtype, shape }: TensorToSave): number {
  const bytes = safetensorsBytes(dtype, shape);
  if (bytes !== undefined) return bytes;
  throw new SdgraphError('E_SAFETENSORS', 'the bytes of a tensor cannot be counted', { file, name });
}

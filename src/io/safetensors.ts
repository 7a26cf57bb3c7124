/**
 * Reading safetensors files: the header is checked against every rule of the format, tensors stay on disk.
 *
 * A file is the size of the header (8 bytes, little endian), the header (JSON), and the bytes of the tensors, which
 * cover the rest without overlap or hole. The checks are no formality: a file that two readers understand differently
 * can pass one and harm the other.
 */

import { SdgraphError } from '../errors.ts';
import { type ByteSource, FileSource } from '../wire/source.ts';
import { JsonScanError, JsonScanner } from './json-scanner.ts';

/** Largest header that the format allows, in bytes. */
const MAX_HEADER = 100_000_000;

/** Bytes of the header's size. */
const PREFIX = 8;

/** Bits of one element. Elements of less than a byte are packed; only the whole tensor must fill its last byte. */
const DTYPE_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** Element types of safetensors. Multi-byte elements are little endian; BF16 is the upper half of an F32. */
export type SafetensorsDtype = keyof typeof DTYPE_BITS;

/** Where one tensor lies. */
export interface SafetensorsTensor {
  readonly dtype: SafetensorsDtype;
  /** Dimensions, outermost first; empty for a scalar. */
  readonly shape: readonly number[];
  /** Byte offset from the start of the file. */
  readonly offset: number;
  /** Bytes, row-major. */
  readonly length: number;
}

/** An open safetensors file. */
export interface SafetensorsFile {
  /** What tensors are read from: `source.read(tensor.offset, tensor.length)`. */
  readonly source: ByteSource;
  /** The free text entries of `__metadata__`, in the order of the file. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Tensors by name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  /** Closes the source. */
  close(): void;
}

/**
 * Opens a safetensors file and reads its header. Memory depends on the header alone.
 *
 * ```ts
 * const file = openSafetensors('unet/diffusion_pytorch_model.safetensors');
 * const { dtype, shape, offset, length } = file.tensors.get('conv_in.weight')!;
 * const bytes = file.source.read(offset, length);
 * file.close();
 * ```
 *
 * @param from a path, or a source, which is closed together with the file (and left open when opening fails)
 * @throws SdgraphError `E_SAFETENSORS` when the file breaks a rule of the format; `E_FILE_MISSING`, `E_FILE_READ`.
 */
export function openSafetensors(from: string | ByteSource): SafetensorsFile {
  const source = typeof from === 'string' ? FileSource.open(from) : from;
  try {
    const { metadata, tensors } = readHeader(source);
    return { source, metadata, tensors, close: () => source.close() };
  } catch (error) {
    if (typeof from === 'string') source.close();
    throw error;
  }
}

interface Header {
  readonly metadata: Map<string, string>;
  readonly tensors: Map<string, SafetensorsTensor>;
}

function readHeader(source: ByteSource): Header {
  const refuse = refusal(source);
  if (source.size < PREFIX)
    throw refuse('the file is too short to hold the size of a header', 0, {}, `${source.size} bytes`);
  const prefix = source.read(0, PREFIX);
  const size = new DataView(prefix.buffer, prefix.byteOffset, PREFIX).getBigUint64(0, true);
  if (size > BigInt(MAX_HEADER)) {
    throw refuse(
      'the header is larger than the format allows',
      0,
      { expected: `at most ${MAX_HEADER} bytes` },
      `${size}`,
    );
  }
  const headerSize = Number(size);
  if (headerSize > source.size - PREFIX) {
    throw refuse(
      'the header goes past the end of the file',
      0,
      { expected: `at most ${source.size - PREFIX} bytes` },
      `${size}`,
    );
  }
  const bytes = source.read(PREFIX, headerSize);
  if (bytes[0] !== 0x7b) throw refuse("the header does not start with '{'", PREFIX);
  const start = PREFIX + headerSize;
  const header = scanHeader(bytes, refuse, start, source.size - start);
  checkCover(header.tensors, refuse, start, source.size);
  return header;
}

function scanHeader(bytes: Uint8Array, refuse: Refuse, start: number, dataSize: number): Header {
  const metadata = new Map<string, string>();
  const tensors = new Map<string, SafetensorsTensor>();
  const scanner = new JsonScanner(bytes);
  let metadataSeen = false;
  try {
    scanner.object((name, at) => {
      if (name === '__metadata__') {
        if (metadataSeen) throw refuse('the header has __metadata__ twice', PREFIX + at);
        metadataSeen = true;
        scanner.object((key, keyAt) => {
          if (metadata.has(key)) throw refuse('a key of __metadata__ comes twice', PREFIX + keyAt, { name: key });
          metadata.set(key, scanner.string());
        });
      } else {
        if (tensors.has(name)) throw refuse('a tensor comes twice', PREFIX + at, { name });
        tensors.set(name, scanTensor(scanner, refuse, { name, at: PREFIX + at, start, dataSize }));
      }
    });
    scanner.end();
  } catch (error) {
    if (!(error instanceof JsonScanError)) throw error;
    throw refuse(`the header is not the JSON of the format: ${error.message}`, PREFIX + error.offset);
  }
  return { metadata, tensors };
}

interface Place {
  readonly name: string;
  /** Where the name is, in the file. */
  readonly at: number;
  /** Where the data begins, in the file. */
  readonly start: number;
  readonly dataSize: number;
}

function scanTensor(scanner: JsonScanner, refuse: Refuse, { name, at, start, dataSize }: Place): SafetensorsTensor {
  let dtype: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  scanner.object((key, keyAt) => {
    if (key === 'dtype' && dtype === undefined) dtype = scanner.string();
    else if (key === 'shape' && shape === undefined) shape = scanner.integers();
    else if (key === 'data_offsets' && offsets === undefined) offsets = scanner.integers();
    else {
      const expected = 'dtype, shape and data_offsets, once each';
      throw refuse(
        'a tensor has a key that the format does not have, or one twice',
        PREFIX + keyAt,
        { name, expected },
        `'${key.slice(0, 40)}'`,
      );
    }
  });
  if (dtype === undefined || shape === undefined || offsets === undefined) {
    throw refuse('a tensor lacks one of dtype, shape and data_offsets', at, { name });
  }
  if (!isDtype(dtype)) throw refuse('a tensor has an unknown dtype', at, { name }, `'${dtype.slice(0, 40)}'`);
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length !== 2 || begin > end || end > dataSize) {
    const expected = `two offsets, in order, within ${dataSize} bytes of data`;
    throw refuse(
      'the data_offsets of a tensor are not a range of the data',
      at,
      { name, expected },
      `[${offsets.slice(0, 4).join(', ')}]`,
    );
  }
  const length = safetensorsBytes(dtype, shape);
  if (length !== end - begin) {
    const expected =
      length === undefined
        ? 'a whole number of bytes, below 2^53'
        : `${length} bytes for ${dtype}[${shape.slice(0, 8).join(', ')}]`;
    throw refuse(
      'the bytes of a tensor do not fit its dtype and shape',
      at,
      { name, expected },
      `${end - begin} bytes`,
    );
  }
  return { dtype, shape, offset: start + begin, length };
}

function isDtype(text: string): text is SafetensorsDtype {
  return Object.hasOwn(DTYPE_BITS, text);
}

/** Bytes of a tensor, or `undefined` when they are no whole number or too many to count exactly. */
export function safetensorsBytes(dtype: SafetensorsDtype, shape: readonly number[]): number | undefined {
  let bits: number = DTYPE_BITS[dtype];
  for (const dim of shape) {
    bits *= dim;
    if (!Number.isSafeInteger(bits)) return undefined;
  }
  return bits % 8 === 0 ? bits / 8 : undefined;
}

/** The tensors, put in order, must follow one another from the end of the header to the end of the file. */
function checkCover(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  refuse: Refuse,
  start: number,
  size: number,
): void {
  const inOrder = [...tensors].toSorted(([, a], [, b]) => a.offset - b.offset || a.length - b.length);
  let covered = start;
  for (const [name, { offset, length }] of inOrder) {
    if (offset !== covered) {
      const reason = offset < covered ? 'two tensors overlap' : 'there is a hole between two tensors';
      throw refuse(reason, offset, { name, expected: `data from byte ${covered} on` }, `from byte ${offset} on`);
    }
    covered += length;
  }
  if (covered !== size) {
    throw refuse(
      'the tensors do not cover the file',
      covered,
      { expected: `data up to byte ${size}` },
      `up to byte ${covered}`,
    );
  }
}

type Refuse = (
  reason: string,
  offset: number,
  at?: { name?: string; expected?: string },
  found?: string,
) => SdgraphError;

function refusal({ label }: ByteSource): Refuse {
  return (reason, offset, { name, expected } = {}, found) =>
    new SdgraphError(
      'E_SAFETENSORS',
      reason,
      { file: label, offset, ...(name === undefined ? {} : { name }) },
      {
        ...(expected === undefined ? {} : { expected }),
        ...(found === undefined ? {} : { found }),
        hint: 'The file is damaged or cut short, or is no safetensors file; fetch it again.',
      },
    );
}

import { SdgraphError } from '../errors.ts';
import { DataType } from '../ir/data-type.ts';
import { FileSource } from '../wire/source.ts';
import type { SessionTensor, TensorData } from './session.ts';

/** NumPy's type codes without the byte order, and how their elements are held. */
const TYPES: ReadonlyMap<string, readonly [dataType: number, make: (buffer: ArrayBuffer) => TensorData]> = new Map([
  ['f4', [DataType.FLOAT, (buffer: ArrayBuffer) => new Float32Array(buffer)]],
  ['f8', [DataType.DOUBLE, (buffer: ArrayBuffer) => new Float64Array(buffer)]],
  ['f2', [DataType.FLOAT16, (buffer: ArrayBuffer) => new Uint16Array(buffer)]],
  ['i1', [DataType.INT8, (buffer: ArrayBuffer) => new Int8Array(buffer)]],
  ['u1', [DataType.UINT8, (buffer: ArrayBuffer) => new Uint8Array(buffer)]],
  ['i2', [DataType.INT16, (buffer: ArrayBuffer) => new Int16Array(buffer)]],
  ['u2', [DataType.UINT16, (buffer: ArrayBuffer) => new Uint16Array(buffer)]],
  ['i4', [DataType.INT32, (buffer: ArrayBuffer) => new Int32Array(buffer)]],
  ['u4', [DataType.UINT32, (buffer: ArrayBuffer) => new Uint32Array(buffer)]],
  ['i8', [DataType.INT64, (buffer: ArrayBuffer) => new BigInt64Array(buffer)]],
  ['u8', [DataType.UINT64, (buffer: ArrayBuffer) => new BigUint64Array(buffer)]],
  ['b1', [DataType.BOOL, (buffer: ArrayBuffer) => new Uint8Array(buffer)]],
]);

const MAGIC = '\x93NUMPY';
/** Longest header that is read: NumPy pads to 64 bytes, and a shape has at most 64 dimensions. */
const MAX_HEADER = 64 * 1024;

/**
 * Reads an array that NumPy saved (`.npy`, format versions 1 to 3): little-endian, C order, numeric or bool.
 *
 * @throws SdgraphError `E_NPY` for anything else, `E_FILE_MISSING`, `E_FILE_READ`
 */
export function readNpy(path: string): SessionTensor {
  const source = FileSource.open(path);
  try {
    const fail = (reason: string, found?: string): SdgraphError =>
      new SdgraphError('E_NPY', reason, { file: path }, found === undefined ? {} : { found });
    const start = source.read(0, Math.min(12, source.size));
    const text = Buffer.from(start).toString('latin1');
    if (start.length < 12 || !text.startsWith(MAGIC)) throw fail('this is not a .npy file');
    const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
    const major = start[6] as number;
    const [headerStart, headerLength] = major === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
    const dataStart = headerStart + headerLength;
    if (headerLength > MAX_HEADER || dataStart > source.size)
      throw fail('the header is longer than it can be', `${headerLength}`);
    const header = Buffer.from(source.read(headerStart, headerLength)).toString('latin1');
    const code = /'descr':\s*'([<|>=]?)([a-z]\d+)'/.exec(header);
    const type = TYPES.get(code?.[2] ?? '');
    if (code === null || type === undefined || code[1] === '>')
      throw fail('the element type is not supported', code?.[0] ?? header);
    if (!/'fortran_order':\s*False/.test(header)) throw fail('the array is in Fortran order');
    const shape = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
    if (shape === undefined) throw fail('the header has no shape', header);
    const dims = shape
      .split(',')
      .map((dim) => dim.trim())
      .filter((dim) => dim !== '')
      .map(Number);
    const width = Number((code[2] as string).slice(1));
    const length = dims.reduce((product, dim) => product * dim, 1) * width;
    if (length !== source.size - dataStart)
      throw fail('the file has the wrong size for its shape', `${source.size} bytes`);
    const buffer = new ArrayBuffer(length);
    source.readInto(new Uint8Array(buffer), dataStart);
    return { dataType: type[0], dims, data: type[1](buffer) };
  } finally {
    source.close();
  }
}

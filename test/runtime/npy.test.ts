import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/ir/data-type.ts';
import { readNpy } from '../../src/runtime/npy.ts';
import { expectError } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

/** A `.npy` file as NumPy lays it out: magic, version, header padded to 64 bytes, elements. */
function npy(header: string, data: Uint8Array, major = 1): Uint8Array {
  const head = major === 1 ? 10 : 12;
  const padded = `${header}${' '.repeat((64 - ((head + header.length + 1) % 64)) % 64)}\n`;
  const bytes = Buffer.alloc(head + padded.length + data.length);
  bytes.write('\x93NUMPY', 'latin1');
  bytes[6] = major;
  if (major === 1) bytes.writeUInt16LE(padded.length, 8);
  else bytes.writeUInt32LE(padded.length, 8);
  bytes.write(padded, head, 'latin1');
  bytes.set(data, head + padded.length);
  return bytes;
}

function file(bytes: Uint8Array): string {
  const path = join(tempDir(), 'x.npy');
  writeFileSync(path, bytes);
  return path;
}

const HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
const FLOATS = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);

describe('arrays that NumPy saves', () => {
  test.each([1, 2, 3])('format version %d', (major) => {
    const tensor = readNpy(file(npy(HEADER, FLOATS, major)));
    expect(tensor).toMatchObject({ dataType: DataType.FLOAT, dims: [2, 2] });
    expect([...tensor.data]).toEqual([1, 2, 3, 4]);
  });

  test('scalars, vectors, 64-bit integers', () => {
    const data = new Uint8Array(BigInt64Array.of(2n ** 62n).buffer);
    expect(readNpy(file(npy("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", data)))).toMatchObject({
      dims: [],
    });
    const vector = readNpy(file(npy("{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }", data)));
    expect(vector.data).toEqual(BigInt64Array.of(2n ** 62n));
  });
});

test.each([
  { why: 'no magic', bytes: new Uint8Array(100) },
  { why: 'an empty file', bytes: new Uint8Array(0) },
  { why: 'a header past the end', bytes: npy(HEADER, FLOATS).subarray(0, 40) },
  { why: 'too few elements', bytes: npy(HEADER, FLOATS.subarray(0, 12)) },
  { why: 'Fortran order', bytes: npy(HEADER.replace('False', 'True'), FLOATS) },
  { why: 'big-endian elements', bytes: npy(HEADER.replace('<f4', '>f4'), FLOATS) },
  { why: 'objects', bytes: npy(HEADER.replace('<f4', '|O8'), FLOATS) },
  { why: 'no shape', bytes: npy(HEADER.replace('shape', 'form'), FLOATS) },
])('refused: $why', ({ bytes }) => {
  expectError('E_NPY', () => readNpy(file(bytes)));
});

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  openSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ByteSource, chunksByCopy, FileSource, MemorySource, systemReason } from '../../src/wire/source.ts';
import { expectError } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

const CONTENT = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

function fileOf(content: Uint8Array): string {
  const path = join(tempDir(), 'content.bin');
  writeFileSync(path, content);
  return path;
}

/** Offsets and lengths inside, at the edges, outside, and no numbers at all. */
const anyNumber = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -3, max: CONTENT.length + 3 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(Number.NaN, 0.5, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53), 2 ** 32, -0),
  },
);

const kinds: { kind: string; make: () => ByteSource }[] = [
  { kind: 'MemorySource', make: () => new MemorySource(CONTENT) },
  { kind: 'FileSource', make: () => FileSource.open(fileOf(CONTENT)) },
];

describe.each(kinds)('$kind', ({ make }) => {
  test('gives exactly the bytes of a range, or E_WIRE_TRUNCATED', () => {
    const source = make();
    fc.assert(
      fc.property(anyNumber, anyNumber, fc.integer({ min: 1, max: 400 }), (offset, length, chunkSize) => {
        const inside = Number.isInteger(offset) && offset >= 0 && length >= 0 && offset + length <= CONTENT.length;
        if (!inside || !Number.isInteger(length)) {
          expectError('E_WIRE_TRUNCATED', () => source.read(offset, length));
          expectError('E_WIRE_TRUNCATED', () => source.chunks(offset, length, chunkSize));
          return;
        }
        const expected = Buffer.from(CONTENT.subarray(offset, offset + length));
        expect(expected.equals(source.read(offset, length))).toBe(true);
        const target = new Uint8Array(length);
        source.readInto(target, offset);
        expect(expected.equals(target)).toBe(true);
        const pieces = [...source.chunks(offset, length, chunkSize)].map((piece) => piece.byteLength);
        expect(pieces.every((size, i) => size === chunkSize || (i === pieces.length - 1 && size < chunkSize))).toBe(
          true,
        );
        const copies: Uint8Array[] = [];
        for (const piece of source.chunks(offset, length, chunkSize)) copies.push(piece.slice());
        expect(expected.equals(Buffer.concat(copies))).toBe(true);
      }),
    );
    source.close();
  });

  test('a target that reaches past the end is refused and left alone', () => {
    const source = make();
    const target = new Uint8Array(10).fill(9);
    const error = expectError('E_WIRE_TRUNCATED', () => source.readInto(target, 995));
    expect(error.expected).toBe('a range within 1000 bytes');
    expect(error.found).toBe('10 bytes from 995 on');
    expect(target).toEqual(new Uint8Array(10).fill(9));
    source.close();
  });

  test('after close every read says so, and closing again is fine', () => {
    const source = make();
    const walk = source.chunks(0, 20, 10);
    expect(walk.next().done).toBe(false);
    source.close();
    source.close();
    expectError('E_MODEL_CLOSED', () => source.read(0, 1));
    expectError('E_MODEL_CLOSED', () => source.readInto(new Uint8Array(1), 0));
    expectError('E_MODEL_CLOSED', () => source.chunks(0, 1));
    expectError('E_MODEL_CLOSED', () => walk.next());
  });

  test('a chunk size that cannot advance is refused', () => {
    const source = make();
    for (const size of [0, -1, 1.5, Number.NaN]) expectError('E_INTERNAL', () => source.chunks(0, 10, size));
    source.close();
  });

  test('an empty range at the very end is a range', () => {
    const source = make();
    expect(source.read(1000, 0).byteLength).toBe(0);
    expect([...source.chunks(1000, 0)]).toEqual([]);
    source.close();
  });
});

describe('MemorySource', () => {
  test('reads are views, plain ones even over a Buffer', () => {
    const buffer = Buffer.from([1, 2, 3, 4]).subarray(1);
    const source = new MemorySource(buffer, 'model.onnx');
    const view = source.read(1, 2);
    expect(view.constructor).toBe(Uint8Array);
    buffer[1] = 99;
    expect([...view]).toEqual([99, 4]);
    expect(source.label).toBe('model.onnx');
    expect(new MemorySource(buffer).label).toBe('<bytes>');
  });
});

describe('FileSource', () => {
  test('chunks share one buffer', () => {
    const source = FileSource.open(fileOf(CONTENT));
    const [first, second] = [...source.chunks(0, 1000, 400)];
    expect(second?.buffer).toBe(first?.buffer);
    source.close();
  });

  test('reads past four gibibytes', () => {
    const path = join(tempDir(), 'sparse.bin');
    const fd = openSync(path, 'w');
    ftruncateSync(fd, 5 * 2 ** 30);
    writeSync(fd, Buffer.from('marker'), 0, 6, 4.5 * 2 ** 30);
    closeSync(fd);
    const source = FileSource.open(path);
    expect(source.size).toBe(5 * 2 ** 30);
    expect(Buffer.from(source.read(4.5 * 2 ** 30 - 1, 8)).toString('latin1')).toBe('\0marker\0');
    source.close();
  });

  test('a range that no memory holds is a typed error', () => {
    const path = join(tempDir(), 'huge.bin');
    writeFileSync(path, '');
    truncateSync(path, 4 * 2 ** 40);
    const source = FileSource.open(path);
    expect(expectError('E_FILE_READ', () => source.read(0, source.size)).hint).toContain('chunks()');
    source.close();
  });

  test('a file that shrinks is noticed', () => {
    const path = fileOf(CONTENT);
    const source = FileSource.open(path);
    truncateSync(path, 500);
    expect(source.read(490, 10)).toEqual(CONTENT.slice(490, 500));
    const error = expectError('E_FILE_CHANGED', () => source.read(495, 10));
    expect(error.where).toEqual({ file: path, offset: 500 });
    expectError('E_FILE_CHANGED', () => [...source.chunks(0, 1000, 300)]);
    expectError('E_FILE_CHANGED', () => source.checkUnchanged());
    source.close();
  });

  test('a file that was written to in place is noticed when asked', () => {
    const path = fileOf(CONTENT);
    const source = FileSource.open(path);
    source.checkUnchanged();
    utimesSync(path, 1, 1);
    expectError('E_FILE_CHANGED', () => source.checkUnchanged());
    source.close();
    expectError('E_MODEL_CLOSED', () => source.checkUnchanged());
  });

  test('the label is what the user typed, the identity is that of the file', () => {
    const path = fileOf(CONTENT);
    symlinkSync(path, `${path}.link`);
    const source = FileSource.open(path, 'content.bin');
    const linked = FileSource.open(`${path}.link`);
    expect(source.label).toBe('content.bin');
    expect(linked.label).toBe(`${path}.link`);
    expect([linked.dev, linked.ino]).toEqual([source.dev, source.ino]);
    expectError('E_FILE_READ', () => FileSource.open(`${path}.link`, 'link', { noFollow: true }));
    source.close();
    linked.close();
  });

  test('a missing file', () => {
    const path = join(tempDir(), 'gone.onnx');
    const error = expectError('E_FILE_MISSING', () => FileSource.open(path));
    expect(error.where.file).toBe(path);
    expect(error.hint).toBeDefined();
    expectError('E_FILE_MISSING', () => FileSource.open(join(fileOf(CONTENT), 'below')));
    expectError('E_FILE_MISSING', () => FileSource.open(''));
  });

  test('what is no plain file is refused without waiting', () => {
    const dir = tempDir();
    const pipe = join(dir, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(expectError('E_FILE_READ', () => FileSource.open(pipe)).found).toBe('a named pipe');
    expect(expectError('E_FILE_READ', () => FileSource.open(dir)).found).toBe('a directory');
    expect(expectError('E_FILE_READ', () => FileSource.open('/dev/zero')).found).toBe('a device or socket');
    expectError('E_FILE_READ', () => FileSource.open('a\0b'));
  });
});

test('the generator of any filling source checks its range before the first step', () => {
  const source = new MemorySource(CONTENT);
  expectError('E_WIRE_TRUNCATED', () => chunksByCopy(source, 990, 11));
  expect(Buffer.concat([...chunksByCopy(source, 990, 10)])).toEqual(Buffer.from(CONTENT.subarray(990)));
});

test('the reason of a system error has no path and no call in it', () => {
  const error = Object.assign(new Error("ENOSPC: no space left on device, write '/secret'"), { code: 'ENOSPC' });
  expect(systemReason(error)).toBe('no space left on device (ENOSPC)');
  expect(systemReason(new Error('plain'))).toBe('plain');
  expect(systemReason('odd')).toBe('odd');
});

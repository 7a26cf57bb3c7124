import { readdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ExternalFiles } from '../../src/io/external-files.ts';
import { expectError } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

function folderOf(count: number): string {
  const dir = tempDir();
  for (let i = 0; i < count; i++) writeFileSync(join(dir, `w${i}`), `tensor ${i}`);
  return dir;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

test('hundreds of files need few descriptors', () => {
  const files = new ExternalFiles(folderOf(300), { maxOpen: 7 });
  const sources = Array.from({ length: 300 }, (_, i) => files.open(`w${i}`));
  expect(files.openCount).toBe(7);
  for (const step of [1, 7, 11]) {
    for (let i = 0; i < 300; i++) {
      const at = (i * step) % 300;
      const source = sources[at];
      expect(source === undefined ? '' : text(source.read(0, source.size))).toBe(`tensor ${at}`);
      expect(files.openCount).toBe(7);
    }
  }
  const held = process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
  files.close();
  expect(files.openCount).toBe(0);
  if (process.platform === 'linux') expect(readdirSync('/proc/self/fd').length).toBe(held - 7);
});

test('the one used last stays open, the one longest unused goes', () => {
  const dir = folderOf(3);
  const files = new ExternalFiles(dir, { maxOpen: 2 });
  const w0 = files.open('w0');
  const w1 = files.open('w1');
  w0.read(0, 1);
  files.open('w2');
  rmSync(join(dir, 'w0'));
  rmSync(join(dir, 'w1'));
  expect(text(w0.read(0, 8))).toBe('tensor 0');
  expectError('E_EXTERNAL_MISSING', () => w1.read(0, 8));
  files.close();
});

test('the same location in two spellings is one source', () => {
  const files = new ExternalFiles(folderOf(1));
  expect(files.open('./w0')).toBe(files.open('w0'));
  expect(files.openCount).toBe(1);
  files.close();
});

test('a walk over a file goes on when its descriptor is taken away', () => {
  const files = new ExternalFiles(folderOf(2), { maxOpen: 1 });
  const pieces: string[] = [];
  for (const piece of files.open('w0').chunks(0, 8, 3)) {
    pieces.push(text(piece));
    files.open('w1').read(0, 1);
  }
  expect(pieces).toEqual(['ten', 'sor', ' 0']);
  files.close();
});

test.each([
  {
    why: 'replaced by a file of the same size',
    change: (path: string) => {
      writeFileSync(`${path}.new`, 'TENSOR 0');
      renameSync(`${path}.new`, path);
    },
  },
  { why: 'made longer', change: (path: string) => writeFileSync(path, 'tensor 0 and more') },
  { why: 'written to in place', change: (path: string) => utimesSync(path, 1, 1) },
])('a file that was $why is noticed when it is opened again', ({ change }) => {
  const dir = folderOf(2);
  const files = new ExternalFiles(dir, { maxOpen: 1 });
  const source = files.open('w0');
  files.open('w1');
  change(join(dir, 'w0'));
  expectError('E_FILE_CHANGED', () => source.read(0, 1));
  expect(files.openCount).toBe(1);
  files.close();
});

test('a name that became a link is refused when it is opened again', () => {
  const dir = folderOf(2);
  const files = new ExternalFiles(dir, { maxOpen: 1 });
  const source = files.open('w0');
  files.open('w1');
  rmSync(join(dir, 'w0'));
  symlinkSync('w1', join(dir, 'w0'));
  expectError('E_EXTERNAL_ESCAPES', () => source.read(0, 1));
  files.close();
});

test('links are followed when asked for', () => {
  const dir = folderOf(1);
  symlinkSync('w0', join(dir, 'blob'));
  const files = new ExternalFiles(dir, { followLinks: true });
  expect(text(files.open('blob').read(0, 6))).toBe('tensor');
  files.close();
});

test('after close nothing opens and nothing reads', () => {
  const files = new ExternalFiles(folderOf(2));
  const source = files.open('w0');
  files.close();
  files.close();
  expectError('E_MODEL_CLOSED', () => files.open('w1'));
  expectError('E_MODEL_CLOSED', () => source.read(0, 1));
  expectError('E_MODEL_CLOSED', () => source.readInto(new Uint8Array(1), 0));
  expectError('E_MODEL_CLOSED', () => source.chunks(0, 1));
});

test('a source that was closed on its own opens afresh', () => {
  const files = new ExternalFiles(folderOf(1));
  const first = files.open('w0');
  first.close();
  expectError('E_MODEL_CLOSED', () => first.read(0, 1));
  expect(files.openCount).toBe(0);
  expect(text(files.open('w0').read(7, 1))).toBe('0');
  files.close();
});

test('a bad location, a missing file, a bad range, a pool without room', () => {
  const files = new ExternalFiles(folderOf(1));
  expectError('E_EXTERNAL_ESCAPES', () => files.open('../w0'));
  expectError('E_EXTERNAL_MISSING', () => files.open('w1'));
  expectError('E_WIRE_TRUNCATED', () => files.open('w0').read(5, 10));
  expectError('E_INTERNAL', () => new ExternalFiles('.', { maxOpen: 0 }));
  files.close();
});

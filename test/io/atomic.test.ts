import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AtomicFile, writeFileAtomic } from '../../src/io/atomic.ts';
import { type ByteSource, FileSource, MemorySource } from '../../src/wire/source.ts';
import type { Job, Outcome } from '../support/atomic-child.ts';
import { type Compiled, compile } from '../support/compile.ts';
import { expectError } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

const MIB = 1 << 20;
const text = (path: string): string => readFileSync(path, 'utf8');

describe('AtomicFile', () => {
  test('the target changes at commit and not before', () => {
    const dir = tempDir();
    const target = join(dir, 'model.onnx');
    writeFileSync(target, 'old');
    const file = AtomicFile.create(target);
    file.write(Buffer.from('new'));
    expect(file.position).toBe(3);
    expect(text(target)).toBe('old');
    expect(readdirSync(dir)).toHaveLength(2);
    file.commit();
    expect(text(target)).toBe('new');
    expect(readdirSync(dir)).toEqual(['model.onnx']);
    file.abort();
    expect(text(target)).toBe('new');
  });

  test('abort leaves the target and nothing else', () => {
    const dir = tempDir();
    const target = join(dir, 'model.onnx');
    const file = AtomicFile.create(target);
    file.write(new Uint8Array(9 * MIB));
    file.abort();
    file.abort();
    expect(readdirSync(dir)).toEqual([]);
    expectError('E_INTERNAL', () => file.write(new Uint8Array(1)));
    expectError('E_INTERNAL', () => file.copyFrom(new MemorySource(new Uint8Array(1)), 0, 1));
    expectError('E_INTERNAL', () => file.commit());
    expect(readdirSync(dir)).toEqual([]);
  });

  test('any sequence of writes and copies gives their bytes in order', () => {
    const dir = tempDir();
    const pool = Uint8Array.from({ length: 9 * MIB }, (_, i) => (i * 31 + (i >> 9)) & 0xff);
    writeFileSync(join(dir, 'pool'), pool);
    const sources: ByteSource[] = [new MemorySource(pool), FileSource.open(join(dir, 'pool'))];
    const length = fc.oneof(
      fc.nat(3000),
      fc.constantFrom(0, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9 * MIB),
      fc.nat(9 * MIB),
    );
    const step = fc.record({
      how: fc.constantFrom('write', 'copy memory', 'copy file'),
      length,
      from: fc.nat(9 * MIB),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
        const target = join(dir, 'out');
        const file = AtomicFile.create(target, { crc32: true });
        const expected: Uint8Array[] = [];
        let position = 0;
        for (const { how, from, length: wanted } of steps) {
          const size = Math.min(wanted, pool.length - from);
          const piece = pool.subarray(from, from + size);
          expected.push(piece);
          if (how === 'write') {
            const mine = piece.slice();
            file.write(mine);
            mine.fill(0);
          } else {
            const seen: number[] = [0];
            file.copyFrom(sources[how === 'copy memory' ? 0 : 1] as ByteSource, from, size, (copied) =>
              seen.push(copied),
            );
            expect(seen.at(-1)).toBe(size);
            expect(seen.every((copied, i) => i === 0 || copied > (seen[i - 1] ?? 0))).toBe(true);
          }
          position += size;
          expect(file.position).toBe(position);
        }
        const whole = Buffer.concat(expected);
        expect(file.crc32).toBe(crc32(whole));
        file.commit();
        expect(readFileSync(target).equals(whole)).toBe(true);
      }),
      { numRuns: 25 },
    );
    for (const source of sources) source.close();
  });

  test('a checksum is kept only when asked for', () => {
    const file = AtomicFile.create(join(tempDir(), 'a'));
    file.write(Buffer.from('x'));
    expect(file.crc32).toBeUndefined();
    file.abort();
  });

  test('copying a file that shrinks meanwhile fails and leaves the target', () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'weights'), new Uint8Array(6 * MIB));
    writeFileSync(join(dir, 'out'), 'old');
    const source = FileSource.open(join(dir, 'weights'));
    const file = AtomicFile.create(join(dir, 'out'));
    const copy = () => file.copyFrom(source, 0, 6 * MIB, () => truncateSync(join(dir, 'weights'), 5 * MIB));
    expectError('E_FILE_CHANGED', copy);
    file.abort();
    source.close();
    expect(text(join(dir, 'out'))).toBe('old');
    expect(readdirSync(dir).toSorted()).toEqual(['out', 'weights']);
  });

  test('a replaced file hands its permissions on, a new file gets the usual ones', () => {
    const dir = tempDir();
    const target = join(dir, 'model.onnx');
    for (const mode of [0o600, 0o640, 0o666, 0o755]) {
      writeFileSync(target, 'old');
      chmodSync(target, mode);
      const file = AtomicFile.create(target);
      const temporary = readdirSync(dir).find((name) => name.endsWith('.tmp')) ?? '';
      expect(statSync(join(dir, temporary)).mode & 0o777).toBe(mode);
      file.commit();
      expect(statSync(target).mode & 0o777).toBe(mode);
    }
    writeFileSync(join(dir, 'plain'), '');
    writeFileAtomic(join(dir, 'ours'), '');
    expect(statSync(join(dir, 'ours')).mode).toBe(statSync(join(dir, 'plain')).mode);
  });

  test('a link stays a link, the file it leads to is replaced', () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'store', 'deep'), { recursive: true });
    writeFileSync(join(dir, 'store', 'blob'), 'old');
    symlinkSync('store/blob', join(dir, 'near'));
    symlinkSync(join(dir, 'near'), join(dir, 'far'));
    symlinkSync('store/new', join(dir, 'dangling'));
    symlinkSync('store/deep', join(dir, 'folder'));
    writeFileAtomic(join(dir, 'far'), 'new');
    expect(text(join(dir, 'store', 'blob'))).toBe('new');
    expect(lstatSync(join(dir, 'near')).isSymbolicLink()).toBe(true);
    writeFileAtomic(join(dir, 'dangling'), 'made');
    expect(text(join(dir, 'store', 'new'))).toBe('made');
    // By text this is DIR/up; the system says DIR/store/up.
    writeFileAtomic(`${dir}/folder/../up`, 'up');
    expect(text(join(dir, 'store', 'up'))).toBe('up');
    expect(readdirSync(dir).toSorted()).toEqual(['dangling', 'far', 'folder', 'near', 'store']);
  });

  test('targets that are no plain file', () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'folder'));
    symlinkSync('circle', join(dir, 'circle'));
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    const before = readdirSync(dir);
    const names = [
      'folder',
      'folder/',
      'new/',
      'circle',
      'pipe',
      'gone/model.onnx',
      'pipe/model.onnx',
      'a\0b',
      'x'.repeat(300),
    ];
    for (const name of names) {
      const error = expectError('E_FILE_WRITE', () => AtomicFile.create(`${dir}/${name}`));
      expect(error.where.file).toBe(`${dir}/${name}`);
    }
    for (const path of ['/dev/null', '/', '.', '']) expectError('E_FILE_WRITE', () => AtomicFile.create(path));
    expect(expectError('E_FILE_WRITE', () => AtomicFile.create(`${dir}/gone/a`)).hint).toBe('Create the folder first.');
    expect(readdirSync(dir)).toEqual(before);
  });

  test('a target that becomes a folder before commit', () => {
    const dir = tempDir();
    const file = AtomicFile.create(join(dir, 'out'));
    mkdirSync(join(dir, 'out'));
    expectError('E_FILE_WRITE', () => file.commit());
    file.abort();
    expect(readdirSync(dir)).toEqual(['out']);
  });

  test('the longest names that a folder takes', () => {
    const dir = tempDir();
    const names = ['x'.repeat(255), 'ä'.repeat(127), 'y'.repeat(128)].toSorted();
    for (const name of names) writeFileAtomic(join(dir, name), name);
    expect(readdirSync(dir).toSorted()).toEqual(names);
  });
});

test('writeFileAtomic takes text and bytes', () => {
  const target = join(tempDir(), 'report.json');
  writeFileAtomic(target, '{"ü":1}');
  expect(text(target)).toBe('{"ü":1}');
  writeFileAtomic(target, Uint8Array.of(1, 2));
  expect([...readFileSync(target)]).toEqual([1, 2]);
});

describe('processes that end badly', () => {
  const knowsDeath = existsSync('/proc/self/ns/pid');
  let compiled: Compiled;
  beforeAll(() => {
    compiled = compile('test/support/atomic-child.ts');
  });
  afterAll(() => compiled.remove());

  const args = (job: Job): string[] => [compiled.path('test/support/atomic-child.ts'), JSON.stringify(job)];
  const run = (job: Job) => spawnSync(process.execPath, args(job), { encoding: 'utf8' });

  /** The generation that a whole file holds; throws for anything else. */
  function generation(path: string): number {
    const bytes = readFileSync(path);
    const n = bytes[0] ?? -1;
    expect(bytes.length).toBe(1 + 5 * (MIB + n));
    expect(bytes.equals(Buffer.alloc(bytes.length, n))).toBe(true);
    return n;
  }

  const leftovers = (dir: string): string[] => readdirSync(dir).filter((name) => name.endsWith('.tmp'));

  test.each(['kill-before', 'kill-half', 'kill-after'])('killed at every step of a save: %s', (how) => {
    const target = join(tempDir(), 'model.onnx');
    run({ do: 'save', target, generation: 1 });
    let current = generation(target);
    const outcomes = new Set<string>();
    for (let at = 0; ; at++) {
      const next = current === 1 ? 2 : 1;
      const { signal, stdout } = run({ do: 'save', target, generation: next, spoil: { at, how } });
      const found = generation(target);
      expect([current, next]).toContain(found);
      outcomes.add(found === next ? 'new' : 'old');
      if (knowsDeath) expect(leftovers(join(target, '..')).length).toBeLessThanOrEqual(1);
      current = found;
      if (signal === null) {
        // The save has fewer steps than `at`: it was let through, and cleaned up after the killed one before it.
        expect(JSON.parse(stdout)).toEqual({ calls: at });
        expect(found).toBe(next);
        break;
      }
      expect(signal).toBe('SIGKILL');
    }
    expect([...outcomes].toSorted()).toEqual(['new', 'old']);
    if (knowsDeath) expect(leftovers(join(target, '..'))).toEqual([]);
  });

  test('killed from outside at thirty odd moments', async () => {
    const target = join(tempDir(), 'model.onnx');
    run({ do: 'save', target, generation: 7 });
    for (let round = 0; round < 30; round++) {
      const saver = spawn(process.execPath, args({ do: 'save-forever', target, generation: round * 8, talk: true }));
      // A save says six dots, the last one when it is done; the kill lands somewhere behind the dot it waits for.
      let dots = 3 + ((round * 5) % 17);
      await new Promise((done) => {
        saver.stdout.on('data', (said: Buffer) => {
          dots -= said.length;
          if (dots <= 0) saver.kill('SIGKILL');
        });
        saver.on('close', done);
      });
      expect(saver.signalCode).toBe('SIGKILL');
      generation(target);
    }
    writeFileAtomic(target, 'last');
    if (knowsDeath) expect(readdirSync(join(target, '..'))).toEqual(['model.onnx']);
  });

  test('a system error at any step is typed, and the file is the old one or the new one', () => {
    const target = join(tempDir(), 'model.onnx');
    run({ do: 'save', target, generation: 1 });
    let current = 1;
    for (let at = 0; ; at++) {
      const next = current === 1 ? 2 : 1;
      const { stdout, stderr } = run({ do: 'save', target, generation: next, spoil: { at, how: 'fail' } });
      expect(stderr).toBe('');
      const { calls, code } = JSON.parse(stdout) as Outcome;
      expect([undefined, 'E_FILE_WRITE']).toContain(code);
      const found = generation(target);
      expect([current, next]).toContain(found);
      if (code === undefined) expect(found).toBe(next);
      expect(readdirSync(join(target, '..'))).toEqual(['model.onnx']);
      current = found;
      if (calls <= at) break;
    }
  });

  test('a full disk, as far as a limit on the size of files can play it', () => {
    const dir = tempDir();
    const target = join(dir, 'model.onnx');
    run({ do: 'save', target, generation: 3 });
    const job = args({ do: 'save', target, generation: 4 });
    const { stdout } = spawnSync('sh', ['-c', 'ulimit -f 6000; exec "$@"', 'sh', process.execPath, ...job], {
      encoding: 'utf8',
    });
    const { code, message, hint } = JSON.parse(stdout) as Outcome;
    expect(code).toBe('E_FILE_WRITE');
    expect(message).toContain('EFBIG');
    expect(hint).toContain('ulimit -f');
    expect(generation(target)).toBe(3);
    expect(readdirSync(dir)).toEqual(['model.onnx']);
  });

  test.each(['exit', 'throw'] as const)('a process that ends by %s takes its temporary file along', (how) => {
    const dir = tempDir();
    const { status } = run({ do: how, target: join(dir, 'model.onnx') });
    expect(status).toBe(how === 'exit' ? 0 : 1);
    expect(readdirSync(dir)).toEqual([]);
  });

  test.each([
    { why: 'a folder that may not be written', folder: 0o555, file: 0o666 },
    { why: 'a file that is write-protected', folder: 0o777, file: 0o444 },
  ])('$why', ({ folder, file }) => {
    const dir = tempDir();
    const target = join(dir, 'model.onnx');
    writeFileSync(target, 'old');
    chmodSync(target, file);
    chmodSync(dir, folder);
    const { stdout } = run({ do: 'save', target, generation: 1, user: 65534 });
    chmodSync(dir, 0o755);
    const { code, hint } = JSON.parse(stdout) as Outcome;
    expect(code).toBe('E_FILE_WRITE');
    expect(hint).toContain('permissions');
    expect(text(target)).toBe('old');
    expect(readdirSync(dir)).toEqual(['model.onnx']);
  });

  test.runIf(knowsDeath)('what others are still writing is left alone', () => {
    const dir = tempDir();
    const target = join(dir, 'model.onnx');
    const first = AtomicFile.create(target);
    const [mine = ''] = leftovers(dir);
    const elsewhere = mine.replace(/-[0-9a-f]+-/, '-0123456789abcdef-').replace(/sdgraph-[0-9]+/, 'sdgraph-4194999');
    const odd = [
      '.model.onnx.sdgraph-1.tmp',
      '.model.onnx.sdgraph-4194999-0-000000000000.tmp',
      '.other.sdgraph-4194999.tmp',
    ];
    for (const name of [elsewhere, ...odd]) writeFileSync(join(dir, name), '');
    const dead = mine.replace(/sdgraph-[0-9]+/, 'sdgraph-4194999');
    writeFileSync(join(dir, dead), '');
    writeFileAtomic(target, 'second');
    expect(readdirSync(dir).toSorted()).toEqual(['model.onnx', mine, elsewhere, ...odd].toSorted());
    first.write(Buffer.from('first'));
    first.commit();
    expect(text(target)).toBe('first');
    rmSync(dir, { recursive: true });
  });
});

import { execFileSync } from 'node:child_process';
import fs, { linkSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join, sep } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { type ErrorCode, SdgraphError } from '../../src/errors.ts';
import { openExternal, parseLocation, resolveExternal } from '../../src/io/external.ts';
import { expectError } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

/** A model folder with one of everything, and a secret outside that nothing may reach. */
function modelFolder(): string {
  const root = tempDir();
  const base = join(root, 'model');
  mkdirSync(join(base, 'data', 'deep'), { recursive: true });
  mkdirSync(join(root, 'outside'));
  writeFileSync(join(root, 'outside', 'secret'), 'secret');
  writeFileSync(join(base, 'weights.bin'), 'weights');
  writeFileSync(join(base, 'data', 'deep', 'w'), 'deep');
  writeFileSync(join(base, '...'), 'dots');
  writeFileSync(join(base, 'one'), 'twice');
  linkSync(join(base, 'one'), join(base, 'two'));
  symlinkSync('weights.bin', join(base, 'link-in'));
  symlinkSync('../outside/secret', join(base, 'link-out'));
  symlinkSync('../outside', join(base, 'dir-out'));
  symlinkSync('data', join(base, 'dir-in'));
  symlinkSync('nowhere', join(base, 'dangling'));
  symlinkSync('circle', join(base, 'circle'));
  symlinkSync('/dev/zero', join(base, 'device'));
  execFileSync('mkfifo', [join(base, 'pipe')]);
  return base;
}

interface Row {
  why: string;
  location: string;
  code?: ErrorCode;
  /** What happens with followLinks, when it differs. */
  linked?: ErrorCode | 'fine';
}

const rows: Row[] = [
  { why: 'a file beside the model', location: 'weights.bin' },
  { why: 'a file further down', location: 'data/deep/w' },
  { why: 'a dot and a doubled slash', location: './data//./deep/w' },
  { why: 'three dots are a name', location: '...' },
  { why: 'a step up', location: '../outside/secret', code: 'E_EXTERNAL_ESCAPES' },
  { why: 'a hidden step up', location: 'data/../../outside/secret', code: 'E_EXTERNAL_ESCAPES' },
  { why: 'a step up that would stay inside', location: 'data/../weights.bin', code: 'E_EXTERNAL_ESCAPES' },
  { why: 'nothing but a step up', location: '..', code: 'E_EXTERNAL_ESCAPES' },
  { why: 'an absolute path', location: '/etc/hostname', code: 'E_EXTERNAL_ESCAPES' },
  { why: 'two slashes first', location: '//server/share', code: 'E_EXTERNAL_ESCAPES' },
  { why: 'a backslash', location: 'data\\deep\\w', code: 'E_EXTERNAL_ESCAPES' },
  { why: 'steps up in Windows spelling', location: '..\\outside\\secret', code: 'E_EXTERNAL_ESCAPES' },
  { why: 'a drive letter', location: 'C:/Windows/win.ini', code: 'E_EXTERNAL_ESCAPES' },
  { why: 'a drive letter without a slash', location: 'c:secret', code: 'E_EXTERNAL_ESCAPES' },
  { why: 'a NUL', location: 'weights.bin\0.txt', code: 'E_EXTERNAL_ESCAPES' },
  { why: 'no text at all', location: '', code: 'E_EXTERNAL_NOT_FILE' },
  { why: 'the folder itself', location: '.', code: 'E_EXTERNAL_NOT_FILE' },
  { why: 'a file spelled as a folder', location: 'weights.bin/', code: 'E_EXTERNAL_NOT_FILE' },
  { why: 'a folder', location: 'data', code: 'E_EXTERNAL_NOT_FILE' },
  { why: 'a pipe that nobody writes to', location: 'pipe', code: 'E_EXTERNAL_NOT_FILE' },
  { why: 'a missing file', location: 'gone.bin', code: 'E_EXTERNAL_MISSING' },
  { why: 'a path through a file', location: 'weights.bin/below', code: 'E_EXTERNAL_MISSING' },
  { why: 'a name longer than any', location: 'x'.repeat(300), code: 'E_EXTERNAL_MISSING' },
  { why: 'a location of a megabyte', location: 'x/'.repeat(5e5) + 'x', code: 'E_EXTERNAL_MISSING' },
  { why: 'a link that leaves', location: 'link-out', code: 'E_EXTERNAL_ESCAPES', linked: 'fine' },
  { why: 'a link that stays', location: 'link-in', code: 'E_EXTERNAL_ESCAPES', linked: 'fine' },
  { why: 'a folder link that leaves', location: 'dir-out/secret', code: 'E_EXTERNAL_ESCAPES', linked: 'fine' },
  { why: 'a folder link that stays', location: 'dir-in/deep/w', code: 'E_EXTERNAL_ESCAPES', linked: 'fine' },
  { why: 'a link to nothing', location: 'dangling', code: 'E_EXTERNAL_ESCAPES', linked: 'E_EXTERNAL_MISSING' },
  { why: 'a link to itself', location: 'circle', code: 'E_EXTERNAL_ESCAPES', linked: 'E_EXTERNAL_MISSING' },
  { why: 'a link to a device', location: 'device', code: 'E_EXTERNAL_ESCAPES', linked: 'E_EXTERNAL_NOT_FILE' },
  { why: 'a file with two names', location: 'two', code: 'E_EXTERNAL_NOT_FILE', linked: 'fine' },
];

describe.each([false, true])('external data, followLinks %s', (followLinks) => {
  test.each(rows)('$why', ({ location, code, linked }) => {
    const base = modelFolder();
    const expected = followLinks && linked !== undefined ? linked : (code ?? 'fine');
    const resolve = () => resolveExternal(base, location, { followLinks });
    const open = () => openExternal(base, location, { followLinks });
    if (expected === 'fine') {
      const path = resolve();
      expect(path).toBe(join(base, location));
      const file = open();
      expect(file.label).toBe(path);
      expect(file.read(0, file.size).byteLength).toBeGreaterThan(0);
      file.close();
    } else {
      const error = expectError(expected, resolve);
      expect(error.hint).toBeTruthy();
      expect(error.message.length).toBeLessThan(1000);
      expectError(expected, open);
    }
  });
});

test('the folder of the model may itself be a link', () => {
  const base = modelFolder();
  symlinkSync(base, `${base}-link`);
  expect(resolveExternal(`${base}-link`, 'weights.bin')).toBe(join(`${base}-link`, 'weights.bin'));
});

test('whatever the location says, what is found lies inside', () => {
  const base = modelFolder();
  const part = fc.constantFrom(
    '..',
    '.',
    '',
    'data',
    'deep',
    'w',
    'link-out',
    'dir-out',
    'dir-in',
    'secret',
    'outside',
    'pipe',
    '\\',
    'C:',
    '\0',
    '\ud800',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.constantFrom('/', '\\', '//'), (parts, separator) => {
      try {
        const path = resolveExternal(base, parts.join(separator));
        expect(realpathSync(path).startsWith(base + sep)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(SdgraphError);
        expect((error as SdgraphError).code).toMatch(/^E_EXTERNAL_/);
      }
    }),
    { numRuns: 500 },
  );
});

test('parseLocation drops what means nothing', () => {
  expect(parseLocation('./a//b/./c')).toEqual(['a', 'b', 'c']);
});

describe('a folder that changes while a file is opened', () => {
  const original = fs.openSync;
  afterEach(() => replaceOpen(original));

  function replaceOpen(open: typeof fs.openSync): void {
    fs.openSync = open;
    syncBuiltinESMExports();
  }

  /** Changes the folder between the look at a name and its opening, or right after it. */
  function changeAt(moment: 'before' | 'after', change: () => void): void {
    replaceOpen((...args) => {
      replaceOpen(original);
      if (moment === 'before') change();
      const fd = original(...args);
      if (moment === 'after') change();
      return fd;
    });
  }

  test.each([
    {
      why: 'the file becomes a link',
      moment: 'before' as const,
      change: (base: string) => {
        fs.rmSync(join(base, 'data/deep/w'));
        symlinkSync('../../../outside/secret', join(base, 'data/deep/w'));
      },
      code: 'E_EXTERNAL_ESCAPES' as const,
    },
    {
      why: 'a folder above becomes a link',
      moment: 'before' as const,
      change: (base: string) => {
        fs.renameSync(join(base, 'data'), join(base, 'was-data'));
        mkdirSync(join(base, '../outside/deep'));
        writeFileSync(join(base, '../outside/deep/w'), 'secret');
        symlinkSync('../outside', join(base, 'data'));
      },
      code: 'E_EXTERNAL_ESCAPES' as const,
    },
    {
      why: 'the file becomes a pipe',
      moment: 'before' as const,
      change: (base: string) => {
        fs.rmSync(join(base, 'data/deep/w'));
        execFileSync('mkfifo', [join(base, 'data/deep/w')]);
      },
      code: 'E_EXTERNAL_NOT_FILE' as const,
    },
    {
      why: 'the file goes away',
      moment: 'before' as const,
      change: (base: string) => fs.rmSync(join(base, 'data/deep/w')),
      code: 'E_EXTERNAL_MISSING' as const,
    },
    {
      why: 'the file gets a second name',
      moment: 'before' as const,
      change: (base: string) => linkSync(join(base, 'data/deep/w'), join(base, 'copy')),
      code: 'E_EXTERNAL_NOT_FILE' as const,
    },
    {
      why: 'another file takes its place',
      moment: 'after' as const,
      change: (base: string) => fs.renameSync(join(base, 'weights.bin'), join(base, 'data/deep/w')),
      code: 'E_FILE_CHANGED' as const,
    },
  ])('$why', ({ moment, change, code }) => {
    const base = modelFolder();
    changeAt(moment, () => change(base));
    const error = expectError(code, () => openExternal(base, 'data/deep/w'));
    expect(error.hint).toBeTruthy();
  });

  test('a file that may not be read', () => {
    const base = modelFolder();
    replaceOpen(() => {
      throw Object.assign(new Error("EACCES: permission denied, open 'weights.bin'"), { code: 'EACCES' });
    });
    const error = expectError('E_EXTERNAL_MISSING', () => openExternal(base, 'weights.bin'));
    expect(error.reason).toContain('permission denied (EACCES)');
    expect(error.hint).toContain('permissions');
  });
});

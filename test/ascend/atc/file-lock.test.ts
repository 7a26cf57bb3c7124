import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withLock } from '../../../src/ascend/atc/file-lock.ts';
import { processSpace } from '../../../src/io/temporary.ts';
import { expectRejection } from '../../support/errors.ts';
import { tempDir } from '../../support/temp-dir.ts';

/** A number that no process has: the highest that Linux gives is one less. */
const NOBODY = 4_194_304;

test('only one holds a lock at a time', async () => {
  const path = join(tempDir(), 'lock');
  let holders = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    holders++;
    most = Math.max(most, holders);
    await new Promise((done) => {
      setImmediate(done);
    });
    holders--;
  };
  await Promise.all(Array.from({ length: 20 }, async () => withLock(path, { waitMs: 60_000 }, work)));
  expect(most).toBe(1);
  expect(existsSync(path)).toBe(false);
});

test('who does not want to wait is told who holds it', async () => {
  const path = join(tempDir(), 'lock');
  await withLock(path, { waitMs: 0 }, async () => {
    const error = await expectRejection('E_LOCKED', async () => withLock(path, { waitMs: 0 }, async () => undefined));
    expect(error.message).toContain(String(process.pid));
  });
});

test('a failure releases it', async () => {
  const path = join(tempDir(), 'lock');
  const work = async (): Promise<never> => {
    throw new TypeError('of the work');
  };
  await expect(withLock(path, { waitMs: 0 }, work)).rejects.toThrow(TypeError);
  expect(existsSync(path)).toBe(false);
});

describe('a lock is taken over', () => {
  const start = readFileSync('/proc/self/stat', 'latin1').split(') ')[1]?.split(' ')[19];

  test.each([
    ['when its process is gone', `${NOBODY} ${processSpace()} 123\n`],
    ['when its number belongs to another process now', `${process.pid} ${processSpace()} 1\n`],
  ])('%s', async (_, content) => {
    const dir = tempDir();
    const path = join(dir, 'lock');
    writeFileSync(path, content);
    expect(await withLock(path, { waitMs: 0 }, async () => 'done')).toBe('done');
    expect(readdirSync(dir)).toEqual([]);
  });

  test('when it was left empty a while ago', async () => {
    const path = join(tempDir(), 'lock');
    writeFileSync(path, '');
    utimesSync(path, 0, 0);
    expect(await withLock(path, { waitMs: 0 }, async () => 'done')).toBe('done');
  });

  test('by one of many', async () => {
    const path = join(tempDir(), 'lock');
    writeFileSync(path, `${NOBODY} ${processSpace()} 123\n`);
    let holders = 0;
    const results = await Promise.all(
      Array.from({ length: 10 }, async () =>
        withLock(path, { waitMs: 60_000 }, async () => {
          holders++;
          await new Promise((done) => {
            setImmediate(done);
          });
          return holders--;
        }),
      ),
    );
    expect(results).toEqual(results.map(() => 1));
  });

  test.each([
    ['when its process runs', `${process.pid} ${processSpace()} ${start}\n`],
    ['when its process is of another machine', `${NOBODY} 0123456789abcdef 123\n`],
    ['when it was left empty just now', ''],
    ['when it is of another program', 'mine'],
  ])('but not %s', async (_, content) => {
    const path = join(tempDir(), 'lock');
    writeFileSync(path, content);
    await expectRejection('E_LOCKED', async () => withLock(path, { waitMs: 0 }, async () => undefined));
    expect(readFileSync(path, 'utf8')).toBe(content);
  });
});

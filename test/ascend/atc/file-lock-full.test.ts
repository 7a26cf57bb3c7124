import type * as fs from 'node:fs';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { withLock } from '../../../src/ascend/atc/file-lock.ts';
import { expectRejection } from '../../support/errors.ts';
import { tempDir } from '../../support/temp-dir.ts';

vi.mock('node:fs', async (importOriginal) => ({
  ...(await importOriginal<typeof fs>()),
  writeSync: (): never => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
  },
}));

test('a lock that cannot be written on a full disk is not left behind', async () => {
  const path = join(tempDir(), 'lock');
  const error = await expectRejection('E_FILE_WRITE', async () => withLock(path, { waitMs: 0 }, async () => undefined));
  expect(error.message).toContain('no space left on device (ENOSPC)');
  expect(error.where.file).toBe(path);
  expect(existsSync(path)).toBe(false);
});

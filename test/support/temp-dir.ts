import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A fresh empty folder, gone when the running test is over. Its path holds no links. */
export function tempDir(): string {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), 'sdgraph-test-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

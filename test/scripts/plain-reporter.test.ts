import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const vitest = fileURLToPath(new URL('vitest.mjs', import.meta.resolve('vitest/package.json')));
const reporter = fileURLToPath(new URL('../../scripts/plain-reporter.mjs', import.meta.url));

let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sdgraph-reporter-'));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

/** Runs vitest on test files that need no imports, and gives what it printed. */
function run(files: Record<string, string>, ...options: string[]): { status: number | null; lines: string[] } {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  const args = [
    vitest,
    'run',
    '--root',
    root,
    '--globals',
    '--reporter',
    'default',
    '--reporter',
    reporter,
    ...options,
  ];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, CI: '1' } });
  return { status, lines: stdout.trimEnd().split('\n') };
}

const PASSES = "test('good', () => expect(1).toBe(1));\n";

test('a run that passes ends with the plain line, after the coverage report', () => {
  const { status, lines } = run(
    { 'a.test.js': PASSES, 'b.test.js': `describe('group', () => { ${PASSES} });` },
    '--coverage.enabled',
    '--coverage.reporter',
    'text-summary',
  );
  expect(lines.join('\n')).toContain('Coverage summary');
  expect(lines.at(-1)).toBe('2 passed, 0 failed');
  expect(status).toBe(0);
});

test('skipped tests are counted and listed with the reason they noted', () => {
  const skips = `${PASSES}test('noted', ({ skip }) => skip('needs an NPU'));\ntest.skip('bare', () => {});\ntest.todo('later');\n`;
  const { status, lines } = run({ 'a.test.js': skips });
  expect(lines.slice(-4)).toEqual([
    'skipped: a.test.js > noted: needs an NPU',
    'skipped: a.test.js > bare: no reason noted',
    'skipped: a.test.js > later: no reason noted',
    '1 passed, 0 failed, 3 skipped',
  ]);
  expect(status).toBe(0);
});

test('whatever goes wrong counts as one failure, inside a test or outside', () => {
  const files = {
    'fails.test.js': "test('bad', () => expect(1).toBe(2));",
    'throws.test.js': "throw new Error('broken');",
    'unparsable.test.js': 'test(',
    'empty.test.js': 'export {};',
    'hook.test.js': `describe('group', () => { beforeAll(() => { throw new Error('hook'); }); ${PASSES} });`,
    'stray.test.js': "Promise.reject(new Error('stray'));\ntest('good', () => new Promise(setImmediate));",
  };
  const { status, lines } = run({ 'a.test.js': PASSES, ...files });
  // The test behind the failing hook never ran; `a` and `stray` hold the tests that passed.
  expect(lines.at(-1)).toBe(`2 passed, ${Object.keys(files).length} failed, 1 skipped`);
  expect(status).toBe(1);
});

test('a run without any test file says so', () => {
  const { status, lines } = run({});
  expect(lines.at(-1)).toBe('0 passed, 0 failed');
  expect(status).toBe(1);
});

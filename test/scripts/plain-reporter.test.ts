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

test('a run that passes ends with the plain line', () => {
  const { status, lines } = run({ 'a.test.js': PASSES, 'b.test.js': `describe('group', () => { ${PASSES} });` });
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

const failures = [
  { why: 'a test that fails', text: "test('bad', () => expect(1).toBe(2));", failed: 1 },
  { why: 'a file that throws while it is collected', text: "throw new Error('broken');", failed: 1 },
  { why: 'a file that cannot be parsed', text: 'test(', failed: 1 },
  { why: 'a file without tests', text: 'export {};', failed: 1 },
  {
    why: 'a suite whose hook fails',
    text: `describe('group', () => { beforeAll(() => { throw new Error('hook'); }); ${PASSES} });`,
    failed: 1,
  },
  {
    why: 'an error outside every test',
    text: "test('good', async () => { Promise.reject(new Error('stray')); await new Promise(setImmediate); });",
    passed: 2,
    failed: 1,
  },
];

test.each(failures)('$why counts as a failure', ({ text, passed = 1, failed }) => {
  const { status, lines } = run({ 'a.test.js': PASSES, 'b.test.js': text });
  expect(lines.at(-1)).toMatch(new RegExp(`^${passed} passed, ${failed} failed(, \\d+ skipped)?$`, 'u'));
  expect(status).toBe(1);
});

test('the plain line comes after the coverage report', () => {
  const { lines } = run({ 'a.test.js': PASSES }, '--coverage.enabled', '--coverage.reporter', 'text-summary');
  expect(lines.join('\n')).toContain('Coverage summary');
  expect(lines.at(-1)).toBe('1 passed, 0 failed');
});

test('a run without any test file says so', () => {
  const { status, lines } = run({});
  expect(lines.at(-1)).toBe('0 passed, 0 failed');
  expect(status).toBe(1);
});

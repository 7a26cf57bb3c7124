import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseNpuSmi } from '../../../src/ascend/npu-smi/parse.ts';
import type { NpuSmiReport } from '../../../src/ascend/npu-smi/report.ts';
import { EXPECTED, fixture, fixturePath } from './fixtures.ts';

const NAMES = [...EXPECTED.keys()];

/** A report without what depends on how the text was laid out. */
function content({ problems, ...report }: NpuSmiReport): unknown {
  return { ...report, problems: problems.map(({ kind, reason }) => [kind, reason]) };
}

test('every text of the fixtures is expected to say something', () => {
  const texts = readdirSync(dirname(fixturePath('x'))).filter((name) => name.endsWith('.txt'));
  expect(NAMES.toSorted()).toEqual(texts.toSorted());
});

describe.each(NAMES)('%s', (name) => {
  const text = fixture(name);
  const report = parseNpuSmi(text);

  test('says what is expected', () => {
    const { source: _, kind, command, exitStatus, fields, ...expected } = EXPECTED.get(name) ?? expect.fail(name);
    expect([kind, command, exitStatus]).toEqual([
      expect.any(String),
      expect.stringMatching(/^npu-smi info/),
      exitStatus,
    ]);
    expect(report).toMatchObject(expected);
    if (fields !== undefined) expect(report.boards.map((board) => Object.fromEntries(board.fields))).toEqual([fields]);
    expect(report.parts).not.toEqual([]);
  });

  test.each([
    ['ends of lines of Windows', text.replaceAll('\n', '\r\n')],
    ['ends of lines of old Macs', text.replaceAll('\n', '\r')],
    ['colours', text.replaceAll(/\w+/g, (word) => `\u001b[1;32m${word}\u001b[0m`)],
    ['commands of a terminal', `\u001b]0;root@host\u0007\u001b[2J\u001b[H${text.replaceAll('\n', '\u001b[K\n')}`],
    ['quoting', text.replaceAll(/^/gm, '  > # ')],
    ['tabs', text.replaceAll(/ {2,}/g, '\t')],
    ['no-break spaces', text.replaceAll(' ', '\u00a0')],
    ['wider columns', text.replaceAll(/ {2,}/g, (blanks) => blanks.repeat(3))],
    ['narrow columns', text.replaceAll(/ {2,}/g, '  ')],
    ['a byte order mark', `\ufeff${text}`],
    ['box drawing', text.replaceAll('|', '│')],
    ['no rules', text.replaceAll(/^ *\+.*$/gm, '')],
    ['text around it', `[root@host ~]# npu-smi info\nsome words: and more\n${text}\n[root@host ~]# exit | tee log\n`],
  ])('says the same with %s', (_, variant) => {
    expect(content(parseNpuSmi(variant))).toEqual(content(report));
  });

  test('never throws, wherever it is cut off', () => {
    for (let end = 0; end < text.length; end++) {
      const { devices, socVersion } = parseNpuSmi(text.slice(0, end));
      expect(devices.length).toBeLessThanOrEqual(report.devices.length);
      // Half a row of a table is no row; half a name at the end of the other answers looks like a name.
      if (report.parts.includes('table')) expect([null, report.socVersion]).toContain(socVersion);
    }
  });
});

const anyFixture = fc.constantFrom(...NAMES);

test('never throws, whatever happens to the bytes', () => {
  const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(anyFixture, flips, (name, changes) => {
      const bytes = Buffer.from(fixture(name));
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      const { parts, problems } = parseNpuSmi(bytes.toString('utf8'));
      expect(parts.length).toBeLessThanOrEqual(6);
      expect(problems.every(({ line, reason }) => line > 0 && reason !== '')).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('never throws, whatever lines are lost, doubled or shuffled', () => {
  fc.assert(
    fc.property(anyFixture, fc.array(fc.nat(), { maxLength: 60 }), (name, picks) => {
      const lines = fixture(name).split('\n');
      const { devices } = parseNpuSmi(picks.map((pick) => lines[pick % lines.length]).join('\n'));
      expect(devices.every(({ npu }) => Number.isInteger(npu))).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['nothing', ''],
  ['words', 'The quick brown fox: jumps\nover 13 lazy dogs\n'],
  ['a table of another program', '| id | name |\n| --- | --- |\n| 1 | one |\n'],
  ['JSON', '{ "NPU": [1, 2, 3] }'],
])('a text that is not of npu-smi has no parts: %s', (_, text) => {
  expect(parseNpuSmi(text)).toEqual({
    parts: [],
    smiVersion: null,
    driverVersion: null,
    devices: [],
    processes: [],
    idleNpus: [],
    mapping: [],
    totalCount: null,
    cards: [],
    boards: [],
    socVersion: null,
    error: null,
    problems: [],
  });
});

test('reads the answers of several calls, one after the other', () => {
  const text = ['A3-25.2.0-process.txt', 'board-chip-A3-9392.txt', 'list-910B4-8cards.txt'].map(fixture).join('\n');
  const report = parseNpuSmi(text);
  expect(report.parts).toEqual(['table', 'processes', 'list', 'board']);
  expect(report).toMatchObject({ smiVersion: '25.2.0', totalCount: 8, boards: [{ npu: 0, chip: 0 }] });
  // The board of one chip says nothing of the others.
  expect(report.socVersion).toBeNull();
});

test('the same table twice is one', () => {
  const once = parseNpuSmi(fixture('A3-25.2.0-process.txt'));
  const twice = parseNpuSmi(fixture('A3-25.2.0-process.txt').repeat(2));
  expect({ ...twice, problems: [] }).toEqual({ ...once, problems: [] });
  expect(twice.problems.map(({ kind }) => kind)).toEqual(['repeated', 'repeated', 'repeated', 'repeated']);
});

test('the list of problems has an end', () => {
  const { problems } = parseNpuSmi(`${fixture('310-23.0.0.txt')}${'| what | is | this |\n'.repeat(10_000)}`);
  expect(problems).toHaveLength(101);
  expect(problems.at(-1)).toMatchObject({ kind: 'more', line: 115 });
});

test('a warning of the tool is a problem, not a row', () => {
  const warning =
    '[WARNING]The driver package may not be completely installed, which may cause function abnormal. Please reinstall it.';
  const { problems, devices, error } = parseNpuSmi(`${fixture('310-23.0.0.txt')}${warning}\n`);
  expect(problems).toEqual([{ kind: 'warning', line: 15, text: warning, reason: 'npu-smi warns' }]);
  expect({ count: devices.length, error }).toEqual({ count: 1, error: null });
});

describe('texts made to take long take time in proportion to their length', () => {
  test.each([
    ['escapes that never end', '\u001b['.repeat(500_000)],
    ['a window title that never ends', `\u001b]${'x'.repeat(1_000_000)}`],
    ['bars', '|'.repeat(1_000_000)],
    ['lines of bars', '|||\n'.repeat(200_000)],
    ['blanks', `${' '.repeat(1_000_000)}|`],
    ['a title of blanks', `| npu-smi${' '.repeat(1_000_000)}Version${' '.repeat(1_000_000)}`],
    ['fields', `NPU ID : 0\n${'a : b\n'.repeat(200_000)}`],
    ['digits', '9'.repeat(1_000_000)],
    ['rows', '| 0 310 | OK | 1.0 2 |\n'.repeat(50_000)],
    [
      'names that are not known',
      Array.from({ length: 15_000 }, (_, i) => `NPU ID : ${i}\nChip Name : ${'9b'.repeat(120)}${i}\n`).join(''),
    ],
    ['boards', 'NPU ID : 0\nChip ID : 0\nChip Name : 910B4\n'.repeat(30_000)],
  ])('%s', (_, text) => {
    expect(parseNpuSmi(text).devices.length).toBeLessThan(2);
  });
});

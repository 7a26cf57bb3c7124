import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import Ajv from 'ajv-draft-04';
import { parse } from 'junit2json';
import type { Log } from 'sarif';
import { describe, expect, test } from 'vitest';
import { toJunit } from '../../../src/validate/format/junit.ts';
import { toSarif } from '../../../src/validate/format/sarif.ts';
import { ruleSummaries, type ValidationReport } from '../../../src/validate/validate.ts';

/** A report with all there can be: several files, no file, names that are hostile to XML and URIs. */
const REPORT: ValidationReport = {
  ok: false,
  strict: false,
  files: [
    { file: 'good.onnx', ok: true, bytes: 10, sha256: 'a'.repeat(64), target: undefined, findings: [] },
    {
      file: 'dir with space/ö&<"\u0000%.onnx',
      ok: false,
      bytes: 10,
      sha256: 'b'.repeat(64),
      target: 'ascend310p-aie-7.0',
      findings: [
        {
          rule: 'cycle',
          severity: 'error',
          where: { path: 'graph', node: 'a]]><b' },
          message: 'a circle\nof two lines',
        },
        {
          rule: 'duplicate-node-name',
          severity: 'warning',
          where: { path: 'graph.node[1]' },
          message: 'twice',
          hint: 'rename',
        },
        { rule: 'plugin-operator', severity: 'info', where: { path: '' }, message: 'known', expected: '1', found: '2' },
      ],
    },
    {
      file: '/somewhere/else.onnx',
      ok: false,
      bytes: undefined,
      sha256: undefined,
      target: undefined,
      findings: [{ rule: 'unreadable', severity: 'error', where: { path: '' }, message: 'the file does not exist' }],
    },
  ],
};

function fail(): never {
  throw new Error('there is no run');
}

describe('SARIF', () => {
  const log = toSarif(REPORT, ruleSummaries(), '1.2.3') as unknown as Log;

  test('is valid against the schema of SARIF 2.1.0', () => {
    const path = createRequire(import.meta.url).resolve('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json');
    const ajv = new Ajv.default({ strict: false, validateFormats: false, unicodeRegExp: false });
    const validate = ajv.compile(JSON.parse(readFileSync(path, 'utf8')) as object);
    expect(validate(structuredClone(log)), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ ...log, runs: [{ results: [] }] })).toBe(false);
  });

  test('has a result for each finding, with its rule and level', () => {
    const [{ results = [], tool } = fail()] = log.runs;
    expect(results.map(({ ruleId, level }) => `${ruleId} ${level}`)).toEqual([
      'cycle error',
      'duplicate-node-name warning',
      'plugin-operator note',
      'unreadable error',
    ]);
    for (const { ruleId, ruleIndex } of results) expect(tool.driver.rules?.[ruleIndex ?? -1]?.id).toBe(ruleId);
  });
});

describe('JUnit', () => {
  test('a reader of JUnit files finds the cases and failures', async () => {
    const suites = (await parse(toJunit(REPORT))) as {
      tests: number;
      failures: number;
      testsuite: { testcase: { name: string; failure?: { inner: string; type: string }[] }[] }[];
    };
    expect(suites).toMatchObject({ tests: 3, failures: 2 });
    const cases = suites.testsuite[0]?.testcase ?? [];
    expect(cases.map(({ name }) => name)).toEqual([
      'good.onnx',
      'dir with space/ö&<"\ufffd%.onnx',
      '/somewhere/else.onnx',
    ]);
    expect(cases.map(({ failure }) => failure?.[0]?.type)).toEqual([undefined, 'cycle', 'unreadable']);
    expect(cases[1]?.failure?.[0]?.inner).toContain("'a]]><b'");
  });

  test('warnings are failures when they count', async () => {
    const warned = { ...REPORT, strict: true };
    expect(toJunit(warned)).toContain('2 findings, the first');
    expect(toJunit(REPORT)).not.toContain('2 findings');
  });
});

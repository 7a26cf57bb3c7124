import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse as parseJunit } from 'junit2json';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ValidationReport } from '../../src/validate/validate.ts';
import { buildCli, type Cli, type CliResult } from '../support/cli.ts';
import { writeExternalModel, writeSmallModel } from '../support/small-model.ts';

let cli: Cli;
let cwd: string;

beforeAll(async () => {
  cli = buildCli();
  cwd = mkdtempSync(join(realpathSync(tmpdir()), 'sdgraph-validate-'));
  await writeSmallModel(cwd, 'good.onnx');
  writeFileSync(join(cwd, 'bad.onnx'), 'not a model');
  writeFileSync(join(cwd, 'strict.json'), '{"models":[{"file":"other/*.onnx"}]}');
  writeFileSync(join(cwd, 'small.json'), '{"models":[{"file":"good.onnx","maxBytes":10}]}');
  writeFileSync(join(cwd, 'wrong.json'), '{"models":[{"file":"good.onnx","maxByte":10}]}');
});

afterAll(() => {
  cli.remove();
  rmSync(cwd, { recursive: true, force: true });
});

function validate(...args: readonly string[]): Promise<CliResult> {
  return cli.run(['validate', ...args], { cwd });
}

function json(text: string): ValidationReport {
  return JSON.parse(text) as ValidationReport;
}

describe('exit codes', () => {
  test.each([
    [0, ['good.onnx']],
    [0, ['good.onnx', '--target', 'ascend310p-aie-7.0']],
    [1, ['good.onnx', 'bad.onnx']],
    [1, ['missing.onnx']],
    [1, ['good.onnx', '--config', 'small.json']],
    [0, ['good.onnx', '--config', 'strict.json']],
    [1, ['good.onnx', '--config', 'strict.json', '--strict']],
    [1, ['good.onnx', '--config', 'missing.json']],
    [1, ['good.onnx', '--format', 'sarif', '--output', 'none/out.sarif']],
    [2, []],
    [2, ['good.onnx', '--config', 'wrong.json']],
    [2, ['good.onnx', '--target', 'ascend311p']],
    [2, ['good.onnx', '--format', 'xml']],
    [2, ['good.onnx', '--output', 'out.txt']],
    [2, ['good.onnx', '--json', '--format', 'junit']],
    [2, ['good.onnx', '--format', 'sarif', '--output', './good.onnx']],
    [2, ['good.onnx', '--config', 'small.json', '--format', 'sarif', '--output', 'small.json']],
  ] as const)('%i for %j', async (code, args) => {
    const result = await validate(...args);
    expect(result.code).toBe(code);
    expect(result.stderr).not.toContain('    at ');
    if (code === 2) expect(result.stderr).toMatch(/^error: .*\[E_(USAGE|CONFIG|TARGET)\]\n/);
  });
});

describe('formats', () => {
  test('text: the files in a table, then what is wrong', async () => {
    const { stdout } = await validate('good.onnx', 'bad.onnx');
    expect(stdout).toMatch(/^ok +good\.onnx/m);
    expect(stdout).toMatch(/^failed +bad\.onnx/m);
    expect(stdout).toContain('[unreadable]');
    expect(stdout).toContain('1 of 2 files failed');
  });

  test('json: one document, the same for both spellings', async () => {
    const [flag, format] = [await validate('bad.onnx', '--json'), await validate('bad.onnx', '--format', 'json')];
    expect(flag.stdout).toBe(format.stdout);
    expect(json(flag.stdout)).toMatchObject({ ok: false, files: [{ findings: [{ rule: 'unreadable' }] }] });
  });

  test('sarif: a file that cannot be read is a result', async () => {
    const { stdout, code } = await validate('bad.onnx', '--format', 'sarif');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      version: '2.1.0',
      runs: [{ results: [{ ruleId: 'unreadable', level: 'error' }] }],
    });
  });

  test('junit: a file that cannot be read is a failure', async () => {
    const { stdout } = await validate('good.onnx', 'bad.onnx', '--format', 'junit');
    expect(await parseJunit(stdout)).toMatchObject({ tests: 2, failures: 1 });
  });
});

describe('--output', () => {
  test('never replaces the weights of a model that it checks, nor a model behind a link', async () => {
    const dir = mkdtempSync(join(cwd, 'weights-'));
    const model = await writeExternalModel(dir);
    const data = join(dir, readdirSync(dir).find((file) => file.endsWith('.data')) ?? '');
    symlinkSync(model, join(dir, 'link'));
    const before = [model, data].map((file) => readFileSync(file));
    for (const target of [data, join(dir, 'link')]) {
      const { code, stderr } = await validate(model, '--format', 'json', '--output', target);
      expect(stderr).toContain('--output would replace a file that is read');
      expect(code).toBe(2);
    }
    expect([model, data].map((file) => readFileSync(file))).toEqual(before);
  });

  test('takes the report; people read the text', async () => {
    const { stdout } = await validate('good.onnx', '--format', 'sarif', '--output', 'out.sarif');
    expect(stdout).toContain('1 file passed');
    expect(JSON.parse(readFileSync(join(cwd, 'out.sarif'), 'utf8'))).toMatchObject({ version: '2.1.0' });
  });

  test('and scripts the document', async () => {
    const { stdout } = await validate('good.onnx', '--json', '--format', 'junit', '--output', 'out.xml');
    expect(json(stdout).ok).toBe(true);
    expect(readFileSync(join(cwd, 'out.xml'), 'utf8')).toMatch(/^<\?xml/);
  });
});

test('a target of the configuration that is a file lies beside the configuration', async () => {
  writeFileSync(join(cwd, 'target.json'), '{"target":"./no-profile.json","models":[]}');
  const { code, stderr } = await validate('good.onnx', '--config', 'target.json');
  expect(code).toBe(1);
  expect(stderr).toContain(join(cwd, 'no-profile.json'));
});

import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OptimizeReport } from '../../src/report/optimize.ts';
import { buildCli, type Cli, type CliResult, finished } from '../support/cli.ts';
import {
  appendLargeInitializer,
  writeExternalModel,
  writeSmallModel,
  writeSparseModel,
} from '../support/small-model.ts';
import { tempDir } from '../support/temp-dir.ts';

let cli: Cli;

beforeAll(() => {
  cli = buildCli();
});

afterAll(() => cli.remove());

/** Runs `sdgraph optimize` in a folder. */
const optimize = (cwd: string, ...args: string[]): Promise<CliResult> => cli.run(['optimize', ...args], { cwd });

/** The same with `--json`; the run must succeed. */
async function report(cwd: string, ...args: string[]): Promise<OptimizeReport> {
  const { code, stdout, stderr } = await optimize(cwd, ...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as OptimizeReport;
}

describe('the recipe', () => {
  test("runs with upstream's flags and says what it did", async () => {
    const dir = tempDir();
    await writeExternalModel(dir);
    const { code, stdout, stderr } = await optimize(dir, '--model', 'unet.onnx', '--new_model', 'unet_md.onnx');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('unet.onnx  ');
    expect(stdout).toMatch(/^ {2}remove-zero-add +1 +0 +0 +0 +7 → 6 /m);
    expect(stdout).toMatch(/^ {2}int32-timestep +1 /m);
    expect(stdout).toMatch(/^ {2}split-slices +2 /m);
    expect(stdout).toContain('wrote unet_md.onnx');
    expect(stdout).toContain('weights: 2.05 KB stay in their data files; no weight byte was written');
    expect(stdout).toMatch(/^done in \d/m);
  });

  test('has the passes in the order of upstream', async () => {
    const dir = tempDir();
    await writeSmallModel(dir);
    const flags = ['--FA_soc', 'Duo', '--TOME_num', '1', '--faster_gelu', '--allow-missing'];
    const { passes } = await report(dir, '--model', 'unet.onnx', '--new-model', 'out.onnx', ...flags);
    expect(passes.map(({ pass }) => pass)).toEqual([
      'remove-zero-add',
      'fuse-flash-attention',
      'insert-tome',
      'int32-timestep',
      'faster-gelu',
      'split-slices',
      'eliminate-unused',
    ]);
  });

  test('has default paths of upstream', async () => {
    const { code, stderr } = await optimize(tempDir());
    expect(code).toBe(1);
    expect(stderr).toContain('models/unet/unet.onnx: the file does not exist [E_FILE_MISSING]');
  });

  test('does nothing the second time and says so', async () => {
    const dir = tempDir();
    await writeSmallModel(dir);
    await report(dir, '--model', 'unet.onnx', '--new-model', 'once.onnx');
    const { code, stdout } = await optimize(dir, '--model', 'once.onnx', '--new-model', 'twice.onnx');
    expect(code).toBe(0);
    expect(stdout).toContain('nothing changed: every pass left the model as it was');
    expect(stdout).toMatch(/wrote twice\.onnx \(.*, byte for byte the input\)/);
    expect(readFileSync(join(dir, 'twice.onnx'))).toEqual(readFileSync(join(dir, 'once.onnx')));
  });

  test('fails when a rewrite is missing, and writes nothing', async () => {
    const dir = tempDir();
    await writeSmallModel(dir);
    const result = await optimize(dir, '--model', 'unet.onnx', '--new-model', 'out.onnx', '--fa-soc', 'A2');
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^error: fuse-flash-attention: .* \[E_REWRITE_MISSING\]\nhint: .*--allow-missing\n$/);
    expect(readdirSync(dir)).toEqual(['unet.onnx']);
  });

  test('can go on without a missing rewrite', async () => {
    const dir = tempDir();
    await writeSmallModel(dir);
    const flags = ['--fa-soc', 'A2', '--allow-missing'];
    const { saved } = await report(dir, '--model', 'unet.onnx', '--new-model', 'out.onnx', ...flags);
    expect(saved?.path).toBe('out.onnx');
  });
});

describe('passes alone', () => {
  test('run in the order given', async () => {
    const dir = tempDir();
    await writeSmallModel(dir);
    const flags = ['--passes', 'split-slices,remove-zero-add'];
    const { passes, nodes } = await report(dir, '--model', 'unet.onnx', '--new-model', 'out.onnx', ...flags);
    expect(passes.map(({ pass, counts }) => [pass, counts.applied])).toEqual([
      ['split-slices', 2],
      ['remove-zero-add', 1],
    ]);
    expect(nodes).toEqual({ before: 7, after: 5 });
  });

  test('take options', async () => {
    const dir = tempDir();
    await writeSmallModel(dir);
    const flags = ['--passes', 'eliminate-unused', '--set', 'eliminate-unused.inputs=true'];
    const { passes } = await report(dir, '--model', 'unet.onnx', '--new-model', 'out.onnx', ...flags);
    expect(passes[0]?.changed).toBe(false);
  });

  test.each([
    { why: 'an unknown pass', flags: ['--passes', 'split-slice'], code: 'E_PASS_UNKNOWN', hint: "'split-slices'" },
    { why: 'an empty list', flags: ['--passes', ','], code: 'E_PASS_UNKNOWN', hint: '' },
    {
      why: 'an unknown option',
      flags: ['--passes', 'eliminate-unused', '--set', 'eliminate-unused.input=true'],
      code: 'E_PASS_OPTION',
      hint: "'inputs'",
    },
    {
      why: 'a value of another type',
      flags: ['--passes', 'eliminate-unused', '--set', 'eliminate-unused.inputs=yes'],
      code: 'E_PASS_OPTION',
      hint: 'true or false',
    },
    {
      why: 'an option of a pass that does not run',
      flags: ['--passes', 'split-slices', '--set', 'eliminate-unused.inputs=true'],
      code: 'E_USAGE',
      hint: "'eliminate-unused'",
    },
    { why: 'no option', flags: ['--passes', 'split-slices', '--set', 'x'], code: 'E_USAGE', hint: 'PASS.OPTION=VALUE' },
    { why: 'options of the recipe', flags: ['--set', 'insert-tome.count=5'], code: 'E_USAGE', hint: '--passes' },
    { why: 'both', flags: ['--passes', 'split-slices', '--tome', '5'], code: 'E_USAGE', hint: '--tome' },
    { why: 'a seed without tokens', flags: ['--seed', '1'], code: 'E_USAGE', hint: '--tome' },
    {
      why: 'a seed and lists',
      flags: ['--tome', '1', '--seed', '1', '--tome-indices', 'corner'],
      code: 'E_USAGE',
      hint: 'exclude',
    },
    { why: 'an unknown target', flags: ['--target', 'ascend310p-aie-7'], code: 'E_TARGET', hint: 'ascend310p-aie-7.0' },
    {
      why: 'a flavour and another target',
      flags: ['--fa-soc', 'A2', '--target', 'ascend310p-aie-7.0'],
      code: 'E_PASS_OPTION',
      hint: 'ascend910b-aie-7.0',
    },
  ])('are refused for $why', async ({ flags, code, hint }) => {
    const dir = tempDir();
    await writeSmallModel(dir);
    const result = await optimize(dir, '--model', 'unet.onnx', '--new-model', 'out.onnx', ...flags);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain(`[${code}]`);
    expect(result.stderr).toContain(hint);
    expect(readdirSync(dir)).toEqual(['unet.onnx']);
  });
});

describe('what is written', () => {
  test('in the same folder the weights stay where they are', async () => {
    const dir = tempDir();
    await writeExternalModel(dir);
    const before = readdirSync(dir);
    const { saved } = await report(dir, '--model', 'unet.onnx', '--new-model', 'out.onnx');
    expect(saved).toMatchObject({ externalData: 'reuse', weights: { kept: 2048, written: 0 } });
    expect(readdirSync(dir)).toEqual([...before, 'out.onnx'].toSorted());
  });

  test('in another folder they come along in one file', async () => {
    const [dir, other] = [tempDir(), tempDir()];
    await writeExternalModel(dir);
    const { saved } = await report(dir, '--model', 'unet.onnx', '--new-model', join(other, 'out.onnx'));
    expect(saved).toMatchObject({ externalData: 'single', weights: { kept: 0, written: 2048 } });
    expect(saved?.files.map(({ bytes }) => bytes)).toEqual([2048, statSync(join(other, 'out.onnx')).size]);
  });

  test('inline puts them inside', async () => {
    const dir = tempDir();
    await writeExternalModel(dir);
    await report(dir, '--model', 'unet.onnx', '--new-model', 'out.onnx', '--external-data', 'inline');
    expect(statSync(join(dir, 'out.onnx')).size).toBeGreaterThan(2048);
  });

  test('nothing, for a dry run', async () => {
    const dir = tempDir();
    await writeSmallModel(dir);
    const { code, stdout } = await optimize(dir, '--model', 'unet.onnx', '--new-model', 'out.onnx', '--dry-run');
    expect(code).toBe(0);
    expect(stdout).toContain('dry run: no model was written');
    expect(readdirSync(dir)).toEqual(['unet.onnx']);
  });

  test('the input, only when allowed', async () => {
    const dir = tempDir();
    const path = await writeSmallModel(dir);
    const before = readFileSync(path);
    const refused = await optimize(dir, '--model', 'unet.onnx', '--new-model', './unet.onnx');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/\[E_OVERWRITES_INPUT\]\nhint: .*--in-place/);
    expect(readFileSync(path)).toEqual(before);
    const { saved } = await report(dir, '--model', 'unet.onnx', '--in-place');
    expect(saved?.path).toBe('unet.onnx');
    expect(readFileSync(path)).not.toEqual(before);
    expect(readdirSync(dir)).toEqual(['unet.onnx']);
  });

  test('a report, the same that --json prints', async () => {
    const dir = tempDir();
    await writeSmallModel(dir);
    const flags = ['--report', 'report.json', '--dry-run'];
    const printed = await report(dir, '--model', 'unet.onnx', '--new-model', 'out.onnx', ...flags);
    expect(JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8'))).toEqual(printed);
  });

  test('no report over a model', async () => {
    const dir = tempDir();
    await writeSmallModel(dir);
    const flags = ['--report', join(dir, 'unet.onnx')];
    const { code, stderr } = await optimize(dir, '--model', 'unet.onnx', '--new-model', 'out.onnx', ...flags);
    expect(code).toBe(2);
    expect(stderr).toContain('--report would replace a model');
  });

  test.each([
    { why: 'its weights', name: (data: string) => data },
    { why: 'a link to its weights', name: () => 'data-link' },
    { why: 'a link to it', name: () => 'model-link' },
    { why: 'another name of it', name: () => 'hard-link' },
  ])('no report over a model: $why', async ({ name }) => {
    const dir = tempDir();
    await writeExternalModel(dir);
    const data = readdirSync(dir).find((file) => file.endsWith('.data')) ?? '';
    symlinkSync(data, join(dir, 'data-link'));
    symlinkSync('unet.onnx', join(dir, 'model-link'));
    linkSync(join(dir, 'unet.onnx'), join(dir, 'hard-link'));
    const files = [data, 'unet.onnx'].map((file) => join(dir, file));
    const before = files.map((file) => readFileSync(file));
    const flags = ['--report', name(data)];
    const { code, stderr } = await optimize(dir, '--model', 'unet.onnx', '--new-model', 'out.onnx', ...flags);
    expect(stderr).toContain('--report would replace a model or its weights');
    expect(code).toBe(2);
    expect(files.map((file) => readFileSync(file))).toEqual(before);
    expect(existsSync(join(dir, 'out.onnx'))).toBe(false);
  });

  test.each(['--report', '--new-model'])('nothing, when %s is a directory', async (flag) => {
    const dir = tempDir();
    await writeSmallModel(dir);
    mkdirSync(join(dir, 'folder'));
    const { code, stdout, stderr } = await optimize(dir, '--model', 'unet.onnx', flag, 'folder', '--in-place');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('folder: the target is not a plain file (found a directory) [E_FILE_WRITE]');
  });

  test('nothing, into a folder that does not exist', async () => {
    const dir = tempDir();
    await writeSmallModel(dir);
    const { code, stdout, stderr } = await optimize(dir, '--model', 'unet.onnx');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('models/unet/unet_md.onnx: the folder does not exist [E_FILE_WRITE]\nhint: create');
  });

  test('no text, when quiet', async () => {
    const dir = tempDir();
    await writeSmallModel(dir);
    const result = await optimize(dir, '--model', 'unet.onnx', '--new-model', 'out.onnx', '--quiet');
    expect(result).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(existsSync(join(dir, 'out.onnx'))).toBe(true);
  });
});

describe('what is no model', () => {
  const png = Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de', 'hex');

  test.each([
    { why: 'a picture', bytes: png },
    { why: 'an empty file', bytes: Buffer.alloc(0) },
    { why: 'text', bytes: Buffer.from('not a model, but a letter\n'.repeat(9)) },
    { why: 'zeros', bytes: Buffer.alloc(100) },
  ])('$why', async ({ bytes }) => {
    const dir = tempDir();
    writeFileSync(join(dir, 'unet.onnx'), bytes);
    const { code, stdout, stderr } = await optimize(dir, '--model', 'unet.onnx', '--new-model', 'out.onnx');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: unet\.onnx.* \[E_(?:NOT_ONNX|WIRE_\w+)\]\n/);
    expect(stderr).not.toContain('    at ');
    expect(readdirSync(dir)).toEqual(['unet.onnx']);
  });

  test('half a model', async () => {
    const dir = tempDir();
    const path = await writeSmallModel(dir);
    truncateSync(path, Math.floor(statSync(path).size / 2));
    const { code, stderr } = await optimize(dir, '--model', 'unet.onnx', '--new-model', 'out.onnx');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: unet\.onnx@0x[0-9a-f]+: .*\[E_WIRE_TRUNCATED\]/);
  });

  test('a folder', async () => {
    const dir = tempDir();
    const { code, stderr } = await optimize(dir, '--model', '.', '--new-model', 'out.onnx');
    expect(code).toBe(1);
    expect(stderr).toContain('[E_FILE_READ]');
  });

  test('a model without its weights still reports a missing file', async () => {
    const [dir, other] = [tempDir(), tempDir()];
    copyFileSync(await writeExternalModel(dir), join(other, 'unet.onnx'));
    const { code, stderr } = await optimize(other, '--model', 'unet.onnx', '--new-model', join(dir, 'out.onnx'));
    expect(code).toBe(1);
    expect(stderr).toContain('[E_EXTERNAL_MISSING]');
    expect(readdirSync(dir)).not.toContain('out.onnx');
  });
});

describe('interruptions', () => {
  const save = ['optimize', '--passes', 'eliminate-unused', '--external-data', 'single'];

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('%s during a save leaves no file behind', async (signal, expected) => {
    const [dir, other] = [tempDir(), tempDir()];
    const path = await writeSparseModel(dir, 16 * 2 ** 30);
    const child = cli.start([...save, '--model', path, '--new-model', join(other, 'out.onnx')]);
    const result = finished(child);
    while (readdirSync(other).length === 0 && child.exitCode === null) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(readdirSync(other)).toEqual([expect.stringMatching(/^\.out\.onnx\.data\.sdgraph-.*\.tmp$/)]);
    child.kill(signal);
    expect(await result).toMatchObject({ code: expected, signal: null, stderr: '' });
    expect(readdirSync(other)).toEqual([]);
  });

  test('SIGTERM after the data file takes that along', async () => {
    const [dir, other] = [tempDir(), tempDir()];
    const path = join(dir, 'unet.onnx');
    await writeExternalModel(dir);
    appendLargeInitializer(path, 2 ** 31 - 2 ** 20);
    const args = ['optimize', '--passes', 'eliminate-identity', '--external-data', 'copy'];
    const child = cli.start([...args, '--model', path, '--new-model', join(other, 'out.onnx')]);
    const result = finished(child);
    const isThere = (pattern: RegExp): boolean => readdirSync(other).some((name) => pattern.test(name));
    while (!isThere(/^\.out\.onnx\.sdgraph-/) && child.exitCode === null) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(isThere(/^unet\.onnx\.\w{8}\.data$/)).toBe(true);
    child.kill('SIGTERM');
    expect(await result).toMatchObject({ code: 143, stderr: '' });
    expect(readdirSync(other)).toEqual([]);
  });

  test('a reader that leaves does not disturb the job', async () => {
    const dir = tempDir();
    await writeSmallModel(dir);
    const child = cli.start(['optimize', '--model', 'unet.onnx', '--new-model', 'out.onnx', '--json'], { cwd: dir });
    child.stdout?.destroy();
    const { code, stderr } = await finished(child);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(existsSync(join(dir, 'out.onnx'))).toBe(true);
  });

  test('a full disk under the output is a failure', async () => {
    const full = spawn('sh', ['-c', '"$@" > /dev/full', 'sh', process.execPath, cli.program, 'passes', '--json']);
    const { code } = await finished(full);
    expect(code).toBe(existsSync('/dev/full') ? 1 : 0);
  });
});

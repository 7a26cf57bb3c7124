import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { SIMULATION, type WriteModelsOptions, writeModels } from '../support/atc-models.ts';
import { buildCli, type Cli, type CliResult, finished } from '../support/cli.ts';
import { tempDir } from '../support/temp-dir.ts';

let cli: Cli;

beforeAll(() => {
  cli = buildCli();
});

afterAll(() => cli.remove());

const FLAGS = ['--soc-version', 'Ascend310P3', '--toolkit-env', join(SIMULATION, 'set_env.sh')];

interface Folder {
  readonly dir: string;
  readonly compile: (flags?: readonly string[], env?: Record<string, string>) => Promise<CliResult>;
}

async function folder(models: WriteModelsOptions = {}): Promise<Folder> {
  const dir = await writeModels(tempDir(), models);
  return {
    dir,
    compile: async (flags = FLAGS, env = {}) => cli.run(['compile', '--model-dir', dir, ...flags], { env }),
  };
}

test('compiles, and leaves alone what is up to date', async () => {
  const { dir, compile } = await folder();
  const first = await compile();
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout).toMatch(/^unet +compiled +unet\/unet\.om \(.*B\) +\S+ m?s$/m);
  for (const part of ['clip', 'unet', 'vae']) expect(existsSync(join(dir, part, `${part}.om`))).toBe(true);
  const second = await compile();
  expect(second.stdout).toMatch(/^clip +up to date.*\nunet +up to date.*\nvae +up to date/m);
});

test('compiles what a plan says, in the folder of the plan', async () => {
  const { dir, compile } = await folder();
  const plan = join(dir, 'plan.json');
  await cli.run(['plan', '--model-dir', dir, ...FLAGS, '--parts', 'vae', '--format', 'json', '--output', plan]);
  const toolkit = ['--toolkit-env', join(SIMULATION, 'set_env.sh')];
  expect(await cli.run(['compile', '--plan', plan, ...toolkit])).toMatchObject({ code: 0, stderr: '' });
  expect(existsSync(join(dir, 'vae/vae.om'))).toBe(true);
  expect(existsSync(join(dir, 'clip/clip.om'))).toBe(false);
  // The script of the simulation is in no usual place.
  expect((await cli.run(['compile', '--plan', plan])).stderr).toContain('--toolkit-env');
  expect(await compile(['--plan', plan, '--parts', 'clip'])).toMatchObject({ code: 2 });
});

describe('--json', () => {
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(
    JSON.parse(readFileSync(join(import.meta.dirname, '../../docs/json/compile.schema.json'), 'utf8')) as Record<
      string,
      unknown
    >,
  );

  test.each([
    ['done', {}, FLAGS, 0],
    ['failed', { SDGRAPH_SIM_ATC: 'unet:E10001' }, FLAGS, 1],
    ['wrong usage', {}, [...FLAGS, '--jobs', '0'], 2],
    ['no ATC', {}, [...FLAGS, '--atc', '/nowhere/atc'], 1],
  ])('%s', async (_, env, flags, code) => {
    const { compile } = await folder({ unet: 'unet.onnx' });
    const result = await compile([...flags, '--json'], env);
    expect(result.code).toBe(code);
    validate(JSON.parse(result.stdout));
    expect(validate.errors).toBeNull();
  });
});

test('a failure says what ATC said, what to do, and where the log is', async () => {
  const { compile } = await folder();
  const { code, stdout, stderr } = await compile(FLAGS, { SDGRAPH_SIM_ATC: 'unet:E10001' });
  expect(code).toBe(1);
  expect(stdout).toMatch(/^unet +failed/m);
  expect(stdout).toMatch(/^vae +not run/m);
  expect(stderr).toMatch(/^error: 'unet': ATC failed with exit code 255 .*E10001.*\[E_ATC\]$/m);
  expect(stderr).toMatch(/^hint: .*soc/m);
  expect(stderr).toMatch(/^everything that ATC printed is in unet\/unet\.atc\.log$/m);
});

test('a failure without an entry of ATC shows its last lines', async () => {
  const { compile } = await folder();
  const { stderr } = await compile([...FLAGS, '--parts', 'unet'], { SDGRAPH_SIM_ATC: 'exit-1' });
  expect(stderr).toMatch(/^ {2}\| ATC run success, welcome/m);
  const wrong = await compile([...FLAGS, '--parts', 'unet'], { SDGRAPH_SIM_ATC: 'no-output' });
  expect(wrong.stderr).toMatch(/^error: unet: ATC says that it succeeded, but wrote no model/m);
  expect(wrong.stderr).toMatch(/^ {2}\| ATC run success, welcome/m);
});

test('solutions of ATC are shown', async () => {
  const { compile } = await folder();
  const { stderr } = await compile([...FLAGS, '--parts', 'unet'], { SDGRAPH_SIM_ATC: 'E40020' });
  expect(stderr).toMatch(/^ {2}Solution: install the module/m);
});

test('names and warnings of a plan cannot command the terminal', async () => {
  const { dir } = await folder();
  const plan = join(dir, 'plan.json');
  await cli.run(['plan', '--model-dir', dir, ...FLAGS, '--parts', 'vae', '--format', 'json', '--output', plan]);
  const document = JSON.parse(readFileSync(plan, 'utf8')) as Record<string, unknown>;
  const message = '\u001b[31mred\nwarning: made up';
  document['warnings'] = [{ rule: 'x', severity: 'warning', step: '\u001b[2J', message, hint: '\u001b[1m' }];
  writeFileSync(plan, JSON.stringify(document));
  const { code, stderr } = await cli.run(['compile', '--plan', plan, ...FLAGS.slice(2)]);
  expect(code).toBe(0);
  expect(stderr).not.toContain('\u001b');
  expect(stderr.split('\n').filter((line) => line.startsWith('warning:'))).toHaveLength(1);
});

test('100 MB of output do not grow memory', async () => {
  const { dir, compile } = await folder();
  const env = { SDGRAPH_SIM_ATC: 'unet:flood', NODE_OPTIONS: '--max-old-space-size=64' };
  expect(await compile([...FLAGS, '--parts', 'unet'], env)).toMatchObject({ code: 0 });
  expect(statSync(join(dir, 'unet/unet.atc.log')).size).toBeGreaterThan(99_000_000);
});

test('a signal ends ATC and all that it started, and the program', async () => {
  const { dir } = await folder();
  const log = join(dir, 'calls.log');
  const env = { SDGRAPH_SIM_ATC: 'hang', SDGRAPH_SIM_ATC_LOG: log };
  const child = cli.start(['compile', '--model-dir', dir, ...FLAGS, '--parts', 'unet'], { env });
  const end = finished(child);
  await vi.waitFor(() => expect(lines(log)).toHaveLength(2), { timeout: 30_000 });
  child.kill('SIGINT');
  const { code, stdout } = await end;
  expect({ code, stdout }).toMatchObject({ code: 130 });
  expect(stdout).toMatch(/^unet +cancelled/m);
  for (const line of lines(log)) {
    const { pid, child: other } = JSON.parse(line) as { pid?: number; child?: number };
    expect(isRunning(pid ?? other ?? 0)).toBe(false);
  }
  expect(existsSync(join(dir, 'unet/unet.om'))).toBe(false);
});

test('two programs in one folder do not mix', async () => {
  const { compile } = await folder();
  const env = { SDGRAPH_SIM_ATC_SLOW: '500' };
  const results = await Promise.all([compile(FLAGS, env), compile(FLAGS, env)]);
  for (const { code, stderr } of results) if (code !== 0) expect(stderr).toContain('E_LOCKED');
  expect((await compile()).code).toBe(0);
  expect((await compile()).stdout).toMatch(/up to date.*\n.*up to date.*\n.*up to date/);
});

test('a lock that a killed program left is taken over', async () => {
  const { dir, compile } = await folder();
  const log = join(dir, 'calls.log');
  const env = { SDGRAPH_SIM_ATC: 'unet:hang', SDGRAPH_SIM_ATC_LOG: log };
  const child = cli.start(['compile', '--model-dir', dir, ...FLAGS, '--parts', 'unet'], { env });
  const end = finished(child);
  await vi.waitFor(() => expect(lines(log)).toHaveLength(2), { timeout: 30_000 });
  child.kill('SIGKILL');
  await end;
  expect(await compile()).toMatchObject({ code: 0 });
});

test('a program that is killed takes ATC with it', async () => {
  const { dir } = await folder();
  const log = join(dir, 'calls.log');
  const env = { SDGRAPH_SIM_ATC: 'hang', SDGRAPH_SIM_ATC_LOG: log };
  const child = cli.start(['compile', '--model-dir', dir, ...FLAGS, '--parts', 'unet'], { env });
  const end = finished(child);
  await vi.waitFor(() => expect(lines(log)).toHaveLength(2), { timeout: 30_000 });
  child.kill('SIGKILL');
  await end;
  const processes = lines(log).map((line) => JSON.parse(line) as { pid?: number; child?: number });
  const numbers = processes.map(({ pid, child: other }) => pid ?? other ?? 0);
  await vi.waitFor(() => expect(numbers.filter(isRunning)).toEqual([]), { timeout: 30_000 });
});

test.each([
  [['--timeout', '0'], 2, /--timeout/],
  [[...FLAGS, '--atc', '/nowhere/atc'], 1, /E_ATC_MISSING/],
  [[...FLAGS, '--plan', 'missing.json', '--soc-version', 'Ascend310P3'], 2, /given 2 times/],
])('%j exits with %i', async (flags, code, message) => {
  const { compile } = await folder();
  const result = await compile(flags);
  expect(result.code).toBe(code);
  expect(result.stderr).toMatch(message);
});

test('a hostile plan is refused before anything runs', async () => {
  const { dir } = await folder();
  const plan = join(dir, 'plan.json');
  await cli.run(['plan', '--model-dir', dir, ...FLAGS, '--format', 'json', '--output', plan]);
  writeFileSync(plan, readFileSync(plan, 'utf8').replace('"directory": "unet"', '"directory": "../unet"'));
  const { code, stderr } = await cli.run(['compile', '--plan', plan, '--toolkit-env', join(SIMULATION, 'set_env.sh')]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/plan\.json › \/steps\/1\/directory: a path leaves the folder.*E_PLAN/);
  expect(existsSync(join(dir, 'clip/clip.om'))).toBe(false);
});

function lines(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

/** Whether a process runs; one that has ended and is only not collected does not. */
function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return false;
  }
}

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { EXPECTED, fixturePath } from '../ascend/npu-smi/fixtures.ts';
import { isRunning, SIMULATORS, simulated } from '../ascend/npu-smi/simulator.ts';
import { buildCli, type Cli, finished } from '../support/cli.ts';
import { tempDir } from '../support/temp-dir.ts';

let cli: Cli;

beforeAll(() => {
  cli = buildCli();
});

afterAll(() => cli.remove());

const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../../docs/json/soc.schema.json'), 'utf8')) as Record<
  string,
  unknown
>;
const followsSchema = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);

/** The JSON document that the command prints, which follows its schema. */
function documentOf(stdout: string): { npuSmi: { boards: { fields: unknown }[] } } {
  const document: unknown = JSON.parse(stdout);
  followsSchema(document);
  expect(followsSchema.errors).toBeNull();
  return document as ReturnType<typeof documentOf>;
}

describe('what npu-smi printed, from a file', () => {
  test.each([...EXPECTED])(
    '%s',
    async (name, { source: _s, kind: _k, command: _c, exitStatus: _e, fields, ...said }) => {
      const { code, stdout, stderr } = await cli.run(['soc', '--json', '--from', fixturePath(name)]);
      const document = documentOf(stdout);
      const socVersion = said.socVersion ?? null;
      expect({ code, stderr }).toEqual({ code: socVersion === null ? 1 : 0, stderr: '' });
      expect(document).toMatchObject({ socVersion, npuSmi: said });
      if (fields !== undefined) expect(document.npuSmi.boards.map((board) => board.fields)).toEqual([fields]);
    },
  );

  test('as a table', async () => {
    const { code, stdout, stderr } = await cli.run(['soc', '--from', fixturePath('synthetic-910B3-critical.txt')]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(`npu-smi 24.1.0, driver 24.1.0
  npu  chip  device  name   soc_version  health     power  temperature  load           memory
    0     0       -  910B3  Ascend910B3  OK        95.1 W        41 °C   0 %  3401 / 65536 MB
    1     0       -  910B3  Ascend910B3  Critical   0.0 W         0 °C   0 %     0 / 65536 MB
warning: 1 chip not in health
soc_version Ascend910B3
`);
  });

  test('rows that cannot be read are counted, and shown when asked for', async () => {
    const from = join(tempDir(), 'text');
    writeFileSync(from, `${readFileSync(fixturePath('310-23.0.0.txt'), 'utf8')}| what | is | this |\n`);
    expect((await cli.run(['soc', '--from', from])).stdout).toContain('note: 1 line of npu-smi could not be read');
    const { stdout } = await cli.run(['soc', '--from', from, '--verbose']);
    expect(stdout).toContain('note: line 15: not a row of a table of processes: | what | is | this |');
  });

  test('a file that is not there', async () => {
    const { code, stderr } = await cli.run(['soc', '--from', 'none.txt']);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'error: none.txt: the file does not exist [E_FILE_MISSING]\n',
    });
  });
});

describe('npu-smi, run', () => {
  test('as PATH finds it', async () => {
    const env = simulated({ info: 'A3-25.2.0-process', board: 'board-chip-A3-9392' });
    const { code, stdout, stderr } = await cli.run(['soc'], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ +1 +1 +3 +Ascend910 +Ascend910_9392 +OK +- +38 °C +0 % +10568 \/ 65536 MB$/m);
    expect(stdout).toMatch(/^soc_version Ascend910_9392$/m);
  });

  test('by its path', async () => {
    const env = { SDGRAPH_SIM_NPU_SMI: '310P3-25.2.3-npu224' };
    const { code, stdout } = await cli.run(['soc', '--json', '--npu-smi', join(SIMULATORS, 'npu-smi')], { env });
    expect(code).toBe(0);
    expect(documentOf(stdout)).toMatchObject({ socVersion: 'Ascend310P3', chips: [{ npu: 224, device: 0 }] });
  });

  test('a name that says too little: the chips, then why not and what to do', async () => {
    const { code, stdout, stderr } = await cli.run(['soc'], { env: simulated({ info: 'A3-25.2.0-process' }) });
    expect(code).toBe(1);
    expect(stdout).toContain('not known');
    expect(stdout).not.toContain('soc_version A');
    expect(stderr).toMatch(
      /^error: the chip 0 of NPU 0 is not known: 'Ascend910' stands for several chips \[E_SOC\]$/m,
    );
    expect(stderr).toMatch(/^hint: .*npu-smi info -t board -i 0.*--soc-version/m);
  });

  test('a tool that is not there', async () => {
    const missing = ['soc', '--npu-smi', '/nowhere/npu-smi'];
    const { code, stdout, stderr } = await cli.run(missing);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: there is no program \/nowhere\/npu-smi \[E_NPU_SMI\]\nhint: .*--soc-version.*\n$/);
    const json = await cli.run([...missing, '--json']);
    expect(json).toMatchObject({ code: 1, stderr: '' });
    expect(documentOf(json.stdout)).toMatchObject({ socVersion: null, reason: { kind: 'tool-missing' }, npuSmi: null });
  });

  test('quietly', async () => {
    const { code, stdout, stderr } = await cli.run(['soc', '--quiet'], { env: simulated({ info: 'error-8005' }) });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: npu-smi cannot reach the driver \[E_NPU_SMI\]\nhint: load the driver/);
  });

  test('Ctrl-C ends it, and what it started', async () => {
    const log = join(tempDir(), 'log');
    writeFileSync(log, '');
    const child = cli.start(['soc'], { env: simulated({ info: 'hang', log }) });
    const ended = finished(child);
    const pids = await vi.waitFor(
      () => /^pids (\d+) (\d+)$/m.exec(readFileSync(log, 'utf8'))?.slice(1) ?? expect.fail('does not run yet'),
      { timeout: 30_000 },
    );
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, stdout: '' });
    await vi.waitFor(() => expect(pids.filter(isRunning)).toEqual([]), { timeout: 30_000 });
  });
});

describe('the word of the user', () => {
  test.each(['--soc-version', '--soc_version'])('%s', async (flag) => {
    const { code, stdout, stderr } = await cli.run(['soc', flag, 'Ascend310P3']);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'soc_version Ascend310P3 (as given)\n', stderr: '' });
  });

  test('is not taken when it is no version', async () => {
    const { code, stderr } = await cli.run(['soc', '--soc-version', '310P3']);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "error: '310P3' is not a soc_version [E_SOC]\nhint: did you mean Ascend310P3?\n",
    });
  });

  test('and another source contradict each other', async () => {
    const { code, stderr } = await cli.run(['soc', '--soc-version', 'Ascend310P3', '--from', 'x']);
    expect(code).toBe(2);
    expect(stderr).toContain('--from and --soc-version contradict each other');
  });
});

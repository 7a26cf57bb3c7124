import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { detectSoc, requireSoc } from '../../src/ascend/soc.ts';
import { SdgraphError } from '../../src/errors.ts';
import { tempDir } from '../support/temp-dir.ts';
import { fixture, fixturePath } from './npu-smi/fixtures.ts';
import { isRunning, SIMULATORS, type Simulated, simulated } from './npu-smi/simulator.ts';

/** Detects with the simulated tool, and tells which calls were made, and that none overlapped. */
async function detect(answers: Simulated, options: Parameters<typeof detectSoc>[0] = {}) {
  const log = join(tempDir(), 'log');
  writeFileSync(log, '');
  const detection = await detectSoc({ env: simulated({ ...answers, log }), ...options });
  const lines = readFileSync(log, 'utf8').split('\n').filter(Boolean);
  const calls = lines.filter((line) => line.startsWith('begin ')).map((line) => line.slice('begin '.length));
  return { detection, calls, lines };
}

describe('runs npu-smi', () => {
  test('once, when the table says everything', async () => {
    const { detection, calls } = await detect({ info: '310P3-duo-24.1.0.1-process' });
    expect(calls).toEqual(['info']);
    expect(detection).toMatchObject({ socVersion: 'Ascend310P3', source: 'npu-smi', reason: null, notes: [] });
    expect(detection.chips.map(({ npu, chip, device }) => [npu, chip, device])).toEqual([
      [1, 0, 0],
      [1, 1, 1],
      [2, 0, 2],
      [2, 1, 3],
    ]);
    expect(detection.npuSmi?.processes).toHaveLength(4);
    expect(requireSoc(detection)).toBe('Ascend310P3');
  });

  test('for the numbers of devices, where the table has none', async () => {
    const { detection, calls } = await detect({ info: '910B1-24.1.rc3-8cards', map: 'map-910A-8cards' });
    expect(calls).toEqual(['info', 'info -m']);
    expect(detection.chips.map(({ device }) => device)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    // A list of another machine: the names contradict each other.
    expect(detection).toMatchObject({ socVersion: null, reason: { code: 'E_SOC', kind: 'unnamed' } });
    expect(detection.reason?.text).toContain('both Ascend910B1 and Ascend910A');
  });

  test('without that list the version is known all the same', async () => {
    const { detection } = await detect({ info: '910B4-25.5.2-single' });
    expect(detection).toMatchObject({ socVersion: 'Ascend910B4', chips: [{ npu: 5, device: null }] });
    expect(detection.notes).toEqual(['npu-smi info -m: Failed to get card number.']);
  });

  test('for the board of every chip whose name says too little, one call after the other', async () => {
    const { detection, calls, lines } = await detect({ info: 'A3-25.2.0-process', board: 'board-chip-A3-9392' });
    const boards = ['0 -c 0', '0 -c 1', '1 -c 0', '1 -c 1'].map((place) => `info -t board -i ${place}`);
    expect(calls).toEqual(['info', ...boards]);
    expect(lines).toEqual(calls.flatMap((call) => [`begin ${call}`, `end ${call}`]));
    expect(detection).toMatchObject({ socVersion: 'Ascend910_9392', reason: null });
    expect(detection.npuSmi?.boards).toHaveLength(4);
  });

  test('a masked name, with a board that tells', async () => {
    const { detection } = await detect({ info: 'warning-masked-name-23.0.5', board: 'board-chip-910A' });
    expect(detection).toMatchObject({ socVersion: 'Ascend910A', chips: [{ name: 'xxx', health: 'Warning' }] });
  });

  test('no chip in the table, but in the list', async () => {
    const { detection, calls } = await detect({ info: 'empty-table-24.1.rc1', map: 'map-910B4-8cards' });
    expect(calls).toEqual(['info', 'info -m']);
    expect(detection).toMatchObject({ socVersion: 'Ascend910B4' });
    expect(detection.chips).toHaveLength(8);
  });

  test('by its path', async () => {
    const env = { PATH: simulated({ info: '' })['PATH'], SDGRAPH_SIM_NPU_SMI: '310-23.0.0' };
    const detection = await detectSoc({ npuSmi: join(SIMULATORS, 'npu-smi'), env });
    expect(detection).toMatchObject({ socVersion: 'Ascend310' });
  });
});

describe('says why there is no version', () => {
  test.each([
    [
      'a masked name',
      { info: 'warning-masked-name-23.0.5' },
      'E_SOC',
      'unnamed',
      /0 of NPU 0 is not known: .*'xxx'.*masked/,
    ],
    ['a series', { info: 'A3-25.2.0-process' }, 'E_SOC', 'unnamed', /'Ascend910' stands for several chips/],
    [
      'different boards',
      { info: 'A3-25.2.0-process', board: 'board-chip-A3-9392,board-chip-910B4' },
      'E_SOC',
      'mixed',
      /different chips: Ascend910_9392, Ascend910B4/,
    ],
    ['no card', { info: 'empty-table-24.1.rc1', list: 'synthetic-no-card' }, 'E_SOC', 'no-card', /no NPU card/],
    ['no chip', { info: 'empty-table-24.1.rc1', list: 'list-910B4-8cards' }, 'E_SOC', 'no-chip', /lists no chip/],
    ['no driver', { info: 'error-8005' }, 'E_NPU_SMI', 'tool-error', /cannot reach the driver/],
    ['an occupied device', { info: 'error-8020' }, 'E_NPU_SMI', 'tool-error', /another container/],
    ['a restricted container', { info: 'error-9005' }, 'E_NPU_SMI', 'tool-error', /container/],
    ['a crash', { info: 'garbage' }, 'E_NPU_SMI', 'tool-failed', /ends with 139 and prints/],
    ['silence', { info: 'silent' }, 'E_NPU_SMI', 'tool-failed', /ends with 3/],
    ['a kill', { info: 'killed' }, 'E_NPU_SMI', 'tool-failed', /SIGKILL/],
    ['output without end', { info: 'huge' }, 'E_NPU_SMI', 'tool-too-large', /printed more than 4194304/],
  ] as const)('%s', async (_, answers, code, kind, text) => {
    const { detection } = await detect(answers);
    expect(detection).toMatchObject({ socVersion: null, source: null, reason: { code, kind } });
    expect(detection.reason?.text).toMatch(text);
    expect(detection.reason?.hint).toContain('--soc-version');
    const error = await Promise.resolve()
      .then(() => requireSoc(detection))
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SdgraphError);
    expect(error).toMatchObject({ code, reason: detection.reason?.text, hint: detection.reason?.hint });
  });

  test('a tool that is not there', async () => {
    const detection = await detectSoc({ env: { PATH: tempDir() } });
    expect(detection).toMatchObject({ reason: { code: 'E_NPU_SMI', kind: 'tool-missing' }, npuSmi: null, chips: [] });
    const elsewhere = await detectSoc({ env: {}, npuSmi: '/nowhere/npu-smi' });
    expect(elsewhere.reason).toMatchObject({ kind: 'tool-missing', text: 'there is no program /nowhere/npu-smi' });
  });

  test('a tool that may not be run', async () => {
    const file = join(tempDir(), 'npu-smi');
    writeFileSync(file, 'text', { mode: 0o600 });
    expect((await detectSoc({ npuSmi: file })).reason).toMatchObject({ code: 'E_NPU_SMI', kind: 'tool-failed' });
  });
});

test('a capture of the list alone is told what to add', async () => {
  const { reason } = await detectSoc({ from: fixturePath('list-910B4-8cards.txt'), env: {} });
  expect(reason).toMatchObject({ code: 'E_SOC', kind: 'no-chip', text: 'the text names no chip' });
  expect(reason?.hint).toContain('give what npu-smi info prints');
});

test('a chip whose table name is short asks for the board of the chip, not of the card', async () => {
  const { reason } = await detectSoc({ from: fixturePath('A3-25.2.0-process.txt'), env: {} });
  expect(reason?.hint).toContain('npu-smi info -t board -i 0 -c 0');
});

describe('a tool that hangs', () => {
  test('is ended, with what it started', async () => {
    const { detection, lines } = await detect({ info: 'hang' }, { timeoutMs: 4000 });
    expect(detection.reason).toMatchObject({ code: 'E_NPU_SMI', kind: 'tool-timeout' });
    expect(detection.reason?.text).toContain('did not end within 4 s');
    const pids =
      lines
        .find((line) => line.startsWith('pids '))
        ?.split(' ')
        .slice(1) ?? [];
    expect(pids).toHaveLength(2);
    await vi.waitFor(() => expect(pids.filter(isRunning)).toEqual([]), { timeout: 30_000 });
  });

  test('does not hold on through a process that left its group', async () => {
    const { detection, lines } = await detect({ info: 'hang', escape: true }, { timeoutMs: 4000 });
    const pid = Number(lines.find((line) => line.startsWith('pids '))?.split(' ')[2]);
    process.kill(pid, 'SIGKILL');
    expect(detection.reason).toMatchObject({ kind: 'tool-timeout' });
  });

  test('in a later call leaves what the first one said', async () => {
    const { detection, calls } = await detect({ info: 'A3-25.2.0-process', board: 'hang' }, { timeoutMs: 4000 });
    expect(calls).toEqual(['info', 'info -t board -i 0 -c 0', 'info -m']);
    expect(detection).toMatchObject({ reason: { kind: 'unnamed' }, npuSmi: { smiVersion: '25.2.0' } });
    expect(detection.notes[0]).toContain('-t board -i 0 -c 0 did not end');
  });
});

describe('reads a file in place of running anything', () => {
  test('of one call', async () => {
    const detection = await detectSoc({ from: fixturePath('910ProB-24.1.0-8cards.txt'), env: {} });
    expect(detection).toMatchObject({ socVersion: 'Ascend910ProB', source: 'file', reason: null });
  });

  test('of several calls', async () => {
    const from = join(tempDir(), 'answers.txt');
    const table = fixture('A3-25.2.0-process.txt');
    const boards = [0, 1].flatMap((npu) =>
      [0, 1].map((chip) =>
        fixture('board-chip-A3-9392.txt')
          .replace(/(NPU ID +: )0/, `$1${npu}`)
          .replace(/(Chip ID +: )0/, `$1${chip}`),
      ),
    );
    writeFileSync(from, [table, ...boards].join('\n'));
    expect(await detectSoc({ from })).toMatchObject({ socVersion: 'Ascend910_9392', source: 'file' });
  });

  test('with different chips', async () => {
    const from = join(tempDir(), 'mixed.txt');
    const text = fixture('310P3-duo-24.1.0.1-process.txt');
    writeFileSync(from, text.replace('| 2       310P3 ', '| 2       310P1 '));
    const { reason, chips } = await detectSoc({ from });
    expect(reason).toMatchObject({
      code: 'E_SOC',
      kind: 'mixed',
      text: expect.stringContaining('Ascend310P3, Ascend310P1') as string,
    });
    expect(chips.map((chip) => chip.soc_version)).toEqual(['Ascend310P3', 'Ascend310P3', 'Ascend310P1', 'Ascend310P3']);
  });

  test('with a chip that is not known', async () => {
    const from = join(tempDir(), 'new.txt');
    writeFileSync(from, fixture('310-23.0.0.txt').replace('310  ', '310B9'));
    expect((await detectSoc({ from })).reason).toMatchObject({
      kind: 'unnamed',
      text: "the chip 0 of NPU 0 is not known: no chip '310B9' is known",
      hint: expect.stringMatching(/^the nearest that is known is Ascend310B1; name the chip/) as string,
    });
  });

  test('of another kind', async () => {
    const { reason } = await detectSoc({ from: join(import.meta.dirname, 'soc.test.ts') });
    expect(reason).toMatchObject({ code: 'E_NPU_SMI' });
  });

  test('that is not there, not a file, or too large', async () => {
    const folder = tempDir();
    await expect(detectSoc({ from: join(folder, 'none') })).rejects.toMatchObject({ code: 'E_FILE_MISSING' });
    await expect(detectSoc({ from: folder })).rejects.toMatchObject({ code: 'E_FILE_READ' });
    const large = join(folder, 'large');
    writeFileSync(large, 'x'.repeat(1001));
    await expect(detectSoc({ from: large, maxBytes: 1000 })).rejects.toMatchObject({ code: 'E_NPU_SMI' });
    await expect(detectSoc({ from: '/dev/zero', maxBytes: 1000 })).rejects.toMatchObject({ code: 'E_NPU_SMI' });
    expect((await detectSoc({ from: large, maxBytes: 1001 })).reason).toMatchObject({ kind: 'not-npu-smi' });
  });
});

describe('takes the word of the user', () => {
  test.each(['Ascend310P3', 'Ascend910B', 'Ascend910_9392', 'Ascend950PR_9579'])('%s', async (socVersion) => {
    const wanted = { socVersion, source: 'user', reason: null, chips: [], npuSmi: null, notes: [] };
    expect(await detectSoc({ socVersion, npuSmi: '/nowhere', env: {} })).toEqual(wanted);
  });

  test('also for chips newer than the list, with a note', async () => {
    const detection = await detectSoc({ socVersion: 'Ascend310P9', env: {} });
    expect(detection).toMatchObject({ socVersion: 'Ascend310P9', source: 'user' });
    expect(detection.notes).toEqual([
      expect.stringMatching(/not a version that is known here; the nearest is Ascend310P1/),
    ]);
  });

  test('and for what an installed toolkit lists, without', async () => {
    const home = tempDir();
    const folder = join(home, 'aarch64-linux/data/platform_config');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'Ascend310P9.ini'), '');
    expect(await detectSoc({ socVersion: 'Ascend310P9', env: { ASCEND_HOME_PATH: home } })).toMatchObject({
      notes: [],
    });
  });

  test.each([
    ['310P3', /did you mean Ascend310P3/],
    ['ascend310p3', /did you mean Ascend310P3/],
    ['Ascend310P', /Ascend310P1, Ascend310P3, Ascend310P5, Ascend310P7/],
    ['910C', /did you mean Ascend910/],
    ['x', /written like/],
    ['$(reboot)', /written like/],
    ['Ascend910Bx', /did you mean Ascend910B/],
  ])('but not for %s', async (socVersion, hint) => {
    const { reason } = await detectSoc({ socVersion, env: {} });
    expect(reason).toMatchObject({ code: 'E_SOC', kind: 'not-a-version', hint: expect.stringMatching(hint) as string });
  });
});

describe('asks AscendCL before npu-smi', () => {
  test('and believes it', async () => {
    const { detection, calls } = await detect({ info: '310-23.0.0' }, { socNameFromAcl: () => 'Ascend910B4' });
    expect(calls).toEqual([]);
    expect(detection).toMatchObject({ socVersion: 'Ascend910B4', source: 'acl' });
  });

  test.each([
    ['does not know', () => undefined, []],
    ['gives an empty name', () => '', []],
    [
      'fails',
      () => {
        throw new Error('no library');
      },
      ['AscendCL gives no name: no library'],
    ],
  ])('and goes on when it %s', async (_, socNameFromAcl, notes) => {
    const { detection } = await detect({ info: '310-23.0.0' }, { socNameFromAcl });
    expect(detection).toMatchObject({ socVersion: 'Ascend310', source: 'npu-smi', notes });
  });
});

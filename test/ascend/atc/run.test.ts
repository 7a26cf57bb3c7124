import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { planAtc } from '../../../src/ascend/atc/plan.ts';
import { type RunProgress, runPlan } from '../../../src/ascend/atc/run.ts';
import { openOm } from '../../../src/ascend/om/read.ts';
import { processSpace } from '../../../src/io/temporary.ts';
import { SIMULATION, writeModels } from '../../support/atc-models.ts';
import { compilation, simulated, statuses, strays, TOOLKIT, unetOf } from '../../support/atc-run.ts';
import { expectRejection } from '../../support/errors.ts';
import { tempDir } from '../../support/temp-dir.ts';

const OPERATORS = join(SIMULATION, 'aie/set_env.sh');

describe('a run', () => {
  test('compiles what is planned, and leaves nothing else behind', async () => {
    const { dir, run } = await compilation({ external: true });
    const report = await run();
    expect(report).toMatchObject({ ok: true, socVersion: 'Ascend310P3', toolkitVersion: 'simulation' });
    expect(statuses(report)).toEqual(['compiled', 'compiled', 'compiled']);
    const [om] = openOm(join(dir, 'unet/unet.om')).models;
    expect(om).toMatchObject({ socVersion: 'Ascend310P3', atcVersion: 'simulation' });
    expect(om?.inputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['latent_model_input', [2, 4, 8, 8]],
      ['t', [1]],
      ['encoder_hidden_states', [2, 77, 32]],
    ]);
    expect(om?.atcCmdline).toContain('--optypelist_for_implmode=Gelu,Sigmoid');
    expect(strays(dir)).toEqual([]);
    expect(readFileSync(join(dir, 'unet/unet.atc.log'), 'utf8')).toContain('ATC run success');
  });

  test('says how far it is', async () => {
    const { run } = await compilation();
    const seen: RunProgress[] = [];
    await run({ onProgress: (progress) => seen.push(progress) });
    const phases = seen.filter(({ step }) => step === 'unet').map(({ phase }) => phase);
    expect([...new Set(phases)]).toEqual(['reading', 'compiling', 'checking', 'done']);
  });

  test('runs several at a time, and waits for memory', async () => {
    const { run } = await compilation();
    expect(statuses(await run({ jobs: 3, memoryPerStep: 0 }))).toEqual(['compiled', 'compiled', 'compiled']);
    const waiting: string[] = [];
    const report = await run({
      jobs: 3,
      force: true,
      memoryPerStep: Number.MAX_SAFE_INTEGER,
      onProgress: ({ step, phase }) => (phase === 'waiting' ? waiting.push(step) : 0),
    });
    expect(statuses(report)).toEqual(['compiled', 'compiled', 'compiled']);
    expect(waiting).toContain('unet');
  });

  test('gives ATC the files and folders that options name', async () => {
    const { dir, run } = await compilation({ groupNorms: ['/up_blocks.2/resnets.0/norm2'] });
    const set = new Map([['unet', new Map([['op_compiler_cache_dir', 'cache/kernels']])]]);
    const report = await run({}, { set, float32GroupNorm: 'sample' });
    expect(report.ok).toBe(true);
    expect(statSync(join(dir, 'unet/cache/kernels')).isDirectory()).toBe(true);
    expect(existsSync(join(dir, 'unet/unet.customize_dtypes.txt'))).toBe(false);
  });

  test('takes weights along that ATC keeps outside of the model', async () => {
    const { dir, run } = await compilation();
    const set = new Map([['unet', new Map([['external_weight', 1]])]]);
    expect((await run({}, { set, parts: ['unet'] })).ok).toBe(true);
    expect(readFileSync(join(dir, 'unet/weight/constant_0'), 'utf8')).toBe('weights');
    expect(strays(dir)).toEqual([]);
  });

  test('takes the name that models with open shapes get', async () => {
    const { dir, run } = await compilation({ batch: 'batch' });
    const shapes = 'latent_model_input:1~4,4,8,8;t:1;encoder_hidden_states:1~4,77,32';
    const values = new Map([
      ['input_shape', shapes],
      ['host_env_cpu', 'aarch64'],
    ]);
    const report = await run({}, { set: new Map([['unet', values]]), parts: ['unet'] });
    expect(unetOf(report).output?.file).toBe('unet/unet_linux_aarch64.om');
    expect(existsSync(join(dir, 'unet/unet_linux_aarch64.om'))).toBe(true);
  });

  test('checks gears, too', async () => {
    const { dir, run } = await compilation({ batch: 'batch' });
    const values = new Map([
      ['input_shape', 'latent_model_input:-1,4,8,8;t:1;encoder_hidden_states:-1,77,32'],
      ['dynamic_batch_size', '1,2'],
    ]);
    expect((await run({}, { set: new Map([['unet', values]]), parts: ['unet'] })).ok).toBe(true);
    expect(openOm(join(dir, 'unet/unet.om')).models[0]?.gears).toMatchObject({ kind: 'batch', values: [[1], [2]] });
  });

  test('works in a folder whose name ATC would not take', async () => {
    const root = tempDir();
    const dir = join(root, "it's a $(touch pwned);\nfolder");
    mkdirSync(dir);
    await writeModels(dir);
    const plan = await planAtc({ modelDir: dir, socVersion: 'Ascend310P3', env: {}, toolkitScript: TOOLKIT });
    expect((await runPlan(plan, { modelDir: dir, env: simulated() })).ok).toBe(true);
    expect(readdirSync(root)).toHaveLength(1);
  });
});

describe('plugin operators', () => {
  test('compile when the operator package is set up', async () => {
    const { run } = await compilation({ plugins: ['FlashAttentionTik'] });
    expect((await run({}, { operatorsScript: OPERATORS })).ok).toBe(true);
  });

  test('fail with advice when it is not what it says', async () => {
    const { run } = await compilation({ plugins: ['FlashAttentionTik'] });
    // A script that sets up something else.
    const report = await run({ operatorsScript: TOOLKIT });
    const { status, error, atcErrors, advice } = unetOf(report);
    expect({ status, code: error?.code }).toEqual({ status: 'failed', code: 'E_ATC' });
    expect(error?.found).toContain('E16002');
    expect(atcErrors.map(({ code }) => code)).toEqual(['E16002']);
    expect(advice[0]).toContain('--operators-env');
  });

  test('fail before anything runs when its script is missing', async () => {
    const { dir, run } = await compilation({ plugins: ['FlashAttentionTik'] });
    const error = await expectRejection('E_ATC_MISSING', async () => run());
    expect(error.hint).toContain('--operators-env');
    expect(existsSync(join(dir, 'clip/clip.om'))).toBe(false);
  });
});

/** Whether a process runs; one that has ended and is only not collected does not. */
function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return false;
  }
}

describe('ATC that does not end', () => {
  /** Numbers of the processes that a simulated ATC noted in its log. */
  function processes(log: string): number[] {
    const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
    return lines.flatMap((line) => {
      const { pid, child } = JSON.parse(line) as { pid?: number; child?: number };
      return [pid, child].filter((each) => each !== undefined);
    });
  }

  test('is ended after a time, with all that it started', async () => {
    const { dir, run } = await compilation();
    const log = join(dir, 'calls.log');
    const env = simulated({ SDGRAPH_SIM_ATC: 'hang', SDGRAPH_SIM_ATC_LOG: log });
    const report = await run({ env, timeoutMs: 2000 }, { parts: ['unet'] });
    expect(unetOf(report).error?.message).toContain('did not end within 2 s');
    expect(processes(log).filter(isRunning)).toEqual([]);
    expect(strays(dir)).toEqual([]);
  });

  test('is ended when the run is cancelled, with all that it started', async () => {
    const { dir, run } = await compilation();
    const log = join(dir, 'calls.log');
    const controller = new AbortController();
    const env = simulated({ SDGRAPH_SIM_ATC: 'unet:hang', SDGRAPH_SIM_ATC_LOG: log });
    const running = run({ env, signal: controller.signal });
    // The first is of the text encoder.
    await vi.waitFor(() => expect(processes(log)).toHaveLength(3), { timeout: 30_000 });
    controller.abort();
    const report = await running;
    expect(statuses(report)).toEqual(['compiled', 'cancelled', 'not-run']);
    expect(processes(log).filter(isRunning)).toEqual([]);
    expect(strays(dir)).toEqual([]);
    expect(existsSync(join(dir, 'unet/unet.om'))).toBe(false);
  });

  test('is not even started when the run was cancelled before', async () => {
    const { dir, run } = await compilation();
    expect(statuses(await run({ signal: AbortSignal.abort() }))).toEqual(['not-run', 'not-run', 'not-run']);
    expect(existsSync(join(dir, 'clip/clip.atc.log'))).toBe(false);
  });
});

test.each([
  ['6.3.RC2', 1],
  ['7.0.0', 0],
  ['8.1.RC1', 0],
])('a toolkit %s is told when it is older than that of the plan', async (version, count) => {
  const { dir, run } = await compilation();
  const home = join(dir, 'toolkit');
  mkdirSync(join(home, 'x86_64-linux'), { recursive: true });
  writeFileSync(join(home, 'x86_64-linux/ascend_toolkit_install.info'), `version=${version}\n`);
  const report = await run({ env: simulated({ ASCEND_HOME_PATH: home }) }, { parts: ['unet'] });
  expect(report).toMatchObject({ ok: true, toolkitVersion: version });
  expect(unetOf(report).warnings.filter((warning) => warning.includes(version))).toHaveLength(count);
});

test('two runs at once do not mix', async () => {
  const { dir, run } = await compilation();
  const env = simulated({ SDGRAPH_SIM_ATC_SLOW: '300' });
  const reports = await Promise.all([run({ env }), run({ env }), run({ env, keepGoing: true })]);
  const failures = reports.flatMap(({ steps }) => steps).flatMap(({ error }) => error ?? []);
  expect(failures.map(({ code }) => code)).toEqual(failures.map(() => 'E_LOCKED'));
  expect(failures.length).toBeGreaterThan(0);
  // Whoever was locked out finds everything done the next time, or does it.
  expect((await run()).ok).toBe(true);
  expect(statuses(await run())).toEqual(['up-to-date', 'up-to-date', 'up-to-date']);
  const record = JSON.parse(readFileSync(join(dir, 'sdgraph.lock.json'), 'utf8')) as { steps: { name: string }[] };
  expect(record.steps.map(({ name }) => name)).toEqual(['clip', 'unet', 'vae']);
  expect(strays(dir)).toEqual([]);
});

test('three runs for one model each share the record', async () => {
  const { dir, run } = await compilation();
  const reports = await Promise.all(['clip', 'unet', 'vae'].map(async (part) => run({}, { parts: [part] })));
  expect(reports.map(({ ok }) => ok)).toEqual([true, true, true]);
  const record = JSON.parse(readFileSync(join(dir, 'sdgraph.lock.json'), 'utf8')) as { steps: { name: string }[] };
  expect(record.steps.map(({ name }) => name)).toEqual(['clip', 'unet', 'vae']);
});

describe('links', () => {
  test('in the place of a folder, an output, a log or the record are not followed', async () => {
    const elsewhere = tempDir();
    const victim = join(elsewhere, 'victim');
    writeFileSync(victim, 'precious');
    for (const [part, name] of [
      ['unet', 'unet/unet.om'],
      ['unet', 'unet/unet.atc.log'],
      ['unet', 'sdgraph.lock.json'],
    ] as const) {
      const { dir, run } = await compilation();
      symlinkSync(victim, join(dir, name));
      const report = await run({}, { parts: [part] });
      expect(unetOf(report)).toMatchObject({ status: 'failed', error: { code: 'E_PLAN' } });
    }
    const { dir, run } = await compilation();
    renameSync(join(dir, 'unet'), join(elsewhere, 'unet'));
    symlinkSync(join(elsewhere, 'unet'), join(dir, 'unet'));
    expect(unetOf(await run({}, { parts: ['unet'] }))).toMatchObject({ error: { code: 'E_PLAN' } });
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    expect(readdirSync(join(elsewhere, 'unet'))).toEqual(['unet_md.onnx']);
  });

  test('to data are not written through: data with the name of the output is refused', async () => {
    const { dir, run } = await compilation({ external: true });
    const data = readdirSync(join(dir, 'unet')).find((name) => name.endsWith('.data')) ?? '';
    const renamed = data.replace(/\.data$/, 'xx.om');
    renameSync(join(dir, 'unet', data), join(dir, 'unet', renamed));
    const model = join(dir, 'unet/unet_md.onnx');
    writeFileSync(model, readFileSync(model, 'latin1').replaceAll(data, renamed), 'latin1');
    const before = readFileSync(join(dir, 'unet', renamed));
    const settings = { folder: dir, steps: new Map([['unet', { output: renamed.replace(/\.om$/, '') }]]) };
    const report = await run({}, { settings, parts: ['unet'] });
    expect(unetOf(report)).toMatchObject({ status: 'failed', error: { code: 'E_PLAN' } });
    expect(readFileSync(join(dir, 'unet', renamed))).toEqual(before);
  });

  test('as external data are not read', async () => {
    const { dir, run } = await compilation({ external: true });
    const data = readdirSync(join(dir, 'unet')).find((name) => name.endsWith('.data')) ?? '';
    linkSync(join(dir, 'unet', data), join(dir, 'second-name'));
    await expectRejection('E_EXTERNAL_NOT_FILE', async () => run());
  });
});

test('a folder that a killed run left is removed', async () => {
  const { dir, run } = await compilation();
  // No process has the highest number that there is.
  const left = join(dir, `unet/.unet.om.sdgraph-4194304-${processSpace()}-0123456789ab.atc`);
  mkdirSync(left);
  writeFileSync(join(left, 'unet.om'), 'half');
  expect((await run()).ok).toBe(true);
  expect(existsSync(left)).toBe(false);
});

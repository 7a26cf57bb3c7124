import { appendFileSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { planAtc } from '../../../src/ascend/atc/plan.ts';
import { type RunReport, runPlan } from '../../../src/ascend/atc/run.ts';
import { writeModels } from '../../support/atc-models.ts';
import { type Compilation, compilation, simulated, statuses, strays, TOOLKIT, unetOf } from '../../support/atc-run.ts';
import { tempDir } from '../../support/temp-dir.ts';

describe('a failure leaves the old model, says why, and keeps the log', () => {
  test.each([
    ['E10001', /exit code 255/, /sdgraph soc/],
    ['E19999', /exit code 255/, /ascend\/log/],
    ['E40020', /exit code 255/, /sympy/],
    ['no-output', /wrote no model/, undefined],
    ['no-header', /no compiled model/, undefined],
    ['partial', /no compiled model/, undefined],
    ['wrong-soc', /another chip/, undefined],
    ['wrong-input', /does not fit the ONNX model/, undefined],
    ['silent', /did not say that it succeeded/, undefined],
    ['exit-1', /exit code 1/, undefined],
    ['disk-full', /exit code 255/, /free space/],
    ['killed', /ended by SIGKILL/, /TE_PARALLEL_COMPILER/],
  ])('%s', async (mode, message, advice) => {
    const { dir, run } = await compilation();
    await run();
    const old = readFileSync(join(dir, 'unet/unet.om'));
    const report = await run({ force: true, env: simulated({ SDGRAPH_SIM_ATC: `unet:${mode}` }) });
    const step = unetOf(report);
    expect(report.ok).toBe(false);
    expect(statuses(report)).toEqual(['compiled', 'failed', 'not-run']);
    expect(step.error).toMatchObject({ code: 'E_ATC' });
    expect(step.error?.message).toMatch(message);
    if (advice === undefined) expect(step.advice).toEqual([]);
    else expect(step.advice.join('\n')).toMatch(advice);
    expect(step.log).toBe('unet/unet.atc.log');
    expect(readFileSync(join(dir, 'unet/unet.om'))).toEqual(old);
    expect(strays(dir)).toEqual([]);
  });

  test('the others go on when asked to', async () => {
    const { run } = await compilation();
    const report = await run({ keepGoing: true, env: simulated({ SDGRAPH_SIM_ATC: 'clip:E19999' }) });
    expect(statuses(report)).toEqual(['failed', 'compiled', 'compiled']);
  });

  test('a program that prints 100 MB fills the log, not the memory', async () => {
    const { dir, run } = await compilation();
    const report = await run({ env: simulated({ SDGRAPH_SIM_ATC: 'unet:flood' }) }, { parts: ['unet'] });
    expect(report.ok).toBe(true);
    expect(statSync(join(dir, 'unet/unet.atc.log')).size).toBeGreaterThan(99_000_000);
  });

  test('a program that cannot be started', async () => {
    const { dir, run } = await compilation();
    const program = join(dir, 'broken');
    writeFileSync(program, '#!/nowhere/interpreter\n', { mode: 0o755 });
    expect(unetOf(await run({ atc: program }, { parts: ['unet'] })).error).toMatchObject({ code: 'E_ATC' });
  });
});

describe('what is up to date', () => {
  test('is skipped', async () => {
    const { run } = await compilation({ external: true });
    const first = await run();
    const second = await run();
    expect(statuses(second)).toEqual(['up-to-date', 'up-to-date', 'up-to-date']);
    expect(second.steps.map(({ output }) => output)).toEqual(first.steps.map(({ output }) => output));
    expect(statuses(await run({ force: true }))).toEqual(['compiled', 'compiled', 'compiled']);
  });

  test.each<[string, (compiled: Compilation) => Promise<RunReport>]>([
    [
      'the model changed',
      async ({ dir, run }) => {
        await writeModels(dir, { groupNorms: ['/norm'] });
        return run();
      },
    ],
    [
      'its data changed',
      async ({ dir, run }) => {
        const data = readdirSync(join(dir, 'unet')).find((name) => name.endsWith('.data')) ?? '';
        appendFileSync(join(dir, 'unet', data), 'x');
        return run();
      },
    ],
    ['an option changed', async ({ run }) => run({}, { set: new Map([['unet', new Map([['log', 'info']])]]) })],
    [
      'a file of an option changed',
      async ({ dir, run }) => {
        const keep = join(dir, 'keep.txt');
        const set = new Map([['unet', new Map([['keep_dtype', keep]])]]);
        writeFileSync(keep, 'one');
        expect(statuses(await run({}, { set }))).toEqual(['up-to-date', 'compiled', 'up-to-date']);
        writeFileSync(keep, 'two');
        return run({}, { set });
      },
    ],
    [
      'the output changed',
      async ({ dir, run }) => {
        appendFileSync(join(dir, 'unet/unet.om'), 'x');
        return run();
      },
    ],
    [
      'the output is gone',
      async ({ dir, run }) => {
        renameSync(join(dir, 'unet/unet.om'), join(dir, 'unet/old.om'));
        return run();
      },
    ],
  ])('is compiled again when %s', async (_, change) => {
    const compiled = await compilation({ external: true });
    await compiled.run();
    expect(statuses(await change(compiled))).toEqual(['up-to-date', 'compiled', 'up-to-date']);
  });

  test('is compiled again for another chip', async () => {
    const { run } = await compilation();
    await run();
    expect(statuses(await run({}, { socVersion: 'Ascend910B4' }))).toEqual(['compiled', 'compiled', 'compiled']);
  });

  test.each(['{', '{ "formatVersion": 1, "steps": {} }', '[]', '['.repeat(100_000)])(
    'is compiled again when the record is damaged: %#',
    async (text) => {
      const { dir, run } = await compilation();
      await run();
      writeFileSync(join(dir, 'sdgraph.lock.json'), text);
      expect(statuses(await run())).toEqual(['compiled', 'compiled', 'compiled']);
      expect(statuses(await run())).toEqual(['up-to-date', 'up-to-date', 'up-to-date']);
    },
  );
});

test('a model that changed after it was planned for is not compiled', async () => {
  const dir = await writeModels(tempDir());
  const plan = await planAtc({ modelDir: dir, socVersion: 'Ascend310P3', env: {}, toolkitScript: TOOLKIT });
  await writeModels(dir, { groupNorms: ['/norm'] });
  const report = await runPlan(plan, { modelDir: dir, env: simulated() });
  expect(unetOf(report)).toMatchObject({ status: 'failed', error: { code: 'E_FILE_CHANGED' } });
});

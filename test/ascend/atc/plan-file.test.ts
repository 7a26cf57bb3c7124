import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { planAtc } from '../../../src/ascend/atc/plan.ts';
import { type LoadPlanOptions, loadPlan } from '../../../src/ascend/atc/plan-file.ts';
import type { AtcPlan, AtcStep } from '../../../src/ascend/atc/plan-types.ts';
import { writeModels } from '../../support/atc-models.ts';
import { expectRejection } from '../../support/errors.ts';
import { tempDir } from '../../support/temp-dir.ts';

let plan: AtcPlan;

beforeAll(async () => {
  const { mkdtempSync, rmSync } = await import('node:fs');
  const { tmpdir } = await import('node:os');
  const dir = mkdtempSync(join(tmpdir(), 'sdgraph-plan-'));
  await writeModels(dir, { plugins: ['FlashAttentionTik'], external: true });
  plan = await planAtc({ modelDir: dir, socVersion: 'Ascend310P3', env: {} });
  rmSync(dir, { recursive: true });
});

async function load(text: string, options?: LoadPlanOptions): Promise<AtcPlan> {
  const path = join(tempDir(), 'plan.json');
  writeFileSync(path, text);
  return loadPlan(path, options);
}

/** The plan with the step of the UNet changed. */
function changed(change: Partial<AtcStep> | ((step: AtcStep) => object)): string {
  const steps = plan.steps.map((step) =>
    step.name === 'unet' ? { ...step, ...(typeof change === 'function' ? change(step) : change) } : step,
  );
  return JSON.stringify({ ...plan, steps });
}

test('a plan reads as it was written', async () => {
  expect(await load(JSON.stringify(plan))).toEqual(plan);
});

describe('a hostile plan is refused, with the place', () => {
  const model = (file: string) => (step: AtcStep) => ({ model: { ...step.model, file } });
  const option = (name: string, value: string) => (step: AtcStep) => ({
    options: Object.fromEntries([...Object.entries(step.options), [name, value]]),
    argv: [...step.argv, `--${name}=${value}`],
  });

  test.each<[string, Partial<AtcStep> | ((step: AtcStep) => object), string]>([
    ['a folder above', { directory: '../elsewhere' }, '/steps/1/directory'],
    ['a folder above in disguise', { directory: 'unet/../../elsewhere' }, '/steps/1/directory'],
    ['an absolute folder', { directory: '/etc' }, '/steps/1/directory'],
    ['a folder of Windows', { directory: 'C:/models' }, '/steps/1/directory'],
    ['a backslash', { directory: 'unet\\..\\..' }, '/steps/1/directory'],
    ['an output elsewhere', { output: '../../unet' }, '/steps/1/output'],
    ['an output in a folder', { output: 'a/b' }, '/steps/1/output'],
    ['an output like an option', { output: '--help' }, '/steps/1/output'],
    ['an output like the folder', { output: '..' }, '/steps/1/output'],
    ['a model elsewhere', model('../../secret.onnx'), '/steps/1/model/file'],
    ['an absolute model', model('/etc/passwd'), '/steps/1/model/file'],
    [
      'data elsewhere',
      (step) => ({ model: { ...step.model, data: [{ file: '../../x', bytes: 1, sha256: null }] } }),
      '/steps/1/model/data/0/file',
    ],
    ['a file that ATC does not write', { expected: ['unet.om', '.bashrc'] }, '/steps/1/expected/1'],
    ['a file elsewhere that ATC does not write', { expected: ['../unet.om'] }, '/steps/1/expected/0'],
    ['another command line', (step) => ({ argv: [...step.argv, '--output=/tmp/x'] }), '/steps/1/argv'],
    ['a shorter command line', (step) => ({ argv: step.argv.slice(1) }), '/steps/1/argv'],
    ['an option of the planner', option('output', '/tmp/x'), '/steps/1/options/output'],
    ['an option of another mode', option('singleop', 'x.json'), '/steps/1/options/singleop'],
    ['an option that does not exist', option('exec', 'x'), '/steps/1/options/exec'],
    ['a value with a line in it', option('input_shape', 'x:1\n--output=/tmp/x'), '/steps/1/options/input_shape'],
    ['a folder for debugging elsewhere', option('debug_dir', '/etc'), '/steps/1/options/debug_dir'],
    ['an option spelled with dashes', option('input-format', 'ND'), '/steps/1/options/input-format'],
    ['a file named as a value', option('keep_dtype', '/etc/passwd'), '/steps/1/options/keep_dtype'],
    ['an option called __proto__', option('__proto__', 'x'), '/steps/1/options/__proto__'],
    ['options that exclude each other', (step) => withModes(step), '/steps/1/options'],
    ['a name that is taken', { name: 'clip' }, '/steps/1/name'],
    ['an output that is taken', { directory: 'clip', output: 'clip' }, '/steps/1/output'],
    ['a name with a slash', { name: 'a/b' }, '/steps/1/name'],
    ['a hash that is none', (step) => ({ model: { ...step.model, sha256: 'x' } }), '/steps/1/model/sha256'],
    [
      'a file elsewhere',
      { files: [{ option: 'keep_dtype', file: '../unet.txt', content: '' }] },
      '/steps/1/files/0/file',
    ],
    [
      'a file in place of the model',
      { files: [{ option: 'keep_dtype', file: 'unet_md.onnx', content: '' }] },
      '/steps/1/files/0/file',
    ],
    [
      'a file for an option that takes none',
      { files: [{ option: 'log', file: 'unet.log.txt', content: '' }] },
      '/steps/1/files/0/option',
    ],
    [
      'options of the engine',
      { files: [{ option: 'raw_ge_options', file: 'unet.raw_ge_options.json', content: '{}' }] },
      '/steps/1/files/0',
    ],
    ['more properties', { shell: 'rm -rf /' } as object, '/steps/1'],
  ])('%s', async (_, change, path) => {
    const error = await expectRejection('E_PLAN', async () => load(changed(change)));
    expect(error.where.path).toBe(path);
  });

  function withModes(step: AtcStep): object {
    return {
      options: { ...step.options, precision_mode: 'force_fp16', precision_mode_v2: 'fp16' },
      argv: [
        ...step.argv.slice(0, 5),
        '--precision_mode=force_fp16',
        '--precision_mode_v2=fp16',
        ...step.argv.slice(5),
      ],
    };
  }

  test.each([
    ['no JSON', '{'],
    ['a list', '[]'],
    ['null', 'null'],
    ['nothing', ''],
    ['a future version', '{ "formatVersion": 2 }'],
    ['deep nesting', `${'['.repeat(200_000)}${']'.repeat(200_000)}`],
    ['deep nesting inside', `{ "formatVersion": 1, "steps": ${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)} }`],
  ])('%s', async (_, text) => {
    await expectRejection('E_PLAN', async () => load(text));
  });

  test('__proto__ as a property is a property, and refused', async () => {
    await expectRejection('E_PLAN', async () => load(`{ "__proto__": {}, ${JSON.stringify(plan).slice(1)}`));
    expect(Object.hasOwn(Object.prototype, 'formatVersion')).toBe(false);
  });

  test('a script from an unusual place runs only when the caller names it', async () => {
    const text = JSON.stringify({ ...plan, environment: [{ kind: 'toolkit', script: '/tmp/evil.sh' }] });
    const error = await expectRejection('E_PLAN', async () => load(text));
    expect(error.where.path).toBe('/environment/0/script');
    expect((await load(text, { scripts: ['/tmp/evil.sh'] })).environment).toHaveLength(1);
  });

  test('options of the engine are taken when the caller allows them', async () => {
    const files = [{ option: 'raw_ge_options', file: 'unet.raw_ge_options.json', content: '{}' }];
    const argv = (step: AtcStep): string[] => [
      ...step.argv.slice(0, -1),
      '--raw_ge_options=./unet.raw_ge_options.json',
      ...step.argv.slice(-1),
    ];
    const text = changed((step) => ({ files, argv: argv(step) }));
    expect((await load(text, { allowUnsafe: true })).steps[1]?.files).toEqual(files);
  });
});

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadPlan } from '../../src/ascend/atc/plan-file.ts';
import { writeModels } from '../support/atc-models.ts';
import { buildCli, type Cli } from '../support/cli.ts';
import { tempDir } from '../support/temp-dir.ts';

let cli: Cli;

beforeAll(() => {
  cli = buildCli();
});

afterAll(() => cli.remove());

const CHIP = ['--soc-version', 'Ascend310P3'];

test('shows the commands, ready to be copied', async () => {
  const cwd = tempDir();
  await writeModels(join(cwd, 'models'));
  const { code, stdout, stderr } = await cli.run(['plan', ...CHIP], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^Ascend310P3 \(as given\)$/m);
  expect(stdout).toMatch(/^unet {2}models\/unet\/unet_md\.onnx \(\S+ k?B\) -> models\/unet\/unet\.om$/im);
  expect(stdout).toMatch(/^ {2}t {2}int32\[1\]$/m);
  const [, command = ''] = /^ {2}cd models\/unet\n {2}(atc (?:.*\\\n)*.*)$/m.exec(stdout) ?? [];
  expect(command.replaceAll(/\\\n\s+/g, '')).toBe(
    'atc --framework=5 --model=./unet_md.onnx --output=./unet --input_format=NCHW --log=error ' +
      '--optypelist_for_implmode=Gelu,Sigmoid --op_select_implmode=high_performance --soc_version=Ascend310P3',
  );
});

test('takes spellings of the sample', async () => {
  const dir = await writeModels(tempDir());
  const { stdout } = await cli.run(['plan', '--model_dir', dir, '--soc_version=Ascend310P3', '--parts', 'clip']);
  expect(stdout).toContain('--soc_version=Ascend310P3');
});

describe('the document', () => {
  test('can be read again, and follows its schema', async () => {
    const dir = await writeModels(tempDir(), { plugins: ['FlashAttentionTik'], external: true });
    const file = join(dir, 'plan.json');
    const flags = ['--model-dir', dir, ...CHIP, '--set', 'unet.log=info', '--set', 'vae.log='];
    const { stdout } = await cli.run(['plan', ...flags, '--json', '--output', file]);
    expect(readFileSync(file, 'utf8')).toBe(stdout);
    const plan = await loadPlan(file);
    expect(plan).toEqual(JSON.parse(stdout));
    expect(plan.steps.map(({ options }) => options['log'])).toEqual(['error', 'info', undefined]);
    const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema('docs/json/plan.schema.json'));
    validate(plan);
    expect(validate.errors).toBeNull();
  });

  test('has the schema that plans from files are checked with', () => {
    const { $defs: documented = {} } = schema('docs/json/plan.schema.json') as { $defs?: Record<string, unknown> };
    const { $schema: _, title: __, $defs: used = {}, ...result } = schema('src/ascend/atc/plan.schema.json');
    expect(documented).toMatchObject({ result, ...(used as object) });
  });

  test('of an error follows the schema, too', async () => {
    const { code, stdout } = await cli.run(['plan', '--model-dir', tempDir(), ...CHIP, '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'E_FILE_MISSING' } });
  });
});

function schema(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../..', path), 'utf8')) as Record<string, unknown>;
}

test('writes a script', async () => {
  const dir = await writeModels(tempDir());
  const file = join(dir, 'compile.sh');
  const { code, stdout } = await cli.run(['plan', '--model-dir', dir, ...CHIP, '--format', 'sh', '--output', file]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(execFileSync('bash', ['-n', file]).toString()).toBe('');
});

test('reads a configuration, and asks no NPU when it names the chip', async () => {
  const dir = await writeModels(tempDir());
  const config = join(dir, 'atc.json');
  writeFileSync(config, JSON.stringify({ socVersion: 'Ascend910B4', steps: { unet: { float32GroupNorm: 'all' } } }));
  const { code, stdout, stderr } = await cli.run(['plan', '--model-dir', dir, '--config', config]);
  expect(code).toBe(0);
  expect(stdout).toContain('Ascend910B4');
  expect(stderr).toMatch(/^warning: unet: the model has no group normalization/m);
});

test('warns on stderr, with what to do', async () => {
  const dir = await writeModels(tempDir(), { unet: 'unet.onnx' });
  const { code, stderr } = await cli.run(['plan', '--model-dir', dir, ...CHIP]);
  expect(code).toBe(0);
  expect(stderr).toMatch(/^warning: unet: .*unet_md\.onnx is not there/m);
  expect(stderr).toMatch(/^hint: write it with sdgraph optimize/m);
  expect((await cli.run(['plan', '--model-dir', dir, ...CHIP, '--quiet'])).stderr).toBe('');
});

test.each([
  [['--soc-version', 'Ascend310P3', '--from', 'x.txt'], 2, /exclude each other/],
  [['--set', 'unet=1'], 2, /STEP\.OPTION=VALUE/],
  [['--json', '--format', 'sh'], 2, /contradict/],
  [[...CHIP, '--parts', 'unet,text'], 1, /no step 'text'.*E_PLAN/],
  [[...CHIP, '--set', 'unet.precison_mode=fp16'], 1, /did you mean 'precision_mode'/],
  [['--soc-version', 'Ascend310P'], 1, /E_SOC/],
])('%j exits with %i', async (flags, code, message) => {
  const dir = await writeModels(tempDir());
  const result = await cli.run(['plan', '--model-dir', dir, ...flags]);
  expect(result.code).toBe(code);
  expect(result.stderr).toMatch(message);
});

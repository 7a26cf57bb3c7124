import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type PlanOptions, planAtc } from '../../../src/ascend/atc/plan.ts';
import type { AtcPlan, AtcStep } from '../../../src/ascend/atc/plan-types.ts';
import { loadPlanSettings } from '../../../src/ascend/atc/step-settings.ts';
import { SIMULATION, writeModels } from '../../support/atc-models.ts';
import { expectRejection } from '../../support/errors.ts';
import { tempDir } from '../../support/temp-dir.ts';

const CHIP = 'Ascend310P3';

/** Plans without looking at this machine. */
async function plan(modelDir: string, options: Partial<PlanOptions> = {}): Promise<AtcPlan> {
  return planAtc({ modelDir, socVersion: CHIP, env: {}, ...options });
}

function step({ steps }: AtcPlan, name: string): AtcStep {
  const found = steps.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no step ${name}`);
  return found;
}

/** The commands in the sample's own words, with the folder in which each is run. */
const SAMPLE = [
  {
    name: 'clip',
    folder: '.',
    command: `atc --framework=5 \\
      --model=./models_bs1/clip/clip.onnx \\
      --output=./models_bs1/clip/clip \\
      --input_format=ND \\
      --log=error \\
      --soc_version=Ascend310P3`,
  },
  {
    name: 'unet',
    folder: './models_bs1/unet/',
    command: `atc --framework=5 \\
      --model=./unet_md.onnx \\
      --output=./unet \\
      --input_format=NCHW \\
      --log=error \\
      --optypelist_for_implmode="Gelu,Sigmoid" \\
      --op_select_implmode=high_performance \\
      --soc_version=Ascend310P3`,
  },
  {
    name: 'vae',
    folder: '.',
    command: `atc --framework=5 \\
      --model=./models_bs1/vae/vae.onnx \\
      --output=./models_bs1/vae/vae \\
      --input_format=NCHW \\
      --log=error \\
      --soc_version=Ascend310P3`,
  },
];

/** Options in order, paths made absolute. */
function flags(argv: readonly string[], folder: string): [string, string][] {
  return argv.map((argument) => {
    const [, name = '', value = ''] = /^--(\w+)=(.*)$/.exec(argument) ?? [];
    return [name, name === 'model' || name === 'output' ? resolve(folder, value) : value];
  });
}

test('plans the commands of the sample, flag for flag', async () => {
  const root = tempDir();
  await writeModels(join(root, 'models_bs1'));
  const made = await plan(join(root, 'models_bs1'));
  expect(made.steps.map(({ name }) => name)).toEqual(SAMPLE.map(({ name }) => name));
  for (const { name, folder, command } of SAMPLE) {
    const words = command.replaceAll('\\\n', ' ').replaceAll('"', '').split(/ +/).slice(1);
    const { argv, directory } = step(made, name);
    expect(flags(argv, join(root, 'models_bs1', directory))).toEqual(flags(words, join(root, folder)));
  }
  expect(made).toMatchObject({
    formatVersion: 1,
    socVersion: { value: CHIP, source: 'option' },
    environment: [{ kind: 'toolkit', script: '/usr/local/Ascend/ascend-toolkit/set_env.sh' }],
    warnings: [],
  });
});

test('says what goes in and out, and what the files hold', async () => {
  const dir = await writeModels(tempDir(), { external: true });
  const { model, inputs, outputs, expected } = step(await plan(dir), 'unet');
  expect(inputs).toEqual([
    { name: 'latent_model_input', type: 'float32', shape: [2, 4, 8, 8] },
    { name: 't', type: 'int32', shape: [1] },
    { name: 'encoder_hidden_states', type: 'float32', shape: [2, 77, 32] },
  ]);
  expect(outputs).toEqual([{ name: 'sample', type: 'float32', shape: [2, 4, 8, 8] }]);
  expect(expected).toEqual(['unet.om']);
  expect(model.data).toHaveLength(1);
  for (const { file, bytes, sha256 } of [model, ...model.data]) {
    const content = readFileSync(join(dir, 'unet', file));
    expect({ bytes, sha256 }).toEqual({
      bytes: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
    });
  }
});

test('leaves hashes out when they are not wanted, and is the same otherwise', async () => {
  const dir = await writeModels(tempDir(), { external: true });
  const [whole, quick] = [await plan(dir), await plan(dir, { hash: false })];
  expect(step(quick, 'unet').model.data[0]?.sha256).toBeNull();
  const text = (made: AtcPlan): string => JSON.stringify(made).replaceAll(/"sha256":(?:null|"\w+")/g, '');
  expect(text(quick)).toBe(text(whole));
});

describe('the model of the UNet', () => {
  test('is the exported one, with a warning, where there is no optimized one', async () => {
    const dir = await writeModels(tempDir(), { unet: 'unet.onnx' });
    const made = await plan(dir);
    expect(step(made, 'unet').argv).toContain('--model=./unet.onnx');
    expect(made.warnings).toMatchObject([{ rule: 'not-optimized', step: 'unet' }]);
    expect(made.warnings[0]?.hint).toContain('sdgraph optimize');
  });

  test('has to be there', async () => {
    const dir = await writeModels(tempDir());
    rmSync(join(dir, 'vae'), { recursive: true });
    const error = await expectRejection('E_FILE_MISSING', async () => plan(dir));
    expect(error.message).toContain('vae');
    expect((await plan(dir, { parts: ['unet', 'clip'] })).steps.map(({ name }) => name)).toEqual(['clip', 'unet']);
  });
});

describe('the chip', () => {
  test('comes from what npu-smi printed', async () => {
    const dir = await writeModels(tempDir());
    const from = join(import.meta.dirname, '../../../fixtures/npu-smi/910B4-25.5.2-single.txt');
    const made = await planAtc({ modelDir: dir, from, env: {} });
    expect(made.socVersion).toEqual({ value: 'Ascend910B4', source: 'file' });
    expect(step(made, 'clip').argv.at(-1)).toBe('--soc_version=Ascend910B4');
  });

  test('comes from npu-smi itself', async () => {
    const dir = await writeModels(tempDir());
    const { PATH = '' } = process.env;
    const made = await planAtc({ modelDir: dir, npuSmi: join(SIMULATION, 'npu-smi'), env: { PATH } });
    expect(made.socVersion).toEqual({ value: 'Ascend310P3', source: 'npu-smi' });
  });

  test('has to be a full version', async () => {
    const dir = await writeModels(tempDir());
    const error = await expectRejection('E_SOC', async () => plan(dir, { socVersion: 'Ascend310P' }));
    expect(error.hint).toContain('Ascend310P3');
  });

  test('may be newer than the table, with a warning', async () => {
    const dir = await writeModels(tempDir());
    const made = await plan(dir, { socVersion: 'Ascend777' });
    expect(made.warnings).toMatchObject([{ rule: 'soc-version', step: null }]);
  });
});

describe('plugin operators', () => {
  test('need the operator package and its script', async () => {
    const dir = await writeModels(tempDir(), { plugins: ['FlashAttentionTik'], batch: 2 });
    const made = await plan(dir);
    expect(step(made, 'unet').pluginOperators).toEqual(['FlashAttentionTik']);
    expect(made.environment).toEqual([
      { kind: 'toolkit', script: '/usr/local/Ascend/ascend-toolkit/set_env.sh' },
      { kind: 'operators', script: '/usr/local/Ascend/aie/set_env.sh' },
    ]);
    expect(made.requires.map(({ because }) => because)).toEqual([
      'it has ATC',
      'it has the operators FlashAttentionTik',
    ]);
  });

  test.each([
    ['FlashAttentionTik', 'Ascend910B4'],
    ['FlashAttentionTik', 'Ascend310'],
    ['FlashAttentionTik', 'Ascend910_9392'],
    ['UnpadFlashAttentionMix', 'Ascend310P3'],
    ['UnpadFlashAttentionMix', 'Ascend910A'],
    ['TomeMerged', 'Ascend310B4'],
    ['SliceTransGeluMul', 'Ascend910_9392'],
  ])('%s is refused on %s', async (plugin, socVersion) => {
    const dir = await writeModels(tempDir(), { plugins: [plugin] });
    const error = await expectRejection('E_PLAN', async () => plan(dir, { socVersion }));
    expect(error.message).toContain(plugin);
  });

  test('scripts are found beside the toolkit that the environment names', async () => {
    const dir = await writeModels(tempDir(), { plugins: ['FlashAttentionTik'] });
    const root = tempDir();
    const made = await plan(dir, { env: { ASCEND_TOOLKIT_HOME: join(root, 'ascend-toolkit/latest') } });
    expect(made.environment[0]?.script).toBe('/usr/local/Ascend/ascend-toolkit/set_env.sh');
    const scripts = { toolkitScript: '/opt/tools.sh', operatorsScript: '/opt/ops.sh' };
    expect((await plan(dir, scripts)).environment.map(({ script }) => script)).toEqual([
      '/opt/tools.sh',
      '/opt/ops.sh',
    ]);
  });
});

describe('operator sets', () => {
  test.each([10, 19])('%i is refused', async (opset) => {
    const dir = await writeModels(tempDir(), { opset });
    const error = await expectRejection('E_PLAN', async () => plan(dir));
    expect(error.message).toContain(`operator set ${opset}`);
  });

  test('17 is for new toolkits', async () => {
    const dir = await writeModels(tempDir(), { opset: 17 });
    expect((await plan(dir)).warnings.map(({ rule }) => rule)).toEqual(['opset']);
  });
});

describe('open dimensions', () => {
  test('need an option', async () => {
    const dir = await writeModels(tempDir(), { batch: 'batch' });
    const error = await expectRejection('E_PLAN', async () => plan(dir));
    expect(error.message).toContain("'latent_model_input' is open");
    expect(error.message).toContain("'encoder_hidden_states' is open");
  });

  test('become gears', async () => {
    const dir = await writeModels(tempDir(), { batch: 'batch' });
    const shapes = 'latent_model_input:-1,4,8,8;t:1;encoder_hidden_states:-1,77,32';
    const values = new Map([
      ['input_shape', shapes],
      ['dynamic_batch_size', '1,2,4'],
    ]);
    const { argv, expected } = step(await plan(dir, { set: new Map([['unet', values]]) }), 'unet');
    expect(argv).toContain(`--input_shape=${shapes}`);
    expect(argv).toContain('--dynamic_batch_size=1,2,4');
    expect(expected).toEqual(['unet.om']);
  });

  test('become ranges, and the name of the system may become part of the name', async () => {
    const dir = await writeModels(tempDir(), { batch: 'batch' });
    const values = new Map([
      ['input_shape', 'latent_model_input:1~4,4,8,8;t:1;encoder_hidden_states:1~4,77,32'],
      ['host_env_cpu', 'aarch64'],
    ]);
    const { expected } = step(await plan(dir, { set: new Map([['unet', values]]) }), 'unet');
    expect(expected).toEqual(['unet.om', 'unet_linux_aarch64.om']);
  });
});

describe('settings', () => {
  /** Writes a configuration beside the models and plans with it. */
  async function planWith(config: unknown, files: Record<string, string> = {}): Promise<AtcPlan> {
    const dir = await writeModels(tempDir());
    for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
    writeFileSync(join(dir, 'atc.json'), JSON.stringify(config));
    return plan(dir, { settings: await loadPlanSettings(join(dir, 'atc.json')) });
  }

  test('reach all steps or one, and take defaults away', async () => {
    const made = await planWith({
      options: { log: 'info', precision_mode_v2: 'origin' },
      steps: { unet: { options: { optypelist_for_implmode: null, op_select_implmode: null, external_weight: 1 } } },
    });
    expect(step(made, 'clip').options).toEqual({ input_format: 'ND', log: 'info', precision_mode_v2: 'origin' });
    expect(step(made, 'unet').options).toEqual({
      input_format: 'NCHW',
      external_weight: '1',
      precision_mode_v2: 'origin',
      log: 'info',
    });
  });

  test('add steps, and name models and outputs', async () => {
    const made = await planWith({
      steps: { vae: { output: 'decoder' }, encoder: { model: './clip/clip.onnx', output: 'encoder' } },
    });
    expect(made.steps.map(({ name, output, directory }) => [name, directory, output])).toEqual([
      ['clip', 'clip', 'clip'],
      ['unet', 'unet', 'unet'],
      ['vae', 'vae', 'decoder'],
      ['encoder', 'clip', 'encoder'],
    ]);
  });

  test('take files along', async () => {
    const config = { steps: { unet: { options: { keep_dtype: 'keep.txt', precision_mode_v2: 'mixed_float16' } } } };
    const { files, argv } = step(await planWith(config, { 'keep.txt': 'OpType::Softmax\n' }), 'unet');
    expect(files).toEqual([{ option: 'keep_dtype', file: 'unet.keep_dtype.txt', content: 'OpType::Softmax\n' }]);
    expect(argv).toContain('--keep_dtype=./unet.keep_dtype.txt');
  });

  test.each([
    ['an option that does not exist', { options: { lgo: 'error' } }, 'E_PLAN'],
    ['a value that does not exist', { steps: { unet: { options: { log: 'loud' } } } }, 'E_PLAN'],
    ['a file that does not exist', { options: { keep_dtype: 'nothing.txt' } }, 'E_FILE_MISSING'],
    ['a model that does not exist', { steps: { more: { model: 'more.onnx' } } }, 'E_FILE_MISSING'],
    ['a step without a model', { steps: { more: {} } }, 'E_PLAN'],
    ['a model elsewhere', { steps: { unet: { model: '../unet.onnx' } } }, 'E_PLAN'],
    ['an output elsewhere', { steps: { unet: { output: '../unet' } } }, 'E_PLAN'],
    ['one output for two', { steps: { more: { model: 'clip/clip.onnx', output: 'clip' } } }, 'E_PLAN'],
    ['a property that does not exist', { step: {} }, 'E_CONFIG'],
    ['another type', { steps: { unet: { options: { log: ['error'] } } } }, 'E_CONFIG'],
  ] as const)('refuse %s', async (_, config, code) => {
    await expectRejection(code, async () => planWith(config));
  });

  test('of a step that does not exist are refused', async () => {
    const dir = await writeModels(tempDir());
    await expectRejection('E_PLAN', async () => plan(dir, { set: new Map([['unett', new Map()]]) }));
    await expectRejection('E_PLAN', async () => plan(dir, { parts: ['unett'] }));
  });

  test('report all that is wrong at once', async () => {
    const dir = await writeModels(tempDir(), { opset: 10 });
    const set = new Map([['clip', new Map([['optypelist_for_implmode', 'Gelu']])]]);
    const { message } = await expectRejection('E_PLAN', async () => plan(dir, { set }));
    expect(message).toContain('--optypelist_for_implmode needs --op_select_implmode');
    expect(message).toContain('unet: the model has operator set 10');
  });
});

describe('group normalizations in float32', () => {
  const names = ['/up_blocks.2/resnets.0/norm2', '/conv_norm_out', '/up_blocks.3/resnets.0/norm1'];

  test('are those of the sample', async () => {
    const dir = await writeModels(tempDir(), { groupNorms: names });
    const { files, argv } = step(await plan(dir, { float32GroupNorm: 'sample' }), 'unet');
    expect(files).toEqual([
      {
        option: 'customize_dtypes',
        file: 'unet.customize_dtypes.txt',
        content:
          '/up_blocks.2/resnets.0/norm2/Mul/GroupNorm:InputDtype:float32\n' +
          '/up_blocks.3/resnets.0/norm1/Mul/GroupNorm:InputDtype:float32\n',
      },
    ]);
    expect(argv).toContain('--customize_dtypes=./unet.customize_dtypes.txt');
  });

  test('are all', async () => {
    const dir = await writeModels(tempDir(), { groupNorms: names });
    const [file] = step(await plan(dir, { float32GroupNorm: 'all' }), 'unet').files;
    expect(file?.content.split('\n')).toEqual([...names.map((name) => `${name}/Mul/GroupNorm:InputDtype:float32`), '']);
  });

  test('are not there, which is a warning', async () => {
    const made = await plan(await writeModels(tempDir()), { float32GroupNorm: 'all' });
    expect(step(made, 'unet').files).toEqual([]);
    expect(made.warnings.map(({ rule }) => rule)).toEqual(['group-norm']);
  });
});

describe('a profile of other chips', () => {
  test('is refused where models have plugin operators', async () => {
    const dir = await writeModels(tempDir(), { plugins: ['FlashAttentionTik'] });
    const options = { socVersion: 'Ascend310B1', target: 'ascend310p-aie-7.0' };
    const error = await expectRejection('E_PLAN', async () => plan(dir, options));
    expect(error.message).toContain('ascend310p-aie-7.0 is a profile of Ascend310P1,');
    expect(error.message).toContain('not of Ascend310B1');
  });

  test('is a warning where the chip is of the same family', async () => {
    const dir = await writeModels(tempDir(), { plugins: ['FlashAttentionTik'] });
    const profile = new URL('../../../fixtures/targets/tiny-310p.json', import.meta.url);
    const target = join(dir, 'old.json');
    writeFileSync(
      target,
      readFileSync(profile, 'utf8')
        .replace('"Ascend310P7"', '"Ascend310P9"')
        .replace('"$schema": "../../src/targets/schema.json",', ''),
    );
    const { warnings } = await plan(dir, { socVersion: 'Ascend310P7', target, parts: ['unet'] });
    expect(warnings).toMatchObject([{ rule: 'other-chip', severity: 'warning', step: 'unet' }]);
  });
});

test('options that not every toolkit has are pointed out', async () => {
  const dir = await writeModels(tempDir());
  const values = new Map([
    ['save_original_model', 'true'],
    ['quant_dumpable', '1'],
  ]);
  const { warnings } = await plan(dir, { set: new Map([['vae', values]]) });
  expect(warnings.map(({ rule, message }) => `${rule} ${message.split(' ', 1)[0]}`)).toEqual([
    'option-age --save_original_model',
    'option-age --quant_dumpable',
  ]);
});

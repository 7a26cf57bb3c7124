import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readImageInfo } from '../../src/diffusion/image-info.ts';
import { exportCheckpoint } from '../../src/export/export.ts';
import { simulatedAscendCl } from '../support/ascendcl.ts';
import { SIMULATION } from '../support/atc-models.ts';
import { buildCli, type Cli, type CliResult } from '../support/cli.ts';
import { tempDir } from '../support/temp-dir.ts';
import { tinySd } from '../support/tiny-sd.ts';

const built = simulatedAscendCl();
const library = 'library' in built ? built.library : '';
const skipped = 'reason' in built ? ` (skipped: ${built.reason})` : '';

const CHECKPOINT = tinySd('sd15');

let cli: Cli;
let models: string;

beforeAll(async () => {
  if (library === '') return;
  cli = buildCli();
  models = mkdtempSync(join(realpathSync(tmpdir()), 'sdgraph-models-'));
  for (const parallel of [false, true]) {
    const outputDir = join(models, parallel ? 'two' : 'one');
    await exportCheckpoint({ model: CHECKPOINT, outputDir, weights: 'copy', timestep: 'int32', parallel });
    for (const name of ['clip', 'unet', 'vae']) {
      const stem = join(outputDir, name, name);
      const args = ['--framework=5', `--model=${stem}.onnx`, `--output=${stem}`, '--soc_version=Ascend310P3'];
      execFileSync(join(SIMULATION, 'atc'), args, { stdio: 'pipe' });
    }
  }
});

afterAll(() => {
  if (library === '') return;
  cli.remove();
  rmSync(models, { recursive: true, force: true });
});

interface Ran extends CliResult {
  /** What the library says about its use: everything given back, nothing done that a real one does not allow. */
  readonly ledger: unknown;
}

/** Renders two prompts in two steps on simulated devices. */
async function run(cwd: string, flags: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const file = join(cwd, 'ledger.json');
  const prompts = ['--prompt', 'a', '--prompt', 'b', '--steps', '2', '--seed', '3'];
  const result = await cli.run(['run', '-m', CHECKPOINT, ...prompts, ...flags], {
    cwd,
    env: { SDGRAPH_ASCENDCL: library, SDGRAPH_SIM_ACL_DEVICES: '2', SDGRAPH_SIM_ACL_LEDGER: file, ...env },
  });
  return { ...result, ledger: existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as unknown) : undefined };
}

const clean = { leaks: 0, violationCount: 0 };

describe.skipIf(library === '')(`on simulated devices${skipped}`, () => {
  test('one device and two make the images that onnxruntime makes', async () => {
    const [cpu, one, two] = [tempDir(), tempDir(), tempDir()];
    const results = [
      await run(cpu, ['--model-dir', join(models, 'one'), '--backend', 'ort']),
      await run(one, ['--model-dir', join(models, 'one')]),
      await run(two, ['--model-dir', join(models, 'two'), '--device', '1,0']),
    ];
    for (const { code, stderr } of results) expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const { ledger } of results.slice(1)) expect(ledger).toMatchObject(clean);
    for (const name of ['0_0.png', '1_0.png']) {
      const wanted = readFileSync(join(cpu, 'results', name));
      expect(wanted.equals(readFileSync(join(one, 'results', name)))).toBe(true);
      expect(existsSync(join(two, 'results', name))).toBe(true);
    }
  });

  test.each([
    // The text encoder runs for the prompt and for the empty one, the UNet twice, the decoder once: then comes image 2.
    ['a device that is lost on the way', 'one', ['--device', '0'], { LOST: '0:7' }, /507901/],
    ['the second device lost', 'two', ['--device', '0,1'], { LOST: '1:4' }, /507901/],
    ['a run that fails', 'one', [], { FAIL: 'aclmdlExecuteAsync:7:507011:the model broke' }, /507011/],
    [
      'a device that hangs',
      'one',
      ['--timeout', '1'],
      { FAIL: 'aclrtSynchronizeStreamWithTimeout:16:507046:' },
      /507046/,
    ],
  ] as const)('%s: what was made is kept', async (_, dir, flags, variables, message) => {
    const cwd = tempDir();
    const env = Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [`SDGRAPH_SIM_ACL_${name}`, value]),
    );
    const { code, stderr, ledger } = await run(cwd, ['--model-dir', join(models, dir), ...flags], env);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/\[E_\w+\]/);
    expect(code).toBe(1);
    expect(readdirSync(join(cwd, 'results'))).toEqual(['0_0.png']);
    expect(readImageInfo(join(cwd, 'image_info.json')).map(({ prompt }) => prompt)).toEqual(['a']);
    expect(ledger).toMatchObject(clean);
  });

  test.each([
    ['a device that is not there', 'one', ['--device', '5'], {}, /device 5/],
    ['a second device that is not there', 'two', ['--device', '0,5'], {}, /device 5/],
    ['too little memory', 'one', [], { SDGRAPH_SIM_ACL_MEMORY: '1000000' }, /E_ACL_MEMORY/],
    ['a model for another chip', 'one', [], { SDGRAPH_SIM_ACL_SOC: 'Ascend910B4' }, /Ascend310P3|chip/],
    ['a machine without a driver', 'one', [], { SDGRAPH_SIM_ACL_SOC: 'none' }, /driver|500000/],
    ['a library that is not there', 'one', [], { SDGRAPH_ASCENDCL: '/nowhere/libascendcl.so' }, /libascendcl\.so/],
  ] as const)('%s is refused before anything is made', async (_, dir, flags, env, message) => {
    const cwd = tempDir();
    const { code, stderr, ledger } = await run(cwd, ['--model-dir', join(models, dir), ...flags], env);
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
    expect(existsSync(join(cwd, 'image_info.json'))).toBe(false);
    if (ledger !== undefined) expect(ledger).toMatchObject(clean);
  });

  test('a compiled model that is cut off is refused', async () => {
    const cwd = tempDir();
    cpSync(join(models, 'one'), join(cwd, 'models'), { recursive: true });
    const om = join(cwd, 'models/unet/unet.om');
    copyFileSync(join(models, 'one/unet/unet.om'), om);
    truncateSync(om, 5000);
    const { code, stderr, ledger } = await run(cwd, ['--model-dir', 'models']);
    expect(stderr).toContain('unet.om');
    expect(code).toBe(1);
    expect(ledger).toMatchObject(clean);
  });
});

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeOm } from '../../src/ascend/om/write.ts';
import { MemorySource } from '../../src/wire/source.ts';
import { buildCli, type Cli } from '../support/cli.ts';
import { OM_FIXTURES } from '../support/om-samples.ts';
import { tempDir } from '../support/temp-dir.ts';

let cli: Cli;

beforeAll(() => {
  cli = buildCli();
});

afterAll(() => cli.remove());

test('shows what a compiled model says of itself, under any name', async () => {
  const cwd = tempDir();
  copyFileSync(join(OM_FIXTURES, 'synthetic-unet-static.om'), join(cwd, 'model.bin'));
  const { code, stdout, stderr } = await cli.run(['inspect', 'model.bin'], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^model\.bin {2}1\.84 KB, compiled model$/m);
  expect(stdout).toMatch(/^ {2}'unet', header revision 2, platform 1\.11\.z\.0, IR version 2$/m);
  expect(stdout).toMatch(/^ {2}WEIGHTS_DATA +256 B$/m);
  expect(stdout).toMatch(/^ {2}latent_model_input +FLOAT\[2,4,64,64\] +NCHW +131 KB$/m);
  expect(stdout).toMatch(/^ {2}\/conv_out\/Conv:0:output +FLOAT\[2,4,64,64\] +NCHW +131 KB$/m);
  expect(stdout).toMatch(/^ {2}soc_version +Ascend310P3$/m);
  expect(stdout).toMatch(/^ {2}atc\.bin --framework=5 --model=unet\.onnx .*--soc_version=Ascend310P3$/m);
  expect(stdout).toMatch(/^ {2}3 {2}Data$/m);
});

test('shows gears, and all of a long command line only when asked', async () => {
  const cwd = tempDir();
  const words = Array.from({ length: 60 }, (_, i) => `--option_${i}=1`).join(' ');
  writeOm(join(cwd, 'gears.om'), {
    name: 'gears',
    inputs: [{ name: 'x', dtype: 'FLOAT', shape: [-1, 4] }],
    outputs: [{ name: 'y', node: 'n', index: 0, dtype: 'FLOAT', shape: [-1, 4] }],
    operators: Array.from({ length: 14 }, (_, i) => ({ name: `n${i}`, type: `Op${i}` })),
    socVersion: 'Ascend310P3',
    atcVersion: '1',
    atcCmdline: `atc ${words}`,
    gears: { kind: 'batch', values: Array.from({ length: 12 }, (_, i) => [i + 1]) },
    weights: [{ source: new MemorySource(new Uint8Array(8)), offset: 0, length: 8 }],
  });
  const short = await cli.run(['inspect', 'gears.om'], { cwd });
  expect(short.stdout).toMatch(/^gears: 12, by batch$/m);
  expect(short.stdout).toMatch(/^ {2}and 2 more \(--verbose shows all\)$/m);
  expect(short.stdout).toMatch(/^ {2}x +FLOAT\[\?,4\] +ND$/m);
  expect(short.stdout).toMatch(/^ {2}ascend_mbatch_shape_data +INT32\[1\] .* fed by the runtime$/m);
  expect(short.stdout).not.toContain('--option_59=1');
  const long = await cli.run(['inspect', 'gears.om', '--verbose'], { cwd });
  expect(long.stdout).toContain(words);
  expect(long.stdout).toMatch(/^ {2}12$/m);
});

test('shows the header of a file that is cut short, and exits with 1', async () => {
  const { code, stdout, stderr } = await cli.run(['inspect', join(OM_FIXTURES, 'malformed-truncated.om')]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  expect(stdout).toContain("'unet', header revision 2");
  expect(stdout).toMatch(/^refused: the file is cut short \[size-mismatch\]$/m);
});

test('a file that is called .om and is none is an error', async () => {
  const { code, stdout, stderr } = await cli.run(['inspect', join(OM_FIXTURES, 'malformed-magic.om')]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^error: .*the file does not begin as an OM does \[bad-magic\] .*\[E_OM\]$/m);
});

test('validate checks compiled models against a target', async () => {
  const file = join(OM_FIXTURES, 'synthetic-unet-static.om');
  expect((await cli.run(['validate', file, '--target', 'ascend310p-aie-7.0'])).code).toBe(0);
  const { code, stdout } = await cli.run(['validate', file, '--target', 'ascend910b-aie-7.0']);
  expect(code).toBe(1);
  expect(stdout).toContain('the model was compiled for another chip than the target has');
  expect(stdout).toContain('[om-other-soc]');
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildCli, type Cli } from '../support/cli.ts';
import { writeExternalModel } from '../support/small-model.ts';
import { tempDir } from '../support/temp-dir.ts';

let cli: Cli;

beforeAll(() => {
  cli = buildCli();
});

afterAll(() => cli.remove());

test('shows what a model holds', async () => {
  const cwd = tempDir();
  await writeExternalModel(cwd);
  const { code, stdout, stderr } = await cli.run(['inspect', 'unet.onnx'], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^unet\.onnx {2}\d+ B, opset 11, IR 7, 7 nodes$/m);
  expect(stdout).toMatch(/^ {2}latent_model_input +float32\[1,4,8,8\]$/m);
  expect(stdout).toMatch(/^ {2}t +int64\[1\]$/m);
  expect(stdout).toMatch(/^ {2}sample +float32\[1,4,8,32\]$/m);
  expect(stdout).toMatch(/^ {2}initializers +in unet\.onnx\.\w{8}\.data +1 tensor +2\.05 KB$/m);
  expect(stdout).toMatch(/^ +2 {2}Slice$/m);
  expect(stdout).toMatch(/^ {2}MatMul +1 node +32\.8 kFLOPs$/m);
});

test('shows what a target needs of a plugin operator', async () => {
  const cwd = tempDir();
  await writeExternalModel(cwd);
  const { stdout } = await cli.run(['inspect', 'unet.onnx', '--json'], { cwd });
  expect(JSON.parse(stdout)).toMatchObject({
    file: 'unet.onnx',
    inputs: [
      { name: 'latent_model_input', shape: [1, 4, 8, 8], hasDefault: false },
      { name: 't', shape: [1] },
    ],
    flops: { total: 2 * 4 * 8 * 64 * 8, uncounted: [] },
  });
});

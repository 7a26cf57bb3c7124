import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { saveModel } from '../../src/io/save.ts';
import { buildCli, type Cli } from '../support/cli.ts';
import { smallModel, writeExternalModel } from '../support/small-model.ts';
import { tempDir } from '../support/temp-dir.ts';

let cli: Cli;

beforeAll(() => {
  cli = buildCli();
});

afterAll(() => cli.remove());

async function pair(): Promise<string> {
  const cwd = tempDir();
  await writeExternalModel(cwd, 'a.onnx');
  await cli.run(['optimize', '--model', 'a.onnx', '--new-model', 'b.onnx'], { cwd });
  return cwd;
}

describe('diff', () => {
  test('exits with 0 for a model and itself', async () => {
    const cwd = await pair();
    const result = await cli.run(['diff', 'a.onnx', 'a.onnx'], { cwd });
    expect(result).toMatchObject({ code: 0, stdout: 'the models are the same\n' });
  });

  test('exits with 1 and shows what differs', async () => {
    const cwd = await pair();
    const { code, stdout } = await cli.run(['diff', 'a.onnx', 'b.onnx'], { cwd });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ {2}input +0 +0 +1$/m);
    expect(stdout).toContain('~ input t: type: int64[1] → int32[1]');
    expect(stdout).toContain('- node add_zeros: Add');
  });

  test('calls the standard operator set by its name', async () => {
    const cwd = tempDir();
    for (const [name, opset] of [
      ['a.onnx', 11],
      ['b.onnx', 12],
    ] as const) {
      const model = smallModel();
      model.setOpset('', opset);
      await saveModel(model, join(cwd, name));
    }
    const { stdout } = await cli.run(['diff', 'a.onnx', 'b.onnx'], { cwd });
    expect(stdout).toContain('\n~ opset ai.onnx: 11 → 12\n');
  });

  test('shows as many differences as asked for', async () => {
    const cwd = await pair();
    const { stdout } = await cli.run(['diff', 'a.onnx', 'b.onnx', '--limit', '1'], { cwd });
    expect(stdout.match(/^[-+~] node/gm)).toHaveLength(1);
    expect(stdout).toContain('further node differences (--limit N)');
    const { stdout: none } = await cli.run(['diff', 'a.onnx', 'b.onnx', '--limit', '0'], { cwd });
    expect(none).not.toMatch(/^[-+~] /m);
  });

  test('exits with 2 for one model', async () => {
    const result = await cli.run(['diff', 'a.onnx']);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain('diff needs B [E_USAGE]');
  });
});

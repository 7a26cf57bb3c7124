import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { saveModel } from '../../src/io/save.ts';
import { buildCli, type Cli, type CliResult } from '../support/cli.ts';
import { buildModel } from '../support/model-builder.ts';

let cli: Cli;
let cwd: string;

beforeAll(async () => {
  cli = buildCli();
  cwd = mkdtempSync(join(realpathSync(tmpdir()), 'sdgraph-compare-'));
  for (const [name, input, factor] of [
    ['a', 'x', 2],
    ['same', 'renamed', 2],
    ['other', 'x', 3],
  ] as const) {
    const model = buildModel(13, (graph) => {
      graph.output(graph.op('Mul', [graph.input(input, ['n', 4]), graph.scalar(factor)], { outputs: ['y'] }), ['n', 4]);
    });
    await saveModel(model, join(cwd, `${name}.onnx`));
  }
});

afterAll(() => {
  cli.remove();
  rmSync(cwd, { recursive: true, force: true });
});

function compare(model: string, ...args: readonly string[]): Promise<CliResult> {
  return cli.run(['compare', '--reference', 'a.onnx', '--model', model, ...args], { cwd });
}

describe('compare', () => {
  test('0 when the models agree, with a note on other names', async () => {
    const { code, stdout, stderr } = await compare('same.onnx', '--shape', 'x=3,4');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('note: inputs have other names in the two models and were paired in order: x = renamed');
    expect(stdout).toContain('the models agree');
  });

  test('1 when they differ', async () => {
    const { code, stdout } = await compare('other.onnx', '--dim', 'n=1');
    expect(code).toBe(1);
    expect(stdout).toContain('the models differ in 1 output');
  });

  test.each([
    ['an open shape', ['other.onnx'], 'E_SESSION_FEED'],
    ['a missing model', ['none.onnx'], 'E_FILE_MISSING'],
  ] as const)('1 for %s', async (_what, [model], expected) => {
    const { code, stdout, stderr } = await compare(model);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`[${expected}]`);
  });

  test('2 for one model', async () => {
    expect(await cli.run(['compare', '--model', 'a.onnx'], { cwd })).toMatchObject({ code: 2 });
  });
});

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { saveModel } from '../../src/io/save.ts';
import type { ProofReport } from '../../src/verify/bisect-passes.ts';
import type { VerifyReport } from '../../src/verify/verify.ts';
import { buildCli, type Cli, type CliResult } from '../support/cli.ts';
import { buildModel } from '../support/model-builder.ts';
import { writeSmallModel } from '../support/small-model.ts';
import { tinyTargetPath, writeTinyUnet } from '../support/tiny-unets.ts';

let cli: Cli;
let cwd: string;

beforeAll(async () => {
  cli = buildCli();
  cwd = mkdtempSync(join(realpathSync(tmpdir()), 'sdgraph-verify-'));
  mkdirSync(join(cwd, 'tmp'));
  for (const [name, constant] of [
    ['a', 1],
    ['b', 1],
    ['c', 2],
  ] as const) {
    const model = buildModel(13, (graph) => {
      const x = graph.op('Relu', [graph.input('x', ['n', 4])], { name: 'relu' });
      graph.output(graph.op('Mul', [x, graph.scalar(constant)], { name: 'times', outputs: ['y'] }), ['n', 4]);
    });
    await saveModel(model, join(cwd, `${name}.onnx`));
  }
});

afterAll(() => {
  cli.remove();
  rmSync(cwd, { recursive: true, force: true });
});

function run(...args: readonly string[]): Promise<CliResult> {
  return cli.run(args, { cwd, env: { TMPDIR: join(cwd, 'tmp'), ORT_DISABLE_TELEMETRY: undefined } });
}

function verify(candidate: string, ...args: readonly string[]): Promise<CliResult> {
  return run('verify', '--reference', 'a.onnx', '--model', candidate, ...args);
}

describe('exit codes', () => {
  test('0 when the models agree', async () => {
    const { code, stdout, stderr } = await verify('b.onnx');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('the models agree');
  });

  test('1 when they differ, with the node when asked', async () => {
    const { code, stdout } = await verify('c.onnx', '--bisect');
    expect(code).toBe(1);
    expect(stdout).toContain("first departure: Mul 'times'");
    expect(stdout).toContain('the models differ in 1 output');
  });

  test.each([
    ['one model', ['verify', '--reference', 'a.onnx']],
    ['an unknown preset', ['verify', '--reference', 'a.onnx', '--model', 'b.onnx', '--tolerance', 'loose']],
    ['an extent of zero', ['verify', '--reference', 'a.onnx', '--model', 'b.onnx', '--dim', 'n=0']],
    ['an extent without a name', ['verify', '--reference', 'a.onnx', '--model', 'b.onnx', '--dim', '=3']],
    ['a seed that is no number', ['verify', '--reference', 'a.onnx', '--model', 'b.onnx', '--seed', 'x']],
    ['nothing written', ['optimize', '--model', 'a.onnx', '--dry-run', '--verify']],
    ['nothing to compare with', ['optimize', '--model', 'a.onnx', '--in-place', '--verify']],
    ['the input as output', ['optimize', '--model', 'a.onnx', '--new-model', './a.onnx', '--in-place', '--verify']],
  ])('2 for %s', async (_what, args) => {
    const { code, stderr } = await run(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: .* \[E_USAGE\]\n/);
  });

  test.each([
    ['a model that is missing', ['none.onnx'], 'E_FILE_MISSING'],
    ['a folder of inputs that is missing', ['b.onnx', '--inputs', 'none'], 'E_SESSION_FEED'],
    ['a dimension that no input has', ['b.onnx', '--dim', 'm=3'], 'E_SESSION_FEED'],
  ] as const)('1 for %s, without a stack trace', async (_what, [candidate, ...args], code) => {
    const result = await verify(candidate, ...args);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain(`[${code}]`);
    expect(result.stderr).not.toContain('    at ');
  });
});

test('inputs come from files and flags', async () => {
  mkdirSync(join(cwd, 'inputs'), { recursive: true });
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }`.padEnd(117).concat('\n');
  const head = Buffer.concat([Buffer.from('\x93NUMPY\x01\x00v\x00', 'latin1'), Buffer.from(header)]);
  const numbers = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8).buffer);
  writeFileSync(join(cwd, 'inputs/x.npy'), Buffer.concat([head, numbers]));
  const fromFile = JSON.parse((await verify('c.onnx', '--inputs', 'inputs', '--json')).stdout) as VerifyReport;
  expect(fromFile.inputs).toEqual([{ name: 'x', dims: [2, 4], dataType: 'float32', file: join('inputs', 'x.npy') }]);
  expect(fromFile.outputs[0]?.difference?.maxAbs).toBe(8);
  const drawn = JSON.parse((await verify('b.onnx', '--dim', 'n=3', '--seed', '7', '--json')).stdout) as VerifyReport;
  expect(drawn).toMatchObject({ seed: 7, inputs: [{ dims: [3, 4], file: null }] });
});

describe('optimize --verify', () => {
  test('proves what it wrote', async () => {
    await writeSmallModel(cwd, 'small.onnx');
    const args = ['--model', 'small.onnx', '--new-model', 'small_md.onnx', '--verify'];
    const { code, stdout } = await run('optimize', ...args);
    expect(code).toBe(0);
    expect(stdout).toContain('compared with the input');
    expect(stdout).toContain('the models agree');
    const report = JSON.parse((await run('optimize', ...args, '--json')).stdout) as { verify: ProofReport };
    expect(report.verify).toMatchObject({ ok: true, preset: 'exact', pass: null });
  });

  test('names the pass after which the model departs, and leaves the file', async () => {
    writeTinyUnet(cwd);
    const args = ['--passes', 'faster-gelu,eliminate-unused', '--target', tinyTargetPath('tiny-310p')];
    const wide = await run('optimize', '--model', 'unet.onnx', '--new-model', 'ok.onnx', ...args, '--verify');
    expect(wide.code).toBe(0);
    // A profile that says of an operator what it does not do: the caller has to scale.
    const profile = JSON.parse(readFileSync(tinyTargetPath('tiny-310p'), 'utf8')) as {
      operators: { flashAttention: { scaling: string } };
    };
    profile.operators.flashAttention.scaling = 'inverse-sqrt-head-dim';
    writeFileSync(join(cwd, 'wrong.json'), JSON.stringify(profile));
    const wrong = ['--passes', 'remove-zero-add,fuse-flash-attention,eliminate-unused', '--target', './wrong.json'];
    const result = await run('optimize', '--model', 'unet.onnx', '--new-model', 'bad.onnx', ...wrong, '--verify');
    expect(result.code).toBe(1);
    expect(result.stdout).toContain('it departs after fuse-flash-attention, pass 2');
    expect(result.stdout).toContain('bad.onnx stays as it was written');
    expect(readdirSync(cwd)).toContain('bad.onnx');
  });
});

test('nothing is left in the folder for temporary files, by onnxruntime and its telemetry neither', () => {
  expect(readdirSync(join(cwd, 'tmp'))).toEqual([]);
});

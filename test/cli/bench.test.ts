import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { saveModel } from '../../src/io/save.ts';
import type { BenchReport } from '../../src/runtime/bench.ts';
import { buildCli, type Cli, finished } from '../support/cli.ts';
import { buildModel } from '../support/model-builder.ts';

let cli: Cli;
let cwd: string;

beforeAll(async () => {
  cli = buildCli();
  cwd = mkdtempSync(join(realpathSync(tmpdir()), 'sdgraph-bench-'));
  const write = (name: string, shape: readonly (number | string)[]): Promise<unknown> =>
    saveModel(
      buildModel(13, (graph) => {
        graph.output(graph.op('Relu', [graph.input('x', shape)], { outputs: ['y'] }), shape);
      }),
      join(cwd, name),
    );
  await write('fixed.onnx', [2, 3]);
  await write('open.onnx', ['n', 3]);
  writeFileSync(join(cwd, 'model.txt'), 'no model');
});

afterAll(() => {
  cli.remove();
  rmSync(cwd, { recursive: true, force: true });
});

describe('bench', () => {
  test('prints a row for each part, and how many runs', async () => {
    const { code, stdout, stderr } = await cli.run(['bench', 'fixed.onnx', '--loop', '3', '--warmup', '2'], { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^fixed\.onnx {2}loaded in /);
    expect(stdout).toMatch(/^ {2}input +x +float32\[2,3\] +random from seed 0$/m);
    expect(stdout).toMatch(/^ +ms +min +median +mean +p99 +max$/m);
    expect(stdout).toMatch(/^ +whole run( +\d+\.\d{3}){5}$/m);
    expect(stdout).toMatch(/^3 runs, after 2 for warming up: \d+\.\d{3} runs a second$/m);
  });

  test("takes ais_bench's name of a flag, and shapes", async () => {
    const args = ['open.onnx', '--warmup_count', '0', '--loop', '2', '--shape', 'x=5,3', '--json'];
    const report = JSON.parse((await cli.run(['bench', ...args], { cwd })).stdout) as BenchReport;
    expect(report).toMatchObject({ loop: 2, runs: 2, warmup: 0, outputs: [{ name: 'y', dims: [5, 3] }] });
  });

  test.each([
    ['no runs', ['fixed.onnx', '--loop', '0']],
    ['a device that cannot be', ['fixed.onnx', '--device', '256']],
    ['a shape without a name', ['open.onnx', '--shape', '=5,3']],
    ['a shape without numbers', ['open.onnx', '--shape', 'x=']],
    ['a shape with a zero', ['open.onnx', '--shape', 'x=0,3']],
    ['two shapes for one input', ['open.onnx', '--shape', 'x=1,3', '--shape', 'x=2,3']],
    ['no model', []],
  ])('2 for %s', async (_what, args) => {
    const { code, stderr } = await cli.run(['bench', ...args], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('[E_USAGE]');
  });

  test.each([
    ['an open shape', ['open.onnx'], 'E_SESSION_FEED'],
    ['a shape that does not fit', ['open.onnx', '--shape', 'x=5,4'], 'E_SESSION_FEED'],
    ['a file of another kind', ['model.txt'], 'E_SESSION_LOAD'],
    ['a missing file', ['none.onnx'], 'E_FILE_MISSING'],
  ] as const)('1 for %s', async (_what, args, expected) => {
    const { code, stdout, stderr } = await cli.run(['bench', ...args], { cwd });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`[${expected}]`);
  });

  // What the program has loaded tells that it runs and listens to signals.
  test.skipIf(process.platform !== 'linux')(
    '(needs /proc) Ctrl-C ends it after the run, and prints what was measured',
    async () => {
      const child = cli.start(['bench', 'fixed.onnx', '--loop', '1000000', '--warmup', '0'], { cwd });
      const end = finished(child);
      await vi.waitFor(() => expect(readFileSync(`/proc/${child.pid}/maps`, 'latin1')).toContain('onnxruntime'), {
        timeout: 60_000,
      });
      child.kill('SIGINT');
      const { code, stdout } = await end;
      expect(code).toBe(130);
      expect(stdout).toMatch(/runs? of 1000000, then ended|ended before the first run/);
    },
  );
});

import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { saveModel } from '../../src/io/save.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { BenchReport } from '../../src/runtime/bench.ts';
import type { ComparisonReport } from '../../src/verify/comparison.ts';
import { simulatedAscendCl } from '../support/ascendcl.ts';
import { SIMULATION } from '../support/atc-models.ts';
import { buildCli, type Cli, type CliResult } from '../support/cli.ts';
import { buildModel } from '../support/model-builder.ts';

const built = simulatedAscendCl();
const library = 'library' in built ? built.library : '';
const skipped = 'reason' in built ? ` (skipped: ${built.reason})` : '';

let cli: Cli;
let cwd: string;

beforeAll(async () => {
  cli = buildCli();
  cwd = mkdtempSync(join(realpathSync(tmpdir()), 'sdgraph-device-'));
  await write('a', DataType.INT64, 2);
  await write('int32', DataType.INT32, 2);
  await write('other', DataType.INT64, 3);
  for (const name of ['a', 'int32', 'other']) {
    execFileSync(
      join(SIMULATION, 'atc'),
      [`--model=${name}.onnx`, `--output=${name}`, '--framework=5', '--soc_version=Ascend310P3'],
      { cwd, stdio: 'pipe', env: { ...process.env, ASCEND_TOOLKIT_HOME: SIMULATION, ASCEND_HOME_PATH: SIMULATION } },
    );
  }
});

afterAll(() => {
  cli.remove();
  rmSync(cwd, { recursive: true, force: true });
});

/** `y = x * factor + t / 1000` */
async function write(name: string, step: number, factor: number): Promise<void> {
  const model = buildModel(13, (graph) => {
    const scaled = graph.op('Mul', [graph.input('x', [2, 8]), graph.scalar(factor)], { name: 'times' });
    const t = graph.op('Cast', [graph.input('t', [1], step)], { attributes: [Attribute.int('to', DataType.FLOAT)] });
    const share = graph.op('Div', [t, graph.scalar(1000, 'thousand')]);
    graph.output(graph.op('Add', [scaled, share], { outputs: ['y'] }), [2, 8]);
  });
  await saveModel(model, join(cwd, `${name}.onnx`));
}

function run(...args: readonly string[]): Promise<CliResult> {
  return cli.run(args, { cwd, env: { SDGRAPH_ASCENDCL: library } });
}

describe.skipIf(library === '')(`on a simulated NPU${skipped}`, () => {
  test('bench tells transfers from execution', async () => {
    const { code, stdout, stderr } = await run('bench', 'a.om', '--loop', '4', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { times, inputs, outputs, runs } = JSON.parse(stdout) as BenchReport;
    expect(runs).toBe(4);
    expect(inputs.map(({ name, dims, dataType }) => [name, dims, dataType])).toEqual([
      ['x', [2, 8], 'float32'],
      ['t', [1], 'int64'],
    ]);
    expect(outputs).toMatchObject([{ dims: [2, 8], dataType: 'float32' }]);
    for (const part of ['h2d', 'execute', 'd2h'] as const) expect(times?.[part]?.min).toBeGreaterThan(0);
    const sum = (times?.h2d?.min ?? 0) + (times?.execute?.min ?? 0) + (times?.d2h?.min ?? 0);
    expect(sum).toBeLessThanOrEqual(times?.total.max ?? 0);
  });

  test('bench prints a row for each part', async () => {
    const { stdout } = await run('bench', 'a.om', '--loop', '2');
    for (const row of ['inputs to the device', 'model', 'outputs from the device', 'whole run']) {
      expect(stdout).toMatch(new RegExp(`^ +${row}( +\\d+\\.\\d{3}){5}$`, 'm'));
    }
  });

  test.each(['a.om', 'int32.om'])('compare finds that %s computes what its source does', async (model) => {
    const { code, stdout, stderr } = await run('compare', '--reference', 'a.onnx', '--model', model, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const report = JSON.parse(stdout) as ComparisonReport;
    expect(report).toMatchObject({ ok: true, preset: 'fp16', outputs: [{ name: 'y' }] });
  });

  test('compare finds the model that was compiled from something else', async () => {
    const { code, stdout } = await run('compare', '--reference', 'a.onnx', '--model', 'other.om');
    expect(code).toBe(1);
    expect(stdout).toContain('the models differ in 1 output');
    expect((await run('compare', '--reference', 'a.om', '--model', 'other.om')).code).toBe(1);
    expect((await run('compare', '--reference', 'a.om', '--model', 'a.onnx')).code).toBe(0);
  });

  test.each([
    ['bench', 'a.om'],
    ['compare', '--reference', 'a.onnx', '--model', 'a.om'],
  ])('%s says which device is not there', async (...args) => {
    const { code, stdout, stderr } = await run(...args, '--device', '200');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('[E_ACL_DEVICE]');
  });
});

test.skipIf(library === '')(`a device that is lost is told as what failed, not what came after${skipped}`, async () => {
  const env = { SDGRAPH_ASCENDCL: library, SDGRAPH_SIM_ACL_LOST: '0:3' };
  const { code, stderr } = await cli.run(['bench', 'a.om', '--loop', '10'], { cwd, env });
  expect(code).toBe(1);
  expect(stderr).toContain('[E_ACL_DEVICE]');
  expect(stderr).toContain('the device cannot run the model');
});

test('without the library bench says what is missing', async () => {
  const env = { SDGRAPH_ASCENDCL: join(cwd, 'none.so') };
  const { code, stderr } = await cli.run(['bench', 'a.om'], { cwd, env });
  expect(code).toBe(1);
  expect(stderr).toContain('[E_ACL_LIBRARY]');
});

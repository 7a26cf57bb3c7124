import { execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileDriver } from '../../fixtures/ascend-sim/acl/build.mjs';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import { makeRunnable, openModelSession } from '../../src/runtime/runnable.ts';
import { simulatedAscendCl } from '../support/ascendcl.ts';
import { buildModel } from '../support/model-builder.ts';
import { simulatedOm } from '../support/simulated-om.ts';

const simulation = simulatedAscendCl();
const reason = 'reason' in simulation ? ` (skipped: ${simulation.reason})` : '';

describe.skipIf(reason !== '')(`execution by the simulated AscendCL${reason}`, () => {
  let folder = '';
  let driver = '';

  beforeAll(() => {
    if ('reason' in simulation) return;
    folder = mkdtempSync(join(realpathSync(tmpdir()), 'sdgraph-test-'));
    driver = join(folder, 'driver');
    compileDriver(driver, [], simulation.library);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs a model with the driver's input, -2, -1.875, -1.75 and so on. */
  function drive(name: string, variables: Record<string, string> = {}): SpawnSyncReturns<string> {
    const env = { ...process.env, SDGRAPH_SIM_ACL_NODE: process.execPath, ...variables };
    return spawnSync(driver, [folder, 'run', name], { env, encoding: 'utf8' });
  }

  function numbers({ status, stderr, stdout }: SpawnSyncReturns<string>): number[] {
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return JSON.parse(stdout) as number[];
  }

  /** What onnxruntime gives for the same input. */
  async function expected(model: Model, dims: readonly number[]): Promise<number[]> {
    const size = dims.reduce((product, dim) => product * dim, 1);
    const data = Float32Array.from({ length: size }, (_, i) => -2 + i / 8);
    using copy = await openModel(await saveBytes(model));
    await makeRunnable(copy, 'none');
    const session = await openModelSession(copy);
    const feed = { dataType: DataType.FLOAT, dims, data };
    const results = await session.run(new Map(session.inputs.map(({ name }) => [name, feed])));
    await session.close();
    return [...results.values()].flatMap((result) => [...(result.data as Float32Array)]);
  }

  test('a model gives what onnxruntime gives', async () => {
    const model = plain();
    await simulatedOm(folder, 'plain', model);
    expect(numbers(drive('plain'))).toEqual(await expected(model, [2, 3]));
  });

  test('weights may be beside the ONNX model', async () => {
    const model = plain();
    const wanted = await expected(model, [2, 3]);
    await simulatedOm(folder, 'external', model, [], { externalData: 'single' });
    expect(numbers(drive('external'))).toEqual(wanted);
  });

  test('plugin operators are computed as sdgraph lowers them', async () => {
    const model = buildModel(13, (graph) => {
      const x = graph.input('x', [1, 1, 16, 16]);
      const y = graph.op('FlashAttentionTik', [x, x, x], { name: 'attention', outputs: ['y'] });
      graph.output(y, [1, 1, 16, 16]);
    });
    await simulatedOm(folder, 'plugin', model);
    expect(numbers(drive('plugin'))).toEqual(await expected(model, [1, 1, 16, 16]));
  });

  test('halves that ATC was asked for are converted', async () => {
    const model = buildModel(13, (graph) => {
      const x = graph.input('x', [3]);
      graph.output(graph.op('Neg', [x], { name: 'neg', outputs: ['y'] }), [3]);
    });
    await simulatedOm(folder, 'half', model, ['--output_type=FP16']);
    const env = { ...process.env, SDGRAPH_SIM_ACL_NODE: process.execPath };
    // Three halves: the driver reads the first two as one number, 2 and 1.875 in their bits.
    const [pair] = JSON.parse(execFileSync(driver, [folder, 'run', 'half'], { env, encoding: 'utf8' })) as number[];
    const bits = new Uint16Array(Float32Array.of(pair as number).buffer);
    expect([...bits]).toEqual([0x4000, 0x3f80]);
  });

  test('the dims of outputs in a gear may follow from no name', async () => {
    const model = buildModel(13, (graph) => {
      const x = graph.input('x', ['n', 2]);
      const axes = { attributes: [Attribute.int('axis', 0)] };
      graph.output(graph.op('Concat', [x, x], { name: 'twice', outputs: ['y'], ...axes }), ['twice', 2]);
    });
    await simulatedOm(folder, 'gear', model, ['--input_shape=x:-1,2', '--dynamic_batch_size=1,2']);
    // Without a choice the largest gear runs; the hidden input is fed floats, which choose none.
    const input = [-2, -1.875, -1.75, -1.625];
    expect(numbers(drive('gear'))).toEqual([...input, ...input]);
  });

  test('a model that onnxruntime refuses is refused with its words', async () => {
    const model = buildModel(13, (graph) => {
      const x = graph.input('x', [3]);
      graph.output(graph.op('Nonsense', [x], { name: 'n', outputs: ['y'] }), [3]);
    });
    await simulatedOm(folder, 'nonsense', model);
    const { status, stderr } = drive('nonsense');
    expect(status).toBe(3);
    expect(stderr).toMatch(/545001[\s\S]*Nonsense/);
  });

  test('a missing Node is told', async () => {
    await simulatedOm(folder, 'plain', plain());
    const { status, stderr } = drive('plain', { SDGRAPH_SIM_ACL_NODE: join(folder, 'no-node') });
    expect(status).toBe(3);
    expect(stderr).toMatch(/cannot be started: No such file/);
  });

  test.skipIf(process.platform !== 'linux')('the executor ends with a process that is killed', async () => {
    await simulatedOm(folder, 'plain', plain());
    const env = { ...process.env, SDGRAPH_SIM_ACL_NODE: process.execPath };
    const child = spawn(driver, [folder, 'wait', 'plain'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const executor = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
    expect(executor).toMatch(/^\d+$/);
    child.kill('SIGKILL');
    await once(child, 'exit');
    while (isAlive(executor)) await turn();
  });
});

/** A process that runs; one that ended and was not waited for yet is none. */
function isAlive(pid: string): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** A model with weights. */
function plain(): Model {
  return buildModel(13, (graph) => {
    const x = graph.input('x', [2, 3]);
    const weights = graph.floats([1, -2, 3, 4, 5, -6, 7, 8, 9], [3, 3]);
    graph.output(graph.op('MatMul', [x, weights], { name: 'mul', outputs: ['y'] }), [2, 3]);
  });
}

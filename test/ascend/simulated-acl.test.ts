import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileDriver } from '../../fixtures/ascend-sim/acl/build.mjs';
import { simulatedAscendCl } from '../support/ascendcl.ts';
import { buildModel } from '../support/model-builder.ts';
import { simulatedOm } from '../support/simulated-om.ts';

interface Violation {
  readonly function: string;
  readonly code: number;
  readonly text: string;
}

interface Outcome {
  readonly name: string;
  readonly code: number;
  readonly text: string;
  readonly ledger: { readonly leaks: number; readonly violations: readonly Violation[] };
}

/** Uses that leave no trace in the ledger, with the code that they give. */
const CLEAN: readonly (readonly [string, number])[] = [
  ['synchronous', 0],
  ['asynchronous', 0],
  ['forgotten wait', 0],
  ['batch gear', 0],
  ['image gear', 0],
  ['dims gear', 0],
  ['open shapes', 0],
  ['two threads', 0],
  ['two devices', 0],
  ['set twice', 0],
  ['memory info', 0],
  ['repeated init', 100002],
  ['repeated finalize', 100037],
  ['half floats', 0],
  ['other answers', 0],
  ['other ways to load', 0],
  ['no device name', 500000],
  ['no devices', 207004],
  ['missing configuration', 100003],
  ['wrong device', 107001],
  ['timeout', 507046],
  ['malloc of too much', 207001],
  ['copy of new kind', 207000],
  ['ordered failure', 207001],
  ['missing file', 100003],
  ['truncated file', 145006],
  ['file without header', 145006],
  ['file smaller than a header', 145006],
  ['model for another chip', 545001],
  ['load out of memory', 245000],
  ['device lost', 507901],
  ['unknown gear', 145013],
];

/** Uses that are wrong: the code, the function that notices, and what the ledger says. */
const WRONG: readonly (readonly [string, number, string, RegExp])[] = [
  ['before init', 100001, 'aclrtSetDevice', /before aclInit/],
  ['after finalize', 100001, 'aclrtSetDevice', /after aclFinalize/],
  ['without context', 107002, 'aclrtMalloc', /no context is current on this thread/],
  ['context of another thread', 107002, 'aclrtMalloc', /no context is current on this thread/],
  ['destroyed context', 107000, 'aclrtSetCurrentContext', /was a context that is destroyed/],
  ['default context', 107000, 'aclrtDestroyContext', /default context/],
  ['stream of another context', 107003, 'aclrtSynchronizeStream', /belongs to another context/],
  ['destroyed stream', 107000, 'aclrtDestroyStream', /was a stream that is destroyed/],
  ['context as stream', 107000, 'aclrtSynchronizeStream', /is a context, not a stream/],
  ['stream with tasks', 0, 'aclrtDestroyStream', /before its tasks are done/],
  ['reset too often', 107002, 'aclrtResetDevice', /more often than set/],
  ['reset with memory', 0, 'aclrtResetDevice', /1 device allocations are still there/],
  ['finalize with device', 0, 'aclFinalize', /device 0 is still set/],
  ['malloc of nothing', 100000, 'aclrtMalloc', /size is 0/],
  ['free of null', 100000, 'aclrtFree', /must not be NULL/],
  ['free twice', 107000, 'aclrtFree', /is freed already/],
  ["free of the host's", 107000, 'aclrtFree', /is no allocation/],
  ['free inside', 107000, 'aclrtFree', /inside of an allocation/],
  ['free of pinned as device', 107000, 'aclrtFree', /is host memory/],
  ['copy past the end', 107000, 'aclrtMemcpy', /past the end of its allocation/],
  ['copy without room', 107000, 'aclrtMemcpy', /32 bytes do not fit into 16/],
  ['copy with false room', 107000, 'aclrtMemcpy', /room of 64 bytes/],
  ['copy of wrong kind', 107000, 'aclrtMemcpy', /from the host to a device/],
  ['copy from freed', 107000, 'aclrtMemcpy', /freed or never was allocated/],
  ['copy from null', 100000, 'aclrtMemcpy', /must not be NULL/],
  ['copy from host to host', 207000, 'aclrtMemcpyAsync', /host to host/],
  ['write past pinned', 0, 'aclrtFreeHost', /wrote past the 32 bytes/],
  ["set of the host's", 107000, 'aclrtMemset', /host memory|into allocated memory/],
  ['set past the end', 107000, 'aclrtMemset', /past the end/],
  ['memory of another device', 107000, 'aclrtMemcpy', /of device 0, but device 1 is current/],
  ['error texts', 100000, 'aclrtFree', /must not be NULL/],
  ['unknown model', 145003, 'aclmdlUnload', /never loaded/],
  ['unload twice', 145003, 'aclmdlUnload', /is unloaded/],
  ['unload in another context', 107003, 'aclmdlUnload', /loaded in another context/],
  ['execute in another context', 107003, 'aclmdlExecute', /loaded in another context/],
  ['empty description', 100000, 'aclmdlGetNumInputs', /aclmdlGetDesc was not called/],
  ['wrong index', 100000, 'aclmdlGetInputDims', /no input 1/],
  ['description destroyed twice', 100000, 'aclmdlDestroyDesc', /is destroyed/],
  ['buffer destroyed twice', 100000, 'aclDestroyDataBuffer', /is destroyed/],
  ['data set destroyed twice', 100000, 'aclmdlDestroyDataset', /is destroyed/],
  ['buffer gone', 100000, 'aclmdlExecute', /data buffer that is destroyed/],
  ['too few buffers', 100000, 'aclmdlExecute', /0 buffers, the model has 1/],
  ['short input', 145006, 'aclmdlExecute', /has 20 bytes, the input has 24/],
  ['long input', 145006, 'aclmdlExecute', /has 28 bytes, the input has 24/],
  ['input on the host', 145007, 'aclmdlExecute', /host memory|into allocated memory/],
  ['freed input', 145007, 'aclmdlExecute', /freed or never was allocated/],
  ['short output', 145006, 'aclmdlExecute', /has 20 bytes, the output has 24/],
  ['asynchronous without output', 100000, 'aclmdlExecuteAsync', /only a synchronous execution/],
  ['data set destroyed while queued', 0, 'aclmdlDestroyDataset', /before an execution/],
  ['model unloaded while queued', 145003, 'aclmdlUnload', /before 1 executions/],
  ['model on two streams', 507011, 'aclmdlExecuteAsync', /waits on another stream/],
  ['input freed while queued', 145007, 'aclrtSynchronizeStream', /freed or never was allocated/],
  ['gear without gears', 145013, 'aclmdlSetDynamicBatchSize', /no gears of this kind/],
  ['null description', 100000, 'aclmdlGetDesc', /must not be NULL/],
  ['unknown configuration', 100000, 'aclmdlExecuteV2', /is no configuration/],
  ['description of a model that is gone', 145003, 'aclmdlGetCurOutputDims', /is unloaded/],
  ['gear zero', 100000, 'aclmdlSetDynamicBatchSize', /batch is 0/],
  ['gear of a wrong input', 145011, 'aclmdlSetDynamicBatchSize', /not the one that chooses the gear/],
  ['gear overwritten', 145013, 'aclmdlExecute', /no longer holds the gear/],
  ['input of another gear', 145012, 'aclmdlExecute', /has 12 bytes, the input has 24/],
  ['gear of another kind', 145013, 'aclmdlSetDynamicHWSize', /no gears of this kind/],
  ['open shape without description', 100000, 'aclmdlExecute', /no tensor description/],
  ['two threads at once', 507011, 'aclmdlExecute', /executes the model at this moment/],
];

const simulation = simulatedAscendCl();
const reason = 'reason' in simulation ? ` (skipped: ${simulation.reason})` : '';

describe.skipIf(reason !== '')(`a simulated AscendCL${reason}`, () => {
  let folder = '';
  let driver = '';
  let outcomes: ReadonlyMap<string, Outcome> = new Map();

  beforeAll(async () => {
    if ('reason' in simulation) return;
    folder = mkdtempSync(join(realpathSync(tmpdir()), 'sdgraph-test-'));
    driver = join(folder, 'driver');
    compileDriver(driver, [], simulation.library);
    await writeModels(folder);
    const env = { ...process.env, SDGRAPH_SIM_ACL_MODE: 'hash' };
    const lines = execFileSync(driver, [folder], { env, encoding: 'utf8' }).trim().split('\n');
    outcomes = new Map(lines.map((line) => JSON.parse(line) as Outcome).map((outcome) => [outcome.name, outcome]));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('every case of the driver has its expectation', () => {
    expect([...outcomes.keys()].toSorted()).toEqual([...CLEAN, ...WRONG].map(([name]) => name).toSorted());
  });

  test.each(CLEAN)('%s: %i, and nothing in the ledger', (name, code) => {
    const { ledger, ...outcome } = outcomes.get(name) as Outcome;
    expect(outcome).toMatchObject({ code });
    expect(ledger).toMatchObject({ leaks: 0, violations: [] });
  });

  test.each(WRONG)('%s: %i by %s', (name, code, by, text) => {
    const outcome = outcomes.get(name) as Outcome;
    expect(outcome.code).toBe(code);
    expect(outcome.ledger.violations[0]).toMatchObject({ function: by, text: expect.stringMatching(text) as string });
  });

  test('a refused chip is told in the words of the runtime', () => {
    expect(outcomes.get('model for another chip')?.text).toMatch(
      /^E10001: Value \[Ascend310P3\] for parameter \[soc_version\] is invalid/,
    );
  });

  test('device memory cannot be read as if it were of the host', () => {
    const env = { ...process.env, SDGRAPH_SIM_ACL_MODE: 'hash' };
    expect(spawnSync(driver, [folder, 'touch'], { env }).signal).toBe('SIGSEGV');
  });

  test('the log has every call, and the ledger is written at the end', () => {
    const files = { SDGRAPH_SIM_ACL_LOG: join(folder, 'log-%p'), SDGRAPH_SIM_ACL_LEDGER: join(folder, 'ledger') };
    const env = { ...process.env, SDGRAPH_SIM_ACL_MODE: 'hash', ...files };
    const { pid } = spawnSync(driver, [folder, 'run', 'static'], { env });
    const log = readFileSync(join(folder, `log-${pid}`), 'utf8')
      .trim()
      .split('\n');
    const calls = log.map((line) => JSON.parse(line) as { function: string; code: number });
    expect(calls.map((call) => call.function)).toEqual(expect.arrayContaining(['aclmdlLoadFromFile', 'aclmdlExecute']));
    expect(calls.filter(({ code }) => code !== 0)).toEqual([]);
    expect(calls[0]).toMatchObject({ function: 'aclInit', thread: pid });
    expect(calls.at(-1)).toMatchObject({ function: 'aclFinalize' });
    const ledger = JSON.parse(readFileSync(join(folder, 'ledger'), 'utf8')) as object;
    expect(ledger).toMatchObject({ finalised: true, leaks: 0, violations: [], calls: { aclmdlExecute: 1 } });
  });
});

/** Models of all kinds that the driver uses, and damaged ones. */
async function writeModels(folder: string): Promise<void> {
  const write = async (
    name: string,
    shape: readonly (number | string)[],
    options: readonly string[],
  ): Promise<void> => {
    const model = buildModel(13, (graph) => {
      const x = graph.input('x', shape);
      graph.output(graph.op('Relu', [x], { name: 'relu', outputs: ['y'] }), shape);
    });
    await simulatedOm(folder, name, model, options);
  };
  await write('static', [2, 3], []);
  await write('batch', ['n', 3], ['--input_shape=x:-1,3', '--dynamic_batch_size=1,2,4']);
  await write('image', [1, 1, 'h', 'w'], ['--input_shape=x:1,1,-1,-1', '--dynamic_image_size=4,4;2,4']);
  await write('dims', ['n', 3], ['--input_shape=x:-1,3', '--input_format=ND', '--dynamic_dims=1;2']);
  await write('shapes', ['n', 3], ['--input_shape=x:-1,3']);
  const whole = readFileSync(join(folder, 'static.om'));
  writeFileSync(join(folder, 'truncated.om'), whole.subarray(0, -10));
  writeFileSync(join(folder, 'small.om'), whole.subarray(0, 100));
  writeFileSync(join(folder, 'no-header.om'), Buffer.concat([Buffer.alloc(256), whole.subarray(256)]));
}

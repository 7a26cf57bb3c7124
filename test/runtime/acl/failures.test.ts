import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SdgraphError } from '../../../src/errors.ts';
import { shutdownAcl } from '../../../src/runtime/acl/devices.ts';
import { AclError } from '../../../src/runtime/acl/failure.ts';
import { type OpenSessionOptions, openSession } from '../../../src/runtime/open.ts';
import type { SessionFeeds } from '../../../src/runtime/session.ts';
import {
  compileLibrary,
  compileModel,
  doubled,
  leaveNothing,
  ledger,
  library,
  missing,
  ramp,
  resetDevice,
  simulate,
  TWOFOLD_FEEDS,
  twofold,
} from '../../support/acl-device.ts';
import { SIMULATION } from '../../support/atc-models.ts';
import { expectRejection } from '../../support/errors.ts';
import { tempDir } from '../../support/temp-dir.ts';

/** Functions whose failure need not stop anything. */
const HARMLESS = new Set(['aclmdlGetInputFormat', 'aclrtGetSocName', 'aclrtGetVersion']);
/** Those that matter where sizes are fixed, or for another kind of gears. */
const HARMLESS_IF_OPEN = new Set([
  ...HARMLESS,
  ...[
    'aclDestroyTensorDesc',
    'aclmdlGetInputSizeByIndex',
    'aclmdlGetOutputSizeByIndex',
    'aclmdlGetDynamicBatch',
    'aclmdlGetDynamicHW',
  ],
]);

/** Opens, runs once, closes. */
async function use(path: string, options: OpenSessionOptions = {}, feeds: SessionFeeds = TWOFOLD_FEEDS): Promise<void> {
  const session = await openSession(path, { library, ...options });
  try {
    await session.run(feeds);
  } finally {
    await session.close();
  }
}

describe('without AscendCL', () => {
  test('a compiled model cannot be opened, and the error says what to do', async () => {
    const path = join(tempDir(), 'unet.om');
    writeFileSync(path, '');
    const nowhere = join(tempDir(), 'libascendcl.so');
    const error = await expectRejection('E_ACL_LIBRARY', () => openSession(path, { library: nowhere }));
    expect(error.reason).toBe('there is no AscendCL library on this machine');
    expect(error.found).toContain(nowhere);
    expect(error.hint).toContain('source set_env.sh');
  });

  test('a model that is missing, or is no file, is told before the library is looked for', async () => {
    await expectRejection('E_FILE_MISSING', () => openSession(join(tempDir(), 'unet.om')));
    const folder = join(tempDir(), 'unet.om');
    mkdirSync(folder);
    await expectRejection('E_FILE_READ', () => openSession(folder));
  });

  test.each([-1, 256, 0.5, Number.NaN])('%s is not the number of a device', async (device) => {
    const path = join(tempDir(), 'unet.om');
    writeFileSync(path, '');
    const error = await expectRejection('E_ACL_DEVICE', () => openSession(path, { device }));
    expect(error.expected).toContain('0 to 255');
  });
});

describe.skipIf(missing !== undefined)(`a device that fails ${missing ?? ''}`, () => {
  beforeEach(() => simulate('MODE', 'hash'));
  afterEach(leaveNothing);

  test('a device that is not there', async () => {
    const path = await compileModel(twofold(), tempDir());
    const error = await expectRejection('E_ACL_DEVICE', () => use(path, { device: 1 }));
    expect(error).toMatchObject({ expected: 'a device from 0 to 0', found: '1' });
    expect(error.hint).toContain('ASCEND_RT_VISIBLE_DEVICES');
    simulate('DEVICES', '0');
    expect((await expectRejection('E_ACL_DEVICE', () => use(path))).hint).toContain('HwHiAiUser');
  });

  test('a file that is cut off', async () => {
    const path = await compileModel(twofold(), tempDir());
    truncateSync(path, readFileSync(path).length - 10);
    const error = await expectRejection('E_SESSION_LOAD', () => use(path));
    expect(error.where.file).toBe(path);
    expect(error.found).toContain('145006 (ACL_ERROR_GE_EXEC_MODEL_DATA_SIZE_INVALID) from aclmdlLoadFromFile');
    expect(error.hint).toContain('cut off');
    expect(error.cause).toBeInstanceOf(AclError);
    expect(error.cause).toMatchObject({ function: 'aclmdlLoadFromFile', code: 145_006 });
  });

  test('a model for another chip: which chip this is', async () => {
    const path = await compileModel(twofold(), tempDir(), '--soc_version=Ascend910B4');
    const error = await expectRejection('E_SESSION_LOAD', () => use(path));
    expect(error.hint).toBe('it was compiled for another chip; compile it for Ascend310P3');
    expect(error.found).toContain('E10001');
  });

  test('no memory for the model, and then enough', async () => {
    const path = await compileModel(twofold(), tempDir());
    simulate('MEMORY', '1000');
    const error = await expectRejection('E_ACL_MEMORY', () => use(path));
    expect(error.hint).toContain('smaller batch');
    simulate('MEMORY', null);
    await use(path);
  });

  test('a device that is lost in the middle of a run', async () => {
    const path = await compileModel(twofold(), tempDir());
    simulate('LOST', '0:2');
    const session = await openSession(path, { library });
    await session.run(TWOFOLD_FEEDS);
    const error = await expectRejection('E_ACL_DEVICE', () => session.run(TWOFOLD_FEEDS));
    expect(error.found).toContain('507901');
    await expectRejection('E_SESSION_RUN', () => session.run(TWOFOLD_FEEDS));
    await expectRejection('E_ACL_DEVICE', () => session.close());
  });

  test('a run that takes longer than allowed; what it uses is not touched until the device is at rest', async () => {
    const path = await compileModel(twofold(), tempDir());
    const session = await openSession(path, { library, timeoutMs: 50 });
    await session.run(TWOFOLD_FEEDS);
    simulate('DELAY', 'aclmdlExecuteAsync:400');
    const late = await expectRejection('E_SESSION_RUN', () => session.run(TWOFOLD_FEEDS));
    expect(late.found).toContain('507046');
    const next = await expectRejection('E_SESSION_RUN', () => session.run(TWOFOLD_FEEDS));
    expect(next.hint).toContain('open it again');
    await session.close();
    simulate('DELAY', null);
    await use(path, { timeoutMs: 10_000 });
  });

  test.each([0, -5, 0.5, 2 ** 31])('%s ms is no time limit', async (timeoutMs) => {
    const path = await compileModel(twofold(), tempDir());
    await expectRejection('E_SESSION_LOAD', () => use(path, { timeoutMs }));
  });

  test('a failed execution leaves the session usable', async () => {
    const session = await openSession(await compileModel(twofold(), tempDir()), { library });
    simulate('FAIL', 'aclmdlExecuteAsync:1:507011:E19999: a kernel failed\n  on line two');
    const error = await expectRejection('E_SESSION_RUN', () => session.run(TWOFOLD_FEEDS));
    expect(error.found).toBe(
      '507011 (ACL_ERROR_RT_MODEL_EXECUTE) from aclmdlExecuteAsync: E19999: a kernel failed on line two',
    );
    expect((error.cause as AclError).text).toContain('\n');
    expect((await session.run(TWOFOLD_FEEDS)).size).toBe(2);
    await session.close();
  });

  test.each([
    { kind: 'fixed sizes', model: twofold, flags: [], feeds: TWOFOLD_FEEDS },
    {
      kind: 'gears',
      model: () => doubled(['n', 3]),
      flags: ['--input_shape=x:-1,3', '--input_format=ND', '--dynamic_dims=2;4'],
      feeds: [ramp([2, 3])],
    },
    {
      kind: 'a range',
      model: () => doubled(['n', 3]),
      flags: ['--input_shape_range=x:[1~4,3]'],
      feeds: [ramp([2, 3])],
    },
  ])('with $kind: whatever call fails, the error is typed and nothing is left', async ({ model, flags, feeds }) => {
    const path = await compileModel(model(), tempDir(), ...flags);
    await use(path, {}, feeds);
    const failing = Object.entries(ledger().calls).flatMap(([name, count]) =>
      Array.from({ length: count }, (_, i) => ({ name, order: `${name}:${i + 1}:500000:broken` })),
    );
    expect(failing.length).toBeGreaterThan(40);
    const silent = new Set<string>();
    for (const { name, order } of failing) {
      simulate('FAIL', order);
      const error = await use(path, {}, feeds).catch((thrown: unknown) => thrown);
      if (error === undefined) silent.add(name);
      else expect(error, order).toBeInstanceOf(SdgraphError);
      expect(ledger(), order).toMatchObject({ leaks: 0, violations: [] });
    }
    // What these say is for messages and for shapes that are open, or another function says it, too.
    const harmless = flags.length === 0 ? HARMLESS : HARMLESS_IF_OPEN;
    expect([...silent].filter((name) => !harmless.has(name))).toEqual([]);
  });
});

describe.skipIf(missing !== undefined)(`a thread that dies ${missing ?? ''}`, () => {
  test('a thread that is killed rejects what is open, and the next session resets the device', async () => {
    simulate('MODE', 'hash');
    const path = await compileModel(twofold(), tempDir());
    const workers: Worker[] = [];
    const note = (worker: Worker): unknown => workers.push(worker);
    process.on('worker', note);
    const session = await openSession(path, { library });
    process.off('worker', note);
    simulate('DELAY', 'aclmdlExecuteAsync:100');
    const runs = [session.run(TWOFOLD_FEEDS), session.run(TWOFOLD_FEEDS)];
    const outcomes = Promise.allSettled(runs);
    await workers[0]?.terminate();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'E_SESSION_RUN' } });
    }
    await expectRejection('E_SESSION_RUN', () => session.run(TWOFOLD_FEEDS));
    await session.close();
    simulate('DELAY', null);
    const next = await openSession(path, { library });
    expect((await next.run(TWOFOLD_FEEDS)).size).toBe(2);
    await next.close();
    const { live, violations } = ledger();
    // What the device held is free. What only the dead thread knew of, the library's own small objects, cannot be.
    const held = ['devicesSet', 'contexts', 'streams', 'models', 'deviceMemory', 'hostMemory'];
    expect(held.map((name) => live[name])).toEqual(held.map(() => 0));
    expect(violations.filter((violation) => violation.function !== 'aclrtResetDeviceForce')).toEqual([]);
    await shutdownAcl();
    resetDevice();
  });
});

describe.skipIf(missing !== undefined)(`a library that is not right ${missing ?? ''}`, () => {
  const open = async (path: string): Promise<SdgraphError> => {
    const om = join(tempDir(), 'unet.om');
    writeFileSync(om, '');
    return expectRejection('E_ACL_LIBRARY', () => openSession(om, { library: path }));
  };

  /** A library in which each function that the simulation has returns one number. */
  const everyFunction = (result: number): string => {
    const header = readFileSync(join(SIMULATION, 'acl/acl.h'), 'utf8');
    const names = [...header.matchAll(/\b(acl[A-Za-z0-9]+)\(/gu)].map(([, name]) => name);
    return [...new Set(names)].map((name) => `int ${name}(void) { return ${result}; }`).join('\n');
  };

  test('a stub for linking, by its folder and by its answers', async () => {
    const folder = join(tempDir(), 'devlib');
    mkdirSync(folder);
    expect((await open(compileLibrary(folder, everyFunction(0)))).reason).toContain('stub');
    expect((await open(compileLibrary(tempDir(), everyFunction(100_039)))).reason).toContain('stub');
  });

  test('one that needs another which is not there: its name, and what to do', async () => {
    const [folder, other] = [tempDir(), tempDir()];
    compileLibrary(other, 'int f(void) { return 1; }', '-Wl,-soname,libruntime.so');
    const source = 'int f(void); int g(void) { return f(); }';
    const path = compileLibrary(folder, source, '-Wl,--no-as-needed', `-L${other}`, '-l:libascendcl.so');
    const error = await open(path);
    expect(error.found).toBe('libruntime.so is missing');
    expect(error.hint).toContain('source set_env.sh');
  });

  test('one without the functions that every version has', async () => {
    expect((await open(compileLibrary(tempDir(), 'int x;'))).found).toContain('has no aclInit');
  });
});

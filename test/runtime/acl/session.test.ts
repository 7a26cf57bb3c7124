import { afterEach, describe, expect, test } from 'vitest';
import { DataType } from '../../../src/ir/data-type.ts';
import { shutdownAcl } from '../../../src/runtime/acl/devices.ts';
import { openSession } from '../../../src/runtime/open.ts';
import {
  compileModel,
  floats,
  leaveNothing,
  ledger,
  library,
  missing,
  simulate,
  TWOFOLD_FEEDS,
  twofold,
} from '../../support/acl-device.ts';
import { expectRejection } from '../../support/errors.ts';
import { tempDir } from '../../support/temp-dir.ts';

const [X, T] = TWOFOLD_FEEDS;

describe.skipIf(missing !== undefined)(`a session on a device ${missing ?? ''}`, () => {
  afterEach(leaveNothing);

  test('tells its inputs and outputs as the ONNX model has them, and runs it', async () => {
    const session = await openSession(await compileModel(twofold(), tempDir()), { library });
    expect(session.inputs).toEqual([
      { name: 'x', dataType: DataType.FLOAT, shape: [2, 3] },
      { name: 't', dataType: DataType.INT32, shape: [1] },
    ]);
    expect(session.outputs.map(({ name }) => name)).toEqual(['y', 'z']);
    expect(session.timings).toBeUndefined();
    for (const feeds of [[X, T], new Map([['t', T] as const, ['x', X] as const])]) {
      const outputs = await session.run(feeds);
      expect([...outputs]).toEqual([
        ['y', floats([2, 3], [2, 4, 6, 8, 10, 12])],
        ['z', { dataType: DataType.INT32, dims: [1], data: Int32Array.of(42) }],
      ]);
    }
    const { h2d, execute, d2h } = session.timings ?? { execute: -1 };
    for (const time of [h2d, execute, d2h]) expect(time).toBeGreaterThan(0);
    await session.close();
    expect(ledger()).toMatchObject({ leaks: 0, violations: [] });
  });

  test('refuses what does not fit before the device sees it', async () => {
    const session = await openSession(await compileModel(twofold(), tempDir()), { library });
    const int64 = { dataType: DataType.INT64, dims: [1], data: BigInt64Array.of(1n) };
    await expectRejection('E_SESSION_FEED', () => session.run([X, int64]));
    await expectRejection('E_SESSION_FEED', () => session.run([X]));
    await expectRejection('E_SESSION_FEED', () => session.run([{ ...X, dims: [3, 2] }, T]));
    await expectRejection('E_SESSION_FEED', () => session.run([{ ...X, data: X.data.slice(1) as Float32Array }, T]));
    await expectRejection('E_SESSION_FEED', () => session.run([{ ...X, data: new Float64Array(6) }, T]));
    expect(ledger().devices[0]?.executions).toBe(0);
    await session.close();
  });

  test('converts feeds on request', async () => {
    const session = await openSession(await compileModel(twofold(), tempDir()), { library, convert: true });
    const outputs = await session.run([X, { dataType: DataType.INT64, dims: [1], data: BigInt64Array.of(-1n) }]);
    expect(outputs.get('z')?.data).toEqual(Int32Array.of(0));
    await session.close();
  });

  test('a closed session says so, and closing twice is fine', async () => {
    const session = await openSession(await compileModel(twofold(), tempDir()), { library });
    await session.close();
    await session.close();
    const error = await expectRejection('E_SESSION_RUN', () => session.run([X, T]));
    expect(error.found).toBe('the session is closed');
  });

  test('a thousand runs allocate nothing', async () => {
    simulate('MODE', 'hash');
    const session = await openSession(await compileModel(twofold(), tempDir()), { library });
    await session.run([X, T]);
    const { live, calls } = ledger();
    for (let i = 0; i < 1000; i++) await session.run([X, T]);
    const after = ledger();
    expect(after.live).toEqual(live);
    for (const name of ['aclrtMalloc', 'aclrtMallocHost', 'aclCreateDataBuffer'])
      expect(after.calls[name]).toBe(calls[name]);
    await session.close();
    expect(ledger()).toMatchObject({ leaks: 0, violations: [] });
  });

  test('sessions share the thread and the context of their device, and each device has its own', async () => {
    simulate('DEVICES', '2');
    simulate('MODE', 'hash');
    const path = await compileModel(twofold(), tempDir());
    const sessions = await Promise.all([0, 0, 1].map((device) => openSession(path, { library, device })));
    expect(ledger().live).toMatchObject({ devicesSet: 2, contexts: 2, models: 3 });
    const results = await Promise.all([...sessions, ...sessions].map((session) => session.run([X, T])));
    for (const result of results) expect(result.get('y')).toEqual(results[0]?.get('y'));
    await sessions[0]?.close();
    expect(ledger().live).toMatchObject({ devicesSet: 2, contexts: 2, models: 2 });
    await Promise.all(sessions.map((session) => session.close()));
    expect(ledger()).toMatchObject({ leaks: 0, violations: [], initialised: true });
  });

  test('a device is given back and taken again', async () => {
    const path = await compileModel(twofold(), tempDir());
    for (let i = 0; i < 2; i++) {
      const session = await openSession(path, { library });
      const closing = session.close();
      const next = await openSession(path, { library });
      await closing;
      expect((await next.run([X, T])).get('z')?.data).toEqual(Int32Array.of(42));
      await next.close();
      expect(ledger().live['devicesSet']).toBe(0);
    }
    expect(ledger()).toMatchObject({ leaks: 0, violations: [] });
  });

  test('shutting down ends what is open, and finalises once', async () => {
    const session = await openSession(await compileModel(twofold(), tempDir()), { library });
    await shutdownAcl();
    await shutdownAcl();
    expect(ledger()).toMatchObject({ leaks: 0, violations: [], finalised: true, calls: { aclFinalize: 1 } });
    await expectRejection('E_SESSION_RUN', () => session.run([X, T]));
    await session.close();
  });

  test('runs that were asked for before closing come to their end', async () => {
    const session = await openSession(await compileModel(twofold(), tempDir()), { library });
    const run = session.run([X, T]);
    await session.close();
    expect((await run).get('z')?.data).toEqual(Int32Array.of(42));
  });
});

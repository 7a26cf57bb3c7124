import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/ir/data-type.ts';
import { halfToNumber, numberToHalf } from '../../src/ir/numbers.ts';
import { convertingSession, convertTensor } from '../../src/runtime/convert.ts';
import type { InferenceSession, SessionFeeds, SessionTensor, TensorData } from '../../src/runtime/session.ts';
import { expectError, expectRejection } from '../support/errors.ts';

function tensor(dataType: number, data: TensorData): SessionTensor {
  return { dataType, dims: [data.length], data };
}

/** A session that gives back what it gets, under the name of its input. */
function echo(dataType: number): InferenceSession {
  return {
    inputs: [{ name: 'x', dataType, shape: [undefined] }],
    outputs: [{ name: 'x', dataType, shape: [undefined] }],
    timings: { execute: 1 },
    run: (feeds: SessionFeeds) => Promise.resolve(new Map(feeds as ReadonlyMap<string, SessionTensor>)),
    close: () => Promise.resolve(),
  };
}

describe('conversion', () => {
  test('float32 becomes the nearest float16, as everywhere in sdgraph', () => {
    const patterns = fc.uint32Array({ minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(patterns, (bits) => {
        const floats = new Float32Array(bits.buffer);
        const { data } = convertTensor(tensor(DataType.FLOAT, floats), DataType.FLOAT16);
        expect([...(data as Uint16Array)]).toEqual(Array.from(floats, numberToHalf));
      }),
    );
  });

  test('at the edges of float16', () => {
    const floats = [
      0,
      -0,
      65_504,
      65_519.996,
      65_520,
      1e30,
      -1e30,
      2 ** -14,
      2 ** -24,
      2 ** -25,
      Number.POSITIVE_INFINITY,
    ];
    const { data } = convertTensor(tensor(DataType.FLOAT, Float32Array.from(floats)), DataType.FLOAT16);
    const wanted = [0, 0x8000, 0x7bff, 0x7bff, 0x7c00, 0x7c00, 0xfc00, 0x0400, 0x0001, 0, 0x7c00];
    expect([...(data as Uint16Array)]).toEqual(wanted);
  });

  test('every float16 survives the way to float32 and back', () => {
    const all = Uint16Array.from({ length: 0x1_0000 }, (_, bits) => bits).filter(
      (bits) => !Number.isNaN(halfToNumber(bits)),
    );
    const wide = convertTensor(tensor(DataType.FLOAT16, all), DataType.FLOAT);
    expect(wide.data).toBeInstanceOf(Float32Array);
    expect(convertTensor(wide, DataType.FLOAT16).data).toEqual(all);
  });

  test('int64 becomes int32 where it fits', () => {
    const ends = [-(2n ** 31n), -1n, 0n, 2n ** 31n - 1n];
    const { data } = convertTensor(tensor(DataType.INT64, BigInt64Array.from(ends)), DataType.INT32);
    expect(data).toEqual(Int32Array.from(ends, Number));
    for (const wrong of [2n ** 31n, -(2n ** 31n) - 1n, 2n ** 32n, 2n ** 62n]) {
      const error = expectError('E_SESSION_FEED', () =>
        convertTensor(tensor(DataType.INT64, BigInt64Array.of(1n, wrong)), DataType.INT32, 't'),
      );
      expect(error).toMatchObject({ found: String(wrong), where: { name: 't' } });
    }
  });

  test('int32 becomes int64', () => {
    const converted = convertTensor(tensor(DataType.INT32, Int32Array.of(-5, 7)), DataType.INT64);
    expect(converted.data).toEqual(BigInt64Array.of(-5n, 7n));
  });

  test.each([
    ['float32 to int64', tensor(DataType.FLOAT, Float32Array.of(1)), DataType.INT64],
    ['bfloat16 to float32', tensor(DataType.BFLOAT16, Uint16Array.of(1)), DataType.FLOAT],
    ['uint16 to float32', tensor(DataType.UINT16, Uint16Array.of(1)), DataType.FLOAT],
    ['int64 to float32', tensor(DataType.INT64, BigInt64Array.of(1n)), DataType.FLOAT],
  ])('%s is none', (_, given, wanted) => {
    expect(convertTensor(given, wanted)).toBe(given);
  });
});

describe('a session that converts', () => {
  test('is the session itself unless something is asked for', () => {
    const session = echo(DataType.FLOAT16);
    expect(convertingSession(session, {})).toBe(session);
  });

  test('converts what goes in, and what comes out on request', async () => {
    const feeds = [tensor(DataType.FLOAT, Float32Array.of(1.5))];
    const narrow = convertingSession(echo(DataType.FLOAT16), { convert: true });
    expect((await narrow.run(feeds)).get('x')).toEqual(tensor(DataType.FLOAT16, Uint16Array.of(0x3e00)));
    const wide = convertingSession(echo(DataType.FLOAT16), { convert: true, float32Outputs: true });
    expect(wide.outputs[0]?.dataType).toBe(DataType.FLOAT);
    expect((await wide.run(feeds)).get('x')).toEqual(feeds[0]);
    expect(wide.timings).toEqual({ execute: 1 });
  });

  test('refuses another number of feeds', async () => {
    await expectRejection('E_SESSION_FEED', () => convertingSession(echo(DataType.FLOAT), { convert: true }).run([]));
  });
});

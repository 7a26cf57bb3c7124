import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import { halfToNumber, numberToHalf } from '../../src/ir/numbers.ts';
import { castTensor } from '../../src/runtime/elements.ts';
import { makeFeeds } from '../../src/runtime/feeds.ts';
import type { SessionPort, SessionTensor } from '../../src/runtime/session.ts';
import { expectError } from '../support/errors.ts';
import { buildModel } from '../support/model-builder.ts';
import { tempDir } from '../support/temp-dir.ts';

const FLOAT: SessionPort = { name: 'x', dataType: DataType.FLOAT, shape: [64, 64] };
const STEP: SessionPort = { name: 't', dataType: DataType.INT64, shape: [1] };

/** The elements of a feed that must be there. */
function data(feeds: ReadonlyMap<string, SessionTensor>, name: string): ArrayLike<unknown> {
  return (feeds.get(name) as SessionTensor).data;
}

function empty(): Model {
  return buildModel(13, () => undefined);
}

describe('random inputs', () => {
  test('the same seed gives the same numbers, another seed others', () => {
    const [a, b, c] = [0, 0, 1].map((seed) => makeFeeds(empty(), [FLOAT, STEP], { seed }));
    expect(a).toEqual(b);
    expect(a?.get('x')?.data).not.toEqual(c?.get('x')?.data);
  });

  test('floats look like standard normal numbers', () => {
    const values = Array.from(data(makeFeeds(empty(), [FLOAT]), 'x'), Number);
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
    expect(Math.abs(mean)).toBeLessThan(0.05);
    expect(Math.abs(deviation - 1)).toBeLessThan(0.05);
  });

  test('a scalar integer is a timestep', () => {
    for (let seed = 0; seed < 20; seed++) {
      const step = Number(data(makeFeeds(empty(), [STEP], { seed }), 't')[0]);
      expect(step).toBeGreaterThanOrEqual(0);
      expect(step).toBeLessThan(1000);
    }
  });

  test('integers that index a table stay inside it, also through a cast', () => {
    const model = buildModel(13, (graph) => {
      const ids = graph.input('ids', [1, 50], DataType.INT32);
      const table = graph.floats(
        Array.from({ length: 7 * 2 }, () => 0),
        [7, 2],
      );
      graph.output(graph.op('Gather', [table, graph.op('Identity', [ids])]));
    });
    const ids = Array.from(
      data(makeFeeds(model, [{ name: 'ids', dataType: DataType.INT32, shape: [1, 50] }]), 'ids'),
      Number,
    );
    expect(Math.max(...ids)).toBe(6);
    expect(Math.min(...ids)).toBe(0);
  });

  test('symbolic dimensions are one unless told', () => {
    const port = { ...FLOAT, shape: ['batch', undefined, 3] };
    expect(makeFeeds(empty(), [port]).get('x')?.dims).toEqual([1, 1, 3]);
    expect(makeFeeds(empty(), [port], { dims: new Map([['batch', 2]]) }).get('x')?.dims).toEqual([2, 1, 3]);
  });
});

describe('inputs from files', () => {
  function folder(values: readonly number[]): string {
    const path = tempDir();
    const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${values.length},), }`.padEnd(117).concat('\n');
    const bytes = Buffer.concat([
      Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
      Buffer.from([118, 0]),
      Buffer.from(header),
    ]);
    writeFileSync(join(path, 'x.npy'), Buffer.concat([bytes, Buffer.from(Float32Array.from(values).buffer)]));
    return path;
  }

  test('are taken where they are, in the type of the input', () => {
    const inputs = folder([1, 2]);
    const port = { name: 'x', dataType: DataType.INT64, shape: [2] };
    const feeds = makeFeeds(empty(), [port, STEP], { inputs });
    expect(feeds.get('x')?.data).toEqual(BigInt64Array.of(1n, 2n));
    expect(feeds.get('t')).toEqual(makeFeeds(empty(), [port, STEP]).get('t'));
  });

  test('must have the shape of the input', () => {
    const inputs = folder([1, 2, 3]);
    expectError('E_NPY', () => makeFeeds(empty(), [{ name: 'x', dataType: DataType.FLOAT, shape: [2] }], { inputs }));
  });
});

describe('element types', () => {
  test('half precision comes back to the nearest number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), (bits) => {
        const value = halfToNumber(bits);
        fc.pre(!Number.isNaN(value));
        expect(numberToHalf(value)).toBe(bits);
      }),
      { numRuns: 2000 },
    );
    expect(numberToHalf(2049)).toBe(numberToHalf(2048));
    expect(numberToHalf(2051)).toBe(numberToHalf(2052));
    expect(numberToHalf(65519)).toBe(0x7bff);
    expect(numberToHalf(65520)).toBe(0x7c00);
    expect(Number.isNaN(halfToNumber(numberToHalf(Number.NaN)))).toBe(true);
  });

  test('a timestep changes its type and not its value', () => {
    const step = { dataType: DataType.INT64, dims: [1], data: BigInt64Array.of(999n) };
    expect(castTensor(step, DataType.INT32)).toEqual({ dataType: DataType.INT32, dims: [1], data: Int32Array.of(999) });
    expect(castTensor(step, DataType.INT64)).toBe(step);
  });

  test('strings have no numbers', () => {
    expectError('E_SESSION_FEED', () =>
      castTensor({ dataType: DataType.STRING, dims: [1], data: ['a'] }, DataType.FLOAT),
    );
  });
});

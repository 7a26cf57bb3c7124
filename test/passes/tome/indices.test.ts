import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { readTomeIndices, refuseGrid, type TomeIndexSource, tomeIndices } from '../../../passes/tome/indices.ts';
import { expectError } from '../../support/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'sdgraph-tome-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
function write(value: unknown): string {
  const path = join(folder, `indices-${files++}.json`);
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

const upstream = fileURLToPath(new URL('../../../fixtures/parity/tome-indices-seed0.json', import.meta.url));

describe('random lists are those of upstream with the same seed', () => {
  test('64x64, seed 0: the recorded lists', () => {
    const recorded = JSON.parse(readFileSync(upstream, 'utf8')) as { index_a: number[]; index_b: number[] };
    const { a, b } = tomeIndices(64, 64, { kind: 'random', seed: 0 });
    expect(a).toEqual(recorded.index_a);
    expect(b).toEqual(recorded.index_b);
  });

  // Computed with NumPy 2.4.6 by the rule of upstream.
  for (const { h, w, seed, b } of [
    { h: 2, w: 2, seed: 5, b: [3] },
    { h: 4, w: 6, seed: 0, b: [0, 5, 9, 12, 21, 23] },
    { h: 6, w: 4, seed: 42, b: [4, 7, 8, 14, 20, 23] },
    { h: 8, w: 4, seed: 4294967295, b: [5, 6, 8, 15, 16, 18, 28, 30] },
  ]) {
    test(`${h}x${w}, seed ${seed}`, () => {
      expect(tomeIndices(h, w, { kind: 'random', seed }).b).toEqual(b);
    });
  }
  for (const { h, w, seed, sha256 } of [
    { h: 64, w: 72, seed: 1, sha256: '48da8e8d8242c3c4cd0a90650482c784b8a192f1a12087c30d0175ab019d6286' },
    { h: 96, w: 64, seed: 12345, sha256: 'acb25c7bba79a38ef737058e4ab2a60e224937aba9183ac941757dd7fedb8fdd' },
    { h: 128, w: 128, seed: 2147483648, sha256: '832d6205f17cdc9844eaa4581c6b3d2589af7a9b46f768a591744448fa445403' },
  ]) {
    test(`${h}x${w}, seed ${seed}: digest of both lists`, () => {
      const { a, b } = tomeIndices(h, w, { kind: 'random', seed });
      expect(
        createHash('sha256')
          .update(JSON.stringify([a, b]))
          .digest('hex'),
      ).toBe(sha256);
    });
  }
});

test('corner lists take the top left position of every cell', () => {
  expect(tomeIndices(4, 6, { kind: 'corner' })).toEqual({
    a: [1, 3, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 18, 19, 20, 21, 22, 23],
    b: [0, 2, 4, 12, 14, 16],
  });
});

test('lists that are made: a partition, one destination in each cell, rising, the same every time', () => {
  const half = fc.integer({ min: 1, max: 20 });
  const source: fc.Arbitrary<TomeIndexSource> = fc.oneof(
    fc.record({ kind: fc.constant('random' as const), seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }),
    fc.record({ kind: fc.constant('corner' as const) }),
  );
  fc.assert(
    fc.property(half, half, source, (halfH, halfW, from) => {
      const [h, w] = [2 * halfH, 2 * halfW];
      const { a, b } = tomeIndices(h, w, from);
      expect([...a, ...b].toSorted((x, y) => x - y)).toEqual(Array.from({ length: h * w }, (_, i) => i));
      const cellOf = (position: number) => Math.floor(position / w / 2) * halfW + Math.floor((position % w) / 2);
      expect(b.map(cellOf).toSorted((x, y) => x - y)).toEqual(Array.from({ length: halfH * halfW }, (_, i) => i));
      for (const list of [a, b]) expect(list).toEqual(list.toSorted((x, y) => x - y));
      expect(tomeIndices(h, w, from)).toEqual({ a, b });
      expect(tomeIndices(h, w, { kind: 'explicit', indices: { a, b } })).toEqual({ a, b });
    }),
  );
});

describe('grids without 2x2 cells are refused', () => {
  for (const [h, w] of [
    [5, 7],
    [64, 63],
    [63, 64],
    [0, 2],
    [-2, 2],
    [2.5, 2],
    [Number.NaN, 2],
    [2 ** 20, 2 ** 20],
  ] as const) {
    test(`${h}x${w}`, () => {
      const refusal = refuseGrid(h, w);
      expect(refusal).toContain(`${h}x${w}`);
      expect(() => tomeIndices(h, w, { kind: 'corner' })).toThrow(
        expect.objectContaining({ code: 'E_PASS_OPTION', reason: refusal }),
      );
    });
  }
  test('even sizes are not', () => {
    expect(refuseGrid(64, 64)).toBeUndefined();
    expect(refuseGrid(2, 128)).toBeUndefined();
  });
});

test('a seed out of range is refused', () => {
  expect(() => tomeIndices(2, 2, { kind: 'random', seed: -1 })).toThrow(
    expect.objectContaining({ code: 'E_PASS_OPTION' }),
  );
});

describe('lists from a file', () => {
  test("upstream's recorded file is taken as it is", () => {
    const source = readTomeIndices(upstream);
    expect(tomeIndices(64, 64, source)).toEqual(tomeIndices(64, 64, { kind: 'random', seed: 0 }));
  });

  test('the short names, in any order', () => {
    expect(tomeIndices(2, 2, readTomeIndices(write({ b: [1], a: [3, 0, 2] })))).toEqual({ a: [3, 0, 2], b: [1] });
  });

  const shapes: { why: string; value: unknown; path?: string }[] = [
    { why: 'no object', value: [1, 2] },
    { why: 'null', value: 'null' },
    { why: 'not JSON', value: '{' },
    { why: 'no a', value: { b: [0] }, path: 'a' },
    { why: 'no b', value: { a: [1, 2, 3] }, path: 'b' },
    { why: 'a list under both names', value: { a: [1, 2, 3], index_a: [1, 2, 3], b: [0] } },
    { why: 'a list that is text', value: { a: '1,2,3', b: [0] }, path: 'a' },
    { why: 'a position that is text', value: { a: [1, '2', 3], b: [0] }, path: 'a[1]' },
    { why: 'a fraction', value: { a: [1, 2, 3], b: [0.5] }, path: 'b[0]' },
    { why: 'a number that is not exact', value: { a: [1, 2, 3], b: [2 ** 53] }, path: 'b[0]' },
    { why: 'inherited names', value: '{ "__proto__": { "a": [1, 2, 3], "b": [0] } }', path: 'a' },
  ];
  for (const { why, value, path } of shapes) {
    test(`are refused: ${why}`, () => {
      const file = write(value);
      const { where } = expectError('E_PASS_OPTION', () => readTomeIndices(file));
      expect(where).toEqual(path === undefined ? { file } : { file, path });
    });
  }

  for (const { why, a, b, path } of [
    { why: 'for other latents', a: [1, 2, 3, 4, 5, 6], b: [0, 7], path: 'a' },
    { why: 'one source too few', a: [1, 2], b: [0, 3], path: 'a' },
    { why: 'no destination', a: [1, 2, 3], b: [], path: 'b' },
    { why: 'a position twice in a list', a: [1, 2, 2], b: [0], path: 'a[2]' },
    { why: 'a position in both lists', a: [1, 2, 3], b: [3], path: 'b[0]' },
    { why: 'a position outside', a: [1, 2, 4], b: [0], path: 'a[2]' },
    { why: 'a negative position', a: [1, 2, 3], b: [-1], path: 'b[0]' },
  ]) {
    test(`do not fit 2x2 latents: ${why}`, () => {
      const file = write({ a, b });
      const source = readTomeIndices(file);
      expect(() => tomeIndices(2, 2, source)).toThrow(
        expect.objectContaining({ code: 'E_PASS_OPTION', where: { file, path } }),
      );
    });
  }

  test('no file', () => {
    expect(() => readTomeIndices(join(folder, 'none'))).toThrow(expect.objectContaining({ code: 'E_FILE_MISSING' }));
  });
});

import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/ir/data-type.ts';
import { checkFeeds } from '../../src/runtime/check-feeds.ts';
import type { SessionTensor, TensorData } from '../../src/runtime/session.ts';
import { expectError } from '../support/errors.ts';

const INPUTS = [
  { name: 'x', dataType: DataType.FLOAT16, shape: [2, 'n'] },
  { name: 't', dataType: DataType.INT64, shape: [1] },
];
const t: SessionTensor = { dataType: DataType.INT64, dims: [1], data: BigInt64Array.of(1n) };

const half = (dims: readonly number[], data: TensorData): SessionTensor => ({ dataType: DataType.FLOAT16, dims, data });

describe('feeds', () => {
  test('come by name or in order', () => {
    const x = half([2, 3], new Uint16Array(6));
    const named = new Map([
      ['t', t],
      ['x', x],
    ]);
    expect(checkFeeds(INPUTS, named, '')).toBe(named);
    expect([...checkFeeds(INPUTS, [x, t], '').keys()]).toEqual(['x', 't']);
  });

  test.each([
    ['too few', [half([2, 1], new Uint16Array(2))], '2', '1'],
    ['another type of elements', [t, t], 'float16[2,n]', 'int64[1]'],
    ['another rank', [half([2], new Uint16Array(2)), t], 'float16[2,n]', 'float16[2]'],
    ['another extent', [half([3, 1], new Uint16Array(3)), t], 'float16[2,n]', 'float16[3,1]'],
    ['floats for halves', [half([2, 1], new Float32Array(2)), t], 'a Uint16Array for float16', 'a Float32Array'],
    ['a plain list', [half([2, 1], ['1', '2']), t], 'a Uint16Array for float16', 'a Array'],
    ['too few elements', [half([2, 2], new Uint16Array(3)), t], '4 elements', '3'],
    ['too many elements', [half([2, 2], new Uint16Array(5)), t], '4 elements', '5'],
    ['a negative extent', [half([2, -1], new Uint16Array(2)), t], 'dimensions of 0 or more', '[2,-1]'],
    [
      'an extent that is no number',
      [half([2, Number.NaN], new Uint16Array(2)), t],
      'dimensions of 0 or more',
      '[2,NaN]',
    ],
  ])('are refused: %s', (_, feeds, expected, found) => {
    expect(expectError('E_SESSION_FEED', () => checkFeeds(INPUTS, feeds, 'unet.om'))).toMatchObject({
      expected,
      found,
    });
  });

  test('that no input has are refused', () => {
    const feeds = new Map([
      ['x', half([2, 1], new Uint16Array(2))],
      ['t', t],
      ['z', t],
    ] as const);
    expect(expectError('E_SESSION_FEED', () => checkFeeds(INPUTS, feeds, '')).found).toBe('z');
  });
});

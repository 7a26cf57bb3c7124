import { describe, expect, test } from 'vitest';
import { formatBytes, formatCount, formatMagnitude, formatTime, plural } from '../../src/cli/numbers.ts';
import { formatTable } from '../../src/cli/output.ts';

describe('numbers', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 KB'],
    [1024, '1.02 KB'],
    [9994, '9.99 KB'],
    [9996, '10.0 KB'],
    [99_960, '100 KB'],
    [999_499, '999 KB'],
    [999_500, '1.00 MB'],
    [3_441_000_000, '3.44 GB'],
    [2 ** 53, '9.01 PB'],
  ])('%d bytes', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [1234567, '1,234,567'],
    [2n ** 64n, '18,446,744,073,709,551,616'],
  ])('%d counted', (count, text) => expect(formatCount(count)).toBe(text));

  test.each([
    [0, '0 '],
    [339_000_000_000, '339 G'],
    [1500, '1.50 k'],
  ])('%d with a prefix', (count, text) => expect(formatMagnitude(count)).toBe(text));

  test.each([
    [0.4, '0 ms'],
    [999.4, '999 ms'],
    [1000, '1.0 s'],
    [61_540, '61.5 s'],
  ])('%d milliseconds', (time, text) => expect(formatTime(time)).toBe(text));

  test('one and many', () => {
    expect([plural(1, 'node'), plural(2000, 'node')]).toEqual(['1 node', '2,000 nodes']);
  });
});

describe('tables', () => {
  test('have columns of one width, aligned at either end', () => {
    const rows = [
      ['a', '1', 'x'],
      ['bbb', '22', ''],
    ];
    expect(formatTable(rows, { right: [1] })).toEqual(['  a     1  x', '  bbb  22']);
  });

  test('do not count colours', () => {
    expect(
      formatTable(
        [
          ['\u001b[31mred\u001b[39m', '|'],
          ['long', '|'],
        ],
        { indent: 0 },
      ),
    ).toEqual(['\u001b[31mred\u001b[39m   |', 'long  |']);
  });

  test('may have short rows, or none', () => {
    expect(formatTable([['a', 'b'], ['c']], { indent: 0 })).toEqual(['a  b', 'c']);
    expect(formatTable([])).toEqual([]);
  });
});

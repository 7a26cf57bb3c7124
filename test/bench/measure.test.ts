import { expect, test } from 'vitest';
import type { Cost } from '../../bench/job.ts';
import { median, summarize } from '../../bench/measure.ts';

const cost = (milliseconds: number, rss: number, read?: number): Cost => ({
  milliseconds,
  rss,
  read,
  written: undefined,
  parts: { open: milliseconds / 2 },
});

test('the median of an odd and of an even number of numbers', () => {
  expect(median([5, 1, 100])).toBe(5);
  expect(median([4, 1, 2, 100])).toBe(3);
});

test('a summary has the middle time and the largest memory', () => {
  expect(summarize([cost(10, 7, 1), cost(30, 5, 2), cost(20, 6, 3)])).toEqual({
    milliseconds: 20,
    rss: 7,
    read: 2,
    written: undefined,
    parts: { open: 10 },
  });
});

test('nothing measured is an error', () => {
  expect(() => summarize([])).toThrow('nothing was measured');
});

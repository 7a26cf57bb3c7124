import { expect, test } from 'vitest';
import type { Cost } from '../../bench/job.ts';
import { formatTable, memoryBudget, timeBudget, writtenBudget } from '../../bench/row.ts';

const MIB = 2 ** 20;
const cost = (change: Partial<Cost> = {}): Cost => ({
  milliseconds: 1000,
  rss: 100 * MIB,
  read: 3 * 2 ** 30,
  written: 2 * MIB,
  parts: {},
  ...change,
});

test('budgets say what was promised and whether it was kept', () => {
  expect(memoryBudget(cost()).kept).toBe(true);
  expect(memoryBudget(cost({ rss: 200 * MIB })).kept).toBe(false);
  expect(timeBudget(cost({ milliseconds: 2300 }), cost(), 1.3, 1000)).toEqual({ text: '<= 1.3x + 1 s', kept: true });
  expect(timeBudget(cost({ milliseconds: 2301 }), cost(), 1.3, 1000).kept).toBe(false);
  expect(timeBudget(cost({ milliseconds: 1501 }), cost(), 1.5)).toEqual({ text: '<= 1.5x', kept: false });
  expect(writtenBudget(cost()).kept).toBe(true);
  expect(writtenBudget(cost({ written: 8 * MIB })).kept).toBe(false);
});

test('the table has a column for everything and marks what missed its budget', () => {
  const rows = [
    {
      name: 'first',
      cost: cost({ parts: { open: 100, passes: 850, save: 50 } }),
      baseline: { name: 'copy', cost: cost({ milliseconds: 500 }) },
      budgets: [timeBudget(cost(), cost({ milliseconds: 500 }), 1.5)],
      python: cost({ milliseconds: 12_345, rss: 2 ** 31 }),
    },
    { name: 'second', cost: cost({ milliseconds: 3.2, read: undefined, written: 2048 }), budgets: [] },
  ];
  const cells = formatTable(rows)
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()));
  expect(cells[0]).toHaveLength(cells[2]?.length ?? 0);
  expect(cells[2]?.slice(1, -1)).toEqual([
    'first',
    '1.00 s',
    '150 ms',
    '100 MiB',
    '3.00 GiB',
    '2.0 MiB',
    'copy: 500 ms',
    '2.00',
    '<= 1.5x (MISSED)',
    '12.35 s, 2.00 GiB',
  ]);
  expect(cells[3]?.slice(1, -1)).toEqual(['second', '3.20 ms', '-', '100 MiB', '-', '2 KiB', '-', '-', '-', '-']);
});

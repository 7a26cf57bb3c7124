import { expect, test } from 'vitest';
import { groupSites } from '../../src/report/optimize.ts';
import type { Site, SiteStatus } from '../../src/rewrite/report.ts';

const site = (status: SiteStatus, node: string, reason: string): Site => ({ status, node, reason, opType: 'Add' });

test('sites that fared alike are one group, refusals first, large groups before small ones', () => {
  const groups = groupSites([
    site('applied', 'a', 'done'),
    site('skipped', 'b', 'one'),
    site('skipped', 'c', 'many'),
    site('refused', 'd', 'many'),
    site('skipped', 'e', 'many'),
    site('present', 'f', 'done'),
  ]);
  expect(groups).toEqual([
    { status: 'refused', reason: 'many', count: 1, example: 'd' },
    { status: 'skipped', reason: 'many', count: 2, example: 'c' },
    { status: 'skipped', reason: 'one', count: 1, example: 'b' },
    { status: 'present', reason: 'done', count: 1, example: 'f' },
    { status: 'applied', reason: 'done', count: 1, example: 'a' },
  ]);
});

import { describe, expect, test } from 'vitest';
import type { Difference } from '../../src/verify/compare.ts';
import type { Origin } from '../../src/verify/origin.ts';
import { Trail } from '../../src/verify/trail.ts';

const APART = {} as Difference;

/** Origins of nodes written as `out = in in`. */
function origins(...lines: readonly string[]): Map<string, Origin> {
  return new Map(
    lines.map((line) => {
      const [value = '', reads = ''] = line.split(' = ');
      return [value, { node: `make ${value}`, opType: 'Op', reads: reads.split(' ') }];
    }),
  );
}

function compare(trail: Trail, ...results: readonly string[]): void {
  for (const result of results) trail.add(result.slice(1), APART, result.startsWith('!') ? ['differs'] : []);
}

/** q is scaled before it is reshaped in place of the scores; only the reshaped q keeps its name. */
const ATTENTION = origins(
  'q = x',
  'scaled = q',
  'heads = scaled',
  'k = x',
  'v = x',
  'y = heads k v',
  'z = y',
  'sum = z x',
);

describe('a trail of departures', () => {
  test('is empty where everything agrees', () => {
    const trail = new Trail(ATTENTION);
    compare(trail, '=q', '=heads', '=y', '=sum');
    expect(trail).toMatchObject({ first: undefined, agreeing: 4, isCertain: false });
    expect(trail.suspects()).toEqual([]);
  });

  test('forgets a departure that a later value makes up for', () => {
    const trail = new Trail(ATTENTION);
    compare(trail, '=q', '!heads', '=k', '=v', '=y');
    expect(trail.first).toBeUndefined();
    compare(trail, '!z', '!sum');
    expect(trail.first).toMatchObject({ value: 'z', reasons: ['differs'] });
  });

  test('leads from values that agree to the node that joins them', () => {
    const trail = new Trail(ATTENTION);
    compare(trail, '=q', '!heads');
    expect(trail.isCertain).toBe(false);
    compare(trail, '=k', '=v', '!y');
    expect(trail.isCertain).toBe(true);
    expect(trail.first?.value).toBe('heads');
    expect(trail.suspects().map(({ node }) => node)).toEqual(['make scaled', 'make heads', 'make y']);
  });

  test('goes to the end where nothing joins it', () => {
    const trail = new Trail(origins('a = x', 'b = a', 'c = b'));
    compare(trail, '=a', '!b', '!c');
    expect(trail.isCertain).toBe(false);
    expect(trail.suspects().map(({ node }) => node)).toEqual(['make b', 'make c']);
  });
});

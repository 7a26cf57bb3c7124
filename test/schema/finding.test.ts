import { expect, test } from 'vitest';
import { type Finding, formatFinding } from '../../src/schema/finding.ts';

const finding = (more: Partial<Finding>): Finding => ({
  rule: 'a-rule',
  severity: 'warning',
  where: { path: 'graph' },
  message: 'something is odd',
  ...more,
});

test.each([
  ['only the message', finding({}), 'warning graph: something is odd [a-rule]'],
  [
    'all there is',
    finding({
      severity: 'error',
      where: { path: 'graph.node[1]', opType: 'Conv', node: 'c', attribute: 'pads', value: 'w' },
      expected: '2',
      found: '3',
      hint: 'not on this line',
    }),
    "error graph.node[1] Conv 'c' attribute 'pads' value 'w': something is odd (expected 2, found 3) [a-rule]",
  ],
  ['what was found', finding({ found: '3' }), 'warning graph: something is odd (found 3) [a-rule]'],
])('%s', (_, each, text) => {
  expect(formatFinding(each)).toBe(text);
});

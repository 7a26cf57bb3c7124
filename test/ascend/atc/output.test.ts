import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AtcOutput } from '../../../src/ascend/atc/output.ts';

/** Feeds text in pieces cut at any byte. */
function read(text: string, cuts: readonly number[] = []): AtcOutput {
  const bytes = Buffer.from(text);
  const output = new AtcOutput();
  let start = 0;
  for (const cut of [...cuts.map((each) => each % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]) {
    output.take('stdout', bytes.subarray(start, cut));
    start = cut;
  }
  output.end();
  return output;
}

const SUCCESS = 'ATC run success, welcome to the next use.';

describe('success', () => {
  test.each([
    [`${SUCCESS}\n`, true],
    [SUCCESS, true],
    [`...\n${SUCCESS}\r\nW11001: a warning\n`, true],
    [`progress 1\rprogress 2\r${SUCCESS}\n`, true],
    [`not ${SUCCESS}\n`, false],
    ['ATC run failed, Please check the detail log\n', false],
    [`${SUCCESS}\nATC run failed, Please check\n`, false],
    ['', false],
    [`${'x'.repeat(1_000_000)}${SUCCESS}\n`, false],
  ])('%.60j: %s', (text, expected) => {
    expect(read(text).hasSucceeded).toBe(expected);
  });
});

test('says the same however the bytes come', () => {
  const text = `字符 starts\n....\n[1] E10001: 错误\n  Solution: 重试\n${SUCCESS}\n`;
  const whole = read(text);
  fc.assert(
    fc.property(fc.array(fc.nat()), (cuts) => {
      const { tail, errors, hasSucceeded } = read(text, cuts);
      expect({ tail, errors, hasSucceeded }).toEqual({
        tail: whole.tail,
        errors: whole.errors,
        hasSucceeded: whole.hasSucceeded,
      });
    }),
  );
});

test('streams do not run into each other', () => {
  const output = new AtcOutput();
  output.take('stdout', Buffer.from('ATC run '));
  output.take('stderr', Buffer.from('warning\n'));
  output.take('stdout', Buffer.from('success\n'));
  output.end();
  expect(output).toMatchObject({ hasSucceeded: true, tail: ['warning', 'ATC run success'] });
});

test('keeps the last lines, cut short', () => {
  const { tail } = read(Array.from({ length: 1000 }, (_, i) => `${i} ${'x'.repeat(10_000)}`).join('\n'));
  expect(tail).toHaveLength(40);
  expect(tail.at(-1)).toMatch(/^999 x{496}$/);
});

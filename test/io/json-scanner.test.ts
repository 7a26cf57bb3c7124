import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonScanError, JsonScanner } from '../../src/io/json-scanner.ts';

const over = (text: string): JsonScanner => new JsonScanner(Buffer.from(text));

/** The scanner's error, with its offset. */
function expectProblem(action: () => unknown): { message: string; offset: number } {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(JsonScanError);
    const { message, offset } = error as JsonScanError;
    return { message, offset };
  }
  throw new Error('nothing was thrown');
}

describe('JsonScanner', () => {
  test('reads what JSON.stringify writes', () => {
    const strings = fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }));
    const white = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 3 });
    fc.assert(
      fc.property(strings, fc.nat(4), white, (object, indent, space) => {
        const scanner = over(space + JSON.stringify(object, null, indent) + space);
        const seen: [string, string][] = [];
        scanner.object((key) => seen.push([key, scanner.string()]));
        scanner.end();
        expect(seen).toEqual(Object.entries(object));
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.maxSafeNat()), fc.nat(4), (numbers, indent) => {
        const scanner = over(JSON.stringify(numbers, null, indent));
        expect(scanner.integers()).toEqual(numbers);
        scanner.end();
      }),
    );
  });

  test('escapes mean what JSON says', () => {
    expect(over('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"').string()).toBe('"\\/\b\f\n\r\té😀');
    expect(over('"\ufeffx"').string()).toBe('\ufeffx');
  });

  test('agrees with JSON.parse on which strings there are, but for half surrogates', () => {
    const piece = fc.constantFrom('\\', '"', 'u', '0', 'd800', 'dc00', '12', 'n', 'x', '\n', 'é', '\\u', '\\"');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = `"${pieces.join('')}"`;
        let expected: string | undefined;
        try {
          const parsed: unknown = JSON.parse(text);
          if (typeof parsed === 'string' && !/\p{Surrogate}/u.test(parsed)) expected = parsed;
        } catch {
          expected = undefined;
        }
        let found: string | undefined;
        try {
          const scanner = over(text);
          found = scanner.string();
          scanner.end();
        } catch (error) {
          expect(error).toBeInstanceOf(JsonScanError);
          found = undefined;
        }
        expect(found).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['"ab', 0, 'does not end'],
    ['"ab\\', 0, 'does not end'],
    ['"a\nb"', 2, 'control character'],
    ['"\\x41"', 1, 'escape'],
    ['"\\ud800"', 1, 'surrogate'],
    ['  1', 2, 'a string is missing'],
    ['', 0, 'a string is missing'],
  ])('no string: %j', (text, offset, message) => {
    const found = expectProblem(() => over(text).string());
    expect(found.offset).toBe(offset);
    expect(found.message).toContain(message);
  });

  test('a string that is not UTF-8', () => {
    const scanner = new JsonScanner(Uint8Array.of(0x22, 0x61, 0xff, 0x22));
    expect(expectProblem(() => scanner.string()).message).toContain('UTF-8');
  });

  test.each([
    '',
    '-1',
    '+1',
    '1.0',
    '1e3',
    '1E3',
    '01',
    '00',
    '9007199254740992',
    '12345678901234567890',
    'null',
    '"1"',
    '[',
    'NaN',
  ])('no whole number: %j', (text) => {
    expect(expectProblem(() => over(text).integer()).message).toContain('whole number');
  });

  test('the largest whole number', () => {
    expect(over('9007199254740991').integer()).toBe(Number.MAX_SAFE_INTEGER);
    expect(over('0').integer()).toBe(0);
  });

  test.each(['[1', '[1,', '[1,]', '[,1]', '[1 2]', '1', '[[1]]', '[1}'])('no list of whole numbers: %j', (text) => {
    expectProblem(() => over(text).integers());
  });

  test.each([
    '{',
    '{"a"',
    '{"a":',
    '{"a":"b"',
    '{"a":"b",',
    '{"a":"b",}',
    '{,}',
    '{a:"b"}',
    '{"a" "b"}',
    '[]',
    '{"a":"b"]',
    '{"a":{}}',
  ])('no object of strings: %j', (text) => {
    const scanner = over(text);
    expectProblem(() => scanner.object(() => scanner.string()));
  });

  test('what is left at the end is an error at its place', () => {
    const scanner = over('[] \n {');
    scanner.integers();
    expect(expectProblem(() => scanner.end()).offset).toBe(5);
  });
});

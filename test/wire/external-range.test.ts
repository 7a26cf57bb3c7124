import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkRange } from '../../src/wire/external-range.ts';
import { expectError } from '../support/errors.ts';

describe('checkRange', () => {
  test('absent entries mean the start and the rest', () => {
    expect(checkRange(undefined, undefined, 10)).toEqual({ offset: 0, length: 10 });
    expect(checkRange('4', undefined, 10)).toEqual({ offset: 4, length: 6 });
    expect(checkRange(undefined, '4', 10)).toEqual({ offset: 0, length: 4 });
    expect(checkRange('10', undefined, 10)).toEqual({ offset: 10, length: 0 });
    expect(checkRange('9007199254740990', '1', Number.MAX_SAFE_INTEGER)).toEqual({ offset: 2 ** 53 - 2, length: 1 });
  });

  test('accepts exactly the ranges that lie within the file', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(50), fc.nat(60), (offset, length, size) => {
        const check = () => checkRange(String(offset), String(length), size);
        if (offset + length <= size) expect(check()).toEqual({ offset, length });
        else expectError('E_EXTERNAL_RANGE', check);
      }),
    );
  });

  const rows = [
    '',
    '-1',
    '+1',
    ' 1',
    '1 ',
    '1.0',
    '1e3',
    '0x10',
    '1n',
    'NaN',
    '٣',
    '9007199254740992',
    '99999999999999999',
    '1\n',
    '1'.repeat(1e6),
  ];
  test.each(rows.map((text) => ({ text, shown: text.slice(0, 20) })))('$shown is no number of bytes', ({ text }) => {
    const where = { file: 'w.bin', name: 'conv.weight' };
    expect(expectError('E_EXTERNAL_RANGE', () => checkRange(text, '0', 100, where)).where).toEqual(where);
    const error = expectError('E_EXTERNAL_RANGE', () => checkRange('0', text, 100, where));
    expect(error.message.length).toBeLessThan(300);
  });
});

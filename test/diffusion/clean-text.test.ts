import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cleanText } from '../../src/diffusion/clean-text.ts';

describe('cleanText', () => {
  test.each([
    ['plain text stays', 'a photo of a cat', 'a photo of a cat'],
    ['quotes', '“curly” ‘quotes’ it’s', "\"curly\" 'quotes' it's"],
    ['ligatures', 'ﬁne ﬂow oﬃce ŉ Ĳssel', "fine flow office 'n IJssel"],
    ['full width', 'Ｆｕｌｌ　ｗｉｄｔｈ！', 'Full width!'],
    ['half width', 'ｶﾞ', 'ガ'],
    ['composed', 'cafe\u0301', 'café'],
    ['compatibility forms stay', 'x²+y³=½ ①', 'x²+y³=½ ①'],
    ['line breaks', 'a\r\nb\rc\u2028d', 'a\nb\nc\nd'],
    ['control characters', 'a\u0000b\u0007c\u007fd\ufeffe', 'abcde'],
    ['tabs stay', 'a\tb', 'a\tb'],
    ['terminal escapes', '\u001b[1;31mred\u001b[0m', 'red'],
    ['Windows-1252 in disguise', 'a\u0093b\u0094 \u0085', 'a"b" …'],
    ['half a surrogate', 'a\ud800b', 'a\ufffdb'],
    ['entities', '&amp; &quot;q&quot; &eacute;&#233;&#xE9;', '& "q" ééé'],
    ['entities in upper case', '&EACUTE;&Eacute;&QUOT;', 'ÉÉ"'],
    ['entities of entities', '&amp;amp;lt;', '<'],
    ['no entities', '&nosuchentity; & &; AT&T', '&nosuchentity; & &; AT&T'],
    ['entities without an end', '&amp &eacute', '&amp &eacute'],
    ['entities beside markup', '<b>&amp;</b>', '<b>&amp;</b>'],
    ['entities before and after a line with markup', '&amp;\n<\n&amp;', '&\n<\n&amp;'],
  ])('%s', (_, text, expected) => {
    expect(cleanText(text)).toBe(expected);
  });

  test('ends, and changes nothing the second time', () => {
    const pieces = fc.constantFrom(
      '&',
      'amp;',
      'lt;',
      '#38;',
      '#x26;',
      '\u001b[',
      '1m',
      '“',
      'ﬁ',
      '\r',
      '\u0085',
      '\ud800',
      'Ａ',
    );
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        const once = cleanText(text.replaceAll(/[<\n\r\u0085\u2028\u2029]/g, ''));
        // A '<' that came out of an entity forbids entities from then on.
        if (!once.includes('<')) expect(cleanText(once)).toBe(once);
        expect(cleanText(text)).not.toMatch(/[\u0000-\u0008\u001b\u007f]/);
      }),
      { numRuns: 500 },
    );
  });
});

import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTsv } from '../../src/diffusion/tsv.ts';

const rows = (text: string): string[][] => [...readTsv(text)].map(({ columns }) => [...columns]);

describe('readTsv', () => {
  // What Python 3.11's csv.reader(..., delimiter='\t') returns.
  test.each([
    [
      'columns',
      'a\tb\nc\td\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['no last line end', 'a\tb', [['a', 'b']]],
    [
      'empty columns',
      '\t\n\t',
      [
        ['', ''],
        ['', ''],
      ],
    ],
    ['a blank line', 'a\n\nb', [['a'], [], ['b']]],
    ['quotes around', '"a\tb"\tc', [['a\tb', 'c']]],
    ['two quotes for one', '"say ""hi"""\tc', [['say "hi"', 'c']]],
    ['text after the closing quote', '"G I" painted "x"\tc', [['G I painted "x"', 'c']]],
    ['quotes inside', 'a "b" c\td"', [['a "b" c', 'd"']]],
    ['a line break in quotes', '"a\nb"\tc\nd', [['a\nb', 'c'], ['d']]],
    ['an empty quoted column', '""\t""', [['', '']]],
    ['only an empty quoted column', '""', [['']]],
    ['spaces', ' a \t b ', [[' a ', ' b ']]],
    ['Windows line ends', 'a\tb\r\nc\r\n', [['a', 'b'], ['c']]],
    ['old line ends', 'a\rb', [['a'], ['b']]],
    ['nothing', '', []],
  ])('%s', (_, text, expected) => {
    expect(rows(text)).toEqual(expected);
  });

  test('knows the line that each row begins on, and a quote that does not end', () => {
    expect([...readTsv('a\r\n"b\nc\r\nd"\te\n\n"f', 2)]).toEqual([
      { columns: ['a'], line: 2, isOpen: false },
      { columns: ['b\nc\r\nd', 'e'], line: 3, isOpen: false },
      { columns: [], line: 6, isOpen: false },
      { columns: ['f'], line: 7, isOpen: true },
    ]);
  });

  const anyColumn = fc.oneof(fc.string(), fc.stringMatching(/^[a"\t\r\n ]{0,8}$/));
  const anyTable = fc.array(fc.array(anyColumn, { minLength: 1, maxLength: 4 }), { minLength: 1 });

  test('reads what was written with quotes, and so does csv-parse', () => {
    fc.assert(
      fc.property(anyTable, fc.constantFrom('\n', '\r\n'), (table, end) => {
        const text = table.map((row) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join('\t')).join(end);
        expect(rows(text)).toEqual(table);
        expect(parse(text, { delimiter: '\t', relax_column_count: true, record_delimiter: end })).toEqual(table);
      }),
    );
  });

  test('takes any text apart, and loses no character but quotes and separators', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab"\t\n]{0,30}$/), (text) => {
        const letters = (one: string): string => one.replaceAll(/[^ab]/g, '');
        expect(letters(rows(text).flat().join(''))).toBe(letters(text));
      }),
      { numRuns: 500 },
    );
  });
});

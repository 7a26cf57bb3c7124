import { describe, expect, test } from 'vitest';
import { defineCommand } from '../../src/cli/command.ts';
import { type Parsed, parseCommandLine } from '../../src/cli/parse.ts';

const command = defineCommand({
  name: 'try',
  summary: 'a command with a flag of each kind',
  operands: ['MODEL'],
  flags: {
    out: { kind: 'text', describe: 'a file', default: 'out.onnx', aliases: ['out_file'] },
    mode: { kind: 'text', describe: 'a choice', choices: ['None', 'Duo', 'A2'] },
    count: { kind: 'number', describe: 'a number', default: 3, aliases: ['COUNT_num', 'bs', 'n'] },
    set: { kind: 'list', describe: 'a list' },
    fast: { kind: 'switch', describe: 'a switch' },
  },
  examples: [],
  run: () => Promise.resolve(0),
});

const parse = (...argv: string[]): Parsed => parseCommandLine(command, argv);

describe('a command line', () => {
  test('has defaults', () => {
    const { operands, flags, given, common } = parse('m.onnx');
    expect(operands).toEqual(['m.onnx']);
    expect(flags).toEqual({ out: 'out.onnx', mode: undefined, count: 3, set: [], fast: false });
    expect([...given]).toEqual([]);
    expect(common).toEqual({ json: false, quiet: false, verbose: false, help: false });
  });

  test('takes values behind a space or an equals sign, in any order', () => {
    const { flags, operands } = parse('--out=a=b', '--set', 'x.y=1', 'm.onnx', '--count', '07', '--set=z', '--fast');
    expect(operands).toEqual(['m.onnx']);
    expect(parse('m.onnx', '--out', '-x', '--set=--fast').flags).toMatchObject({
      out: '-x',
      set: ['--fast'],
      fast: false,
    });
    expect(flags).toEqual({ out: 'a=b', mode: undefined, count: 7, set: ['x.y=1', 'z'], fast: true });
  });

  test("knows upstream's spellings", () => {
    const { flags, given } = parse('m.onnx', '--out_file', 'b.onnx', '--COUNT_num=5');
    expect(flags).toMatchObject({ out: 'b.onnx', count: 5 });
    expect([...given]).toEqual(['out', 'count']);
  });

  test('knows those with one dash', () => {
    expect(parse('m.onnx', '-bs', '5').flags['count']).toBe(5);
    expect(parse('m.onnx', '-n=6').flags['count']).toBe(6);
    expect(parse('--', '-bs').operands).toEqual(['-bs']);
    expect(() => parse('m.onnx', '-bx', '5')).toThrow(/unknown flag/);
  });

  test('takes everything behind -- as operands', () => {
    expect(parse('--', '--out').operands).toEqual(['--out']);
  });

  test('needs no operands for help', () => {
    expect(parse('-h').common.help).toBe(true);
  });

  test.each([
    { why: 'an unknown flag', argv: ['m', '--fst'], message: "unknown flag '--fst'", hint: "did you mean '--fast'?" },
    { why: 'an unknown flag with a value', argv: ['m', '--coumt=3'], hint: "did you mean '--count'?" },
    { why: 'one dash', argv: ['m', '-fast'], message: "unknown flag '-fast'", hint: "did you mean '--fast'?" },
    { why: 'an alias misspelt', argv: ['m', '--out_fil', 'x'], hint: "did you mean '--out_file'?" },
    { why: 'nothing near', argv: ['m', '--zzzzzz'], hint: 'see --help for the flags' },
    { why: 'a missing value', argv: ['m', '--out'], message: '--out needs a value' },
    {
      why: 'a flag for a value',
      argv: ['m', '--out', '--fast'],
      message: "--out needs a value (found the flag '--fast')",
    },
    { why: 'an alias for a value', argv: ['m', '--out', '--COUNT_num=3'], message: '--out needs a value' },
    { why: 'a file that begins with a dash', argv: ['-m.onnx'], hint: 'a file of that name goes behind --' },
    { why: 'an empty value', argv: ['m', '--out='], message: '--out needs a value' },
    { why: 'a value for a switch', argv: ['m', '--fast=no'], message: '--fast takes no value' },
    { why: 'a value twice', argv: ['m', '--out', 'a', '--out_file', 'b'], message: '--out is given 2 times' },
    { why: 'a negative number', argv: ['m', '--count', '-1'], message: '--count takes a whole number from 0 on' },
    { why: 'a fraction', argv: ['m', '--count=1.5'], message: '--count takes a whole number from 0 on' },
    { why: 'an exponent', argv: ['m', '--count=1e3'], message: '--count takes a whole number from 0 on' },
    { why: 'a number beyond 2^53', argv: ['m', '--count=9007199254740993'], message: 'whole number' },
    { why: 'no number', argv: ['m', '--count', 'many'], message: "found 'many'" },
    {
      why: 'another choice',
      argv: ['m', '--mode', 'duo'],
      message: 'one of None, Duo, A2',
      hint: "did you mean 'Duo'?",
    },
    { why: 'no operand', argv: [], message: 'try needs MODEL' },
    { why: 'an operand too many', argv: ['m', 'n'], message: "'n' is one argument too many" },
    { why: 'control characters', argv: ['m', '--\u001b[2J'], message: "unknown flag '--\ufffd[2J'" },
  ])('is refused for $why', ({ argv, message = '', hint }) => {
    expect(() => parse(...argv)).toThrow(
      expect.objectContaining({
        code: 'E_USAGE',
        message: expect.stringContaining(message) as string,
        ...(hint === undefined ? {} : { hint }),
      }) as Error,
    );
  });
});

import { parseArgs } from 'node:util';
import { printable } from '../errors.ts';
import { nearest } from '../targets/nearest.ts';
import { COMMON_FLAGS, type Command, type CommandInput, type FlagSpec, type FlagSpecs } from './command.ts';
import { usageError } from './errors.ts';

/** A command line taken apart, and the common flags in it. */
export interface Parsed extends CommandInput {
  readonly common: { readonly [Name in keyof typeof COMMON_FLAGS]: boolean };
}

/**
 * Takes the arguments behind the name of a command apart.
 *
 * @throws SdgraphError `E_USAGE` for flags and operands that the command does not take, with the nearest spelling
 */
export function parseCommandLine(command: Command, argv: readonly string[]): Parsed {
  const specs: FlagSpecs = { ...command.flags, ...COMMON_FLAGS };
  const names = spellings(specs);
  const args = withLongFlags(argv, names);
  const { tokens } = parseArgs({
    args,
    options: Object.fromEntries(
      [...names].map(([spelling, name]) => [spelling, { type: specs[name]?.kind === 'switch' ? 'boolean' : 'string' }]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const texts = new Map<string, string[]>();
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const name = names.get(token.name);
    if (name === undefined) throw unknownFlag(args[token.index] ?? token.rawName, names);
    if (token.inlineValue === false) refuseFlag(token.rawName, token.value, names);
    const text = textOf(token.rawName, token.value, specs[name] as FlagSpec);
    texts.set(name, [...(texts.get(name) ?? []), text]);
  }
  const values = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [name, valueOf(name, spec, texts.get(name) ?? [])]),
  );
  const { json, quiet, verbose, help, ...flags } = values as Parsed['common'] & CommandInput['flags'];
  const common = { json, quiet, verbose, help };
  if (!help) checkOperands(command, operands);
  return { operands, flags, given: new Set(texts.keys()), common };
}

/** Every way to write a flag, with the name that it stands for. */
function spellings(specs: FlagSpecs): Map<string, string> {
  const names = new Map<string, string>([['h', 'help']]);
  for (const [name, { aliases = [] }] of Object.entries(specs)) {
    for (const spelling of [name, ...aliases]) names.set(spelling, name);
  }
  return names;
}

/** Upstream writes `-m DIR` and `-bs 1`: one dash, then one or two letters that are a spelling of ours, never a row of switches. */
function withLongFlags(argv: readonly string[], names: ReadonlyMap<string, string>): string[] {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  return argv.map((arg, i) => {
    const [, spelling] = /^-([a-z]{1,2})(?:=|$)/u.exec(arg) ?? [];
    return i < end && spelling !== undefined && names.has(spelling) ? `-${arg}` : arg;
  });
}

function unknownFlag(written: string, names: ReadonlyMap<string, string>): Error {
  const bare = written.replace(/^-+/u, '').replace(/=.*$/su, '');
  const near = nearest(
    bare,
    [...names.keys()].filter((name) => name.length > 1),
  );
  const others = written.includes('.') ? 'a file of that name goes behind --' : 'see --help for the flags';
  return usageError(`unknown flag '${printable(written.replace(/=.*$/su, ''))}'`, {
    hint: near === undefined ? others : `did you mean '--${near}'?`,
  });
}

/** Refuses a flag in the place of a value: the value was forgotten, and the next flag would be lost. */
function refuseFlag(written: string, value: string, names: ReadonlyMap<string, string>): void {
  const [, name] = /^--([^=]+)(?:=.*)?$/su.exec(value) ?? [];
  if (name === undefined || !names.has(name)) return;
  throw usageError(`${written} needs a value`, {
    found: `the flag '${printable(value)}'`,
    hint: `if that is the value, write it behind an equals sign: ${written}=${printable(value)}`,
  });
}

function textOf(written: string, value: string | undefined, { kind, value: wanted = 'a value' }: FlagSpec): string {
  if (kind === 'switch') {
    if (value !== undefined) throw usageError(`${written} takes no value`, { found: `'${printable(value)}'` });
    return '';
  }
  if (value !== undefined && value !== '') return value;
  throw usageError(`${written} needs a value`, { expected: wanted });
}

function valueOf(name: string, spec: FlagSpec, texts: readonly string[]): unknown {
  if (spec.kind === 'switch') return texts.length > 0;
  if (spec.kind === 'list') return texts;
  if (texts.length > 1) throw usageError(`--${name} is given ${texts.length} times`, { hint: 'give it once' });
  const [text] = texts;
  if (text === undefined) return spec.default;
  if (spec.kind === 'number') return wholeNumber(`--${name}`, text);
  if (spec.choices !== undefined && !spec.choices.includes(text)) {
    const near = nearest(text, spec.choices);
    throw usageError(`--${name} does not take that value`, {
      expected: `one of ${spec.choices.join(', ')}`,
      found: `'${printable(text)}'`,
      ...(near === undefined ? {} : { hint: `did you mean '${near}'?` }),
    });
  }
  return text;
}

/** A whole number that is not negative. Throws `E_USAGE` for anything else, exponents and fractions included. */
function wholeNumber(name: string, text: string): number {
  const number = /^[0-9]{1,16}$/u.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw usageError(`${name} takes a whole number from 0 on`, { found: `'${printable(text)}'` });
}

function checkOperands({ name, operands: wanted }: Command, operands: readonly string[]): void {
  if (operands.length < wanted.length) {
    const missing = wanted.slice(operands.length).join(' and ');
    throw usageError(`${name} needs ${missing}`, { hint: `see sdgraph ${name} --help` });
  }
  const extra = operands[wanted.length];
  if (extra === undefined || wanted.at(-1)?.endsWith('...') === true) return;
  throw usageError(`'${printable(extra)}' is one argument too many`, { hint: `see sdgraph ${name} --help` });
}

/** What a command is made of, and the list of commands. A command's module is loaded only when it is run. */

import type { Output } from './output.ts';

/** A flag of a command. */
export interface FlagSpec {
  /** `text` and `number` take one value; `list` may be given several times; `switch` takes none. */
  readonly kind: 'text' | 'number' | 'list' | 'switch';
  readonly describe: string;
  /** What the value is, for help: `FILE`, `N`. */
  readonly value?: string;
  /** Other spellings, such as upstream's. */
  readonly aliases?: readonly string[];
  readonly choices?: readonly string[];
  /** Shown in help and used when the flag is not given. */
  readonly default?: string | number;
}

/** Flags by name in kebab-case. */
export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

type FlagValue<S extends FlagSpec> = S['kind'] extends 'switch'
  ? boolean
  : S['kind'] extends 'list'
    ? readonly string[]
    :
        | (S['kind'] extends 'number' ? number : string)
        | (S extends { readonly default: string | number } ? never : undefined);

/** The values of flags, by the names that the specification gives them. */
export type FlagValues<F extends FlagSpecs> = { readonly [Name in keyof F]: FlagValue<F[Name]> };

/** What a command takes and does. */
export interface Command<F extends FlagSpecs = FlagSpecs> {
  readonly name: string;
  readonly summary: string;
  /** Names of the operands, all required: `['MODEL']`. The last one takes any number when it ends in `...`. */
  readonly operands: readonly string[];
  readonly flags: F;
  /** Command lines worth showing, each with what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /** Whether the command was given its flags explicitly is in `given`. Returns the exit code. */
  run(input: CommandInput<F>, output: Output): Promise<number>;
}

/** A parsed command line. */
export interface CommandInput<F extends FlagSpecs = FlagSpecs> {
  readonly operands: readonly string[];
  readonly flags: FlagValues<F>;
  /** Names of the flags that the user wrote; the others have their defaults. */
  readonly given: ReadonlySet<string>;
}

/** Flags that every command takes. */
export const COMMON_FLAGS = {
  json: { kind: 'switch', describe: 'print one JSON document on stdout instead of text' },
  quiet: { kind: 'switch', describe: 'print nothing but errors' },
  verbose: { kind: 'switch', describe: 'print more: every reason, and stack traces of internal errors' },
  help: { kind: 'switch', describe: 'show this help' },
} as const satisfies FlagSpecs;

/** Makes a command; fixes the types of its flags. */
export function defineCommand<const F extends FlagSpecs>(command: Command<F>): Command<F> {
  return command;
}

/** A command by name, with the line that the list of commands shows. */
export interface CommandEntry {
  readonly summary: string;
  load(): Promise<Command>;
}

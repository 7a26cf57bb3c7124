import { makePass, passNamed } from '../../passes/index.ts';
import { modifyOnnx } from '../../passes/presets.ts';
import { readTomeIndices, type TomeIndexSource } from '../../passes/tome/indices.ts';
import { printable } from '../errors.ts';
import type { Pass } from '../rewrite/pass.ts';
import { findTarget, type Target } from '../targets/index.ts';
import { usageError } from './errors.ts';

/** The flags of `optimize` that say what is rewritten. */
export interface PlanFlags {
  readonly 'fa-soc': string;
  readonly tome: number;
  readonly 'faster-gelu': boolean;
  readonly target: string | undefined;
  readonly seed: number;
  readonly 'tome-indices': string | undefined;
  readonly passes: string | undefined;
  readonly set: readonly string[];
}

/** Flags of upstream's recipe, which have no meaning beside a list of passes. */
const RECIPE_FLAGS = ['fa-soc', 'tome', 'faster-gelu'] as const;

/**
 * The passes that the flags ask for: upstream's recipe, or those of `--passes`.
 *
 * @param given names of the flags that the user wrote
 * @throws SdgraphError `E_USAGE`, `E_TARGET`, `E_PASS_UNKNOWN`, `E_PASS_OPTION`, and what reading the files throws
 */
export async function planPasses(flags: PlanFlags, given: ReadonlySet<string>): Promise<readonly Pass[]> {
  const target = flags.target === undefined ? undefined : await findTarget(flags.target);
  const indices = flags['tome-indices'] === undefined ? undefined : indicesFrom(flags['tome-indices']);
  if (given.has('seed') && indices !== undefined) {
    throw usageError('--seed and --tome-indices exclude each other', { hint: 'a list of tokens is drawn or given' });
  }
  if (flags.passes !== undefined) return listedPasses(flags.passes, flags, given, target, indices);
  if (flags.set.length > 0) throw usageError('--set goes with --passes', { hint: 'the recipe has flags of its own' });
  for (const flag of ['seed', 'tome-indices']) {
    if (given.has(flag) && flags.tome === 0) throw usageError(`--${flag} goes with --tome`);
  }
  return modifyOnnx({
    tome: flags.tome,
    fasterGelu: flags['faster-gelu'],
    seed: flags.seed,
    ...(given.has('fa-soc') ? { faSoc: flags['fa-soc'] as 'None' | 'Duo' | 'A2' } : {}),
    ...(target === undefined ? {} : { target }),
    ...(indices === undefined ? {} : { indices }),
  });
}

function listedPasses(
  list: string,
  flags: PlanFlags,
  given: ReadonlySet<string>,
  target: Target | undefined,
  indices: TomeIndexSource | undefined,
): readonly Pass[] {
  for (const flag of RECIPE_FLAGS) {
    if (given.has(flag)) throw usageError(`--${flag} is part of the recipe that --passes replaces`);
  }
  const names = list.split(',').map((name) => name.trim());
  for (const name of names) passNamed(name);
  const settings = readSettings(flags.set, names);
  return names.map((name) => {
    // Flags that several passes understand reach those that have such an option; --set is nearer and wins.
    const shared = new Map<string, unknown>([
      ...(target === undefined ? [] : [['target', target] as const]),
      ...(indices === undefined ? [] : [['indices', indices] as const]),
      ...(given.has('seed') ? [['seed', flags.seed] as const] : []),
    ]);
    const known = passNamed(name).defaults;
    const usable = [...shared].filter(([option]) => Object.hasOwn(known, option));
    return makePass(name, new Map([...usable, ...(settings.get(name) ?? [])]));
  });
}

/** `pass.option=value` texts by pass and option. */
function readSettings(texts: readonly string[], names: readonly string[]): Map<string, Map<string, string>> {
  const settings = new Map<string, Map<string, string>>();
  for (const text of texts) {
    const [, pass = '', option = '', value = ''] = /^([^.=]+)\.([^.=]+)=(.*)$/su.exec(text) ?? [];
    if (option === '') {
      throw usageError('--set takes one option', { expected: 'PASS.OPTION=VALUE', found: `'${printable(text)}'` });
    }
    if (!names.includes(pass)) {
      throw usageError(`--set names a pass that --passes does not`, { found: `'${printable(pass)}'` });
    }
    settings.set(pass, (settings.get(pass) ?? new Map<string, string>()).set(option, value));
  }
  return settings;
}

/** A profile by name, or from a file: a name has no slash and does not end in `.json`. */
function indicesFrom(text: string): TomeIndexSource {
  return text === 'corner' ? { kind: 'corner' } : readTomeIndices(text);
}

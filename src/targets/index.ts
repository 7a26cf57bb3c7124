/** Target profiles: which plugin operators a chip and its SDK offer. Data in `*.json`, checked by `schema.json`. */

import { readFileSync } from 'node:fs';
import { printable, SdgraphError } from '../errors.ts';
import { loadTargetFile } from './file.ts';
import { deepFreeze } from './freeze.ts';
import { nearest } from './nearest.ts';
import type { FaSoc, Role, Target, TargetOperators } from './types.ts';

export { checkLimits, permitted, type SiteFacts } from './limits.ts';
export type * from './types.ts';
export { loadTargetFile };

const FILES: ReadonlyMap<string, URL> = new Map([
  ['ascend310p-aie-7.0', new URL('./ascend310p-aie-7.0.json', import.meta.url)],
  ['ascend310p-cann-8.1', new URL('./ascend310p-cann-8.1.json', import.meta.url)],
  ['ascend910b-aie-7.0', new URL('./ascend910b-aie-7.0.json', import.meta.url)],
]);
const NAMES: readonly string[] = [...FILES.keys()];
const FA_SOCS: ReadonlyMap<string, string> = new Map([
  ['Duo', 'ascend310p-aie-7.0'],
  ['A2', 'ascend910b-aie-7.0'],
]);
const loaded = new Map<string, Target>();

/** The names of the built-in profiles, sorted. */
export function targetNames(): readonly string[] {
  return NAMES;
}

/**
 * A built-in profile by name. Errors: `E_TARGET` when there is none of that name.
 *
 * @example
 * loadTarget('ascend310p-aie-7.0').operators.flashAttention?.opType // 'FlashAttentionTik'
 */
export function loadTarget(name: string): Target {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const file = FILES.get(name);
  if (file === undefined) throw unknownTarget(name);
  // Not a JSON import: on Node 20 that prints an experimental warning. No check either: the tests check these files,
  // and the checker generates code, which a process may have forbidden.
  const target = deepFreeze(JSON.parse(readFileSync(file, 'utf8')) as Target);
  loaded.set(name, target);
  return target;
}

/**
 * A profile as a user names it: a built-in one, or a JSON file where the text has a slash or ends in `.json`.
 *
 * @throws SdgraphError what {@link loadTarget} and {@link loadTargetFile} throw
 */
export async function findTarget(text: string): Promise<Target> {
  return isTargetFile(text) ? loadTargetFile(text) : loadTarget(text);
}

/** Whether a text that a user names a profile with is a file, not the name of a built-in one. */
export function isTargetFile(text: string): boolean {
  return /[/\\]|\.json$/u.test(text);
}

/** The profile that upstream's `--FA_soc` value stands for. Errors: `E_TARGET` for any other value. */
export function targetForFaSoc(soc: FaSoc): Target {
  const name = FA_SOCS.get(soc);
  if (name === undefined) {
    throw new SdgraphError(
      'E_TARGET',
      'there is no such flash-attention flavour',
      {},
      { expected: 'Duo or A2', found: printable(soc) },
    );
  }
  return loadTarget(name);
}

/**
 * The operator that a target has for a role. Errors: `E_TARGET` with the profile's reason when it has none.
 */
export function requireOperator<R extends Role>(target: Target, role: R): NonNullable<TargetOperators[R]> {
  const operator = target.operators[role];
  if (operator !== undefined) return operator;
  const reason = target.unavailable[role]?.reason ?? `the profile names no operator for ${role}`;
  throw new SdgraphError('E_TARGET', reason, { name: target.name }, { hint: `other targets: ${others(target)}` });
}

function others({ name }: Target): string {
  return NAMES.filter((other) => other !== name).join(', ');
}

function unknownTarget(name: string): SdgraphError {
  const near = nearest(name, NAMES);
  return new SdgraphError(
    'E_TARGET',
    'there is no target of that name',
    {},
    {
      expected: `one of ${NAMES.join(', ')}`,
      found: `'${printable(name)}'`,
      ...(near === undefined ? {} : { hint: `did you mean '${near}'?` }),
    },
  );
}

/** Values as `npu-smi` prints them. */

import type { NpuHealth } from './report.ts';

const HEALTH: ReadonlyMap<string, NpuHealth> = new Map(
  (['OK', 'Warning', 'Alarm', 'Critical', 'UNKNOWN'] as const).map((state) => [state.toLowerCase(), state]),
);

/** A number; null for `NA`, `-`, nothing, and anything else that is none. */
export function readNumber(text: string | undefined): number | null {
  return text !== undefined && /^-?[0-9]{1,12}(?:\.[0-9]{1,6})?$/u.test(text) ? Number(text) : null;
}

/** A whole number from 0 on; null for anything else. */
export function readInteger(text: string | undefined): number | null {
  return text !== undefined && /^[0-9]{1,15}$/u.test(text) ? Number(text) : null;
}

/** A state of a chip; undefined for a word that is none. */
export function readHealth(text: string): NpuHealth | undefined {
  return HEALTH.get(text.toLowerCase());
}

/** Whether the tool says that there is no value. */
export function isAbsent(text: string): boolean {
  return text === '' || /^(?:NA|N\/A|-+)$/iu.test(text);
}

/** A place on the bus, `0000:C1:00.0`; null for anything else. */
export function readBusId(text: string): string | null {
  return /^[0-9A-F]{4,8}:[0-9A-F]{2}:[0-9A-F]{2}\.[0-9A-F]$/iu.test(text) ? text : null;
}

/** Numbers ahead of the first pair, and the pairs `used / total`; a slash may touch its numbers. */
export function readUsage(cell: string): { readonly lead: readonly string[]; readonly pairs: readonly Pair[] } {
  // `N/A` is no pair.
  const tokens = cell
    .replace(/\bN\/A\b/giu, 'NA')
    .replaceAll('/', ' / ')
    .split(/\s+/u)
    .filter((token) => token !== '');
  const slashes = tokens.flatMap((token, i) => (token === '/' ? [i] : []));
  const pairs = slashes.map((at) => ({ used: readInteger(tokens[at - 1]), total: readInteger(tokens[at + 1]) }));
  const [first] = slashes;
  return { lead: first === undefined ? tokens : tokens.slice(0, Math.max(0, first - 1)), pairs };
}

/** How much of how much. */
export interface Pair {
  readonly used: number | null;
  readonly total: number | null;
}

import type { Limit, Quantity } from './types.ts';

/** The quantities of one site in a graph. A quantity that is missing or not a number is unknown, for example symbolic. */
export type SiteFacts = Readonly<Partial<Record<Quantity, number | undefined>>>;

const NAMES: Readonly<Record<Quantity, string>> = {
  opset: 'opset',
  batch: 'batch',
  heads: 'number of heads',
  headDim: 'head dim',
  qLength: 'query length',
  kvLength: 'key length',
  lastAxis: 'last axis',
  rows: 'number of rows',
  aTokens: 'number of source tokens',
  bTokens: 'number of destination tokens',
  mergedTokens: 'number of merged tokens',
  keptTokens: 'number of kept source tokens',
  channels: 'number of channels',
  tokens: 'number of tokens',
  inputFeatures: 'number of input features',
  features: 'number of features',
};

/** Longest list of permitted numbers that a refusal repeats in full. */
const MAX_LISTED = 12;

/**
 * Why `facts` break `limits`: one readable sentence for each limit that does not hold, none when all do.
 *
 * A limit on an unknown quantity does not hold: an operator that may crash the compiler is not used on a guess.
 *
 * @example
 * checkLimits(target.operators.flashAttention.limits, { ...site, headDim: 96 })
 * // ['head dim 96 is not one of 40, 48, 64, 72, 80, 128, 160, 512 (FlashAttentionTik kernel)']
 */
export function checkLimits(limits: readonly Limit[], facts: SiteFacts): string[] {
  const refusals: string[] = [];
  for (const limit of limits) {
    const name = NAMES[limit.quantity];
    const value = facts[limit.quantity];
    const known = value !== undefined && !Number.isNaN(value);
    const broken = known ? brokenBound(limit, value) : `has to be ${permitted(limit)}`;
    if (broken !== undefined) {
      refusals.push(`${name} ${known ? `${value} is ${broken}` : `is not known and ${broken}`} (${limit.reason})`);
    }
  }
  return refusals;
}

function brokenBound(limit: Limit, value: number): string | undefined {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, oneOf, multipleOf } = limit;
  if (oneOf !== undefined && !oneOf.includes(value)) return `not one of ${listed(oneOf)}`;
  if (value < min || value > max) return `not ${range(limit)}`;
  if (multipleOf !== undefined && value % multipleOf !== 0) return `not a multiple of ${multipleOf}`;
  return undefined;
}

/** What a limit permits, in words: `1 to 64`, `one of 40, 64`, `at most 2048 and a multiple of 128`. */
export function permitted(limit: Limit): string {
  const { min, max, oneOf, multipleOf } = limit;
  return [
    oneOf === undefined ? undefined : `one of ${listed(oneOf)}`,
    min === undefined && max === undefined ? undefined : range(limit),
    multipleOf === undefined ? undefined : `a multiple of ${multipleOf}`,
  ]
    .filter((part) => part !== undefined)
    .join(' and ');
}

function range({ min, max }: Limit): string {
  if (min === undefined) return `at most ${max}`;
  return max === undefined ? `at least ${min}` : `in ${min} to ${max}`;
}

function listed(numbers: readonly number[]): string {
  return numbers.length <= MAX_LISTED ? numbers.join(', ') : `${numbers.slice(0, MAX_LISTED).join(', ')}, …`;
}

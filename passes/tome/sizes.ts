import { checkLimits, requireOperator } from '../../src/targets/index.ts';
import type { Limit, PluginOperator, Target, TomeMergeOperator, TomeUnmergeOperator } from '../../src/targets/types.ts';

/** The operators that a target merges tokens with. */
export interface TomeOperators {
  /** Undefined where the standard ReduceMax and ArgMax do the work. */
  readonly findMax: PluginOperator | undefined;
  readonly merge: TomeMergeOperator;
  readonly unmerge: TomeUnmergeOperator;
  /** Limits of a fused attention, for the number of tokens that is left. */
  readonly attention: { readonly opTypes: readonly string[]; readonly limits: readonly Limit[] };
}

/** Numbers of tokens: `a` sources, of which `merged` go and `kept` stay, `b` destinations, `left` in the end. */
export interface TomeSizes {
  readonly batch: number;
  readonly channels: number;
  readonly tokens: number;
  readonly a: number;
  readonly b: number;
  readonly merged: number;
  readonly kept: number;
  readonly left: number;
}

/** The operators of a target. Throws `E_TARGET` when it cannot merge tokens. */
export function tomeOperators(target: Target): TomeOperators {
  const { flashAttention } = target.operators;
  const instead = target.unavailable.findMax?.instead ?? [];
  const isStandard = instead.includes('ReduceMax') && instead.includes('ArgMax');
  return {
    findMax: target.operators.findMax ?? (isStandard ? undefined : requireOperator(target, 'findMax')),
    merge: requireOperator(target, 'tomeMerge'),
    unmerge: requireOperator(target, 'tomeUnmerge'),
    attention: {
      opTypes: flashAttention === undefined ? [] : [flashAttention.opType, ...flashAttention.aliases],
      limits: flashAttention?.limits.filter(({ quantity }) => quantity === 'qLength' || quantity === 'kvLength') ?? [],
    },
  };
}

/** Sizes for a block of `tokens` tokens, a multiple of four. */
export function tomeSizes([batch, tokens, channels]: readonly [number, number, number], rate: number): TomeSizes {
  const b = tokens / 4;
  const a = tokens - b;
  // The operators compute this themselves, with the same rounding.
  const merged = Math.trunc(tokens * rate);
  return { batch, channels, tokens, a, b, merged, kept: a - merged, left: tokens - merged };
}

/** Why the operators do not take these sizes; nothing when they do. `attention` is the op type of the attention. */
export function checkSizes(operators: TomeOperators, sizes: TomeSizes, opset: number, attention: string): string[] {
  const { a, b, merged, kept, left, batch, channels } = sizes;
  const facts = { opset, batch, channels, aTokens: a, bTokens: b, mergedTokens: merged, keptTokens: kept };
  const search = { ...facts, lastAxis: b, rows: batch * a };
  const fused = operators.attention.opTypes.includes(attention) ? operators.attention.limits : [];
  return [
    ...(operators.findMax === undefined ? [] : checkLimits(operators.findMax.limits, search)),
    ...checkLimits(operators.merge.limits, facts),
    ...checkLimits(operators.unmerge.limits, facts),
    ...checkLimits(fused, { qLength: left, kvLength: left }).map((reason) => `after merging, ${reason}`),
  ];
}

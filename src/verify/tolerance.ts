import type { Emulation } from '../../passes/lower/context.ts';
import type { Model } from '../ir/model.ts';
import type { Tolerance } from './compare.ts';

/** Names of the tolerance presets. */
export type TolerancePreset = 'bit-exact' | 'exact' | 'fp16' | 'faster-gelu' | 'tome' | 'quantized';

/** A tolerance that is asked for; `auto` lets the models decide. */
export type WantedTolerance = TolerancePreset | 'auto' | Tolerance;

/** What each kind of rewrite may change. `docs/verify.md` has the measurements that the bounds come from. */
export const TOLERANCES: { readonly [Preset in TolerancePreset]: Tolerance } = {
  /** Only moved data: Split for Slice pairs, removed identities. */
  'bit-exact': { maxAbs: 0 },
  /** The same arithmetic in another order: flash attention, folded constants. */
  exact: { maxAbs: 1e-4, relativeRms: 1e-4 },
  /** The same arithmetic with the roundings of the device kernels (`emulate: 'fp16'`). */
  fp16: { relativeRms: 0.02, cosine: 0.9995 },
  /** Sigmoid GELU in the place of the exact one. */
  'faster-gelu': { relativeRms: 0.01, cosine: 0.9999 },
  /** Token merging: similar tokens share one attention result. */
  tome: { relativeRms: 0.06, cosine: 0.998 },
  /** int8 convolutions. */
  quantized: { relativeRms: 0.1, cosine: 0.99 },
};

/** Operators that tell what a model was rewritten with, the most lossy first. */
const SIGNS: readonly (readonly [opType: string, preset: TolerancePreset])[] = [
  ['TomeMerged', 'tome'],
  ['TomeMerge', 'tome'],
  ['AscendQuant', 'quantized'],
  ['AscendDequant', 'quantized'],
  ['SliceTransGeluMul', 'faster-gelu'],
];

/**
 * The preset that fits what a candidate was rewritten with: operators that it has more of than the reference. Call it
 * before plugin operators are replaced.
 */
export function presetFor(reference: Model, candidate: Model, emulate: Emulation): TolerancePreset {
  const [before, after] = [countOperators(reference), countOperators(candidate)];
  const sign = SIGNS.find(([opType]) => (after.get(opType) ?? 0) > (before.get(opType) ?? 0));
  return sign?.[1] ?? (emulate === 'fp16' ? 'fp16' : 'exact');
}

function countOperators(model: Model): Map<string, number> {
  const counts = new Map<string, number>();
  for (const graph of model.scopes()) {
    for (const { opType } of graph.nodes) counts.set(opType, (counts.get(opType) ?? 0) + 1);
  }
  return counts;
}

/** The bounds that are asked for, with their name; `auto` is asked what it means only when it is wanted. */
export function chooseTolerance(
  wanted: WantedTolerance | undefined,
  auto: () => TolerancePreset,
): { readonly preset: string; readonly tolerance: Tolerance } {
  if (typeof wanted === 'object') return { preset: 'custom', tolerance: wanted };
  const preset = wanted === undefined || wanted === 'auto' ? auto() : wanted;
  return { preset, tolerance: TOLERANCES[preset] };
}

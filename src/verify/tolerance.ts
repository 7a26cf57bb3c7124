import type { Model } from '../ir/model.ts';
import type { Tolerance } from './compare.ts';

/** Names of the tolerance presets. */
export type TolerancePreset = 'bit-exact' | 'exact' | 'faster-gelu' | 'tome' | 'quantized';

/**
 * What each kind of rewrite may change. Figures: modify-onnx.md, section 6, measured on a UNet of random weights whose
 * output has RMS 0.76 (faster-gelu 0.0022, ToMe 0.012), with headroom for other weights.
 */
export const TOLERANCES: { readonly [Preset in TolerancePreset]: Tolerance } = {
  /** Only moved data: Split for Slice pairs, removed identities. */
  'bit-exact': { maxAbs: 0 },
  /** The same arithmetic in another order: flash attention, folded constants. */
  exact: { maxAbs: 1e-4 },
  /** Sigmoid GELU in the place of the exact one. */
  'faster-gelu': { relativeRms: 0.02, cosine: 0.999 },
  /** Token merging: similar tokens share one attention result. */
  tome: { relativeRms: 0.1, cosine: 0.99 },
  /** int8 convolutions. */
  quantized: { relativeRms: 0.1, cosine: 0.99 },
};

/** Operators that tell what a model was rewritten with, the most lossy first. */
const SIGNS: readonly (readonly [opType: string, preset: TolerancePreset])[] = [
  ['TomeMerged', 'tome'],
  ['TomeMerge', 'tome'],
  ['AscendDequant', 'quantized'],
  ['SliceTransGeluMul', 'faster-gelu'],
];

/** The preset that fits the rewrites a model shows. */
export function presetFor(model: Model): TolerancePreset {
  const found = new Set([...model.scopes()].flatMap((graph) => [...graph.nodes].map((node) => node.opType)));
  return SIGNS.find(([opType]) => found.has(opType))?.[1] ?? 'exact';
}

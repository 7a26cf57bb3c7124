/**
 * The shape of a target profile: what one chip with one SDK offers, as data.
 *
 * `schema.json` says the same for files; the built-in profiles are checked against it by the tests, a user's own when
 * it is loaded.
 */

/** `established`: read in a source or measured. `inferred`: plausible, but nobody has seen it. */
export type Evidence = 'established' | 'inferred';

/** Where a statement of a profile comes from. */
export interface Fact {
  readonly source: string;
  readonly evidence: Evidence;
}

/**
 * What a {@link Limit} speaks of. All are counts.
 *
 * - `opset`: version of the default ONNX domain
 * - attention: `batch`, `heads`, `headDim`, `qLength`, `kvLength`
 * - FindMax: `lastAxis`, `rows` (product of the other axes)
 * - token merging: `batch`, `aTokens` (sources), `bTokens` (destinations), `mergedTokens`, `keptTokens` (sources that
 *   stay), `channels`
 * - SliceTransGeluMul: `tokens`, `inputFeatures` (last axis of the input), `features` (half of it)
 */
export type Quantity =
  | 'opset'
  | 'batch'
  | 'heads'
  | 'headDim'
  | 'qLength'
  | 'kvLength'
  | 'lastAxis'
  | 'rows'
  | 'aTokens'
  | 'bTokens'
  | 'mergedTokens'
  | 'keptTokens'
  | 'channels'
  | 'tokens'
  | 'inputFeatures'
  | 'features';

/** The numbers an operator takes for one quantity. Every bound that is given has to hold. */
export interface Limit extends Fact {
  readonly quantity: Quantity;
  /** Smallest number taken. */
  readonly min?: number;
  /** Largest number taken. */
  readonly max?: number;
  /** The only numbers taken. */
  readonly oneOf?: readonly number[];
  readonly multipleOf?: number;
  /** What imposes the limit, short enough to stand in brackets behind a refusal. */
  readonly reason: string;
}

/** What a pass computes when it writes an attribute: `attentionScale` is the factor on the scores, 1/sqrt(head dim). */
export type Formula = 'numHeads' | 'attentionScale' | 'quantScale' | 'quantOffset';

interface AttributeName extends Partial<Fact> {
  readonly name: string;
}

/** An attribute to be written on the node: a fixed value, or one that the pass computes. */
export type TargetAttribute =
  | (AttributeName & { readonly type: 'int'; readonly value: number })
  | (AttributeName & { readonly type: 'float'; readonly value: number })
  | (AttributeName & { readonly type: 'string'; readonly value: string })
  | (AttributeName & { readonly type: 'int'; readonly formula: 'numHeads' })
  | (AttributeName & { readonly type: 'float'; readonly formula: Exclude<Formula, 'numHeads'> });

/** How one plugin operator is written into an ONNX file and what it takes. */
export interface PluginOperator extends Fact {
  readonly opType: string;
  /** Other op types that mean the same when a graph is read. */
  readonly aliases: readonly string[];
  /** ONNX domain; the empty string is the default domain, the only one that ATC looks for plugins in. */
  readonly domain: string;
  /** Required inputs, in order. The names are the operator's own and do not appear in the file. */
  readonly inputs: readonly string[];
  /** Inputs after the required ones; none is connected by our passes. */
  readonly optionalInputs?: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly TargetAttribute[];
  readonly limits: readonly Limit[];
  /** Something a user should be told when the operator is used. */
  readonly caution?: string;
  readonly notes: readonly string[];
}

/** An operator that computes softmax(scale * Q K^T) V. */
export interface FlashAttentionOperator extends PluginOperator {
  /** Order of the four axes of q, k, v and the result: batch, heads (N), sequence, head dim. */
  readonly layout: 'BNSD' | 'BSND';
  /**
   * Who scales the scores: `premultiplied` - the caller multiplies q before; `inverse-sqrt-head-dim` - the operator, and
   * always by 1/sqrt(head dim), so no other factor can be expressed; `attribute` - the operator, by the attribute whose
   * formula is `attentionScale`.
   */
  readonly scaling: 'premultiplied' | 'inverse-sqrt-head-dim' | 'attribute';
  /** `none`: an attention with a mask must not be replaced. */
  readonly mask: 'none';
  /** Element type that a Cast after the operator restores. Without it there is no Cast. */
  readonly castOutputTo?: 'float32';
  /** Which attentions are taken, beyond what the limits allow; the others are skipped, which is no failure. */
  readonly selection: { readonly attention: readonly ('self' | 'cross')[]; readonly rules: readonly Limit[] };
}

/** The share of all tokens that is merged, and the attribute that sets it; written only when it is not the default. */
export interface MergeRate extends Fact {
  readonly attribute: string;
  readonly default: number;
}

/** An operator that sums source tokens into destination tokens. */
export interface TomeMergeOperator extends PluginOperator {
  readonly rate: MergeRate;
  /** Length of the extra axis of the partial sums and counts, which the caller adds up. */
  readonly slabs: number;
}

/** An operator that spreads merged tokens to their old places. */
export interface TomeUnmergeOperator extends PluginOperator {
  readonly rate: MergeRate;
}

/** An operator that splits the last axis in halves and multiplies one by the activation of the other. */
export interface GatedActivationOperator extends PluginOperator {
  /** The half that goes through the activation. */
  readonly gate: 'first' | 'second';
  readonly activation: 'sigmoid-gelu' | 'erf-gelu';
  /** Whether the result differs from the exact GELU by more than rounding. */
  readonly lossy: boolean;
}

/** What a plugin operator is for, and what is known of it in that role. */
export interface TargetOperators {
  readonly flashAttention?: FlashAttentionOperator;
  readonly findMax?: PluginOperator;
  readonly tomeMerge?: TomeMergeOperator;
  readonly tomeUnmerge?: TomeUnmergeOperator;
  readonly sliceTransGeluMul?: GatedActivationOperator;
  readonly quant?: PluginOperator;
  readonly dequant?: PluginOperator;
}

/** The name of a role. */
export type Role = keyof TargetOperators;

/** Why a target has no operator for a role, and which standard operators do the work instead (none: it cannot be done). */
export interface Unavailable extends Fact {
  readonly reason: string;
  readonly instead: readonly string[];
}

/** One chip family. `versions` are the values that ATC takes as `--soc_version`. */
export interface SocFamily {
  readonly family: string;
  readonly versions: readonly string[];
  readonly products: readonly string[];
}

/** A target profile: one chip family with one SDK. Deeply frozen. */
export interface Target {
  readonly formatVersion: 1;
  readonly name: string;
  readonly title: string;
  readonly soc: readonly SocFamily[];
  readonly sdk: Fact & { readonly name: string; readonly versions: readonly string[] };
  /** The `--fa-soc` shorthand that stands for this profile. */
  readonly faSoc?: FaSoc;
  readonly operators: TargetOperators;
  readonly unavailable: Readonly<Partial<Record<Role, Unavailable>>>;
}

/** Upstream's names for its two flash-attention flavours. */
export type FaSoc = 'Duo' | 'A2';

import { DataType } from '../../src/ir/data-type.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { Node } from '../../src/ir/node.ts';
import { topologicalOrder } from '../../src/ir/sort.ts';
import type { Value } from '../../src/ir/value.ts';
import { label } from '../../src/rewrite/report.ts';
import type { Inference } from '../../src/schema/inference.ts';
import { type LayerNorm, matchLayerNorm } from '../support/layer-norm.ts';
import { isWeight } from '../support/weight.ts';
import { refuseGrid } from './indices.ts';
import { findLatents, type Latents } from './latents.ts';
import { Refusal } from './refusal.ts';
import { type AttentionRegion, followAttention } from './region.ts';
import { checkSizes, type TomeOperators, type TomeSizes, tomeSizes } from './sizes.ts';
import type { FusedAttentions } from './transfer.ts';

/** A self-attention at full latent resolution whose tokens can be merged. */
export interface TomeBlock {
  readonly norm: LayerNorm;
  readonly region: AttentionRegion;
  readonly sizes: TomeSizes;
}

/** What a search finds at one place, in the order of the graph. */
export type TomeFinding =
  | { readonly kind: 'block'; readonly node: Node; readonly block: TomeBlock }
  | { readonly kind: 'present' | 'skipped' | 'refused'; readonly node: Node; readonly reason: string };

/** What to search with. */
export interface TomeSearch {
  readonly shapes: Inference;
  readonly operators: TomeOperators;
  readonly fused: FusedAttentions;
  readonly opset: number;
  /** Name of the input that holds the latents, where the user gave it. */
  readonly latents: string | undefined;
}

/** A normalized value. */
interface Candidate {
  readonly norm: LayerNorm;
  /** Whether three projections read it and nothing else. */
  readonly isProjected: boolean;
  readonly dims: readonly (number | undefined)[] | undefined;
}

/**
 * Finds the self-attentions that run at full latent resolution, by structure and in the order of the graph: a layer
 * normalization over as many tokens as the latents have, read by the projections of q, k and v and by nothing else,
 * whose attention comes back to the normalized value in one Add. Names and widths say nothing. Looks at one graph and
 * not into its subgraphs: only here the latents are an input.
 */
export function findTomeBlocks(
  graph: Graph,
  search: TomeSearch,
): { findings: TomeFinding[]; latents: Latents | undefined } {
  const { shapes, operators } = search;
  const findings: TomeFinding[] = [];
  const candidates: Candidate[] = [];
  const entries: (TomeFinding | Candidate)[] = [];
  for (const node of topologicalOrder(graph)) {
    if (node.opType !== 'Add' && node.opType !== 'LayerNormalization') continue;
    const shape = shapes.shape(node.outputs[0]);
    const norm = matchLayerNorm(node, shape?.length);
    if (norm === undefined) continue;
    const present = findPresent(norm, operators);
    if (present !== undefined) {
      entries.push({ ...present, node });
      continue;
    }
    const dims = shape?.map((dim) => (typeof dim === 'number' ? dim : undefined));
    const candidate = { norm, isProjected: readByThreeProjections(norm.output), dims };
    entries.push(candidate);
    candidates.push(candidate);
  }
  const tokens = new Set(candidates.flatMap(({ dims }) => dims?.[1] ?? []));
  let latents: Latents | undefined;
  let ambiguous: string | undefined;
  try {
    latents = findLatents(graph, tokens, search.latents);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    ambiguous = `${error.message}; name one with the option latents`;
  }
  for (const entry of entries) {
    if ('kind' in entry) findings.push(entry);
    else if (ambiguous === undefined) findings.push(...examine(entry, latents, search));
    else if (entry.isProjected) findings.push({ kind: 'refused', node: entry.norm.node, reason: ambiguous });
  }
  return { findings, latents };
}

/** What a normalized value is good for; nothing is said of those that are neither projected nor at full resolution. */
function examine(
  { norm, isProjected, dims }: Candidate,
  latents: Latents | undefined,
  search: TomeSearch,
): TomeFinding[] {
  const { node } = norm;
  const [batch, tokens, channels] = dims ?? [];
  const grid = latents === undefined ? undefined : latents.height * latents.width;
  if (!isProjected) {
    if (tokens === undefined || tokens !== grid) return [];
    const { useCount } = norm.output;
    return [
      {
        kind: 'skipped',
        node,
        reason: `the normalized value has ${useCount} ${useCount === 1 ? 'reader' : 'readers'}, not projections of q, k, v alone`,
      },
    ];
  }
  if (dims !== undefined && dims.length !== 3) {
    return [
      { kind: 'skipped', node, reason: `the normalized value has ${dims.length} axes, not batch, tokens, channels` },
    ];
  }
  if (tokens === undefined) return [{ kind: 'refused', node, reason: 'the number of tokens is not known' }];
  if (grid === undefined) {
    return [{ kind: 'skipped', node, reason: `no graph input has a grid of latents that gives ${tokens} tokens` }];
  }
  if (tokens !== grid) {
    return [{ kind: 'skipped', node, reason: `runs at ${tokens} tokens, not at the ${grid} of the latents` }];
  }
  try {
    if (batch === undefined) throw new Refusal('the batch is not a known number');
    if (channels === undefined) throw new Refusal('the number of channels is not known');
    const block = examineBlock(norm, [batch, tokens, channels], latents as Latents, search);
    return [{ kind: 'block', node, block }];
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return [{ kind: 'refused', node, reason: error.message }];
  }
}

function examineBlock(
  norm: LayerNorm,
  dims: readonly [number, number, number],
  { height, width }: Latents,
  { shapes, operators, fused, opset }: TomeSearch,
): TomeBlock {
  const grid = refuseGrid(height, width);
  if (grid !== undefined) throw new Refusal(grid);
  if (opset < MIN_OPSET) throw new Refusal(`TopK needs opset ${MIN_OPSET} or later, and the model has ${opset}`);
  for (const value of [norm.input, norm.output]) {
    const type = shapes.type(value);
    if (type?.kind !== 'tensor' || type.elemType !== DataType.FLOAT) {
      throw new Refusal(`'${value.name}' is not float32, and the counts of merged tokens are`);
    }
  }
  const region = followAttention({ normed: norm.output, skipped: norm.input, dims }, shapes, fused);
  const sizes = tomeSizes(dims, operators.merge.rate.default);
  const reasons = checkSizes(operators, sizes, opset, region.attention.opType);
  if (reasons.length > 0) throw new Refusal(reasons.join('; '));
  return { norm, region, sizes };
}

/** From this opset on TopK sorts in the order asked for. */
const MIN_OPSET = 11;

/** Whether exactly three MatMul or Gemm with constant weights read a value; a Gemm behind a Reshape, which flattens for it. */
function readByThreeProjections(value: Value): boolean {
  const projections = [...value.uses].flatMap(({ node, index }) => {
    if (node.opType !== 'Reshape' || index !== 0) return [{ node, index }];
    return [...node.output().uses].map((use) => (use.node.opType === 'Gemm' ? use : { node, index }));
  });
  if (new Set(projections.map(({ node }) => node)).size !== 3 || projections.length !== 3) return false;
  return projections.every(
    ({ node, index }) =>
      index === 0 &&
      node.isStandardDomain &&
      (node.opType === 'MatMul' || node.opType === 'Gemm') &&
      isWeight(node.inputs[1]),
  );
}

/** Whether tokens are merged behind this normalization already, and completely. */
function findPresent(
  norm: LayerNorm,
  { merge, unmerge }: TomeOperators,
): { kind: 'present' | 'refused'; reason: string } | undefined {
  const isOne = (node: Node, { opType, aliases }: { opType: string; aliases: readonly string[] }): boolean =>
    node.isStandardDomain && (node.opType === opType || aliases.includes(node.opType));
  const gathered = norm.output.consumers().filter(({ opType }) => opType === 'Gather');
  const tokens = gathered.flatMap((node) => node.output().consumers());
  const behindCasts = tokens.flatMap((node) => (node.opType === 'Cast' ? node.output().consumers() : [node]));
  const merging = behindCasts.find((node) => isOne(node, merge));
  if (merging === undefined) return undefined;
  const [, , order, nearest] = merging.inputs;
  const spreading = nearest?.consumers().find((node) => isOne(node, unmerge) && node.inputs.includes(order));
  if (spreading === undefined) {
    return { kind: 'refused', reason: `${label(merging)} merges the tokens and nothing spreads them again` };
  }
  return { kind: 'present', reason: `${label(merging)} merges the tokens already` };
}

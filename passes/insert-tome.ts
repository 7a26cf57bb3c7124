import { SdgraphError } from '../src/errors.ts';
import { definePass } from '../src/rewrite/pass.ts';
import { loadTarget, targetNames } from '../src/targets/index.ts';
import type { Target } from '../src/targets/types.ts';
import { findTomeBlocks, type TomeBlock } from './tome/blocks.ts';
import { buildTome } from './tome/build.ts';
import { SharedConstants } from './tome/emitter.ts';
import { type TomeIndexSource, type TomeIndices, tomeIndices } from './tome/indices.ts';
import type { Latents } from './tome/latents.ts';
import { recordTome } from './tome/record.ts';
import { changeShapes, shapeChange } from './tome/shapes.ts';
import { tomeOperators } from './tome/sizes.ts';
import { fusedAttentions } from './tome/transfer.ts';

/** Options of {@link insertTome}. */
export interface InsertTomeOptions {
  /** Number of blocks, 0 to as many as there are. The first ones in the order of the graph are taken. */
  readonly count: number;
  /** Whose operators merge; the profile `ascend310p-aie-7.0` by default, which has those of upstream. */
  readonly target: Target | undefined;
  /** Seed of the random choice of destinations, 0 to 2^32 - 1; the same seed always gives the same model. */
  readonly seed: number;
  /** Where the destinations come from, in place of random ones from `seed`. */
  readonly indices: TomeIndexSource | undefined;
  /** Draws lists for each block, the n-th from `seed + n`, where upstream has one pair of lists for all. */
  readonly patternPerBlock: boolean;
  /**
   * Divides each token by its largest channel before its length is computed. Upstream does not: in float16 its sum of
   * squares overflows when the channels of a token exceed about 14 on average, and a token of zeros gives NaN.
   */
  readonly stableNorm: boolean;
  /** Name of the graph input that holds the latents; found by its shape by default. */
  readonly latents: string | undefined;
}

/**
 * Merges tokens (ToMe) in the self-attentions that run at full latent resolution: a quarter of the tokens, one of each
 * 2x2 cell, are destinations, and half of all tokens are merged into the destination most like them before q, k and v
 * are projected. Behind the attention each merged token gets a copy of its destination's result. Lossy.
 *
 * Blocks are found by structure in the main graph. An attention is refused when it is not certain that it works for any
 * number of tokens or when the target's operators do not take its sizes. The latents have to be of even height and
 * width, the batch a fixed number. Fused attention operators may be there already or come later; constant zeros that
 * an exporter adds to the scores have to go before (`remove-zero-add`).
 *
 * The lists of tokens are the same for all denoising steps. The seed goes into the metadata entry `sdgraph.tome`.
 *
 * Throws `E_PASS_OPTION` for options that cannot be and for lists that do not fit the latents, `E_TARGET` for a target
 * without such operators.
 */
export const insertTome = definePass<InsertTomeOptions>({
  name: 'insert-tome',
  summary: 'Merges similar tokens before self-attentions of full resolution and spreads them behind',
  defaults: {
    count: 0,
    target: undefined,
    seed: 0,
    indices: undefined,
    patternPerBlock: false,
    stableNorm: false,
    latents: undefined,
  },
  options: {
    count: 'number of self-attentions, the first ones in the order of the graph',
    target: 'profile of the chip and SDK whose operators merge',
    seed: 'seed of the random choice of destination tokens',
    indices: 'where the destination tokens come from, in place of random ones',
    patternPerBlock: 'draws other destinations for each block',
    stableNorm: 'keeps the length of a token from overflowing float16',
    latents: 'name of the graph input that holds the latents',
  },
  expects: ({ count }) => count,
  check({ count, seed, indices, patternPerBlock }) {
    requireWhole('count', count, Number.MAX_SAFE_INTEGER);
    requireWhole('seed', seed, MAX_SEED);
    if (patternPerBlock && indices !== undefined && indices.kind !== 'random') {
      throw new SdgraphError('E_PASS_OPTION', 'lists for each block can only be drawn at random', { path: 'indices' });
    }
  },
  run(context, options) {
    if (options.count === 0) return;
    const { model, report } = context;
    const operators = tomeOperators(options.target ?? loadTarget(DEFAULT_TARGET));
    const profiles = [
      ...targetNames().map((name) => loadTarget(name)),
      ...(options.target === undefined ? [] : [options.target]),
    ];
    const opset = model.opset() ?? 0;
    const fused = fusedAttentions(profiles);
    const { graph } = model;
    const search = { shapes: context.shapes(), operators, fused, opset, latents: options.latents };
    const { findings, latents } = findTomeBlocks(graph, search);
    const chosen: { block: TomeBlock; ordinal: number }[] = [];
    let left = options.count - findings.filter(({ kind }) => kind === 'present').length;
    let ordinal = 0;
    for (const finding of findings) {
      const { node } = finding;
      if (finding.kind === 'block') {
        const { block } = finding;
        const { sizes } = block;
        if (left > 0) {
          report.applied(node, `the self-attention behind it runs on ${sizes.left} tokens of ${sizes.tokens}`);
          chosen.push({ block, ordinal });
          left--;
        } else report.skipped(node, `comes behind the first ${options.count}`);
        ordinal++;
      } else if (finding.kind === 'present') {
        report.present(node, finding.reason);
        ordinal++;
      } else if (finding.kind === 'refused') report.refused(node, finding.reason);
      else report.skipped(node, finding.reason);
    }
    if (latents === undefined || chosen.length === 0) return;
    const lists = listsFor(latents, options);
    const constants = new SharedConstants(graph);
    for (const { block, ordinal: index } of chosen) {
      const listPrefix = options.patternPerBlock ? undefined : 'tome/';
      buildTome(block, { ...options, operators, opset, constants, indices: lists(index), listPrefix });
    }
    changeShapes(
      chosen.flatMap(({ block: { region, sizes } }) =>
        region.reshapes.flatMap((site) => shapeChange(site, sizes.left) ?? []),
      ),
    );
    recordTome(model, { ...options, latents, blocks: chosen.length });
    for (const { caution } of [operators.merge, operators.unmerge]) if (caution !== undefined) report.note(caution);
    report.note('merging tokens is lossy: compare images before relying on it');
  },
});

const DEFAULT_TARGET = 'ascend310p-aie-7.0';
const MAX_SEED = 0xffffffff;

function requireWhole(name: string, value: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= 0 && value <= max) return;
  const expected = max === Number.MAX_SAFE_INTEGER ? 'a whole number, 0 or more' : `a whole number from 0 to ${max}`;
  throw new SdgraphError(
    'E_PASS_OPTION',
    'an option is out of range',
    { path: name },
    { expected, found: String(value) },
  );
}

/** The lists of the n-th block. */
function listsFor({ height, width }: Latents, options: InsertTomeOptions): (ordinal: number) => TomeIndices {
  const source = options.indices ?? { kind: 'random', seed: options.seed };
  if (!options.patternPerBlock || source.kind !== 'random') {
    const lists = tomeIndices(height, width, source);
    return () => lists;
  }
  return (ordinal) => tomeIndices(height, width, { kind: 'random', seed: (source.seed + ordinal) % (MAX_SEED + 1) });
}

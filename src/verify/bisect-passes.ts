import { openModel } from '../io/open.ts';
import type { Pass } from '../rewrite/pass.ts';
import { pipeline } from '../rewrite/pipeline.ts';
import type { OutputReport } from './run.ts';
import { compareModels, type VerifyOptions, type VerifyReport } from './verify.ts';

/** The first pass after which a model departs from what it was. */
export interface PassDeparture {
  readonly pass: string;
  /** Place of the pass in the list, from 0. */
  readonly index: number;
  /** The tolerance that the model does not keep after this pass: a preset, or `custom`. */
  readonly preset: string;
  /** The outputs that differ. */
  readonly outputs: readonly OutputReport[];
}

/** A comparison of a rewritten model with what it was. */
export interface ProofReport extends VerifyReport {
  /** The first pass after which the model departs; null when the two agree, or differ only as files. */
  readonly pass: PassDeparture | null;
}

/** How {@link bisectPasses} compares; which node departs is not looked for. */
export interface BisectPassesOptions extends Omit<VerifyOptions, 'bisect'> {
  /** Let passes find fewer places than they should, as the pipeline does. Default false. */
  readonly allowMissing?: boolean;
}

/**
 * Runs growing pieces of a list of passes, each on a fresh copy of the model in memory, and compares each result with
 * the model as it is. With the tolerance `auto` every piece is held to what its own rewrites may change. Nothing is
 * written.
 *
 * @param path the model before the passes
 * @returns undefined when every piece agrees, the whole list included
 * @throws SdgraphError what opening the model, the passes and `verifyModels` throw
 */
export async function bisectPasses(
  path: string,
  passes: readonly Pass[],
  { allowMissing = false, ...options }: BisectPassesOptions = {},
): Promise<PassDeparture | undefined> {
  const open = { followLinks: options.followLinks ?? false };
  for (const [index, { name }] of passes.entries()) {
    options.onStep?.(`comparing the model after ${name}, pass ${index + 1} of ${passes.length}`);
    using reference = await openModel(path, open);
    using candidate = await openModel(path, open);
    const report = await pipeline(passes.slice(0, index + 1)).run(candidate, { allowMissing });
    if (report.passes.at(-1)?.changed !== true) continue;
    const { ok, preset, outputs } = await compareModels(reference, candidate, options);
    if (!ok) return { pass: name, index, preset, outputs: outputs.filter(({ reasons }) => reasons.length > 0) };
  }
  return undefined;
}

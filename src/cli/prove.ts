import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Pass } from '../rewrite/pass.ts';
import { bisectPasses, type ProofReport } from '../verify/bisect-passes.ts';
import { verifyModels } from '../verify/verify.ts';
import { usageError } from './errors.ts';
import type { Output } from './output.ts';
import { steps } from './progress.ts';
import { interruptible } from './signals.ts';

/** What was run, and the flags of `optimize` that decide how it is proved. */
interface Rewrite {
  readonly passes: readonly Pass[];
  readonly flags: { readonly 'allow-missing': boolean; readonly 'follow-links': boolean };
  readonly output: Output;
}

/** Refuses `--verify` where there is nothing to compare, or nothing to compare it with. Throws `E_USAGE`. */
export function checkVerifiable(model: string, newModel: string, isDryRun: boolean): void {
  if (isDryRun) throw usageError('--verify and --dry-run exclude each other', { hint: 'a dry run writes no model' });
  if (realPath(model) !== realPath(newModel)) return;
  throw usageError('--verify needs the model as it was, which the result replaces', {
    hint: 'write the result elsewhere with --new-model',
  });
}

/**
 * Compares what was written with the input, within what its rewrites may change. When the two differ, the passes are
 * run again in growing pieces, to tell after which one the model departs.
 */
export async function proveRewrite(model: string, written: string, rewrite: Rewrite): Promise<ProofReport> {
  const { passes, flags, output } = rewrite;
  const options = { followLinks: flags['follow-links'], onStep: steps(output) };
  return interruptible(async () => {
    const report = await verifyModels(model, written, options);
    if (report.ok) return { ...report, pass: null };
    const departure = await bisectPasses(model, passes, { ...options, allowMissing: flags['allow-missing'] });
    return { ...report, pass: departure ?? null };
  });
}

function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return resolve(file);
  }
}

import { planAtc } from '../../ascend/atc/plan.ts';
import { loadPlan } from '../../ascend/atc/plan-file.ts';
import type { AtcPlan } from '../../ascend/atc/plan-types.ts';
import { runPlan } from '../../ascend/atc/run.ts';
import { PLAN_FLAGS, type PlanFlagValues, planFolder, planOptions } from '../atc.ts';
import { defineCommand } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { compileProgress, printRun } from '../print/compile.ts';
import { printWarnings } from '../print/plan.ts';
import { steps } from '../progress.ts';
import { cancellable } from '../signals.ts';

/** `sdgraph compile`: ATC, planned, watched and checked. */
export const compile = defineCommand({
  name: 'compile',
  summary: 'compile the models for a chip with ATC, and check what it writes',
  operands: [],
  flags: {
    plan: {
      kind: 'text',
      value: 'FILE',
      describe: 'compile what this plan says, in the folder of the plan or --model-dir',
    },
    ...PLAN_FLAGS,
    jobs: { kind: 'number', value: 'N', describe: 'models at a time; each may take tens of gigabytes', default: 1 },
    timeout: { kind: 'number', value: 'S', describe: 'seconds that one model may take; no limit if not given' },
    force: { kind: 'switch', describe: 'compile even what is up to date' },
    'keep-going': { kind: 'switch', describe: 'go on with the other models when one fails' },
    atc: { kind: 'text', value: 'PATH', describe: 'the program to run', default: 'atc' },
    'allow-unsafe': {
      kind: 'switch',
      describe: 'take options of a plan from a file that can reach beyond the compilation',
    },
  },
  examples: [
    ['sdgraph compile --model-dir models_bs1', 'for the chip of this machine; up to date models are left alone'],
    ['sdgraph compile --plan plan.json --model-dir models_bs1 --timeout 7200', 'what sdgraph plan wrote'],
  ],
  run: async ({ flags, given }, output) => {
    if (flags.jobs === 0) throw usageError('--jobs takes a number from 1 on', { found: '0' });
    if (flags.timeout === 0) throw usageError('--timeout takes a number from 1 on', { found: '0' });
    const step = steps(output);
    const made = await cancellable(async (signal) => {
      const plan = await planFor(flags, given, (text) => step(text), signal);
      if (!output.isJson) printWarnings(plan.warnings, output);
      const progress = compileProgress(output);
      const report = await runPlan(plan, {
        modelDir: planFolder(flags, given),
        jobs: flags.jobs,
        ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout * 1000 }),
        force: flags.force,
        keepGoing: flags['keep-going'],
        atc: flags.atc,
        ...(flags['toolkit-env'] === undefined ? {} : { toolkitScript: flags['toolkit-env'] }),
        ...(flags['operators-env'] === undefined ? {} : { operatorsScript: flags['operators-env'] }),
        followLinks: flags['follow-links'],
        allowUnsafe: flags['allow-unsafe'] || flags.plan === undefined,
        signal,
        onProgress: progress.update,
      }).finally(() => progress.stop());
      return { plan, report };
    });
    const { plan, report } = made.value;
    output.document({ ...report, warnings: plan.warnings });
    printRun(report, output);
    return made.exitCode ?? (report.ok ? EXIT.done : EXIT.failed);
  },
});

/** Flags that a plan from a file has answered already. */
const PLANNING = ['soc-version', 'from', 'parts', 'config', 'set', 'float32-group-norm', 'target'] as const;

async function planFor(
  flags: PlanFlagValues & { readonly plan: string | undefined; readonly 'allow-unsafe': boolean },
  given: ReadonlySet<string>,
  onStep: (text: string) => void,
  signal: AbortSignal,
): Promise<AtcPlan> {
  // Hashing is left to the run, which has to do it anyway.
  if (flags.plan === undefined) return planAtc({ ...(await planOptions(flags)), hash: false, onStep, signal });
  const clash = PLANNING.find((flag) => given.has(flag));
  if (clash !== undefined) throw usageError(`--${clash} is for planning, which --plan has behind it`);
  const scripts = [flags['toolkit-env'], flags['operators-env']].flatMap((script) => script ?? []);
  return loadPlan(flags.plan, { scripts, allowUnsafe: flags['allow-unsafe'] });
}

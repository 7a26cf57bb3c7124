import { planAtc } from '../../ascend/atc/plan.ts';
import { planToShell } from '../../ascend/atc/shell.ts';
import { writeFileAtomic } from '../../io/atomic.ts';
import { PLAN_FLAGS, planOptions } from '../atc.ts';
import { defineCommand } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { planText, printWarnings } from '../print/plan.ts';
import { steps } from '../progress.ts';

/** `sdgraph plan`: what ATC has to be told. */
export const plan = defineCommand({
  name: 'plan',
  summary: 'plan how ATC compiles the models for a chip, and check that it can',
  operands: [],
  flags: {
    ...PLAN_FLAGS,
    'skip-hashes': { kind: 'switch', describe: 'do not read models whole for their SHA-256' },
    format: { kind: 'text', choices: ['text', 'json', 'sh'], describe: 'how to print the plan', default: 'text' },
    output: { kind: 'text', value: 'FILE', describe: 'write the plan to a file' },
  },
  examples: [
    ['sdgraph plan --model-dir models_bs1 --soc-version Ascend310P3', "the sample's three commands"],
    ['sdgraph plan --model-dir models_bs1 --format sh --output compile.sh', 'a script for another machine'],
    ['sdgraph plan --set unet.precision_mode_v2=origin --format json --output plan.json', 'for sdgraph compile --plan'],
  ],
  run: async ({ flags }, output) => {
    if (output.isJson && flags.format === 'sh') {
      throw usageError('--json and --format contradict each other', { found: flags.format });
    }
    const format = output.isJson ? 'json' : flags.format;
    const options = await planOptions(flags);
    const made = await planAtc({ ...options, hash: !flags['skip-hashes'], onStep: steps(output) });
    const text =
      format === 'json'
        ? `${JSON.stringify(made, undefined, 2)}\n`
        : format === 'sh'
          ? planToShell(made, flags['model-dir'])
          : planText(made, flags['model-dir']);
    if (flags.output !== undefined) writeFileAtomic(flags.output, text);
    if (flags.output === undefined || output.isJson) output.text(text);
    if (!output.isJson) printWarnings(made.warnings, output);
    return EXIT.done;
  },
});

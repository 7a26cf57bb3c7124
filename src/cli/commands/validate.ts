import { writeFileAtomic } from '../../io/atomic.ts';
import { loadConfig } from '../../validate/config.ts';
import { toJunit } from '../../validate/format/junit.ts';
import { toSarif } from '../../validate/format/sarif.ts';
import { ruleSummaries, type ValidateOptions, type ValidationReport, validateFiles } from '../../validate/validate.ts';
import { defineCommand } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { checkReportOf } from '../outputs.ts';
import { printValidation } from '../print/validate.ts';
import { steps } from '../progress.ts';
import { interruptible } from '../signals.ts';
import { packageVersion } from '../version.ts';

const FORMATS = ['text', 'json', 'sarif', 'junit'] as const;

/** `sdgraph validate`: the gate in front of hardware. */
export const validate = defineCommand({
  name: 'validate',
  summary: 'check models against the rules of ONNX, of a target and of your own, for CI',
  operands: ['FILES...'],
  flags: {
    target: { kind: 'text', value: 'NAME', describe: 'also check what this target can run: a profile or a JSON file' },
    config: {
      kind: 'text',
      value: 'FILE',
      describe: 'expectations: shapes, operators, sizes, a reference to agree with',
    },
    format: { kind: 'text', choices: FORMATS, describe: 'how to print the report', default: 'text' },
    output: { kind: 'text', value: 'FILE', describe: 'write the report to a file; text goes to stdout then' },
    strict: { kind: 'switch', describe: 'let warnings fail, not only errors' },
    'follow-links': { kind: 'switch', describe: 'read external data through links, also outside the folder' },
  },
  examples: [
    ['sdgraph validate unet_md.onnx --target ascend310p-aie-7.0', 'exits with 1 when a rule is broken'],
    ['sdgraph validate models/*.onnx --config sdgraph.json --format sarif --output sdgraph.sarif', 'for code scanning'],
  ],
  run: async ({ operands, flags }, output) => {
    const format = output.isJson && flags.format === 'text' ? 'json' : flags.format;
    if (output.isJson && flags.output === undefined && format !== 'json') {
      throw usageError('--json and --format contradict each other', { found: flags.format });
    }
    if (flags.output !== undefined && format === 'text') {
      throw usageError('--output needs a format for machines', { expected: '--format json, sarif or junit' });
    }
    if (flags.output !== undefined) {
      const others = [flags.config, flags.target].filter((file) => file !== undefined);
      await checkReportOf([...operands, ...others], '--output', flags.output);
    }
    const config = flags.config === undefined ? undefined : await loadConfig(flags.config);
    const options: ValidateOptions = {
      ...(config === undefined ? {} : { config }),
      ...(flags.target === undefined ? {} : { target: flags.target }),
      strict: flags.strict,
      followLinks: flags['follow-links'],
      onStep: steps(output),
    };
    const report = await interruptible(() => validateFiles(operands, options));
    const rendered = render(report, format);
    if (flags.output === undefined && rendered !== undefined) output.text(rendered);
    else if (flags.output !== undefined && rendered !== undefined) {
      writeFileAtomic(flags.output, rendered);
      output.document(report);
    }
    if (rendered === undefined || flags.output !== undefined) printValidation(report, output);
    return report.ok ? EXIT.done : EXIT.failed;
  },
});

/** The report in a format for machines; undefined for text. */
function render(report: ValidationReport, format: string): string | undefined {
  if (format === 'json') return `${JSON.stringify(report, undefined, 2)}\n`;
  if (format === 'sarif')
    return `${JSON.stringify(toSarif(report, ruleSummaries(), packageVersion()), undefined, 2)}\n`;
  return format === 'junit' ? toJunit(report) : undefined;
}

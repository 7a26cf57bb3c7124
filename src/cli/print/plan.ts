import { join } from 'node:path';
import type { AtcPlan, AtcStep, PlanProblem } from '../../ascend/atc/plan-types.ts';
import { shellQuote } from '../../ascend/atc/shell.ts';
import { oneLine, printable } from '../../errors.ts';
import { formatBytes } from '../numbers.ts';
import type { Output } from '../output.ts';

const SOURCES = {
  option: 'as given',
  'npu-smi': 'from npu-smi',
  file: 'from a file of npu-smi',
  acl: 'from AscendCL',
} as const;

/** A plan for people. */
export function planText(plan: AtcPlan, modelDir: string): string {
  const { value, source } = plan.socVersion;
  return [
    `${value} (${SOURCES[source]})`,
    ...plan.requires.map(({ name, versions, because }) => `  needs ${name} ${versions.join(', ')}: ${because}`),
    ...plan.environment.map(({ script }) => `  source ${shellQuote(script)}`),
    ...plan.steps.flatMap((step) => ['', ...stepText(step, modelDir)]),
    '',
  ].join('\n');
}

function stepText({ name, directory, model, inputs, expected, argv, files }: AtcStep, modelDir: string): string[] {
  const bytes = model.data.reduce((sum, file) => sum + file.bytes, model.bytes);
  const folder = join(modelDir, directory);
  return [
    `${name}  ${printable(join(folder, model.file))} (${formatBytes(bytes)}) -> ${expected.map((file) => printable(join(folder, file))).join(' or ')}`,
    ...inputs.map(
      (input) =>
        `  ${printable(input.name)}  ${input.type}[${printable(input.shape?.map((dim) => dim ?? '?').join(',') ?? '?')}]`,
    ),
    ...files.map(
      ({ option, file, content }) => `  ${printable(file)}: ${content.split('\n').length - 1} lines for --${option}`,
    ),
    `  cd ${shellQuote(folder)}`,
    `  atc ${argv.map(shellQuote).join(' \\\n      ')}`,
  ];
}

/** Warnings on stderr, so that a plan on stdout can be piped. */
export function printWarnings(warnings: readonly PlanProblem[], output: Output): void {
  if (output.isQuiet) return;
  for (const { step, message, hint } of warnings) {
    const place = step === null ? '' : `${printable(step)}: `;
    output.error(`${output.paint('yellow', 'warning:', 'stderr')} ${place}${oneLine(message)}`);
    if (hint !== undefined) output.error(`${output.paint('cyan', 'hint:', 'stderr')} ${oneLine(hint)}`);
  }
}

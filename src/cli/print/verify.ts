import { printable } from '../../errors.ts';
import type { Departure, SuspectNode } from '../../verify/bisect.ts';
import type { ProofReport } from '../../verify/bisect-passes.ts';
import type { Difference } from '../../verify/compare.ts';
import type { ComparisonReport } from '../../verify/comparison.ts';
import type { OutputReport } from '../../verify/run.ts';
import type { VerifyReport } from '../../verify/verify.ts';
import { formatTime, plural } from '../numbers.ts';
import type { Output } from '../output.ts';

/** Nodes between the values that agree and the one that departs, shown without `--verbose`. */
const SUSPECTS_SHOWN = 8;

/** What both commands that compare models print; `verify` knows more. */
type Compared = ComparisonReport & Partial<Pick<VerifyReport, 'emulate' | 'bisected' | 'departure'>>;

/** Prints how far two models are apart: a line for each output, then what is wrong with it. */
export function printCompared(report: Compared, output: Output): void {
  const { reference, candidate, milliseconds } = report;
  output.line(`reference  ${printable(reference)}  ${formatTime(milliseconds.reference)}`);
  output.line(`model      ${printable(candidate)}  ${formatTime(milliseconds.candidate)}`);
  printComparison(report, output);
}

/** The part of {@link printCompared} below the names of the models. */
function printComparison(report: Compared, output: Output): void {
  const { outputs, notes, ok } = report;
  output.line(`tolerance  ${formatTolerance(report)}`);
  output.line(`inputs     ${formatInputs(report)}`);
  output.line();
  const head = ['', 'output', 'shape', 'max abs', 'max rel', 'rms', 'signal rms', 'cosine', 'psnr'];
  const rows = outputs.map((each) => [
    each.reasons.length === 0 ? output.paint('green', 'ok') : output.paint('red', 'differs'),
    printable(each.name),
    `[${each.dims.join(',')}]`,
    ...figures(each.difference),
  ]);
  output.table([head, ...rows], { right: [3, 4, 5, 6, 7, 8] });
  printReasons(outputs, output);
  for (const note of notes) output.line(`${output.paint('yellow', 'note:')} ${note}`);
  if (report.bisected === true) printDeparture(report.departure ?? null, output);
  output.line();
  const differing = outputs.filter(({ reasons }) => reasons.length > 0).length;
  output.line(
    ok
      ? output.paint('green', 'the models agree')
      : output.paint('red', `the models differ in ${plural(differing, 'output')}`),
  );
}

/** Prints how a rewritten model compares with what it was, and which pass is to blame. */
export function printProof(report: ProofReport, written: string, output: Output): void {
  output.line();
  output.line('compared with the input');
  printComparison(report, output);
  if (report.ok) return;
  const { pass } = report;
  if (pass === null) {
    output.line('  after each pass the model agrees in memory: the files differ, not the rewrites');
  } else {
    output.line(`  it departs after ${pass.pass}, pass ${pass.index + 1} (tolerance ${pass.preset}):`);
    printReasons(pass.outputs, output);
  }
  output.line(`  ${printable(written)} stays as it was written`);
}

/** Prints why outputs do not agree, a line for each reason. */
function printReasons(outputs: readonly OutputReport[], output: Output): void {
  for (const { name, reasons } of outputs) {
    for (const reason of reasons) output.line(`  ${printable(name)}: ${reason}`);
  }
}

function formatTolerance({ preset, tolerance, emulate = 'none' }: Compared): string {
  const names = { maxAbs: 'max abs', relativeRms: 'rms / signal rms', cosine: 'cosine' } as const;
  const bounds = Object.entries(tolerance).map(
    ([name, bound]) => `${names[name as keyof typeof names]} ${name === 'cosine' ? '>=' : '<='} ${bound}`,
  );
  return `${preset}: ${bounds.join(', ')}${emulate === 'none' ? '' : `; kernels emulated in ${emulate}`}`;
}

function formatInputs({ inputs, seed }: Compared): string {
  const files = inputs.flatMap(({ name, file }) => (file === null ? [] : [printable(name)]));
  const random = inputs.length - files.length;
  return [
    ...(random === 0 ? [] : [`${files.length === 0 ? '' : `${plural(random, 'input')} `}random from seed ${seed}`]),
    ...(files.length === 0 ? [] : [`${files.join(', ')} from files`]),
  ].join('; ');
}

function figures(difference: Difference | undefined): string[] {
  if (difference === undefined) return Array.from({ length: 6 }, () => '');
  const { maxAbs, maxRel, rms, referenceRms, cosine, psnr } = difference;
  return [...[maxAbs, maxRel, rms, referenceRms].map(figure), cosine.toFixed(8), decibels(psnr)];
}

function printDeparture(departure: Departure | null, output: Output): void {
  output.line();
  if (departure === null) {
    output.line('no value that both models compute under one name departs before the outputs');
    return;
  }
  const { value, agreeing, reasons, suspects } = departure;
  output.line(`first departure: ${formatNode(departure)}`);
  output.line(`  '${printable(value)}': ${reasons.join('; ')}`);
  const shown = output.isVerbose ? suspects : suspects.slice(0, SUSPECTS_SHOWN);
  const more = suspects.length - shown.length;
  output.line(`  computed from the ${plural(agreeing, 'value')} that agree by ${plural(suspects.length, 'node')}:`);
  for (const suspect of shown) output.line(`    ${formatNode(suspect)}`);
  if (more > 0) output.line(`    and ${more} more (--verbose)`);
}

function formatNode({ opType, node }: SuspectNode): string {
  return `${printable(opType)} '${node}'`;
}

function figure(value: number): string {
  return value === 0 ? '0' : value.toExponential(1);
}

function decibels(psnr: number): string {
  return Number.isFinite(psnr) ? `${psnr.toFixed(1)} dB` : 'equal';
}

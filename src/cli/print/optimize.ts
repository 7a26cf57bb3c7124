import { basename } from 'node:path';
import { printable } from '../../errors.ts';
import type { ModelHeader, OptimizeReport, PassSummary, SiteGroup } from '../../report/optimize.ts';
import { weightBytes } from '../../report/weights.ts';
import { formatBytes, formatCount, formatTime, plural } from '../numbers.ts';
import type { Output } from '../output.ts';

/** Most groups of reasons that are shown for a pass without `--verbose`. */
const GROUPS_SHOWN = 5;

/** Prints what a model is: `unet.onnx  1.29 MB, opset 11, IR 6, 3,153 nodes`. */
export function printHeader({ file, bytes, opsets, irVersion, nodes, weights }: ModelHeader, output: Output): void {
  const versions = opsets.map(({ domain, version }) => `${domain === '' ? 'opset' : printable(domain)} ${version}`);
  const facts = [formatBytes(bytes), ...versions, `IR ${irVersion}`, plural(nodes, 'node')];
  output.line(`${output.paint('bold', printable(file))}  ${facts.join(', ')}`);
  const { external, inline } = weightBytes(weights);
  const files = new Set(weights.flatMap(({ file: name }) => (name === null ? [] : [name])));
  const where = files.size === 1 ? printable([...files][0] ?? '') : plural(files.size, 'data file');
  output.line(
    `  weights: ${formatBytes(inline)} inside${files.size === 0 ? '' : `, ${formatBytes(external)} in ${where}`}`,
  );
}

/** Prints what an optimization did. */
export function printOptimize(report: OptimizeReport, output: Output): void {
  output.line();
  printPasses(report.passes, output);
  for (const pass of report.passes) printReasons(pass, output);
  printNotes(report.passes, output);
  output.line();
  printSaved(report, output);
  output.line(`done in ${formatTime(report.milliseconds)}`);
}

function printPasses(passes: readonly PassSummary[], output: Output): void {
  const rows = passes.map(({ pass, counts, nodes, milliseconds }) => [
    pass,
    formatCount(counts.applied),
    formatCount(counts.present),
    formatCount(counts.skipped),
    formatCount(counts.refused),
    `${formatCount(nodes.before)} → ${formatCount(nodes.after)}`,
    formatTime(milliseconds),
  ]);
  const heads = ['pass', 'applied', 'present', 'skipped', 'refused', 'nodes', 'time'];
  output.table([heads.map((head) => output.paint('dim', head)), ...rows], { right: [1, 2, 3, 4, 5, 6] });
}

/** Places that a pass left as they were, those that are alike on one line. */
function printReasons({ pass, groups }: PassSummary, output: Output): void {
  const left = groups.filter(({ status }) => status === 'refused' || status === 'skipped');
  if (left.length === 0) return;
  output.line();
  output.line(`${output.paint('bold', pass)} left as they were:`);
  const shown = output.isVerbose ? left : left.slice(0, GROUPS_SHOWN);
  for (const group of shown) output.line(`  ${reasonLine(group, output)}`);
  const more = left.length - shown.length;
  if (more > 0) output.line(output.paint('dim', `  and for ${plural(more, 'further reason')} (--verbose shows all)`));
}

function reasonLine({ status, count, reason, example }: SiteGroup, output: Output): string {
  const word = output.paint(status === 'refused' ? 'yellow' : 'dim', status);
  return `${formatCount(count)} × ${word}: ${reason} ${output.paint('dim', `(${count === 1 ? '' : 'e.g. '}${example})`)}`;
}

function printNotes(passes: readonly PassSummary[], output: Output): void {
  const notes = passes.flatMap(({ pass, notes: texts }) => texts.map((text) => `${pass}: ${text}`));
  if (notes.length > 0) output.line();
  for (const note of notes) output.line(`${output.paint('yellow', 'note:')} ${note}`);
}

function printSaved({ changed, nodes, saved }: OptimizeReport, output: Output): void {
  const change = `${formatCount(nodes.before)} → ${plural(nodes.after, 'node')}`;
  output.line(changed ? change : 'nothing changed: every pass left the model as it was');
  if (saved === null) {
    output.line('dry run: no model was written');
    return;
  }
  const copy = changed ? '' : ', byte for byte the input';
  for (const { path, bytes } of saved.files) {
    output.line(`wrote ${path} (${formatBytes(bytes)}${path === saved.path ? copy : ''})`);
  }
  const { kept, written } = saved.weights;
  if (kept > 0) output.line(`weights: ${formatBytes(kept)} stay in their data files; no weight byte was written`);
  else if (written > 0) output.line(`weights: ${formatBytes(written)} now in ${namesOf(saved.files.slice(0, -1))}`);
}

function namesOf(files: readonly { path: string }[]): string {
  return files.length === 1 ? basename((files[0] as { path: string }).path) : plural(files.length, 'data file');
}

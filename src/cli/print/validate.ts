import type { Severity } from '../../schema/check.ts';
import { type Finding, formatFinding } from '../../schema/finding.ts';
import type { FileReport, ValidationReport } from '../../validate/validate.ts';
import { formatBytes, plural } from '../numbers.ts';
import type { Output, Paint } from '../output.ts';

const COLOURS: Readonly<Record<Severity, Paint>> = { error: 'red', warning: 'yellow', info: 'dim' };
/** Findings of one rule that are shown in full; the rest is a count, unless `--verbose`. Notes show only there. */
const SHOWN = 5;

/** Notes that answer what the user asks of a compiled model: from what it was made. */
const PROOFS: ReadonlySet<string> = new Set(['om-from-model', 'om-fits-model']);

/** Prints what validation found: a table of the files, then the findings of each. */
export function printValidation({ files, ok }: ValidationReport, output: Output): void {
  const count = (file: FileReport, severity: Severity): string =>
    String(file.findings.filter((finding) => finding.severity === severity).length);
  const rows = files.map((file) => [
    file.ok ? output.paint('green', 'ok') : output.paint('red', 'failed'),
    file.file,
    file.bytes === undefined ? '' : formatBytes(file.bytes),
    file.target ?? '',
    count(file, 'error'),
    count(file, 'warning'),
    file.sha256?.slice(0, 12) ?? '',
  ]);
  output.table([['', 'file', 'size', 'target', 'errors', 'warnings', 'sha256'], ...rows], {
    indent: 0,
    right: [2, 4, 5],
  });
  for (const file of files) printFindings(file, output);
  const failed = files.filter((file) => !file.ok).length;
  output.line();
  output.line(
    ok
      ? output.paint('green', `${plural(files.length, 'file')} passed`)
      : output.paint('red', `${failed} of ${plural(files.length, 'file')} failed`),
  );
}

function printFindings({ file, findings: all }: FileReport, output: Output): void {
  const findings = all.filter(({ severity, rule }) => output.isVerbose || severity !== 'info' || PROOFS.has(rule));
  if (findings.length === 0) return;
  output.line();
  output.line(file);
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) groups.set(finding.rule, [...(groups.get(finding.rule) ?? []), finding]);
  for (const [rule, group] of groups) {
    const shown = output.isVerbose ? group : group.slice(0, SHOWN);
    for (const finding of shown) {
      const { severity, hint } = finding;
      const line = formatFinding(finding);
      output.line(`  ${output.paint(COLOURS[severity], severity)}${line.slice(severity.length)}`);
      if (hint !== undefined) output.line(`    ${hint}`);
    }
    if (group.length > shown.length) output.line(`  and ${group.length - shown.length} more [${rule}] (--verbose)`);
  }
}

import { formatFinding } from '../../schema/finding.ts';
import type { FileReport, ValidationReport } from '../validate.ts';

/** A report as JUnit XML: one test case a file; errors (and warnings, when strict) are its failures. */
export function toJunit({ files, strict }: ValidationReport): string {
  const failures = files.filter(({ ok }) => !ok).length;
  const counts = `tests="${files.length}" failures="${failures}" errors="0"`;
  const cases = files.map((file) => testCase(file, strict));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="sdgraph validate" ${counts}>`,
    `  <testsuite name="sdgraph validate" ${counts} skipped="0">`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function testCase({ file, ok, findings }: FileReport, strict: boolean): string {
  const isFailure = (severity: string): boolean => severity === 'error' || (strict && severity === 'warning');
  const head = `    <testcase classname="sdgraph.validate" name="${escapeXml(file)}"`;
  const notes = findings.filter(({ severity }) => !isFailure(severity)).map((finding) => formatFinding(finding));
  const output = notes.length === 0 ? '' : `      <system-out>${escapeXml(notes.join('\n'))}</system-out>\n`;
  if (ok) return output === '' ? `${head}/>` : `${head}>\n${output}    </testcase>`;
  const wrong = findings.filter(({ severity }) => isFailure(severity));
  const [first] = wrong;
  const message =
    wrong.length === 1 ? (first?.message ?? '') : `${wrong.length} findings, the first: ${first?.message ?? ''}`;
  const text = wrong.map((finding) => formatFinding(finding)).join('\n');
  const failure = `      <failure type="${escapeXml(first?.rule ?? '')}" message="${escapeXml(message)}">${escapeXml(text)}</failure>\n`;
  return `${head}>\n${failure}${output}    </testcase>`;
}

/** Text for XML 1.0: markup escaped, characters that XML cannot hold replaced. */
function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;');
}

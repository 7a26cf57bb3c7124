import { pathToFileURL } from 'node:url';
import type { Severity } from '../../schema/check.ts';
import type { Finding } from '../../schema/finding.ts';
import type { FileReport, ValidationReport } from '../validate.ts';
import { relativeUri } from './uri.ts';

const LEVELS: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  error: 'error',
  warning: 'warning',
  info: 'note',
};

/** The part of SARIF 2.1.0 that is written here (OASIS, Static Analysis Results Interchange Format). */
interface SarifLog {
  readonly $schema: string;
  readonly version: '2.1.0';
  readonly runs: readonly object[];
}

/** A report as SARIF 2.1.0: one result a finding, with the file as its place and the node as its logical place. */
export function toSarif(
  report: ValidationReport,
  rules: ReadonlyMap<string, { readonly severity: Severity; readonly summary: string }>,
  version: string,
): SarifLog {
  const used = new Set(report.files.flatMap(({ findings }) => findings.map(({ rule }) => rule)));
  const ids = [...used].toSorted();
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'sdgraph',
            version,
            rules: ids.map((id) => ({
              id,
              shortDescription: { text: rules.get(id)?.summary ?? id },
              defaultConfiguration: { level: LEVELS[rules.get(id)?.severity ?? 'error'] },
            })),
          },
        },
        originalUriBaseIds: { ROOT: { uri: `${pathToFileURL(process.cwd()).href}/` } },
        artifacts: report.files.map((file) => artifact(file)),
        results: report.files.flatMap((file, index) =>
          file.findings.map((finding) => result(finding, index, ids.indexOf(finding.rule), file.file)),
        ),
      },
    ],
  };
}

function artifact({ file, bytes, sha256 }: FileReport): object {
  return {
    location: relativeUri(file),
    ...(bytes === undefined ? {} : { length: bytes }),
    ...(sha256 === undefined ? {} : { hashes: { 'sha-256': sha256 } }),
  };
}

function result(finding: Finding, index: number, ruleIndex: number, file: string): object {
  const { rule, severity, where, message, expected, found, hint } = finding;
  const facts = [
    expected === undefined ? undefined : `expected ${expected}`,
    found === undefined ? undefined : `found ${found}`,
    hint,
  ].filter((part) => part !== undefined);
  const name = [where.path, where.node, where.attribute, where.value].filter(
    (part) => part !== undefined && part !== '',
  );
  return {
    ruleId: rule,
    ruleIndex,
    level: LEVELS[severity],
    message: { text: [message, ...facts].join('; ') },
    locations: [
      {
        physicalLocation: { artifactLocation: { ...relativeUri(file), index } },
        ...(name.length === 0 ? {} : { logicalLocations: [{ fullyQualifiedName: name.join('/'), kind: 'element' }] }),
      },
    ],
  };
}

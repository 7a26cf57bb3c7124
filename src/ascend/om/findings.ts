import { printable } from '../../errors.ts';
import type { Finding } from '../../schema/finding.ts';
import type { SocFamily } from '../../targets/types.ts';
import type { OmProblem } from './problems.ts';
import type { OmReport } from './report.ts';
import { OM_RULES, type OmRule } from './rules.ts';

/** What the place of a finding is called. */
type Place = Finding['where'];

/** A finding about a compiled model. Its severity is that of the rule unless stated. */
export function omFinding(
  rule: OmRule,
  message: string,
  where: Place,
  facts: { readonly expected?: string; readonly found?: string; readonly hint?: string } = {},
): Finding<OmRule> {
  const { expected, found, hint } = facts;
  return {
    rule,
    severity: OM_RULES[rule].severity,
    where,
    message: printable(message),
    ...(expected === undefined ? {} : { expected: printable(expected) }),
    ...(found === undefined ? {} : { found: printable(found) }),
    ...(hint === undefined ? {} : { hint }),
  };
}

/**
 * What is wrong with a compiled model as findings: what the reader noticed, and, with a target, whether the model was
 * compiled for one of its chips. Models inside of the file are covered, with the number of the model in the path.
 *
 * @param soc the chips of a target
 */
export function omFindings(report: OmReport, soc?: readonly SocFamily[], path = ''): Finding<OmRule>[] {
  const findings: Finding<OmRule>[] = [];
  // The problem of an inner file is that of the outer one too; it is told once, where it is.
  const isOwn = !report.inner.some((inner) => inner.report.problem !== null);
  if (report.problem !== null && isOwn) findings.push(fromProblem(report.problem, path, true));
  findings.push(...report.warnings.map((warning) => fromProblem(warning, path, false)));
  if (soc !== undefined) findings.push(...checkSoc(report, soc, path));
  for (const [i, inner] of report.inner.entries()) {
    findings.push(...omFindings(inner.report, soc, `${path === '' ? '' : `${path}.`}inner[${i}]`));
  }
  return findings;
}

function fromProblem(problem: OmProblem, path: string, isRefusal: boolean): Finding<OmRule> {
  const { id, message, offset } = problem;
  const place = offset === undefined ? path : `${path}${path === '' ? '' : ' '}@0x${offset.toString(16)}`;
  const finding = omFinding(`om-${id}`, message, { path: place }, problem);
  // What is left over behind the partitions matters only in files of several models.
  return isRefusal || finding.severity !== 'error' ? finding : { ...finding, severity: 'warning' };
}

/** A file without a model of its own (a bundle) is judged by those inside. */
function checkSoc({ models: [model] }: OmReport, soc: readonly SocFamily[], path: string): Finding<OmRule>[] {
  if (model === undefined || model.name === null) return [];
  const versions = soc.flatMap((family) => family.versions);
  const { socVersion } = model;
  if (socVersion === null || socVersion === '') {
    return [omFinding('om-soc-unknown', 'the model does not say for which chip it was compiled', { path })];
  }
  if (versions.includes(socVersion)) return [];
  return [
    omFinding(
      'om-other-soc',
      'the model was compiled for another chip than the target has',
      { path },
      {
        expected: versions.join(', '),
        found: socVersion,
        hint: `Compile it again with --soc_version set to the chip that it will run on.`,
      },
    ),
  ];
}

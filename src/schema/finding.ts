import type { Severity } from './check/rules.ts';

/** Where something was found. */
export interface FindingPlace {
  /** Path inside the model, for example `graph.node[3]` or `function my.domain.Gate.node[0]`. */
  readonly path: string;
  /** Name of the node; left out when it has none. */
  readonly node?: string;
  readonly opType?: string;
  /** Name of the value or tensor. */
  readonly value?: string;
  readonly attribute?: string;
}

/** Something that a rule noticed. Plain data: `--json` prints it as it is. Names from the file are safe to print. */
export interface Finding<R extends string = string> {
  /** A stable id, see `docs/rules.md`. */
  readonly rule: R;
  readonly severity: Severity;
  readonly where: FindingPlace;
  readonly message: string;
  readonly expected?: string;
  readonly found?: string;
  readonly hint?: string;
}

/** A finding as one line: `error graph.node[3] Conv 'conv1': the operator takes 2 to 3 inputs (found 1) [input-count]`. */
export function formatFinding({ rule, severity, where, message, expected, found }: Finding): string {
  const { path, node, opType, value, attribute } = where;
  const place = [
    path,
    opType,
    node === undefined ? undefined : `'${node}'`,
    attribute === undefined ? undefined : `attribute '${attribute}'`,
    value === undefined ? undefined : `value '${value}'`,
  ].filter((part) => part !== undefined && part !== '');
  const facts = [
    expected === undefined ? undefined : `expected ${expected}`,
    found === undefined ? undefined : `found ${found}`,
  ].filter((part) => part !== undefined);
  const tail = facts.length === 0 ? '' : ` (${facts.join(', ')})`;
  return `${severity}${place.length === 0 ? '' : ` ${place.join(' ')}`}: ${message}${tail} [${rule}]`;
}

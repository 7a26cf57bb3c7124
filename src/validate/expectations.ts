import { printable } from '../errors.ts';
import type { Finding } from '../schema/finding.ts';
import type { Expectations, ExpectedPort, Range } from './config.ts';
import type { ModelFacts, PortFacts } from './facts.ts';
import { VALIDATE_RULES, type ValidateRule } from './rules.ts';

/** Where a model is not what the configuration says it has to be. */
export function checkExpectations(facts: ModelFacts, expected: Expectations): Finding<ValidateRule>[] {
  const findings: Finding<ValidateRule>[] = [];
  const report: Report = (rule, message, details = {}, path = '') => {
    findings.push({
      rule,
      severity: VALIDATE_RULES[rule].severity,
      where: { path, ...details.where },
      message,
      ...details.facts,
    });
  };
  const { sha256, maxBytes, maxWeightBytes, opset, irVersion } = expected;
  if (sha256 !== undefined && sha256 !== facts.sha256) {
    report('other-hash', 'the file is not the one that was approved', {
      facts: { expected: sha256, found: facts.sha256 },
    });
  }
  if (maxBytes !== undefined && facts.bytes > maxBytes) {
    report('too-large', 'the model file is too large', size(maxBytes, facts.bytes));
  }
  if (maxWeightBytes !== undefined && facts.weightBytes > maxWeightBytes) {
    report('too-large', 'the weights are too large', size(maxWeightBytes, facts.weightBytes));
  }
  checkRange('opset-range', 'the operator set is out of the range that is allowed', facts.opset, opset, report);
  checkRange('opset-range', 'the IR version is out of the range that is allowed', facts.irVersion, irVersion, report);
  checkPorts('input', facts.inputs, expected.inputs, report);
  checkPorts('output', facts.outputs, expected.outputs, report);
  checkOperators(facts.operators, expected.operators, report);
  return findings;
}

interface ReportDetails {
  readonly facts?: { readonly expected?: string; readonly found?: string; readonly hint?: string };
  readonly where?: { readonly value?: string; readonly opType?: string };
}

type Report = (rule: ValidateRule, message: string, details?: ReportDetails, path?: string) => void;

function size(most: number, found: number): ReportDetails {
  return { facts: { expected: `at most ${most} bytes`, found: `${found}` } };
}

function checkRange(
  rule: ValidateRule,
  message: string,
  found: number | undefined,
  range: Range | undefined,
  report: Report,
): void {
  if (found === undefined || range === undefined || inRange(found, range)) return;
  report(rule, message, { facts: { expected: formatRange(range), found: String(found) } });
}

function inRange(found: number, { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: Range): boolean {
  return found >= min && found <= max;
}

function formatRange({ min, max }: Range): string {
  if (min === undefined) return `at most ${max}`;
  return max === undefined ? `at least ${min}` : min === max ? String(min) : `${min} to ${max}`;
}

function checkPorts(
  kind: 'input' | 'output',
  ports: readonly PortFacts[],
  expected: ReadonlyMap<string, ExpectedPort> | undefined,
  report: Report,
): void {
  if (expected === undefined) return;
  for (const [name, { dtype, shape }] of expected) {
    const port = ports.find((each) => each.name === name);
    const where = { value: printable(name) };
    if (port === undefined) {
      report(`other-${kind}`, `the graph ${kind} is missing`, { where }, `graph.${kind}`);
      continue;
    }
    const wanted = `${dtype ?? ''}${shape === undefined ? '' : `[${shape.map((dim) => dim ?? '?').join(',')}]`}`;
    if (!fits(port, dtype, shape)) {
      const facts = { expected: wanted, found: printable(port.type) };
      report(`other-${kind}`, `the graph ${kind} has another type or shape`, { where, facts }, `graph.${kind}`);
    }
  }
  for (const { name } of ports) {
    if (!expected.has(name)) {
      report(
        `other-${kind}`,
        `the graph ${kind} is not expected`,
        { where: { value: printable(name) } },
        `graph.${kind}`,
      );
    }
  }
}

function fits(port: PortFacts, dtype: string | undefined, shape: ExpectedPort['shape']): boolean {
  if (port.dtype === undefined) return false;
  if (dtype !== undefined && port.dtype !== dtype) return false;
  if (shape === undefined) return true;
  return port.shape?.length === shape.length && shape.every((dim, i) => dim === null || dim === port.shape?.[i]);
}

function checkOperators(
  counts: ReadonlyMap<string, number>,
  expected: Expectations['operators'],
  report: Report,
): void {
  if (expected === undefined) return;
  for (const [opType, count] of expected.required ?? []) {
    const found = counts.get(opType) ?? 0;
    const range = typeof count === 'number' ? { min: count, max: count } : count;
    if (inRange(found, range)) continue;
    const facts = { expected: formatRange(range), found: String(found) };
    report('operator-count', 'the model has another number of nodes of an operator', { where: { opType }, facts });
  }
  const allowed = expected.allowed === undefined ? undefined : new Set(expected.allowed);
  const forbidden = new Set(expected.forbidden);
  for (const [opType, count] of counts) {
    if (!forbidden.has(opType) && allowed?.has(opType) !== false) continue;
    report('operator-not-allowed', 'the operator is not allowed here', {
      where: { opType: printable(opType) },
      facts: { found: `${count} nodes` },
    });
  }
}

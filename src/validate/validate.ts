import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { checkProvenance, PROVENANCE_RULES } from '../ascend/atc/provenance.ts';
import { isOmFile } from '../ascend/om/detect.ts';
import { omFindings } from '../ascend/om/findings.ts';
import { readOm } from '../ascend/om/read.ts';
import { OM_RULES } from '../ascend/om/rules.ts';
import { printable, SdgraphError } from '../errors.ts';
import { openModel } from '../io/open.ts';
import { RULES, type Severity } from '../schema/check.ts';
import type { Finding } from '../schema/finding.ts';
import { TARGET_RULES } from '../targets/check.ts';
import { checkModel } from '../targets/check-model.ts';
import { findTarget, type Target } from '../targets/index.ts';
import { verifyModels } from '../verify/verify.ts';
import { FileSource } from '../wire/source.ts';
import { type Expectations, expectationsFor, type ValidateConfig } from './config.ts';
import { checkExpectations } from './expectations.ts';
import { type FileFacts, type ModelFacts, modelFacts, omFacts } from './facts.ts';
import { VALIDATE_RULES, type ValidateRule } from './rules.ts';

/** How {@link validateFiles} validates. */
export interface ValidateOptions {
  /** Expectations; see `docs/ci.md`. */
  readonly config?: ValidateConfig;
  /** Target profile for all files: a built-in name or a file. Default: that of the configuration, else none. */
  readonly target?: string;
  /** Count warnings as errors. Default false. */
  readonly strict?: boolean;
  readonly followLinks?: boolean;
  readonly onStep?: (step: string) => void;
}

/** What was found about one file. */
export interface FileReport {
  readonly file: string;
  readonly ok: boolean;
  /** Size and SHA-256 of the file itself; undefined when it cannot be read. */
  readonly bytes: number | undefined;
  readonly sha256: string | undefined;
  /** Name of the target whose rules were checked. */
  readonly target: string | undefined;
  readonly findings: readonly Finding[];
}

/** What was found about all files. */
export interface ValidationReport {
  readonly ok: boolean;
  readonly strict: boolean;
  readonly files: readonly FileReport[];
}

/** One line for each rule that a report may mention, by id. */
export function ruleSummaries(): ReadonlyMap<string, { readonly severity: Severity; readonly summary: string }> {
  return new Map(Object.entries({ ...RULES, ...TARGET_RULES, ...OM_RULES, ...PROVENANCE_RULES, ...VALIDATE_RULES }));
}

/**
 * Validates model files: can they be read, are they sound, can the target run them, are they what the configuration
 * says. Problems of a file are findings, also when it cannot be read at all.
 *
 * @throws SdgraphError only for what is wrong with the question: `E_TARGET` for an unknown target, `E_CONFIG` for an
 * unknown rule among those to ignore
 */
export async function validateFiles(
  files: readonly string[],
  options: ValidateOptions = {},
): Promise<ValidationReport> {
  const strict = options.strict ?? false;
  requireKnownRules(options.config?.models ?? []);
  const reports: FileReport[] = [];
  const targets = new Map<string, Target>();
  const targetNamed = async (name: string): Promise<Target> => {
    const target = targets.get(name) ?? (await findTarget(name));
    targets.set(name, target);
    return target;
  };
  for (const file of files) {
    options.onStep?.(`validating ${file}`);
    const expected = expectationsFor(options.config, file);
    const name = expected?.target ?? options.target ?? options.config?.target;
    const target = name === undefined ? undefined : await targetNamed(name);
    reports.push(await validateFile(file, expected, target, options));
  }
  if (options.config !== undefined) reports.push(...missingFiles(options.config, files));
  return { ok: reports.every(({ ok }) => ok), strict, files: reports };
}

/** A slip in the name of a rule would let through what it was meant to name, or hold up what it was meant to let through. */
function requireKnownRules(models: readonly Expectations[]): void {
  const known = ruleSummaries();
  for (const [i, { ignore = [] }] of models.entries()) {
    const unknown = ignore.find((rule) => !known.has(rule));
    if (unknown === undefined) continue;
    throw new SdgraphError(
      'E_CONFIG',
      'no rule has this name',
      { path: `models[${i}].ignore` },
      { found: printable(unknown), hint: 'docs/rules.md lists the rules' },
    );
  }
}

async function validateFile(
  file: string,
  expected: Expectations | undefined,
  target: Target | undefined,
  options: ValidateOptions,
): Promise<FileReport> {
  const findings: Finding[] = [];
  let facts: FileFacts | undefined;
  try {
    facts = hashFile(file);
    const contents = isOmFile(file)
      ? await checkOm(file, facts, target)
      : await checkOnnx(file, facts, target, options);
    findings.push(...contents.findings);
    if (expected === undefined) {
      if (options.config !== undefined) {
        findings.push(own('not-expected', 'the configuration says nothing about this file'));
      }
    } else if (contents.facts !== undefined) findings.push(...checkExpectations(contents.facts, expected));
  } catch (error) {
    findings.push(unreadable(error));
  }
  const readable = findings.every(({ severity }) => severity !== 'error');
  if (readable && expected?.verify !== undefined && options.config !== undefined) {
    findings.push(...(await checkVerify(file, expected.verify, options.config.folder)));
  }
  const ignored = new Set(expected?.ignore);
  const counted = findings.filter(({ rule }) => !ignored.has(rule));
  const fails = (severity: Severity): boolean =>
    severity === 'error' || (options.strict === true && severity === 'warning');
  return {
    file,
    ok: !counted.some(({ severity }) => fails(severity)),
    bytes: facts?.bytes,
    sha256: facts?.sha256,
    target: target?.name,
    findings: counted,
  };
}

/** What was found in a file, and what it is; undefined where it was refused. */
interface Contents {
  readonly findings: readonly Finding[];
  readonly facts: ModelFacts | undefined;
}

async function checkOnnx(
  file: string,
  facts: FileFacts,
  target: Target | undefined,
  { followLinks = false }: ValidateOptions,
): Promise<Contents> {
  using model = await openModel(file, { followLinks });
  const findings = checkModel(model, target === undefined ? {} : { target });
  return { findings, facts: modelFacts(model, facts) };
}

async function checkOm(file: string, facts: FileFacts, target: Target | undefined): Promise<Contents> {
  const report = readOm(file, { depth: 'full' });
  const findings = [...omFindings(report, target?.soc), ...(await checkProvenance(file, facts.sha256))];
  return { findings, facts: report.problem === null ? omFacts(report, facts) : undefined };
}

async function checkVerify(
  file: string,
  verify: NonNullable<Expectations['verify']>,
  folder: string,
): Promise<Finding[]> {
  try {
    const report = await verifyModels(resolve(folder, verify.reference), file, {
      tolerance: verify.tolerance ?? 'auto',
      seed: verify.seed ?? 0,
      ...(verify.inputs === undefined ? {} : { inputs: resolve(folder, verify.inputs) }),
    });
    return report.outputs.flatMap(({ name, reasons }) =>
      reasons.map((reason) =>
        own('verify-differs', 'the model computes something else than its reference', { value: name }, reason),
      ),
    );
  } catch (error) {
    if (!(error instanceof SdgraphError)) throw error;
    return [
      own(
        'verify-failed',
        'the model could not be compared with its reference',
        {},
        `${error.message} [${error.code}]`,
      ),
    ];
  }
}

function own(
  rule: ValidateRule,
  message: string,
  where: { value?: string } = {},
  found?: string,
): Finding<ValidateRule> {
  const { severity } = VALIDATE_RULES[rule];
  return { rule, severity, where: { path: '', ...where }, message, ...(found === undefined ? {} : { found }) };
}

/** Anything that a file can make go wrong is a finding about it; a defect of our own is not. */
function unreadable(error: unknown): Finding<ValidateRule> {
  if (!(error instanceof SdgraphError) || error.code === 'E_INTERNAL') throw error;
  const { message, code, hint } = error;
  return { ...own('unreadable', `${message} [${code}]`), ...(hint === undefined ? {} : { hint }) };
}

/** Files that the configuration names without a wildcard and nobody gave. */
function missingFiles(config: ValidateConfig, files: readonly string[]): FileReport[] {
  const given = new Set(files.map((file) => resolve(file)));
  return config.models
    .filter(({ file }) => !file.includes('*') && !given.has(resolve(config.folder, file)))
    .map(({ file }) => ({
      file: resolve(config.folder, file),
      ok: false,
      bytes: undefined,
      sha256: undefined,
      target: undefined,
      findings: [own('not-given', 'the configuration names this file, but it was not validated')],
    }));
}

function hashFile(file: string): FileFacts {
  const source = FileSource.open(file);
  try {
    const hash = createHash('sha256');
    for (const chunk of source.chunks(0, source.size)) hash.update(chunk);
    return { bytes: source.size, sha256: hash.digest('hex') };
  } finally {
    source.close();
  }
}

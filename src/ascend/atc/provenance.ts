/** From which ONNX model a compiled one was made, by the record that compiling leaves. */

import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { printable, SdgraphError } from '../../errors.ts';
import { openModel } from '../../io/open.ts';
import type { Severity } from '../../schema/check/rules.ts';
import type { Finding } from '../../schema/finding.ts';
import { compareOmWithModel } from '../om/compare.ts';
import { readOm } from '../om/read.ts';
import type { OmRule } from '../om/rules.ts';
import { LOCK_FILE, type LockEntry, type LockedFile, readLockFile } from './lock-file.ts';
import { hashFile } from './model-facts.ts';
import { relativeParts } from './plan-paths.ts';

/** The rules of {@link checkProvenance} by id. */
export const PROVENANCE_RULES = {
  'om-from-model': { severity: 'info', summary: 'the record proves from which model the file was compiled' },
  'om-not-from-model': {
    severity: 'error',
    summary: 'the model or its data is not what the file was compiled from any more',
  },
  'om-not-as-compiled': { severity: 'error', summary: 'the file is not the one that the record says was compiled' },
  'om-model-missing': { severity: 'warning', summary: 'the model that the file was compiled from is not there' },
  'om-not-recorded': { severity: 'info', summary: 'the folder has a record of what was compiled, without this file' },
  'om-fits-model': {
    severity: 'info',
    summary: 'inputs and outputs are those of the model beside the file that its command line names',
  },
  'om-record-invalid': { severity: 'warning', summary: 'the record of what was compiled cannot be read' },
} as const satisfies Record<string, { readonly severity: Severity; readonly summary: string }>;

type ProvenanceRule = keyof typeof PROVENANCE_RULES;

/**
 * Compares a compiled model with the record in its folder or the one above (`sdgraph.lock.json`), and the ONNX model and
 * data files named there with what was compiled. Without an entry, inputs and outputs are compared with the ONNX model
 * beside the file that ATC's command line in it names, where that is there.
 *
 * @param file path of the compiled model
 * @param sha256 of that file
 */
export async function checkProvenance(file: string, sha256: string): Promise<Finding<ProvenanceRule | OmRule>[]> {
  const folder = realpathSync(dirname(file));
  const dir = [folder, dirname(folder)].find((each) => existsSync(join(each, LOCK_FILE)));
  if (dir === undefined) return compareBeside(file, folder);
  try {
    const path = join(folder, basename(file));
    const entry = (await readLockFile(dir)).find(({ output }) => below(dir, output) === path);
    if (entry === undefined) {
      const unknown = finding('om-not-recorded', 'nothing is recorded of how this file was compiled');
      return [unknown, ...(await compareBeside(file, folder))];
    }
    return await compare(dir, entry, sha256);
  } catch (error) {
    if (!(error instanceof SdgraphError) || error.code === 'E_INTERNAL') throw error;
    return [finding('om-record-invalid', `${error.message} [${error.code}]`)];
  }
}

/** The interface against that of the model that the file says it was compiled from. */
async function compareBeside(file: string, folder: string): Promise<Finding<ProvenanceRule | OmRule>[]> {
  const om = readOm(file);
  const [, written = ''] = /(?:^|\s)--?model[= ](\S+)/u.exec(om.models[0]?.atcCmdline ?? '') ?? [];
  const name = basename(written);
  const path = join(folder, name);
  if (om.problem !== null || name === '' || !existsSync(path)) return [];
  try {
    using model = await openModel(path);
    const differences = compareOmWithModel(om, model);
    if (differences.some(({ severity }) => severity === 'error')) return differences;
    return [...differences, finding('om-fits-model', `inputs and outputs are those of ${printable(name)}`)];
  } catch (error) {
    if (!(error instanceof SdgraphError) || error.code === 'E_INTERNAL') throw error;
    return []; // No model that can be read: nothing to compare with.
  }
}

async function compare(dir: string, entry: LockEntry, sha256: string): Promise<Finding<ProvenanceRule>[]> {
  if (entry.output.sha256 !== sha256) {
    const hint = 'compile again, or take the file from where it was compiled';
    const facts = { expected: entry.output.sha256, found: sha256, hint };
    return [finding('om-not-as-compiled', 'the file changed after it was compiled', facts)];
  }
  const findings: Finding<ProvenanceRule>[] = [];
  for (const source of [entry.model, ...entry.data]) {
    const name = printable(source.file);
    const path = below(dir, source);
    if (!existsSync(path)) {
      findings.push(finding('om-model-missing', `${name}, which the file was compiled from, is not there`));
      continue;
    }
    const found = await hashFile(path);
    if (found.sha256 === source.sha256) continue;
    const facts = { expected: source.sha256, found: found.sha256, hint: 'compile again' };
    findings.push(finding('om-not-from-model', `${name} changed after the file was compiled from it`, facts));
  }
  if (findings.length > 0) return findings;
  const text = `compiled from ${printable(entry.model.file)} for ${printable(entry.socVersion)}`;
  return [finding('om-from-model', text, { found: entry.model.sha256 })];
}

/** The path of a recorded file; a record may come from anywhere, so it never leads out of its folder. */
function below(dir: string, { file }: LockedFile): string {
  return join(dir, ...relativeParts(file, '/steps'));
}

function finding(
  rule: ProvenanceRule,
  message: string,
  facts: Pick<Finding, 'expected' | 'found' | 'hint'> = {},
): Finding<ProvenanceRule> {
  return { rule, severity: PROVENANCE_RULES[rule].severity, where: { path: '' }, message, ...facts };
}

/** Plans from files: anybody may have written them. */

import { isDeepStrictEqual } from 'node:util';
import { printable, SdgraphError } from '../../errors.ts';
import { parseLocation } from '../../io/external.ts';
import { buildArgv } from './argv.ts';
import { readCheckedJson } from './checked-json.ts';
import { chipFamily } from './chips.ts';
import { checkOptions } from './exclusions.ts';
import { ATC_OPTIONS, optionValue, userOption } from './options.ts';
import { expectedNames, opensShapes } from './output-names.ts';
import { fileName, relativeParts } from './plan-paths.ts';
import type { AtcPlan, AtcStep, PlanScript } from './plan-types.ts';
import { DEFAULT_SCRIPTS } from './presets.ts';

/** How {@link loadPlan} reads. */
export interface LoadPlanOptions {
  /** Scripts that the plan may name beside those of the usual places: they run as the user. */
  readonly scripts?: readonly string[];
  /** Take options whose files can reach beyond the compilation, such as `raw_ge_options`. Default false. */
  readonly allowUnsafe?: boolean;
}

const SCHEMA = new URL('./plan.schema.json', import.meta.url);

/**
 * Reads a plan and checks it as a stranger's: nothing in it can write outside the folder of the models, add an option
 * that the table does not have, or run a script that the caller did not name.
 *
 * @throws SdgraphError `E_PLAN` with the JSON pointer of what is wrong, `E_FILE_MISSING`, `E_FILE_READ`
 */
export async function loadPlan(path: string, options: LoadPlanOptions = {}): Promise<AtcPlan> {
  const value = await readCheckedJson(path, SCHEMA, 'E_PLAN');
  const plan = value as AtcPlan;
  try {
    checkPlan(plan, options);
  } catch (error) {
    throw error instanceof SdgraphError ? error.at({ file: path }) : error;
  }
  return plan;
}

/**
 * What a schema cannot say about a plan.
 *
 * @throws SdgraphError `E_PLAN` with the JSON pointer
 */
export function checkPlan(plan: AtcPlan, { scripts = [], allowUnsafe = false }: LoadPlanOptions = {}): void {
  const trusted = new Set([...Object.values(DEFAULT_SCRIPTS), ...scripts]);
  for (const [i, script] of plan.environment.entries()) checkScript(script, `/environment/${i}`, trusted);
  const names = new Set<string>();
  const outputs = new Set<string>();
  for (const [i, step] of plan.steps.entries()) {
    const at = `/steps/${i}`;
    const output = [...relativeParts(step.directory, `${at}/directory`), fileName(step.output, `${at}/output`)].join(
      '/',
    );
    if (names.has(step.name)) throw new SdgraphError('E_PLAN', 'two steps have this name', { path: `${at}/name` });
    if (outputs.has(output)) throw new SdgraphError('E_PLAN', 'two steps write this', { path: `${at}/output` });
    names.add(step.name);
    outputs.add(output);
    checkStep(step, at, plan.socVersion.value, allowUnsafe);
  }
}

function checkScript({ script }: PlanScript, path: string, trusted: ReadonlySet<string>): void {
  if (trusted.has(script)) return;
  throw new SdgraphError(
    'E_PLAN',
    'the plan asks to run a script from an unusual place',
    { path: `${path}/script` },
    { found: `'${printable(script)}'`, hint: 'if it is yours, name it with --toolkit-env or --operators-env' },
  );
}

function checkStep(step: AtcStep, at: string, socVersion: string, allowUnsafe: boolean): void {
  fileName(step.model.file, `${at}/model/file`);
  for (const [i, { file }] of step.model.data.entries()) {
    relativeParts(file, `${at}/model/data/${i}/file`);
    parseLocation(file);
  }
  const options = checkValues(step, at, allowUnsafe);
  checkFiles(step, at, allowUnsafe);
  const expected = expectedNames(step.output, options, opensShapes(options, step.inputs));
  // Which system a name is for depends on where the plan was made; anything else in the list is made up.
  const prefix = `${step.output}_`;
  for (const [i, name] of step.expected.entries()) {
    fileName(name, `${at}/expected/${i}`);
    if (expected.includes(name) || (name.startsWith(prefix) && /^\w+\.om$/u.test(name.slice(prefix.length)))) continue;
    throw new SdgraphError('E_PLAN', 'ATC does not give its output this name', { path: `${at}/expected/${i}` });
  }
  const argv = buildArgv(step, socVersion);
  if (!isDeepStrictEqual(argv, [...step.argv])) {
    const hint = 'change options, not argv: the command line is always built from them';
    throw new SdgraphError('E_PLAN', 'the command line is not what the options say', { path: `${at}/argv` }, { hint });
  }
  const files = new Map(step.files.map(({ option, content }) => [option, content]));
  const context = { options, files, family: chipFamily(socVersion), inputs: step.inputs };
  const problem = checkOptions(context).find(({ severity }) => severity === 'error');
  if (problem === undefined) return;
  const details = problem.hint === undefined ? {} : { hint: problem.hint };
  throw new SdgraphError('E_PLAN', problem.message, { path: `${at}/options` }, details);
}

function checkValues({ options }: AtcStep, at: string, allowUnsafe: boolean): ReadonlyMap<string, string> {
  const values = new Map(Object.entries(options));
  for (const [name, value] of values) {
    const path = `${at}/options/${name}`;
    const option = userOption(name, path);
    requireSafe(option.unsafe, name, path, allowUnsafe);
    if (option.name !== name) throw new SdgraphError('E_PLAN', 'the option is spelled otherwise', { path });
    if (option.values.kind === 'file') {
      throw new SdgraphError('E_PLAN', `--${name} takes a file`, { path }, { expected: 'its text, under files' });
    }
    if (optionValue(option, value, path) === value) continue;
    throw new SdgraphError('E_PLAN', 'the value is spelled otherwise', { path });
  }
  return values;
}

function checkFiles({ files, output, model }: AtcStep, at: string, allowUnsafe: boolean): void {
  const taken = new Set<string>([model.file, `${output}.om`]);
  for (const [i, { option, file }] of files.entries()) {
    const path = `${at}/files/${i}`;
    requireSafe(ATC_OPTIONS.get(option)?.unsafe, option, path, allowUnsafe);
    if (userOption(option, `${path}/option`).values.kind !== 'file') {
      throw new SdgraphError('E_PLAN', `--${option} takes no file`, { path: `${path}/option` });
    }
    if (taken.has(fileName(file, `${path}/file`)) || !file.startsWith(`${output}.`)) {
      throw new SdgraphError('E_PLAN', 'the name of the file is not its own', { path: `${path}/file` });
    }
    taken.add(file);
  }
}

function requireSafe(unsafe: true | undefined, name: string, path: string, allowUnsafe: boolean): void {
  if (unsafe === undefined || allowUnsafe) return;
  const hint = 'if the plan is yours, allow it with --allow-unsafe, or plan again with these options';
  throw new SdgraphError('E_PLAN', `--${name} can reach beyond the compilation`, { path }, { hint });
}

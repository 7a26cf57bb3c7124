import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SdgraphError } from '../../errors.ts';
import type { Model } from '../../ir/model.ts';
import type { PluginOperator, Target } from '../../targets/index.ts';
import { buildArgv } from './argv.ts';
import { checkChip } from './check-chip.ts';
import { chipFamily } from './chips.ts';
import { checkOptions } from './exclusions.ts';
import { type GroupNormChoice, groupNormFloat32 } from './group-norm.ts';
import { readModelFacts } from './model-facts.ts';
import { type OptionProblem, optionWarning } from './option-context.ts';
import { ATC_OPTIONS } from './options.ts';
import { expectedNames, opensShapes } from './output-names.ts';
import type { PlanOptions } from './plan.ts';
import { fileName, relativeParts } from './plan-paths.ts';
import type { AtcStep, PlanProblem, PlanText } from './plan-types.ts';
import { PRESETS } from './presets.ts';
import { type ResolvedOptions, resolveSettings, type SettingLayer, type SettingValue } from './step-settings.ts';

/** A package of operators, with those of them that the models have. */
export interface AddOn {
  readonly target: Target;
  readonly operators: readonly string[];
}

/** Gathers steps and all that is wrong with them. */
export class Planner {
  readonly steps: AtcStep[] = [];
  readonly problems: PlanProblem[] = [];
  /** Packages beside the toolkit that the models need. */
  readonly addOns: AddOn[] = [];
  /** Version of the toolkit whose own plugin operators the models have. */
  toolkit: string | undefined;
  readonly #options: PlanOptions;
  readonly #socVersion: string;
  readonly #target: Target | undefined;

  constructor(options: PlanOptions, socVersion: string, target: Target | undefined) {
    this.#options = options;
    this.#socVersion = socVersion;
    this.#target = target;
  }

  /** Adds the step of a name. Throws `E_PLAN` for settings that make no sense at all; the rest is in `problems`. */
  async add(name: string): Promise<void> {
    const own = this.#options.settings?.steps.get(name);
    const path = this.#modelOf(name, own?.model);
    const parts = relativeParts(path, `/steps/${name}/model`);
    const file = fileName(parts.at(-1) ?? '', `/steps/${name}/model`);
    const fallback = PRESETS.has(name) ? name : basename(file, '.onnx');
    const output = fileName(own?.output ?? fallback, `/steps/${name}/output`);
    const choice = own?.float32GroupNorm ?? (name === 'unet' ? this.#options.float32GroupNorm : undefined);
    const step = await this.#plan(name, parts.slice(0, -1).join('/') || '.', file, output, choice);
    const other = this.steps.find((each) => each.directory === step.directory && each.output === step.output);
    if (other !== undefined) {
      const reason = `the steps '${other.name}' and '${name}' write the same model`;
      throw new SdgraphError('E_PLAN', reason, { path: `/steps/${name}/output` });
    }
    this.steps.push(step);
  }

  async #plan(
    name: string,
    directory: string,
    file: string,
    output: string,
    choice: GroupNormChoice | undefined,
  ): Promise<AtcStep> {
    const { modelDir, onStep, signal, followLinks = false, hash = true } = this.#options;
    const path = join(modelDir, directory, file);
    onStep?.(`reading ${path}`);
    const settings = resolveSettings(this.#layers(name));
    const files = new Map(settings.files);
    const found: OptionProblem[] = [];
    const facts = await readModelFacts(path, { followLinks, hash, signal }, (model) => {
      found.push(...this.#checkChip(model));
      if (choice !== undefined) found.push(...keepGroupNorms(model, choice, files));
    });
    const { inputs, outputs, pluginOperators, bytes, sha256, data, opset } = facts;
    const { options } = settings;
    found.push(...checkOptions({ options, files, family: chipFamily(this.#socVersion), inputs }));
    for (const problem of found) this.problems.push({ ...problem, step: name });
    const ordered = inOrder({ options, files }, output);
    const parts = { model: { file, bytes, sha256, opset, data }, output, ...ordered };
    return {
      name,
      directory,
      ...parts,
      inputs,
      outputs,
      pluginOperators,
      expected: expectedNames(output, options, opensShapes(options, inputs)),
      argv: buildArgv(parts, this.#socVersion),
    };
  }

  /** Path of the model of a step, relative to the folder of the models. */
  #modelOf(name: string, written: string | undefined): string {
    if (written !== undefined) return written;
    const { modelDir } = this.#options;
    const [wanted, ...others] = PRESETS.get(name)?.models ?? [];
    if (wanted === undefined) throw new SdgraphError('E_PLAN', 'the step has no model', { path: `/steps/${name}` });
    if (isFile(join(modelDir, wanted))) return wanted;
    const other = others.find((path) => isFile(join(modelDir, path)));
    if (other === undefined) {
      throw new SdgraphError(
        'E_FILE_MISSING',
        `there is no model for the step '${name}'`,
        { file: join(modelDir, others.at(-1) ?? wanted) },
        { hint: 'export it first, leave the step out with --parts, or name the model in a configuration' },
      );
    }
    const message = `${wanted} is not there, so ${other} is compiled as it was exported`;
    const hint = `write it with sdgraph optimize --model ${join(modelDir, other)} --new-model ${join(modelDir, wanted)}`;
    this.problems.push({ ...optionWarning('not-optimized', message, { hint }), step: name });
    return other;
  }

  /** The planner's own values, then the user's, from general to particular. */
  #layers(name: string): SettingLayer[] {
    const { settings, set } = this.#options;
    const folder = settings?.folder ?? '.';
    const layer = (values: ReadonlyMap<string, SettingValue> | undefined, place: string, at: string): SettingLayer => ({
      values: values ?? new Map(),
      folder: at,
      place,
    });
    return [
      layer(new Map([['log', 'error']]), '', '.'),
      layer(PRESETS.get(name)?.options ?? new Map([['input_format', 'NCHW']]), '', '.'),
      layer(settings?.options, '/options', folder),
      layer(settings?.steps.get(name)?.options, `/steps/${name}/options`, folder),
      layer(set?.get(name), `--set ${name}`, '.'),
    ];
  }

  #checkChip(model: Model): readonly OptionProblem[] {
    const { problems, target } = checkChip(model, this.#socVersion, this.#target);
    if (target === undefined) return problems;
    if (target.sdk.name === 'CANN') [this.toolkit] = target.sdk.versions;
    else {
      const scopes = [...model.scopes()];
      const operators = Object.values(target.operators)
        .map((operator: PluginOperator) => operator.opType)
        .filter((opType) => scopes.some((graph) => Array.from(graph.nodesOf(opType)).length > 0));
      this.addOns.push({ target, operators });
    }
    return problems;
  }
}

/** Adds the list of group normalizations to the file for `--customize_dtypes`. */
function keepGroupNorms(model: Model, choice: GroupNormChoice, files: Map<string, string>): OptionProblem[] {
  const list = groupNormFloat32(model, choice);
  if (list !== '') {
    const before = files.get('customize_dtypes') ?? '';
    files.set('customize_dtypes', `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}${list}`);
    return [];
  }
  const which =
    choice === 'all' ? 'no group normalization that ATC fuses' : "none of the sample's group normalizations";
  return [optionWarning('group-norm', `the model has ${which}, so none is kept in float32`)];
}

/** Options and files in the order of the table, whoever set them. */
function inOrder({ options, files }: ResolvedOptions, output: string): Pick<AtcStep, 'options' | 'files'> {
  const values: [string, string][] = [];
  const texts: PlanText[] = [];
  for (const { name, values: kind } of ATC_OPTIONS.values()) {
    const value = options.get(name);
    if (value !== undefined) values.push([name, value]);
    const content = files.get(name);
    if (content === undefined || kind.kind !== 'file') continue;
    texts.push({ option: name, file: `${output}.${name}.${kind.content === 'json' ? 'json' : 'txt'}`, content });
  }
  return { options: Object.fromEntries(values), files: texts };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

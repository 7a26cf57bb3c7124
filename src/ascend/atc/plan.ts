/** Plans: how the models of a folder are compiled, as a document. */

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { printable, SdgraphError } from '../../errors.ts';
import { findTarget } from '../../targets/index.ts';
import { detectSoc, requireSoc } from '../soc.ts';
import type { GroupNormChoice } from './group-norm.ts';
import type { AtcPlan, PlanProblem, PlanRequirement, PlanScript } from './plan-types.ts';
import { type AddOn, Planner } from './planner.ts';
import { DEFAULT_SCRIPTS, PRESETS } from './presets.ts';
import type { PlanSettings, SettingValue } from './step-settings.ts';

/** How to plan. */
export interface PlanOptions {
  /** Folder with `clip/clip.onnx`, `unet/unet_md.onnx` (or `unet.onnx`) and `vae/vae.onnx`. */
  readonly modelDir: string;
  /** Chip to compile for; without it `npu-smi` is asked. */
  readonly socVersion?: string;
  /** File with what `npu-smi` printed on the machine to compile for. */
  readonly from?: string;
  /** Steps to plan; all if not given. */
  readonly parts?: readonly string[];
  readonly settings?: PlanSettings;
  /** Values that win over those of `settings`: by step, then by option. Files are relative to the working directory. */
  readonly set?: ReadonlyMap<string, ReadonlyMap<string, SettingValue>>;
  /** Profile to check plugin operators against: a name or a file. */
  readonly target?: string;
  /** Keep group normalizations of the UNet in float32. */
  readonly float32GroupNorm?: GroupNormChoice;
  /** Scripts in place of those that are found. */
  readonly toolkitScript?: string;
  readonly operatorsScript?: string;
  /** SHA-256 of models and their data. Default true. */
  readonly hash?: boolean;
  readonly followLinks?: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `npu-smi` to run. */
  readonly npuSmi?: string;
  readonly onStep?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** The version of CANN that the sample's commands are of. */
const SAMPLE_CANN = '7.0.RC1';

/**
 * Plans the compilation of a folder of models: the three steps of the sample, with its flags, and what the settings add
 * or change. Everything that ATC would stop at and that can be seen beforehand is checked.
 *
 * @throws SdgraphError `E_PLAN` with all that is wrong, `E_SOC` and `E_NPU_SMI` when the chip is not known, `E_TARGET`,
 * and what opening models throws
 *
 * @example
 * const plan = await planAtc({ modelDir: 'models_bs1', socVersion: 'Ascend310P3' });
 * plan.steps[1].argv // ['--framework=5', '--model=./unet_md.onnx', …]
 */
export async function planAtc(options: PlanOptions): Promise<AtcPlan> {
  const { env = process.env } = options;
  const names = stepNames(options);
  const { notes, ...socVersion } = await chooseSoc(options, env);
  const target = options.target === undefined ? undefined : await findTarget(options.target);
  const planner = new Planner(options, socVersion.value, target);
  for (const name of names) await planner.add(name);
  const { steps, problems, addOns } = planner;
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw planError(errors);
  const min = planner.toolkit ?? SAMPLE_CANN;
  return {
    formatVersion: 1,
    socVersion,
    toolkit: { name: 'CANN', min, max: null },
    requires: requirements(addOns, min),
    environment: scripts(options, env, addOns.length > 0),
    steps,
    warnings: [...notes.map(socWarning), ...problems],
  };
}

async function chooseSoc(
  { from, npuSmi, settings, socVersion: given }: PlanOptions,
  env: Readonly<Record<string, string | undefined>>,
): Promise<AtcPlan['socVersion'] & { readonly notes: readonly string[] }> {
  const socVersion = given ?? (from === undefined ? settings?.socVersion : undefined);
  const found = await detectSoc({
    env,
    ...(socVersion === undefined ? {} : { socVersion }),
    ...(from === undefined ? {} : { from }),
    ...(npuSmi === undefined ? {} : { npuSmi }),
  });
  const { source, notes } = found;
  return { value: requireSoc(found), source: source === 'user' || source === null ? 'option' : source, notes };
}

function socWarning(message: string): PlanProblem {
  return { rule: 'soc-version', severity: 'warning', step: null, message };
}

function stepNames({ parts, settings, set }: PlanOptions): string[] {
  const known = [...new Set([...PRESETS.keys(), ...(settings?.steps.keys() ?? [])])];
  for (const name of [...(parts ?? []), ...(set?.keys() ?? [])]) {
    if (known.includes(name)) continue;
    const expected = `one of ${known.join(', ')}`;
    throw new SdgraphError('E_PLAN', `there is no step '${printable(name)}'`, {}, { expected });
  }
  return parts === undefined ? known : known.filter((name) => parts.includes(name));
}

function requirements(addOns: readonly AddOn[], toolkit: string): PlanRequirement[] {
  const operators = [...new Set(addOns.flatMap((addOn) => addOn.operators))].toSorted();
  const [first] = addOns;
  return [
    { name: 'CANN toolkit', versions: [toolkit], because: 'it has ATC' },
    ...(first === undefined
      ? []
      : [
          {
            name: first.target.sdk.name,
            versions: first.target.sdk.versions,
            because: `it has the operators ${operators.join(', ')}`,
          },
        ]),
  ];
}

/** Scripts of the installation that the environment names, or those of the sample. */
function scripts(
  { toolkitScript, operatorsScript }: PlanOptions,
  { ASCEND_TOOLKIT_HOME: home }: Readonly<Record<string, string | undefined>>,
  needsOperators: boolean,
): PlanScript[] {
  const root = home === undefined || home === '' ? undefined : dirname(resolve(home));
  const near = (path: string, fallback: string): string => {
    const script = root === undefined ? undefined : join(root, path);
    return script !== undefined && existsSync(script) ? script : fallback;
  };
  const toolkit = toolkitScript ?? near('set_env.sh', DEFAULT_SCRIPTS.toolkit);
  const operators = operatorsScript ?? near('../aie/set_env.sh', DEFAULT_SCRIPTS.operators);
  return [
    { kind: 'toolkit', script: toolkit },
    ...(needsOperators ? [{ kind: 'operators', script: operators } as const] : []),
  ];
}

/** All that is wrong as one error. */
function planError(errors: readonly PlanProblem[]): SdgraphError {
  const [first] = errors;
  const reason = [
    `${first?.message}`,
    ...errors.slice(1).map(({ step, message }) => `${step ?? 'plan'}: ${message}`),
  ].join('; ');
  const hint = errors.find((problem) => problem.hint !== undefined)?.hint;
  const where = first === undefined || first.step === null ? {} : { name: first.step };
  return new SdgraphError('E_PLAN', reason, where, hint === undefined ? {} : { hint });
}

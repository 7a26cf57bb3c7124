import { dirname } from 'node:path';
import type { GroupNormChoice } from '../ascend/atc/group-norm.ts';
import type { PlanOptions } from '../ascend/atc/plan.ts';
import { loadPlanSettings, type SettingValue } from '../ascend/atc/step-settings.ts';
import { printable } from '../errors.ts';
import { usageError } from './errors.ts';

/** Flags that say what is compiled and how; `plan` and `compile` have them both. */
export const PLAN_FLAGS = {
  'model-dir': {
    kind: 'text',
    value: 'DIR',
    describe: 'folder with clip/clip.onnx, unet/unet_md.onnx (or unet.onnx) and vae/vae.onnx',
    default: 'models',
    aliases: ['model_dir'],
  },
  'soc-version': {
    kind: 'text',
    value: 'NAME',
    describe: 'chip to compile for, such as Ascend310P3; found out if not given (see soc)',
    aliases: ['soc_version'],
  },
  from: { kind: 'text', value: 'FILE', describe: 'take the chip from what npu-smi info printed elsewhere' },
  parts: {
    kind: 'text',
    value: 'A,B,C',
    describe: 'the steps: clip, unet, vae, and those of --config; all if not given',
  },
  config: { kind: 'text', value: 'FILE', describe: 'options of ATC for each step, and further steps' },
  set: {
    kind: 'list',
    value: 'STEP.OPTION=VALUE',
    describe: 'set an option of ATC; without a value its default goes away; repeatable',
  },
  'float32-group-norm': {
    kind: 'text',
    choices: ['sample', 'all'],
    describe: "keep group normalizations of the UNet in float32: those of the sample's list, or all",
  },
  target: { kind: 'text', value: 'NAME', describe: 'profile to check plugin operators against, or a JSON file' },
  'toolkit-env': { kind: 'text', value: 'FILE', describe: "the toolkit's set_env.sh, where it is in an unusual place" },
  'operators-env': { kind: 'text', value: 'FILE', describe: 'set_env.sh of the operator package (aie), likewise' },
  'follow-links': { kind: 'switch', describe: 'read external data through links, also outside the folder' },
} as const;

/** The values of {@link PLAN_FLAGS}. */
export interface PlanFlagValues {
  readonly 'model-dir': string;
  readonly 'soc-version': string | undefined;
  readonly from: string | undefined;
  readonly parts: string | undefined;
  readonly config: string | undefined;
  readonly set: readonly string[];
  readonly 'float32-group-norm': string | undefined;
  readonly target: string | undefined;
  readonly 'toolkit-env': string | undefined;
  readonly 'operators-env': string | undefined;
  readonly 'follow-links': boolean;
}

/** What the flags ask for. Throws `E_USAGE`, and what reading the configuration throws. */
export async function planOptions(flags: PlanFlagValues): Promise<PlanOptions> {
  if (flags['soc-version'] !== undefined && flags.from !== undefined) {
    throw usageError('--soc-version and --from exclude each other', { hint: 'a chip is named or found in a file' });
  }
  const settings = flags.config === undefined ? undefined : await loadPlanSettings(flags.config);
  const optional = {
    socVersion: flags['soc-version'],
    from: flags.from,
    parts: flags.parts?.split(',').map((part) => part.trim()),
    settings,
    target: flags.target,
    float32GroupNorm: flags['float32-group-norm'] as GroupNormChoice | undefined,
    toolkitScript: flags['toolkit-env'],
    operatorsScript: flags['operators-env'],
  };
  return {
    modelDir: flags['model-dir'],
    set: readSet(flags.set),
    followLinks: flags['follow-links'],
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, value]) => value !== undefined),
    ) as Partial<PlanOptions>),
  };
}

/** `STEP.OPTION=VALUE` texts by step and option. */
function readSet(texts: readonly string[]): Map<string, Map<string, SettingValue>> {
  const set = new Map<string, Map<string, SettingValue>>();
  for (const text of texts) {
    // Names of steps may hold dots, those of options do not.
    const [, step, option, value] = /^([^=]+)\.([^.=]+)=(.*)$/su.exec(text) ?? [];
    if (step === undefined || option === undefined || value === undefined) {
      throw usageError('--set takes one option', { expected: 'STEP.OPTION=VALUE', found: `'${printable(text)}'` });
    }
    const values = set.get(step) ?? new Map<string, SettingValue>();
    set.set(step, values.set(option, value === '' ? null : value));
  }
  return set;
}

/** The folder that a plan is about: the one named, or that of the plan's file. */
export function planFolder(
  flags: { readonly 'model-dir': string; readonly plan: string | undefined },
  given: ReadonlySet<string>,
): string {
  return flags.plan === undefined || given.has('model-dir') ? flags['model-dir'] : dirname(flags.plan);
}

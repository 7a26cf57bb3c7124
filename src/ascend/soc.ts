/** Finds out for which chip models have to be compiled. */

import { printable, SdgraphError } from '../errors.ts';
import { socNameFromAcl } from '../runtime/acl/soc-name.ts';
import { askNpuSmi, type NpuSmiAnswers, readCapture } from './npu-smi/ask.ts';
import { chipsOf, type SocChip } from './npu-smi/chips.ts';
import { explainError } from './npu-smi/errors.ts';
import { nearestVersion, versionOfName } from './npu-smi/names.ts';
import type { NpuSmiReport } from './npu-smi/report.ts';
import { socVersionsOf } from './soc-versions.ts';

/** How to find out. */
export interface DetectSocOptions {
  /** The version as the user gives it; nothing is run or read then. */
  readonly socVersion?: string;
  /** A file with what `npu-smi` printed, perhaps elsewhere, in place of running it. It may hold several answers. */
  readonly from?: string;
  /**
   * What the AscendCL library of this machine answers (`aclrtGetSocName`); asked before `npu-smi`. If not given, the
   * library is looked for in the environment, unless `npuSmi` says whom to ask.
   */
  readonly socNameFromAcl?: () => string | undefined | Promise<string | undefined>;
  /** The program to run: a path, or a name that `PATH` finds. `npu-smi` if not given. */
  readonly npuSmi?: string;
  /** Environment of the program, in place of this process's. `ASCEND_HOME_PATH` names the toolkit. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Longest time for each call of the program, in milliseconds; 30,000 if not given. */
  readonly timeoutMs?: number;
  /** Most bytes of one answer, or of the file; 4 MiB if not given. */
  readonly maxBytes?: number;
}

/** Why no version is known. */
export interface SocReason {
  /** `E_NPU_SMI`: npu-smi cannot be run or read; `E_SOC`: what it says does not settle on one version. */
  readonly code: 'E_NPU_SMI' | 'E_SOC';
  readonly kind:
    | 'tool-missing'
    | 'tool-failed'
    | 'tool-timeout'
    | 'tool-too-large'
    | 'tool-error'
    | 'not-npu-smi'
    | 'no-card'
    | 'no-chip'
    | 'mixed'
    | 'unnamed'
    | 'not-a-version';
  readonly text: string;
  /** What can be done about it. */
  readonly hint: string;
}

/** What was found out. */
export interface SocDetection {
  /** The value for `--soc_version`; null where there is none, or more than one. */
  readonly socVersion: string | null;
  /** Who says so. */
  readonly source: 'user' | 'acl' | 'file' | 'npu-smi' | null;
  /** Null if and only if there is a version. */
  readonly reason: SocReason | null;
  /** The chips that `npu-smi` lists. */
  readonly chips: readonly SocChip[];
  /** Everything else that `npu-smi` says; null where it was not asked, or did not answer. */
  readonly npuSmi: NpuSmiReport | null;
  /** What else the user should know, such as calls that failed. */
  readonly notes: readonly string[];
}

const WAY_OUT = 'name the chip with --soc-version, as in --soc-version Ascend310P3';

/**
 * Finds the one `soc_version` of this machine: the user's, that of AscendCL, or that of `npu-smi`, in this order.
 * `npu-smi info` is run first, `-t board` for chips whose name says too little, then `-m` and `-l`; never two calls at
 * once. What stands in the way of an answer is a `reason`, not an error.
 *
 * @throws SdgraphError `E_FILE_MISSING`, `E_FILE_READ` for the file of `from`; `E_NPU_SMI` when it is too large
 */
export async function detectSoc(options: DetectSocOptions = {}): Promise<SocDetection> {
  const { socVersion, from, npuSmi, env = process.env, maxBytes = 4 * 1024 * 1024 } = options;
  const known = socVersionsOf(env);
  if (socVersion !== undefined) return fromUser(socVersion, known);
  if (from !== undefined) return conclude('file', { report: await readCapture(from, maxBytes), notes: [] }, known);
  const notes: string[] = [];
  const { timeoutMs = 30_000 } = options;
  const ask = options.socNameFromAcl ?? (npuSmi === undefined ? () => socNameFromAcl({ env, timeoutMs }) : undefined);
  const name = ask === undefined ? undefined : await askAcl(ask, notes);
  if (name !== undefined) return { ...NOTHING, socVersion: name, source: 'acl' };
  const answers = await askNpuSmi(npuSmi ?? 'npu-smi', { env, timeoutMs, maxBytes }, known);
  return conclude('npu-smi', { ...answers, notes: [...notes, ...answers.notes] }, known);
}

/** The version, or the reason why there is none as an error. */
export function requireSoc({ socVersion, reason }: SocDetection): string {
  if (socVersion !== null) return socVersion;
  const { code, text, hint } = reason ?? { code: 'E_SOC' as const, text: 'the chip is not known', hint: WAY_OUT };
  throw new SdgraphError(code, text, {}, { hint });
}

const NOTHING = { reason: null, chips: [], npuSmi: null, notes: [] } as const;

async function askAcl(
  ask: NonNullable<DetectSocOptions['socNameFromAcl']>,
  notes: string[],
): Promise<string | undefined> {
  try {
    const name = await ask();
    return name === '' ? undefined : name;
  } catch (error) {
    notes.push(`AscendCL gives no name: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** Takes versions that no list here has, because toolkits newer than sdgraph do; not what looks like a slip. */
function fromUser(version: string, known: ReadonlySet<string>): SocDetection {
  const verdict = versionOfName(version, known);
  if (verdict.soc_version === version) return { ...NOTHING, socVersion: version, source: 'user' };
  const near = verdict.soc_version ?? nearestVersion(version, known);
  const doubt = near === undefined ? '' : `; the nearest is ${near}`;
  const isNew = verdict.soc_version === null && verdict.why === 'unknown' && /^Ascend[0-9][\w-]{1,60}$/u.test(version);
  if (isNew) {
    const note = `'${printable(version)}' is not a version that is known here${doubt}`;
    return { ...NOTHING, socVersion: version, source: 'user', notes: [note] };
  }
  const series = verdict.soc_version === null && verdict.why === 'short' ? membersOf(version, known) : [];
  const hint =
    series.length > 0
      ? `it stands for several chips: ${series.join(', ')}`
      : near === undefined
        ? 'versions are written like Ascend310P3, Ascend910B4, Ascend910_9392'
        : `did you mean ${near}?`;
  const text = `'${printable(version)}' is not a soc_version`;
  return { ...NOTHING, socVersion: null, source: null, reason: { code: 'E_SOC', kind: 'not-a-version', text, hint } };
}

function membersOf(series: string, known: ReadonlySet<string>): string[] {
  return [...known].filter((version) => version.startsWith(series) && version !== series);
}

function conclude(
  source: 'file' | 'npu-smi',
  { report, failure, notes }: NpuSmiAnswers,
  known: ReadonlySet<string>,
): SocDetection {
  const chips = report === undefined ? [] : chipsOf(report, known);
  const warnings = (report?.problems ?? []).filter(({ kind }) => kind === 'warning').map(({ text }) => text);
  const common = { chips, npuSmi: report ?? null, notes: [...notes, ...warnings] };
  const [version] = chips.map((chip) => chip.soc_version);
  if (typeof version === 'string' && chips.every((chip) => chip.soc_version === version)) {
    return { ...common, socVersion: version, source, reason: null };
  }
  return { ...common, socVersion: null, source: null, reason: failure ?? reasonOf(chips, report, known) };
}

function reasonOf(chips: readonly SocChip[], report: NpuSmiReport | undefined, known: ReadonlySet<string>): SocReason {
  const bad = chips.find((chip) => chip.unresolved !== null);
  if (bad?.unresolved) {
    const { why, text } = bad.unresolved;
    const near = why === 'unknown' ? nearestVersion(bad.name ?? '', known) : undefined;
    const remedy =
      why === 'short'
        ? `add what npu-smi info -t board -i ${bad.npu ?? 'N'} -c ${bad.chip ?? 0} prints, or `
        : near === undefined
          ? ''
          : `the nearest that is known is ${near}; `;
    return soc('unnamed', `the chip ${placeOf(bad)} is not known: ${text}`, `${remedy}${WAY_OUT}`);
  }
  if (chips.length > 0) {
    const versions = [...new Set(chips.map((chip) => chip.soc_version))];
    return soc('mixed', `this machine has different chips: ${versions.join(', ')}`, WAY_OUT);
  }
  const error = report?.error ?? null;
  if (error !== null) {
    const { meaning, remedy } = explainError(error);
    // It does not mean that there is no NPU, so the user may well know which it is.
    const hint = `${remedy === undefined ? '' : `${remedy}; or `}${WAY_OUT}`;
    return { code: 'E_NPU_SMI', kind: 'tool-error', text: meaning, hint };
  }
  if (report?.totalCount === 0) return soc('no-card', 'npu-smi finds no NPU card in this machine', WAY_OUT);
  if (report !== undefined && report.parts.length > 0) {
    if (!report.parts.includes('table')) {
      return soc('no-chip', 'the text names no chip', `give what npu-smi info prints, or ${WAY_OUT}`);
    }
    const hint = `look whether devices are mapped into this container, or ${WAY_OUT}`;
    return soc('no-chip', 'npu-smi answers, but lists no chip', hint);
  }
  const hint = `give what npu-smi info prints, or ${WAY_OUT}`;
  return { code: 'E_NPU_SMI', kind: 'not-npu-smi', text: 'the text is not of npu-smi', hint };
}

function soc(kind: SocReason['kind'], text: string, hint: string): SocReason {
  return { code: 'E_SOC', kind, text, hint };
}

function placeOf({ npu, chip }: SocChip): string {
  return `${chip ?? ''}${chip === null ? '' : ' of '}NPU ${npu ?? '?'}`;
}

/** From the name of a chip to the value for `--soc_version`. */

import { printable } from '../../errors.ts';
import { nearest } from '../../targets/nearest.ts';
import { SOC_VERSIONS } from '../soc-versions.ts';
import type { NpuBoard } from './report.ts';

/**
 * Why a name does not tell the version. `missing`: there is no name; `masked`: it was made unreadable; `short`: it
 * stands for several chips (A3 and Ascend 950 print the same name for all models, their board tells more);
 * `unknown`: no chip of that name is known.
 */
export type Unresolved = 'missing' | 'masked' | 'short' | 'unknown';

/** A version, or why there is none. */
export type NameVerdict =
  | { readonly soc_version: string }
  | { readonly soc_version: null; readonly why: Unresolved; readonly text: string };

/** Names that stand for a series of chips, without the leading `Ascend`. `910B` is not one: it is a chip of its own. */
const SERIES = /^(?:310P|310B|710|910|910_93|950|950PR|950DT)$/u;

/** Full versions whose numbers differ by model: those of A3 and Ascend 950. */
const NUMBERED = /^Ascend(?:910_[0-9]{4}|950(?:PR|DT)_[0-9][0-9A-Za-z]{3,7})$/u;

/**
 * The version of a name as `npu-smi` prints it: `310P3`, `Ascend 910B4`, `Ascend910_9392`.
 *
 * @param known versions that exist, such as those of an installed toolkit
 */
export function versionOfName(name: string | null, known: ReadonlySet<string> = SOC_VERSIONS): NameVerdict {
  if (name === null || name === '' || /^(?:NA|N\/A|-+)$/iu.test(name)) {
    return { soc_version: null, why: 'missing', text: 'npu-smi gives no name' };
  }
  // What `-m` prints for every Ascend 310.
  if (name === 'MiniD') return { soc_version: 'Ascend310' };
  const base = baseOf(name);
  const version = `Ascend${base}`;
  if (known.has(version) || NUMBERED.test(version)) return { soc_version: version };
  if (SERIES.test(base))
    return { soc_version: null, why: 'short', text: `'${printable(name)}' stands for several chips` };
  const folded = [...known].find((each) => each.toLowerCase() === version.toLowerCase());
  if (folded !== undefined) return { soc_version: folded };
  if (/[x*?#<>…]/iu.test(base))
    return { soc_version: null, why: 'masked', text: `the name '${printable(name)}' is masked` };
  return { soc_version: null, why: 'unknown', text: `no chip '${printable(name)}' is known` };
}

/** The version whose spelling is nearest to a name, if one is near. The word that all begin with does not count. */
export function nearestVersion(name: string, known: ReadonlySet<string>): string | undefined {
  const near = nearest(baseOf(name), Array.from(known, baseOf));
  return near === undefined ? undefined : `Ascend${near}`;
}

function baseOf(name: string): string {
  return name.replace(/\s+/gu, '').replace(/^Ascend/iu, '');
}

/**
 * The version that an answer of `-t board` gives: type and name of the chip, or, on A3 and Ascend 950, the chip's name
 * and the NPU's. Undefined for an answer that does not speak of a chip.
 */
export function versionOfBoard(
  { fields }: NpuBoard,
  known: ReadonlySet<string> = SOC_VERSIONS,
): NameVerdict | undefined {
  const chip = fields.get('Chip Name');
  if (chip === undefined) return undefined;
  const name = /^Ascend/iu.test(chip) ? chip : `${fields.get('Chip Type') ?? ''} ${chip}`.trim();
  const model = fields.get('NPU Name');
  const verdict = versionOfName(name, known);
  if (verdict.soc_version !== null || model === undefined) return verdict;
  return verdict.why === 'short' ? versionOfName(`${name}_${model}`, known) : verdict;
}

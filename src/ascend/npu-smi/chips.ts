import { type NameVerdict, type Unresolved, versionOfBoard, versionOfName } from './names.ts';
import type { NpuBoard, NpuDevice, NpuMapping } from './report.ts';

/** A chip with the version that everything known about it gives. */
export interface SocChip extends Omit<NpuDevice, 'npu' | 'health'> {
  readonly npu: number | null;
  /** Null where only the board or the list of chips is known. */
  readonly health: NpuDevice['health'] | null;
  /** The value for `--soc_version`; null where it is not known. */
  readonly soc_version: string | null;
  /** Why there is no version; `contradictory`: two answers of `npu-smi` give different ones. */
  readonly unresolved: { readonly why: Unresolved | 'contradictory'; readonly text: string } | null;
}

/** The answers of `npu-smi` that speak of chips. */
export interface ChipSources {
  readonly devices: readonly NpuDevice[];
  readonly boards: readonly NpuBoard[];
  readonly mapping: readonly NpuMapping[];
}

type Facts = Omit<SocChip, 'soc_version' | 'unresolved'>;

/**
 * The chips of a machine: those of the table, with what boards and the list of chips add; without a table those of the
 * boards, and without these those of the list.
 */
export function chipsOf({ devices, boards, mapping }: ChipSources, known?: ReadonlySet<string>): SocChip[] {
  const ofBoard = groupBy(boards.filter((board) => board.fields.has('Chip Name')));
  const ofMap = groupBy(mapping.filter((row) => row.is_device));
  return bareChips(devices, boards, mapping).map((facts) => {
    const [row] = find(ofMap, facts);
    const verdicts = [
      ...(facts.health === null ? [] : [versionOfName(facts.name, known)]),
      ...find(ofBoard, facts).map((board) => versionOfBoard(board, known)),
      ...(row === undefined ? [] : [versionOfName(row.name, known)]),
    ].filter((verdict) => verdict !== undefined);
    // Only the list of chips gives the number that AscendCL uses on every machine.
    return { ...facts, device: row?.logic_id ?? facts.device, ...resolve(verdicts) };
  });
}

/** Agrees on a version; what does not tell it does not count where something else does. */
function resolve(verdicts: readonly NameVerdict[]): Pick<SocChip, 'soc_version' | 'unresolved'> {
  const [version, other] = new Set(verdicts.flatMap((verdict) => verdict.soc_version ?? []));
  if (version !== undefined && other !== undefined) {
    const text = `npu-smi calls it both ${version} and ${other}`;
    return { soc_version: null, unresolved: { why: 'contradictory', text } };
  }
  if (version !== undefined) return { soc_version: version, unresolved: null };
  // The last source knows most.
  const last = verdicts.at(-1);
  const unresolved =
    last === undefined || last.soc_version !== null
      ? { why: 'missing' as const, text: 'npu-smi gives no name' }
      : { why: last.why, text: last.text };
  return { soc_version: null, unresolved };
}

function bareChips(
  devices: readonly NpuDevice[],
  boards: readonly NpuBoard[],
  mapping: readonly NpuMapping[],
): readonly Facts[] {
  if (devices.length > 0) return devices;
  const chips = boards.filter(({ fields }) => fields.has('Chip Name'));
  if (chips.length > 0) return unique(chips.map(({ npu, chip, fields }) => bare(npu, chip, fields.get('Chip Name'))));
  return unique(mapping.filter((row) => row.is_device).map(({ npu, chip, name }) => bare(npu, chip, name)));
}

function bare(npu: number | null, chip: number | null, name = ''): Facts {
  return {
    npu,
    chip,
    device: null,
    name,
    health: null,
    power_w: null,
    temp_c: null,
    bus_id: null,
    aicore_pct: null,
    mem_used_mb: null,
    mem_total_mb: null,
    hbm_used_mb: null,
    hbm_total_mb: null,
  };
}

interface Placed {
  readonly npu: number | null;
  readonly chip: number | null;
}

function unique(chips: readonly Facts[]): Facts[] {
  return [...new Map(chips.map((chip) => [key(chip.npu, chip.chip), chip])).values()];
}

/** By card and chip, and by card alone: tables without a column for the chip speak of the card's. */
function groupBy<T extends Placed>(items: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    for (const name of new Set([key(item.npu, item.chip), key(item.npu, 'any')])) {
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [item]);
      else group.push(item);
    }
  }
  return groups;
}

function find<T>(groups: ReadonlyMap<string, T[]>, { npu, chip }: Placed): readonly T[] {
  return groups.get(key(npu, chip ?? 'any')) ?? [];
}

function key(npu: number | null, chip: number | 'any' | null): string {
  return `${npu} ${chip}`;
}

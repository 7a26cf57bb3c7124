/**
 * What `npu-smi` prints, as data. Names of fields that carry a unit end in it: `_w` watts, `_c` degrees Celsius, `_pct`
 * percent, `_mb` megabytes. What the tool leaves out, or prints as `NA` or `-`, is null.
 */

/** The states of a chip; anything else that the tool may print is `UNKNOWN`. */
export type NpuHealth = 'OK' | 'Warning' | 'Alarm' | 'Critical' | 'UNKNOWN';

/** A chip: one pair of rows of the table of `npu-smi info`. */
export interface NpuDevice {
  /** Number of the card: its slot, not counted from 0. */
  readonly npu: number;
  /** Number of the chip on its card; null where the table has no such column (Ascend 950). */
  readonly chip: number | null;
  /** What stands beside the chip: the logic id ("Device"), on A3 the physical id ("Phy-ID"). */
  readonly device: number | null;
  /** As printed: `310P3`, `910B4`, `Ascend910`. */
  readonly name: string | null;
  readonly health: NpuHealth;
  readonly power_w: number | null;
  readonly temp_c: number | null;
  readonly bus_id: string | null;
  /** Load of the AI cores; on Ascend 950 that of the NPU. */
  readonly aicore_pct: number | null;
  readonly mem_used_mb: number | null;
  readonly mem_total_mb: number | null;
  readonly hbm_used_mb: number | null;
  readonly hbm_total_mb: number | null;
}

/** A process that uses a chip. */
export interface NpuProcess {
  readonly npu: number;
  readonly chip: number | null;
  readonly pid: number;
  readonly name: string;
  readonly mem_mb: number | null;
}

/** A row of `npu-smi info -m`. */
export interface NpuMapping {
  readonly npu: number;
  readonly chip: number | null;
  /** The number that AscendCL uses. */
  readonly logic_id: number | null;
  readonly phy_id: number | null;
  readonly name: string;
  /** False for controllers, which have no id of their own. */
  readonly is_device: boolean;
}

/** A card of `npu-smi info -l`. */
export interface NpuCard {
  readonly npu: number;
  readonly product_name: string | null;
  readonly chip_count: number | null;
}

/** An answer of `npu-smi info -t`: lines of `key : value`. */
export interface NpuBoard {
  readonly npu: number | null;
  /** Null for a card as a whole. */
  readonly chip: number | null;
  readonly fields: ReadonlyMap<string, string>;
}

/** A failure that the tool reported. It does not prove that there is no NPU: see `explainError`. */
export interface NpuSmiError {
  /** The line as printed. */
  readonly text: string;
  /** The tool's own code, such as -8005, where it gives one. */
  readonly code: number | null;
}

/** Something in the text that could not be read, or that the tool warned of. */
export interface NpuSmiProblem {
  /**
   * `row`: a row that fits no layout; `half`: one of a pair of rows is missing; `repeated`: a chip that stood there
   * before, the later row counts; `health`: a state that is not known; `warning`: a warning of the tool; `more`: there
   * are more problems than are listed.
   */
  readonly kind: 'row' | 'half' | 'repeated' | 'health' | 'warning' | 'more';
  /** Line of the text, from 1. */
  readonly line: number;
  /** The start of that line, safe to print. */
  readonly text: string;
  readonly reason: string;
}

/** What a text may hold. */
export type NpuSmiPart = 'table' | 'processes' | 'map' | 'list' | 'board' | 'error';

/** Everything that a text of `npu-smi` says. The text may hold the answers of several calls, one after the other. */
export interface NpuSmiReport {
  /** What was found in the text, in a fixed order; empty for a text that is not of `npu-smi`. */
  readonly parts: readonly NpuSmiPart[];
  /** Version of the tool. */
  readonly smiVersion: string | null;
  readonly driverVersion: string | null;
  readonly devices: readonly NpuDevice[];
  readonly processes: readonly NpuProcess[];
  /** Cards on which no process runs. */
  readonly idleNpus: readonly number[];
  readonly mapping: readonly NpuMapping[];
  /** Number of cards that `-l` counted. */
  readonly totalCount: number | null;
  readonly cards: readonly NpuCard[];
  readonly boards: readonly NpuBoard[];
  /** The value for `--soc_version` that follows from this text alone; null where it does not say, or chips differ. */
  readonly socVersion: string | null;
  readonly error: NpuSmiError | null;
  readonly problems: readonly NpuSmiProblem[];
}

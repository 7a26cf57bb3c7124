import type { ProblemLog } from './problems.ts';
import type { NpuMapping } from './report.ts';
import type { Line } from './text.ts';
import { readInteger } from './values.ts';

const COLUMNS = /NPU ID|Slot ID|Chip ID|Chip Logic ID|Chip Phy-ID|Chip Name/gu;

/** Reads `npu-smi info -m`: which chip of which card has which number. */
export class MapReader {
  readonly #problems: ProblemLog;
  readonly rows: NpuMapping[] = [];
  hasHeader = false;
  #columns: readonly string[] | undefined;

  constructor(problems: ProblemLog) {
    this.#problems = problems;
  }

  /** Takes a line if it is the header or a row. */
  take(line: Line): boolean {
    const { text } = line;
    if (text === '') return false;
    if (/^NPU ID\s.*\bChip Name$/u.test(text) && !/[:：]/u.test(text)) {
      this.#columns = text.match(COLUMNS) ?? [];
      this.hasHeader = true;
      return true;
    }
    if (this.#columns === undefined) return false;
    if (!/^[0-9]/u.test(text)) {
      this.#columns = undefined;
      return false;
    }
    const row = readRow(this.#columns, text);
    if (row === undefined) this.#problems.add('row', line, 'not a row of the list of chips');
    else this.rows.push(row);
    return true;
  }
}

function readRow(columns: readonly string[], text: string): NpuMapping | undefined {
  const tokens = text.split(/\s+/u);
  const cell = (name: string): number | null => readInteger(tokens[columns.indexOf(name)]);
  const npu = cell('NPU ID');
  // The name comes last and may hold blanks.
  const name = tokens.slice(columns.length - 1).join(' ');
  if (npu === null || name === '') return undefined;
  const logic = cell('Chip Logic ID');
  const physical = cell('Chip Phy-ID');
  // Ascend 950 does not print logic ids.
  const id = columns.includes('Chip Logic ID') ? logic : physical;
  return { npu, chip: cell('Chip ID'), logic_id: logic, phy_id: physical, name, is_device: id !== null };
}

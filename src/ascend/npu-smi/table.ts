import type { ProblemLog } from './problems.ts';
import { isProcessHeader, readIdle, readProcess } from './processes.ts';
import type { NpuDevice, NpuProcess } from './report.ts';
import { cellsOf, type Line } from './text.ts';
import { isAbsent, readBusId, readHealth, readInteger, readNumber, readUsage } from './values.ts';

/** The upper row of a chip, until the lower one comes. */
interface Upper {
  readonly line: Line;
  readonly npu: number;
  readonly name: string | null;
  readonly health: NpuDevice['health'];
  readonly power_w: number | null;
  readonly temp_c: number | null;
}

type Lower = Omit<NpuDevice, 'npu' | 'name' | 'health' | 'power_w' | 'temp_c'>;

const NO_LOWER: Lower = {
  chip: null,
  device: null,
  bus_id: null,
  aicore_pct: null,
  mem_used_mb: null,
  mem_total_mb: null,
  hbm_used_mb: null,
  hbm_total_mb: null,
};

/**
 * Reads the table of `npu-smi info` in all its layouts. Widths and rules between rows differ from version to version
 * and are often damaged in quotations, so neither counts: a chip is a row that starts with a number and a name,
 * followed by one that has a place on the bus.
 */
export class TableReader {
  readonly #problems: ProblemLog;
  readonly #devices = new Map<string, NpuDevice>();
  readonly #processes = new Map<string, NpuProcess>();
  readonly #idle = new Set<number>();
  #smiVersion: string | null = null;
  #driverVersion: string | null = null;
  #section: 'none' | 'devices' | 'processes' = 'none';
  #hasProcesses = false;
  #upper: Upper | undefined;

  constructor(problems: ProblemLog) {
    this.#problems = problems;
  }

  /** Takes a line if it is a row of a table. */
  take(line: Line): boolean {
    const cells = cellsOf(line.text);
    if (cells === undefined) return false;
    if (this.#takeTitle(cells) || this.#takeHeader(cells) || this.#takeProcess(cells)) return true;
    if (this.#section !== 'processes' && this.#takeDevice(line, cells)) return true;
    // Text around the table may have bars, too.
    if (this.#section === 'none' || !/^[|│┃｜]/u.test(line.text)) return false;
    this.#problems.add('row', line, `not a row of a table of ${this.#section}`);
    return true;
  }

  /** What was read, at the end of the text. */
  finish(): TableContents {
    this.#endPair();
    return {
      hasTable: this.#section !== 'none' || this.#smiVersion !== null,
      hasProcesses: this.#hasProcesses,
      smiVersion: this.#smiVersion,
      driverVersion: this.#driverVersion,
      devices: [...this.#devices.values()],
      processes: [...this.#processes.values()],
      idleNpus: [...this.#idle],
    };
  }

  #takeTitle([cell = '']: readonly string[]): boolean {
    const [, tool] = /^npu-smi\s+(\S+)/iu.exec(cell) ?? [];
    if (tool === undefined) return false;
    const [, driver] = /\bVersion\s*[:：]\s*(\S+)/iu.exec(cell) ?? [];
    this.#smiVersion ??= tool;
    this.#driverVersion ??= driver ?? null;
    return true;
  }

  #takeHeader(cells: readonly string[]): boolean {
    if (isProcessHeader(cells)) {
      this.#endPair();
      this.#section = 'processes';
      this.#hasProcesses = true;
      return true;
    }
    if (!cells.some((cell) => /^(?:Health|Bus-?Id)$/iu.test(cell))) return false;
    this.#section = 'devices';
    return true;
  }

  #takeProcess(cells: readonly string[]): boolean {
    const idle = readIdle(cells);
    const found = idle === undefined ? readProcess(cells) : undefined;
    if (idle !== undefined) this.#idle.add(idle);
    else if (found !== undefined) this.#processes.set(`${found.npu} ${found.chip} ${found.pid}`, found);
    else return false;
    this.#endPair();
    this.#section = 'processes';
    this.#hasProcesses = true;
    return true;
  }

  #takeDevice(line: Line, cells: readonly string[]): boolean {
    // Fewer are left of a row that was cut off; a part of a number is worse than none.
    if (cells.length < 3) return false;
    const [place = '', state = '', values = ''] = threeCells(cells);
    const mayBeLower = /^(?:[0-9]{1,9}(?:\s+[0-9]{1,9})?)?$/u.test(place);
    const isPlaced = readBusId(state) !== null || isAbsent(state);
    const health = readHealth(state);
    if (mayBeLower && health === undefined && (isPlaced || this.#upper !== undefined)) {
      this.#takeLower(line, place, state, values);
      return true;
    }
    // A number of five digits fills its column in some layouts, and touches the name.
    const upper = /^([0-9]{5})(?=[0-9A-Z]{3})(\S+)$/iu.exec(place) ?? /^([0-9]{1,9})(?:\s+(\S.*))?$/u.exec(place);
    if (upper === null || state === '' || (upper[2] === undefined && health === undefined)) return false;
    this.#endPair();
    if (health === undefined) this.#problems.add('health', line, 'not a state that npu-smi knows');
    const { lead } = readUsage(values);
    // With one of the two missing, the decimal one is the power.
    const [power, temperature] =
      lead.length === 1 && !(lead[0] as string).includes('.') ? [undefined, lead[0]] : [lead[0], lead[1]];
    this.#upper = {
      line,
      npu: Number(upper[1]),
      name: upper[2]?.replace(/\s+/gu, ' ') ?? null,
      health: health ?? 'UNKNOWN',
      power_w: readNumber(power),
      temp_c: readNumber(temperature),
    };
    this.#section = 'devices';
    return true;
  }

  #takeLower(line: Line, place: string, bus: string, values: string): void {
    if (this.#upper === undefined) {
      this.#problems.add('half', line, 'the row above it, with the name of the chip, is missing');
      return;
    }
    const [chip, device] = place.split(/\s+/u);
    const { lead, pairs } = readUsage(values);
    const [memory, hbm] = pairs;
    this.#add({
      chip: readInteger(chip),
      device: readInteger(device),
      bus_id: readBusId(bus),
      aicore_pct: readNumber(lead[0]),
      mem_used_mb: memory?.used ?? null,
      mem_total_mb: memory?.total ?? null,
      hbm_used_mb: hbm?.used ?? null,
      hbm_total_mb: hbm?.total ?? null,
    });
  }

  /** A chip whose lower row never came is still a chip with a name. */
  #endPair(): void {
    if (this.#upper === undefined) return;
    this.#problems.add('half', this.#upper.line, 'the row below it, with bus and memory, is missing');
    this.#add(NO_LOWER);
  }

  #add({ chip, device, ...lower }: Lower): void {
    const { line, npu, name, health, power_w, temp_c } = this.#upper as Upper;
    this.#upper = undefined;
    const key = `${npu} ${chip}`;
    if (this.#devices.has(key)) this.#problems.add('repeated', line, 'this chip is listed before');
    this.#devices.set(key, { npu, chip, device, name, health, power_w, temp_c, ...lower });
  }
}

/** What the tables of a text hold. */
export interface TableContents {
  readonly hasTable: boolean;
  readonly hasProcesses: boolean;
  readonly smiVersion: string | null;
  readonly driverVersion: string | null;
  readonly devices: readonly NpuDevice[];
  readonly processes: readonly NpuProcess[];
  readonly idleNpus: readonly number[];
}

/** Ascend 950 has the name of the chip in a cell of its own; its lower row has nothing in the first two. */
function threeCells(cells: readonly string[]): readonly string[] {
  if (cells.length < 4) return cells;
  const [npu, name, ...rest] = cells;
  return [`${npu} ${name}`.trim(), ...rest];
}

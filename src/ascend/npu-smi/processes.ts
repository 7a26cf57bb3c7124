import type { NpuProcess } from './report.ts';
import { readInteger } from './values.ts';

/** Whether cells are the header of the table of processes. */
export function isProcessHeader(cells: readonly string[]): boolean {
  return cells.some((cell) => /^process\s+id$/iu.test(cell));
}

/**
 * A row of the table of processes: card and chip (Ascend 950: the card), process id, name, memory. A name may hold bars.
 * Undefined for any other row.
 */
export function readProcess(cells: readonly string[]): NpuProcess | undefined {
  if (cells.length < 4) return undefined;
  const place = /^([0-9]{1,9})(?:\s+([0-9]{1,9}))?$/u.exec(cells[0] as string);
  const pid = readInteger(cells[1]);
  const memory = cells.at(-1) as string;
  // Rows of devices end in several values, so a single one tells them from those of processes.
  if (place === null || pid === null || !/^(?:[0-9]{1,15}|NA|-)?$/u.test(memory)) return undefined;
  return {
    npu: Number(place[1]),
    chip: readInteger(place[2]),
    pid,
    name: cells.slice(2, -1).join('|'),
    mem_mb: readInteger(memory),
  };
}

/** The card of the row that says that no process runs on it; undefined for any other row. */
export function readIdle(cells: readonly string[]): number | undefined {
  const [, npu] = /^No running processes found in NPU\s+([0-9]{1,9})$/iu.exec(cells[0] ?? '') ?? [];
  return npu === undefined ? undefined : Number(npu);
}

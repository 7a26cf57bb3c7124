import type { Fields } from './fields.ts';
import type { NpuBoard } from './report.ts';
import { readInteger } from './values.ts';

/** An answer of `npu-smi info -t board`, in the form of a chip (with `Chip ID`) or of a card. */
export function readBoard(fields: Fields): NpuBoard {
  return { npu: readInteger(fields.get('NPU ID')), chip: readInteger(fields.get('Chip ID')), fields };
}

import { readBoard } from './board.ts';
import { chipsOf } from './chips.ts';
import { ErrorReader } from './errors.ts';
import { FieldReader } from './fields.ts';
import { isCard, readCard, saysNoCard } from './list.ts';
import { MapReader } from './map.ts';
import { ProblemLog } from './problems.ts';
import type { NpuSmiPart, NpuSmiReport } from './report.ts';
import { TableReader } from './table.ts';
import { linesOf } from './text.ts';
import { readInteger } from './values.ts';

/**
 * Reads what `npu-smi` printed: `npu-smi info` in every layout known, from versions of 2020 on, `-l`, `-m`, `-t board`
 * and error texts, one after the other if the text holds several. Quoting, colours, line ends, damaged rules and text
 * around the answer do not matter. Never throws: what cannot be read is listed in `problems`, and a text of another
 * kind gives a report without `parts`. Takes time in proportion to the length of the text.
 */
export function parseNpuSmi(text: string): NpuSmiReport {
  const problems = new ProblemLog();
  const table = new TableReader(problems);
  const map = new MapReader(problems);
  const fields = new FieldReader();
  const errors = new ErrorReader();
  let hasNoCard = false;
  for (const line of linesOf(text)) {
    if (table.take(line) || map.take(line) || fields.take(line)) continue;
    if (saysNoCard(line.text)) hasNoCard = true;
    else if (/^\[WARNING\]/iu.test(line.text)) problems.add('warning', line, 'npu-smi warns');
    else errors.take(line.text);
  }
  const { hasTable, hasProcesses, ...contents } = table.finish();
  const isCounted = fields.count !== undefined;
  const cards = fields.blocks.filter((block) => isCard(block, isCounted)).flatMap((block) => readCard(block) ?? []);
  const boards = fields.blocks.filter((block) => !isCard(block, isCounted)).map(readBoard);
  const found = {
    table: hasTable,
    processes: hasProcesses,
    map: map.hasHeader,
    list: isCounted || hasNoCard || cards.length > 0,
    board: boards.length > 0,
  };
  const error = errors.error(Object.values(found).includes(true));
  const parts = Object.entries({ ...found, error: error !== null }).flatMap(([part, isThere]) =>
    isThere ? [part as NpuSmiPart] : [],
  );
  const chips = chipsOf({ devices: contents.devices, boards, mapping: map.rows });
  const versions = new Set(chips.map((chip) => chip.soc_version));
  return {
    parts,
    ...contents,
    mapping: map.rows,
    totalCount: readInteger(fields.count) ?? (hasNoCard ? 0 : null),
    cards,
    boards,
    socVersion: versions.size === 1 ? ([...versions][0] ?? null) : null,
    error,
    problems: problems.list(),
  };
}

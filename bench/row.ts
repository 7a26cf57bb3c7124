import type { Cost } from './job.ts';

/** What a measured case is compared with, in the same run on the same files. */
export interface Baseline {
  readonly name: string;
  readonly cost: Cost;
}

/** A promise of the project about a case, and whether this run kept it. */
export interface Budget {
  readonly text: string;
  readonly kept: boolean;
}

/** One line of the table. */
export interface Row {
  readonly name: string;
  readonly cost: Cost;
  readonly baseline?: Baseline;
  readonly budgets: readonly Budget[];
  /** Load and save with Python's onnx package, or why that was not measured. */
  readonly python?: Cost | string;
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** The promise that memory depends on the graph and not on the weights. */
export function memoryBudget(cost: Cost): Budget {
  return { text: 'RSS < 200 MiB', kept: cost.rss < 200 * MIB };
}

/** The promise that a case takes at most `factor` times its baseline, and a constant time more. */
export function timeBudget(cost: Cost, baseline: Cost, factor: number, more = 0): Budget {
  const text = `<= ${factor}x${more === 0 ? '' : ` + ${more / 1000} s`}`;
  return { text, kept: cost.milliseconds <= factor * baseline.milliseconds + more };
}

/** The promise that no weights are written: what is written is not larger than a graph. */
export function writtenBudget(cost: Cost): Budget {
  return { text: 'no weights written', kept: (cost.written ?? 0) < 8 * MIB };
}

/** The rows as a Markdown table. */
export function formatTable(rows: readonly Row[]): string {
  const head = [
    'case',
    'time',
    'open + save',
    'peak RSS',
    'read',
    'written',
    'baseline',
    'ratio',
    'budget',
    'Python onnx load + save',
  ];
  const lines = rows.map(({ name, cost, baseline, budgets, python }) => [
    name,
    seconds(cost.milliseconds),
    openAndSave(cost),
    bytes(cost.rss),
    bytes(cost.read),
    bytes(cost.written),
    baseline === undefined ? '-' : `${baseline.name}: ${seconds(baseline.cost.milliseconds)}`,
    baseline === undefined ? '-' : (cost.milliseconds / baseline.cost.milliseconds).toFixed(2),
    budgets.map(({ text, kept }) => `${text}${kept ? '' : ' (MISSED)'}`).join(', ') || '-',
    typeof python === 'object' ? `${seconds(python.milliseconds)}, ${bytes(python.rss)}` : (python ?? '-'),
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i]?.length ?? 0)));
  const format = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [format(head), format(widths.map((width) => '-'.repeat(width))), ...lines.map(format)].join('\n');
}

/** The part of a case that Python's load and save compares with: everything but the passes. */
function openAndSave({ parts: { open, save } }: Cost): string {
  return open === undefined || save === undefined ? '-' : seconds(open + save);
}

function seconds(milliseconds: number): string {
  if (milliseconds < 10) return `${milliseconds.toFixed(2)} ms`;
  return milliseconds < 1000 ? `${milliseconds.toFixed(0)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}

function bytes(count: number | undefined): string {
  if (count === undefined) return '-';
  if (count < 0.1 * MIB) return `${(count / 1024).toFixed(0)} KiB`;
  return count < GIB ? `${(count / MIB).toFixed(count < 10 * MIB ? 1 : 0)} MiB` : `${(count / GIB).toFixed(2)} GiB`;
}

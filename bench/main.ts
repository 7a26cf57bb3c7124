/**
 * `npm run bench`: measures the cases of `cases.ts`, each in a process of its own, and prints one table.
 *
 *     npm run bench -- [--json] [--quick] [--runs N] [--case NAME] [--folder DIR]
 *
 * The environment variable SDGRAPH_PYTHON names the Python interpreter to compare with; without onnx there, that column
 * says so.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Bench, machine } from './bench.ts';
import { CASES } from './cases.ts';
import { formatTable, type Row } from './row.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    runs: { type: 'string', default: '5' },
    case: { type: 'string', multiple: true },
    folder: { type: 'string' },
  },
});
const wanted = CASES.filter(({ name }) => values.case?.includes(name) ?? true);
if (wanted.length === 0) throw new Error(`the cases are: ${CASES.map(({ name }) => name).join(', ')}`);
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs takes a number from 1 on, not ${values.runs}`);

const bench = new Bench({
  folder: values.folder ?? fileURLToPath(new URL('.bench', import.meta.resolve('sdgraph/package.json'))),
  quick: values.quick,
  runs,
  python: process.env['SDGRAPH_PYTHON'] ?? 'python3',
  log: (text) => process.stderr.write(`${text}\n`),
});
const rows: Row[] = [];
for (const group of wanted) rows.push(...((await group.measure(bench)) ?? []));

const date = new Date().toISOString().slice(0, 10);
const host = machine();
process.stdout.write(
  values.json
    ? `${JSON.stringify({ date, machine: host, quick: values.quick, runs, rows }, undefined, 2)}\n`
    : `${date}, ${host}\n\n${formatTable(rows)}\n`,
);

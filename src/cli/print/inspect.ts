import { printable } from '../../errors.ts';
import type { FlopCount } from '../../report/flops.ts';
import type { ModelSummary, PortSummary } from '../../report/inspect.ts';
import { formatBytes, formatCount, formatMagnitude, plural } from '../numbers.ts';
import type { Output } from '../output.ts';
import { printHeader } from './optimize.ts';

/** Most metadata entries, conflicts and uncounted operators that are shown without `--verbose`. */
const SHOWN = 10;

/** Prints what a model holds. */
export function printSummary(summary: ModelSummary, output: Output): void {
  const { graph, producer, inputs, outputs, scopes } = summary;
  printHeader(summary, output);
  const named = graph === '' ? 'a graph without a name' : `graph '${printable(graph)}'`;
  output.line(`  ${named}, made by ${printable(producer) || 'an unnamed producer'}`);
  const counts = [
    ...(scopes.subgraphs > 0 ? [plural(scopes.subgraphs, 'subgraph')] : []),
    ...(scopes.functions > 0 ? [plural(scopes.functions, 'local function')] : []),
    ...(scopes.trainingGraphs > 0 ? [plural(scopes.trainingGraphs, 'training graph')] : []),
  ];
  if (counts.length > 0) output.line(`  ${counts.join(', ')}`);
  printPorts('inputs', inputs, output);
  printPorts('outputs', outputs, output);
  printWeights(summary, output);
  printOperators(summary, output);
  printFlops(summary.flops, output);
  const metadata = summary.metadata.map(({ key, value }) => [printable(key), printable(value)]);
  printList('metadata', metadata, output);
  const conflicts = summary.conflicts.map(({ value, message }) => [printable(value), printable(message)]);
  printList('contradictions between stated and inferred types', conflicts, output);
}

function printPorts(title: string, ports: readonly PortSummary[], output: Output): void {
  printTitle(title, output);
  output.table(
    ports.map(({ name, type, hasDefault }) => [printable(name), printable(type), hasDefault ? 'has a default' : '']),
  );
}

function printWeights({ initializers, parameters, weights }: ModelSummary, output: Output): void {
  const total = parameters.initializers + parameters.attributes;
  printTitle(`weights: ${plural(total, 'element')} (${plural(initializers, 'initializer')})`, output);
  const rows = weights.map(({ holder, file, tensors, bytes }) => [
    holder === 'initializer' ? 'initializers' : 'Constant attributes',
    file === null ? 'in the model file' : `in ${printable(file)}`,
    plural(tensors, 'tensor'),
    formatBytes(bytes),
  ]);
  output.table(rows, { right: [2, 3] });
}

function printOperators({ operators, nodes }: ModelSummary, output: Output): void {
  printTitle(`operators: ${operators.length}, in ${plural(nodes, 'node')}`, output);
  const rows = operators.map(({ operator, domain, kind, nodes: count }) => [
    formatCount(count),
    `${domain === '' ? '' : `${printable(domain)}::`}${printable(operator)}`,
    kind === 'standard' ? '' : output.paint('yellow', kind),
  ]);
  output.table(rows, { right: [0] });
}

function printFlops({ total, byOperator, uncounted }: FlopCount, output: Output): void {
  if (byOperator.length === 0 && uncounted.length === 0) return;
  printTitle(`floating-point operations: ${formatMagnitude(total)}FLOPs`, output);
  const rows = byOperator.map(({ operator, nodes, flops }) => [
    operator,
    plural(nodes, 'node'),
    `${formatMagnitude(flops)}FLOPs`,
  ]);
  output.table(rows, { right: [1, 2] });
  for (const { operator, nodes, reason } of uncounted) {
    output.line(`  not counted: ${plural(nodes, `${operator} node`)}: ${reason}`);
  }
}

function printList(title: string, rows: readonly (readonly string[])[], output: Output): void {
  if (rows.length === 0) return;
  printTitle(title, output);
  const shown = output.isVerbose ? rows : rows.slice(0, SHOWN);
  output.table(shown);
  if (shown.length < rows.length) output.line(`  and ${rows.length - shown.length} more (--verbose shows all)`);
}

function printTitle(title: string, output: Output): void {
  output.line();
  output.line(output.paint('bold', title));
}

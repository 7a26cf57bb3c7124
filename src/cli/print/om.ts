import type { OmHeader } from '../../ascend/om/header.ts';
import type { OmGears, OmModel, OmReport, OmTensor } from '../../ascend/om/report.ts';
import { printable } from '../../errors.ts';
import { formatBytes, formatCount, plural } from '../numbers.ts';
import type { Output } from '../output.ts';

/** Most operators and gears that are shown without `--verbose`. */
const SHOWN = 10;

/** Prints what a compiled model says of itself. */
export function printOm(report: OmReport, output: Output): void {
  const { file, bytes, header, models, warnings, problem, inner } = report;
  output.line(`${printable(file)}  ${formatBytes(bytes)}, compiled model`);
  if (header !== null) printHeader(header, output);
  for (const [i, model] of models.entries()) printModel(model, models.length > 1 ? `model ${i}: ` : '', output);
  for (const { name, engine, report: each } of inner) {
    output.line();
    output.line(
      `model inside${name === '' ? '' : ` '${printable(name)}'`}${engine === '' ? '' : ` for ${printable(engine)}`}`,
    );
    printOm(each, output);
  }
  if (warnings.length > 0) {
    printTitle('warnings', output);
    for (const { id, message } of warnings) output.line(`  ${output.paint('yellow', printable(message))} [${id}]`);
  }
  if (problem !== null) {
    output.line();
    output.line(`${output.paint('red', 'refused:')} ${printable(problem.message)} [${problem.id}]`);
  }
}

function printHeader(header: OmHeader, output: Output): void {
  const { revision, modelTypeName, name, platformVersion, omIrVersion, modelNum, isEncrypted, isUnknownModel } = header;
  const facts = [
    `header revision ${revision}`,
    modelTypeName === 'ir' ? '' : modelTypeName,
    platformVersion === '' ? '' : `platform ${printable(platformVersion)}`,
    `IR version ${omIrVersion}`,
    modelNum > 1 ? plural(modelNum, 'model') : '',
    isEncrypted ? 'encrypted' : '',
    isUnknownModel === true ? 'dynamic shapes' : '',
  ];
  output.line(`  '${printable(name)}', ${facts.filter((fact) => fact !== '').join(', ')}`);
}

function printModel(model: OmModel, prefix: string, output: Output): void {
  printTitle(`${prefix}partitions`, output);
  output.table(
    model.partitions.map(({ name, size }) => [name, formatBytes(size)]),
    { right: [1] },
  );
  if (model.name === null) return;
  printPorts(`${prefix}inputs`, model.inputs, output);
  printPorts(`${prefix}outputs`, model.outputs, output);
  if (model.gears !== null) printGears(model.gears, output);
  printFacts(model, prefix, output);
  printOperators(model, prefix, output);
}

function printPorts(title: string, ports: readonly OmTensor[], output: Output): void {
  printTitle(title, output);
  output.table(
    ports.map(({ name, dtype, shape, format, bytes, hidden }) => [
      printable(name),
      `${dtype}${shape === null ? '' : `[${shape.map((dim) => (dim < 0 ? '?' : dim)).join(',')}]`}`,
      printable(format),
      bytes === null ? '' : formatBytes(bytes),
      hidden ? 'fed by the runtime' : '',
    ]),
    { right: [3] },
  );
}

function printGears({ kind, values, order }: OmGears, output: Output): void {
  printTitle(`gears: ${values.length}, by ${kind}`, output);
  const shown = output.isVerbose ? values : values.slice(0, SHOWN);
  for (const gear of shown) output.line(`  ${gear.join(', ')}`);
  if (shown.length < values.length) output.line(`  and ${values.length - shown.length} more (--verbose shows all)`);
  if (order.length > 0) output.line(`  in the order of ${order.map(printable).join(', ')}`);
}

/** What is known of the making of a model. The command line is cut unless `--verbose`. */
function printFacts(model: OmModel, prefix: string, output: Output): void {
  const size = (value: OmModel['memorySize']): string | null =>
    typeof value === 'number' ? formatBytes(value) : value === null ? null : `${value} B`;
  const rows = [
    ['soc_version', model.socVersion],
    ['framework', model.frameworkType],
    ['ATC', model.atcVersion],
    ['operators', model.oppVersion],
    ['target type', model.targetType],
    ['work memory', size(model.memorySize)],
    ['weights', size(model.weightSize)],
    ['streams', attribute(model, 'stream_num')],
    ['events', attribute(model, 'event_num')],
    [
      'host',
      [attribute(model, 'host_env_os'), attribute(model, 'host_env_cpu')].filter((part) => part !== null).join(' '),
    ],
  ].filter((row): row is [string, string] => row[1] !== null && row[1] !== '');
  const command = model.atcCmdline ?? '';
  if (rows.length === 0 && command === '') return;
  printTitle(`${prefix}compiled`, output);
  output.table(rows.map(([name, value]) => [name, printable(value)]));
  // A command line is longer than a name, and is what the reader wants to copy.
  if (command !== '') output.line(`  ${output.isVerbose ? splitPrintable(command) : printable(command)}`);
}

/** All of a long text, piece by piece made safe to print. */
function splitPrintable(text: string): string {
  return (text.match(/.{1,200}/gsu) ?? []).map(printable).join('');
}

function attribute({ attributes }: OmModel, name: string): string | null {
  const value = attributes.find((each) => each.name === name);
  return value?.kind === 'int' || value?.kind === 'string' ? String(value.value) : null;
}

function printOperators({ operatorCounts }: OmModel, prefix: string, output: Output): void {
  const total = operatorCounts.reduce((sum, { count }) => sum + count, 0);
  printTitle(`${prefix}operators: ${operatorCounts.length}, in ${plural(total, 'node')}`, output);
  const shown = output.isVerbose ? operatorCounts : operatorCounts.slice(0, SHOWN);
  output.table(
    shown.map(({ type, count }) => [formatCount(count), printable(type)]),
    { right: [0] },
  );
  if (shown.length < operatorCounts.length) {
    output.line(`  and ${operatorCounts.length - shown.length} more (--verbose shows all)`);
  }
}

function printTitle(title: string, output: Output): void {
  output.line();
  output.line(output.paint('bold', title));
}

import { printable } from '../../errors.ts';
import type { BenchReport } from '../../runtime/bench.ts';
import type { Latency } from '../../runtime/bench-statistics.ts';
import { formatTime, plural } from '../numbers.ts';
import type { Output } from '../output.ts';

/** Prints how long a model took: a row for each part of a run. */
export function printBench(report: BenchReport, output: Output): void {
  const { model, load, inputs, outputs, seed, runs, loop, warmup, times, throughput } = report;
  output.line(`${printable(model)}  loaded in ${formatTime(load)}`);
  output.table([
    ...inputs.map(({ name, dims, dataType, file }) => [
      'input',
      printable(name),
      `${dataType}[${dims.join(',')}]`,
      file === null ? `random from seed ${seed}` : `from ${printable(file)}`,
    ]),
    ...outputs.map(({ name, dims, dataType }) => ['output', printable(name), `${dataType}[${dims.join(',')}]`]),
  ]);
  output.line();
  if (times === null || throughput === null) {
    output.line('ended before the first run was measured');
    return;
  }
  output.table(
    [
      ['ms', 'min', 'median', 'mean', 'p99', 'max'],
      ...row('inputs to the device', times.h2d),
      ...row('model', times.execute),
      ...row('outputs from the device', times.d2h),
      ...row('whole run', times.total),
    ],
    { right: [1, 2, 3, 4, 5] },
  );
  output.line();
  const asked = runs === loop ? '' : ` of ${loop}, then ended`;
  output.line(`${plural(runs, 'run')}${asked}, after ${warmup} for warming up: ${figure(throughput)} runs a second`);
}

function row(name: string, latency: Latency | null): string[][] {
  if (latency === null) return [];
  const { min, median, mean, p99, max } = latency;
  return [[name, ...[min, median, mean, p99, max].map(figure)]];
}

/** Three digits behind the point, which is a microsecond in a row of milliseconds. */
function figure(value: number): string {
  return value.toFixed(3);
}

import type { VerifyReport } from '../../verify/verify.ts';
import { formatTime, plural } from '../numbers.ts';
import type { Output } from '../output.ts';

/** Prints what comparing two models found. */
export function printVerify(report: VerifyReport, output: Output): void {
  const { outputs, tolerance, preset, seed, emulate, milliseconds } = report;
  output.line(`reference  ${report.reference}  ${formatTime(milliseconds.reference)}`);
  output.line(`model      ${report.candidate}  ${formatTime(milliseconds.candidate)}`);
  const bounds = Object.entries(tolerance).map(([name, bound]) => `${name} ${bound}`);
  const rounding = emulate === 'none' ? '' : `, kernels emulated in ${emulate}`;
  output.line(`tolerance  ${preset}: ${bounds.join(', ')}; inputs from seed ${seed}${rounding}`);
  output.line();
  const rows = outputs.map(({ name, dims, difference, reasons }) => [
    reasons.length === 0 ? output.paint('green', 'ok') : output.paint('red', 'differs'),
    name,
    `[${dims.join(',')}]`,
    figure(difference?.maxAbs),
    figure(difference?.maxRel),
    figure(difference?.rms),
    figure(difference?.referenceRms),
    difference === undefined ? '' : difference.cosine.toFixed(8),
    difference === undefined ? '' : decibels(difference.psnr),
  ]);
  const head = ['', 'output', 'shape', 'max abs', 'max rel', 'rms', 'signal rms', 'cosine', 'psnr'];
  output.table([head, ...rows], { right: [3, 4, 5, 6, 7, 8] });
  for (const { name, reasons } of outputs) for (const reason of reasons) output.line(`  ${name}: ${reason}`);
  printDeparture(report, output);
  output.line();
  output.line(
    report.ok
      ? output.paint('green', 'the models agree')
      : output.paint(
          'red',
          `the models differ in ${plural(outputs.filter((each) => each.reasons.length > 0).length, 'output')}`,
        ),
  );
}

function printDeparture({ departure, ok, bisected }: VerifyReport, output: Output): void {
  if (ok || !bisected) return;
  output.line();
  if (departure === undefined) {
    output.line('no value that both models compute under one name departs before the outputs');
    return;
  }
  const { node, opType, value, agreeing, difference } = departure;
  output.line(`first departure: ${opType} '${node}'`);
  output.line(
    `  its result '${value}' differs by ${figure(difference.maxAbs)}; ${plural(agreeing, 'value')} before it agree`,
  );
}

function figure(value: number | undefined): string {
  return value === undefined ? '' : value === 0 ? '0' : value.toExponential(1);
}

function decibels(psnr: number): string {
  return Number.isFinite(psnr) ? `${psnr.toFixed(1)} dB` : 'equal';
}

import type { SocChip } from '../../ascend/npu-smi/chips.ts';
import type { NpuSmiReport } from '../../ascend/npu-smi/report.ts';
import type { SocDetection } from '../../ascend/soc.ts';
import { printable } from '../../errors.ts';
import { plural } from '../numbers.ts';
import type { Output } from '../output.ts';

/** Prints the chips and the version; the reason why there is none is an error that is printed after it. */
export function printDetection({ socVersion, source, chips, npuSmi, notes }: SocDetection, output: Output): void {
  if (npuSmi !== null && npuSmi.smiVersion !== null) {
    const driver = npuSmi.driverVersion === null ? '' : `, driver ${printable(npuSmi.driverVersion)}`;
    output.line(`npu-smi ${printable(npuSmi.smiVersion)}${driver}`);
  }
  if (chips.length > 0) {
    const head = ['npu', 'chip', 'device', 'name', 'soc_version', 'health', 'power', 'temperature', 'load', 'memory'];
    output.table([head, ...chips.map((chip) => row(chip, output))], { right: [0, 1, 2, 6, 7, 8, 9] });
  }
  const sick = chips.filter(({ health }) => health !== null && health !== 'OK').length;
  if (sick > 0) output.line(`${output.paint('yellow', 'warning:')} ${plural(sick, 'chip')} not in health`);
  for (const note of notes) output.line(`note: ${printable(note)}`);
  printProblems(npuSmi, output);
  if (socVersion === null) return;
  const by = source === 'user' ? ' (as given)' : source === 'acl' ? ' (from AscendCL)' : '';
  output.line(`soc_version ${output.paint('bold', printable(socVersion))}${by}`);
}

/** The detection as `--json` prints it: fields of boards become objects. */
export function socDocument({ npuSmi, ...detection }: SocDetection): object {
  if (npuSmi === null) return { ...detection, npuSmi };
  const boards = npuSmi.boards.map(({ fields, ...board }) => ({ ...board, fields: Object.fromEntries(fields) }));
  return { ...detection, npuSmi: { ...npuSmi, boards } };
}

function row(chip: SocChip, output: Output): string[] {
  const { npu, device, name, soc_version: version, health, hbm_used_mb: hbmUsed, hbm_total_mb: hbmTotal } = chip;
  // Chips with HBM may print zeros for the other memory.
  const hasHbm = hbmTotal !== null && hbmTotal > 0;
  const [used, total] = hasHbm ? [hbmUsed, hbmTotal] : [chip.mem_used_mb, chip.mem_total_mb];
  return [
    figure(npu),
    figure(chip.chip),
    figure(device),
    name === null ? '-' : printable(name),
    version ?? output.paint('yellow', 'not known'),
    health === null ? '-' : output.paint(health === 'OK' ? 'green' : 'red', health),
    chip.power_w === null ? '-' : `${chip.power_w.toFixed(1)} W`,
    figure(chip.temp_c, ' °C'),
    figure(chip.aicore_pct, ' %'),
    total === null ? '-' : `${figure(used)} / ${total} MB`,
  ];
}

function figure(value: number | null, unit = ''): string {
  return value === null ? '-' : `${value}${unit}`;
}

/** Rows that could not be read; warnings of the tool are notes already. */
function printProblems(npuSmi: NpuSmiReport | null, output: Output): void {
  const problems = (npuSmi?.problems ?? []).filter(({ kind }) => kind !== 'warning');
  if (problems.length === 0) return;
  if (!output.isVerbose) {
    output.line(`note: ${plural(problems.length, 'line')} of npu-smi could not be read (--verbose shows them)`);
    return;
  }
  for (const { line, reason, text } of problems) output.line(`note: line ${line}: ${reason}: ${text}`);
}

import { printable } from '../../errors.ts';
import type { ExportedModel, ExportReport } from '../../export/export.ts';
import { formatBytes, formatCount } from '../numbers.ts';
import type { Output } from '../output.ts';

/** The models that were written: where, how large, where their weights are. */
export function printExport({ models }: ExportReport, output: Output): void {
  output.table(
    models.map((model) => [
      printable(model.path),
      `${formatCount(model.nodes)} nodes`,
      `${formatCount(model.tensors)} tensors`,
      placeOf(model),
    ]),
    { indent: 0, right: [1, 2] },
  );
  if (output.isVerbose) {
    for (const { name, inputs, outputs } of models) {
      for (const { name: port, type } of inputs) output.line(`  ${name} < ${port} ${type}`);
      for (const { name: port, type } of outputs) output.line(`  ${name} > ${port} ${type}`);
    }
  }
  if (output.isQuiet || output.isJson) return;
  for (const { name, warnings } of models) {
    for (const warning of warnings) {
      output.error(`${output.paint('yellow', 'warning:', 'stderr')} ${name}: ${printable(warning)}`);
    }
  }
}

function placeOf({ weights, weightBytes, variant }: ExportedModel): string {
  const kind = variant === null ? '' : ` (${variant})`;
  if (weights === 'reference') return `weights stay in the checkpoint${kind}`;
  if (weights === 'link') return `weights in a hard link${kind}`;
  return `${formatBytes(weightBytes)} of weights copied${kind}`;
}

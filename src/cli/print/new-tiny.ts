import { join } from 'node:path';
import { printable } from '../../errors.ts';
import type { NewTinyReport } from '../../export/new-tiny.ts';
import { formatBytes, formatCount } from '../numbers.ts';
import type { Output } from '../output.ts';

/** The files of weights that were made up. */
export function printNewTiny({ out, dtype, files }: NewTinyReport, output: Output): void {
  output.table(
    files.map(({ path, bytes, tensors, parameters }) => [
      printable(join(out, path)),
      `${formatCount(tensors)} tensors`,
      `${formatCount(parameters)} parameters`,
      dtype,
      formatBytes(bytes),
    ]),
    { indent: 0, right: [1, 2, 4] },
  );
}

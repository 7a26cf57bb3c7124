import { join } from 'node:path';
import { printable } from '../../errors.ts';
import type { NewTinyReport } from '../../export/new-tiny.ts';
import { formatBytes, formatCount } from '../numbers.ts';
import type { Output } from '../output.ts';

/** The files of weights that were made up. */
export function printNewTiny({ out, files }: NewTinyReport, output: Output): void {
  output.table(
    files.map(({ path, bytes, tensors }) => [
      printable(join(out, path)),
      `${formatCount(tensors)} tensors`,
      formatBytes(bytes),
    ]),
    { indent: 0, right: [1, 2] },
  );
}

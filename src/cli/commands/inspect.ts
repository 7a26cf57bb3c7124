import { isOmFile } from '../../ascend/om/detect.ts';
import { omError, readOm } from '../../ascend/om/read.ts';
import { openModel } from '../../io/open.ts';
import { inspectModel } from '../../report/inspect.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../errors.ts';
import type { Output } from '../output.ts';
import { printSummary } from '../print/inspect.ts';
import { printOm } from '../print/om.ts';

/** `sdgraph inspect MODEL` */
export const inspect = defineCommand({
  name: 'inspect',
  summary: 'show what a model holds: inputs, operators, weights, floating-point operations',
  operands: ['MODEL'],
  flags: {
    'follow-links': { kind: 'switch', describe: 'read external data through links, also outside the folder' },
  },
  examples: [
    ['sdgraph inspect unet.onnx --json', 'the same facts as one JSON document'],
    ['sdgraph inspect unet.om', 'what a compiled model says of itself'],
  ],
  run: async ({ operands: [file = ''], flags }, output) => {
    if (isOmFile(file)) return inspectOm(file, output);
    using model = await openModel(file, { followLinks: flags['follow-links'] });
    const summary = inspectModel(model);
    output.document(summary);
    printSummary(summary, output);
    return EXIT.done;
  },
});

/** Compiled models are known by their first bytes. Of a refused file, what could be read is shown all the same. */
function inspectOm(file: string, output: Output): number {
  const report = readOm(file);
  if (report.problem !== null && report.header === null) throw omError(file, report.problem);
  output.document(report);
  printOm(report, output);
  return report.problem === null ? EXIT.done : EXIT.failed;
}

import { openModel } from '../../io/open.ts';
import { inspectModel } from '../../report/inspect.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../errors.ts';
import { printSummary } from '../print/inspect.ts';

/** `sdgraph inspect MODEL` */
export const inspect = defineCommand({
  name: 'inspect',
  summary: 'show what a model holds: inputs, operators, weights, floating-point operations',
  operands: ['MODEL'],
  flags: {
    'follow-links': { kind: 'switch', describe: 'read external data through links, also outside the folder' },
  },
  examples: [['sdgraph inspect unet.onnx --json', 'the same facts as one JSON document']],
  run: async ({ operands: [file = ''], flags }, output) => {
    using model = await openModel(file, { followLinks: flags['follow-links'] });
    const summary = inspectModel(model);
    output.document(summary);
    printSummary(summary, output);
    return EXIT.done;
  },
});

import { openModel } from '../../io/open.ts';
import { diffModels } from '../../report/diff.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../errors.ts';
import { printDiff } from '../print/diff.ts';
import { progressBar } from '../progress.ts';

/** `sdgraph diff A B` */
export const diff = defineCommand({
  name: 'diff',
  summary: 'compare the structure and contents of two models',
  operands: ['A', 'B'],
  flags: {
    limit: { kind: 'number', value: 'N', describe: 'show at most N differences of each kind', default: 20 },
    'follow-links': { kind: 'switch', describe: 'read external data through links, also outside the folder' },
  },
  examples: [
    ['sdgraph diff unet.onnx unet_md.onnx --limit 5', 'what a rewrite changed; exits with 1 when they differ'],
  ],
  run: async ({ operands: [left = '', right = ''], flags }, output) => {
    const options = { followLinks: flags['follow-links'] };
    using a = await openModel(left, options);
    using b = await openModel(right, options);
    const bar = await progressBar('comparing', output);
    const total = (a.source?.size ?? 0) + (b.source?.size ?? 0);
    const found = diffModels(a, b, { onProgress: (bytes) => bar.update(bytes, Math.max(total, bytes)) });
    bar.stop();
    output.document({ a: left, b: right, ...found });
    printDiff(found, flags.limit, output);
    return found.same ? EXIT.done : EXIT.failed;
  },
});

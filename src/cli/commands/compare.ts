import { compareFiles } from '../../verify/compare-files.ts';
import { TOLERANCES, type TolerancePreset } from '../../verify/tolerance.ts';
import { defineCommand } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { FEED_FLAGS, feedOptions } from '../feeds.ts';
import { printCompared } from '../print/verify.ts';
import { steps } from '../progress.ts';
import { SESSION_FLAGS, sessionOptions } from '../sessions.ts';
import { interruptible } from '../signals.ts';

/** `sdgraph compare`: a compiled model against what it was compiled from. */
export const compare = defineCommand({
  name: 'compare',
  summary: 'run a compiled model and its .onnx on the same inputs and compare every output',
  operands: [],
  flags: {
    reference: { kind: 'text', value: 'FILE', describe: 'the model to trust: .onnx on the CPU, .om on the NPU' },
    model: { kind: 'text', value: 'FILE', describe: 'the model to prove, of either kind' },
    tolerance: {
      kind: 'text',
      choices: ['auto', ...Object.keys(TOLERANCES)],
      describe: 'how much may differ; auto is fp16 for compiled models',
      default: 'auto',
    },
    ...SESSION_FLAGS,
    ...FEED_FLAGS,
    'follow-links': { kind: 'switch', describe: 'read external data through links, also outside the folder' },
  },
  examples: [
    ['sdgraph compare --reference unet/unet.onnx --model unet/unet.om', 'exits with 1 when they differ'],
    ['sdgraph compare --reference unet.onnx --model unet_md.om --tolerance tome', 'compiled with merged tokens'],
  ],
  run: async ({ flags }, output) => {
    const { reference, model } = flags;
    if (reference === undefined || model === undefined) {
      throw usageError('both models are needed', { expected: '--reference FILE and --model FILE' });
    }
    const options = {
      ...feedOptions(flags),
      tolerance: flags.tolerance as TolerancePreset | 'auto',
      session: sessionOptions(flags),
      followLinks: flags['follow-links'],
      onStep: steps(output),
    };
    const report = await interruptible(() => compareFiles(reference, model, options));
    output.document(report);
    printCompared(report, output);
    return report.ok ? EXIT.done : EXIT.failed;
  },
});

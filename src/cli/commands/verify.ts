import { TOLERANCES, type TolerancePreset } from '../../verify/tolerance.ts';
import { type VerifyOptions, verifyModels } from '../../verify/verify.ts';
import { defineCommand } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { FEED_FLAGS, feedOptions } from '../feeds.ts';
import { printCompared } from '../print/verify.ts';
import { steps } from '../progress.ts';
import { interruptible } from '../signals.ts';

/** `sdgraph verify`: proves a rewrite by running both models on the same inputs. */
export const verify = defineCommand({
  name: 'verify',
  summary: 'run two models on the same inputs and compare every output',
  operands: [],
  flags: {
    reference: { kind: 'text', value: 'FILE', describe: 'the model to trust' },
    model: { kind: 'text', value: 'FILE', describe: 'the model to prove; plugin operators are lowered' },
    tolerance: {
      kind: 'text',
      choices: ['auto', ...Object.keys(TOLERANCES)],
      describe: 'how much may differ; auto goes by the operators of the model',
      default: 'auto',
    },
    ...FEED_FLAGS,
    emulate: {
      kind: 'text',
      choices: ['none', 'fp16'],
      describe: 'round where the device kernels do, to estimate their error',
      default: 'none',
    },
    bisect: { kind: 'switch', describe: 'when the models differ, find the first node whose result departs' },
    'follow-links': { kind: 'switch', describe: 'read external data through links, also outside the folder' },
  },
  examples: [
    ['sdgraph verify --reference unet.onnx --model unet_md.onnx', 'exits with 1 when they differ'],
    ['sdgraph verify --reference a.onnx --model b.onnx --tolerance exact --bisect', 'name the first wrong node'],
  ],
  run: async ({ flags }, output) => {
    const { reference, model } = flags;
    if (reference === undefined || model === undefined) {
      throw usageError('both models are needed', { expected: '--reference FILE and --model FILE' });
    }
    const options: VerifyOptions = {
      ...feedOptions(flags),
      tolerance: flags.tolerance as TolerancePreset | 'auto',
      emulate: flags.emulate as 'none' | 'fp16',
      bisect: flags.bisect,
      followLinks: flags['follow-links'],
      onStep: steps(output),
    };
    const report = await interruptible(() => verifyModels(reference, model, options));
    output.document(report);
    printCompared(report, output);
    return report.ok ? EXIT.done : EXIT.failed;
  },
});

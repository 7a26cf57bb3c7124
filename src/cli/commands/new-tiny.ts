import { newTinyCheckpoint } from '../../export/new-tiny.ts';
import { TINY_ARCHITECTURES, type TinyArchitecture } from '../../export/new-tiny-configs.ts';
import { defineCommand } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { printNewTiny } from '../print/new-tiny.ts';
import { progressBar } from '../progress.ts';
import { interruptible } from '../signals.ts';

/** `sdgraph new-tiny`: a made-up checkpoint. */
export const newTiny = defineCommand({
  name: 'new-tiny',
  summary: 'make up a small checkpoint, to try every step without a download',
  operands: [],
  flags: {
    out: { kind: 'text', value: 'DIR', describe: 'the directory to make; it must not exist, or be empty' },
    arch: {
      kind: 'text',
      value: 'NAME',
      describe: 'Stable Diffusion 1.5 or 2.1-base: sd15 or sd21',
      choices: TINY_ARCHITECTURES,
      default: 'sd15',
    },
    seed: { kind: 'number', value: 'N', describe: 'equal seeds give equal files', default: 0 },
    dtype: {
      kind: 'text',
      value: 'TYPE',
      describe: 'element type of the weights: fp32 or fp16; fp32 for a small sd15, fp16 for all others if not given',
      choices: ['fp32', 'fp16'],
    },
    'full-size': { kind: 'switch', describe: 'the sizes of the real models: 2.1 GB of weights, 2.6 GB for sd21' },
    sparse: { kind: 'switch', describe: 'zeros that take no room on disk, in place of random weights' },
  },
  examples: [
    ['sdgraph new-tiny --out tiny && sdgraph export --model tiny --output-dir models', 'three models, in a second'],
    ['sdgraph new-tiny --out big --full-size --sparse', 'how long an export of the real size takes'],
  ],
  run: async ({ flags }, output) => {
    const { out, dtype } = flags;
    if (out === undefined) throw usageError('new-tiny needs --out', { hint: 'see sdgraph new-tiny --help' });
    const bar = await progressBar('new-tiny', output);
    const report = await interruptible(async () =>
      newTinyCheckpoint({
        out,
        architecture: flags.arch as TinyArchitecture,
        seed: flags.seed,
        fullSize: flags['full-size'],
        sparse: flags.sparse,
        ...(dtype === undefined ? {} : { dtype: dtype as 'fp32' | 'fp16' }),
        onProgress: bar.update,
      }),
    ).finally(() => bar.stop());
    output.document(report);
    printNewTiny(report, output);
    return EXIT.done;
  },
});

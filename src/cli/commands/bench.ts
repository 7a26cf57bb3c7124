import { benchModel } from '../../runtime/bench.ts';
import { defineCommand } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { FEED_FLAGS, feedOptions } from '../feeds.ts';
import { printBench } from '../print/bench.ts';
import { progressBar } from '../progress.ts';
import { SESSION_FLAGS, sessionOptions } from '../sessions.ts';
import { cancellable } from '../signals.ts';

/** `sdgraph bench`: how long a model takes to load and to run. */
export const bench = defineCommand({
  name: 'bench',
  summary: 'measure how long a model takes to load and to run, here or on an NPU',
  operands: ['MODEL'],
  flags: {
    ...SESSION_FLAGS,
    loop: { kind: 'number', value: 'N', describe: 'runs that are measured', default: 10 },
    warmup: {
      kind: 'number',
      value: 'N',
      describe: 'runs before them that are not',
      default: 1,
      aliases: ['warmup-count', 'warmup_count'],
    },
    ...FEED_FLAGS,
    'follow-links': { kind: 'switch', describe: 'read external data through links, also outside the folder' },
  },
  examples: [
    ['sdgraph bench unet/unet.om --device 0 --loop 100', 'on an NPU, as ais_bench does'],
    ['sdgraph bench unet_dynamic.onnx --shape latent_model_input=2,4,64,64', 'with open dimensions fixed'],
  ],
  run: async ({ operands, flags }, output) => {
    if (flags.loop === 0) throw usageError('--loop takes a number from 1 on', { found: '0' });
    const session = sessionOptions(flags);
    const feeds = feedOptions(flags);
    const bar = await progressBar('running', output);
    const { value: report, exitCode } = await cancellable((signal) =>
      benchModel(operands[0] as string, {
        ...feeds,
        session,
        loop: flags.loop,
        warmup: flags.warmup,
        followLinks: flags['follow-links'],
        signal,
        onRun: bar.update,
      }).finally(() => bar.stop()),
    );
    output.document(report);
    printBench(report, output);
    return exitCode ?? EXIT.done;
  },
});

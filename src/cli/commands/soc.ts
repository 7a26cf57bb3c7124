import { detectSoc, requireSoc } from '../../ascend/soc.ts';
import { defineCommand } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { printDetection, socDocument } from '../print/soc.ts';
import { interruptible } from '../signals.ts';

/** `sdgraph soc` */
export const soc = defineCommand({
  name: 'soc',
  summary: 'find out which chip this machine has, and its soc_version',
  operands: [],
  flags: {
    from: { kind: 'text', value: 'FILE', describe: 'read what npu-smi printed from a file, in place of running it' },
    'npu-smi': {
      kind: 'text',
      value: 'PATH',
      describe: 'the program to run, in place of asking AscendCL',
      default: 'npu-smi',
    },
    'soc-version': {
      kind: 'text',
      value: 'NAME',
      describe: 'the chip, where it cannot be found out; nothing is run',
      aliases: ['soc_version'],
    },
  },
  examples: [
    ['sdgraph soc', 'the chips of this machine'],
    ['sdgraph soc --from npu-smi.txt --json', 'those of another, from what npu-smi info printed there'],
  ],
  run: async ({ flags, given }, output) => {
    const { from, 'npu-smi': program, 'soc-version': socVersion } = flags;
    const sources = ['from', 'npu-smi', 'soc-version'].filter((name) => given.has(name));
    if (sources.length > 1) {
      throw usageError(`--${sources[0]} and --${sources[1]} contradict each other`, { hint: 'give one of them' });
    }
    // Whoever names the program wants its answer, and not that of AscendCL.
    const npuSmi = given.has('npu-smi') ? program : undefined;
    const options = {
      ...(from === undefined ? {} : { from }),
      ...(socVersion === undefined ? {} : { socVersion }),
      ...(npuSmi === undefined ? {} : { npuSmi }),
    };
    const detection = await interruptible(() => detectSoc(options));
    output.document(socDocument(detection));
    printDetection(detection, output);
    if (!output.isJson) requireSoc(detection);
    return detection.socVersion === null ? EXIT.failed : EXIT.done;
  },
});

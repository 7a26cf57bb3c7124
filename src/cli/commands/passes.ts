import { PASSES } from '../../../passes/index.ts';
import { passList } from '../../report/passes.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../errors.ts';

/** `sdgraph passes` */
export const passes = defineCommand({
  name: 'passes',
  summary: 'list the rewrite passes and their options',
  operands: [],
  flags: {},
  examples: [['sdgraph passes', 'every pass with its options and their defaults']],
  run: async (_, output) => {
    const list = passList(PASSES);
    output.document({ passes: list });
    for (const { name, summary, options } of list) {
      output.line(`${output.paint('bold', name)}  ${summary}`);
      output.table(
        options.map((option) => [
          option.name,
          option.description,
          option.default === '' ? '' : `default ${option.default}`,
        ]),
      );
    }
    return EXIT.done;
  },
});

import { removeUnused } from '../src/ir/reachability.ts';
import { definePass } from '../src/rewrite/pass.ts';

/**
 * Removes nodes and constants that no graph output depends on, in every scope. Graph inputs belong to the interface of
 * the model and stay, unless `inputs` is set.
 */
export const eliminateUnused = definePass({
  name: 'eliminate-unused',
  summary: 'Removes nodes and constants that no output depends on',
  defaults: { inputs: false },
  options: { inputs: 'also remove graph inputs that nothing reads' },
  run({ model, report }, { inputs }) {
    const removed = removeUnused(model, { inputs });
    for (const node of removed.nodes) report.applied(node, 'removed: no output depends on it');
    for (const [what, { length }] of [
      ['initializer', removed.initializers],
      ['graph input', removed.inputs],
    ] as const) {
      if (length > 0) report.note(`${length} unused ${what}${length === 1 ? '' : 's'} removed`);
    }
  },
});

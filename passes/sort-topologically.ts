import { sortGraph } from '../src/ir/sort.ts';
import { definePass } from '../src/rewrite/pass.ts';

/**
 * Puts the nodes of every scope in an order in which each value is computed before it is read, as ONNX demands. An order
 * that is right stays as it is; otherwise nodes move no further than they must.
 */
export const sortTopologically = definePass({
  name: 'sort-topologically',
  summary: 'Puts nodes in an order in which they can run',
  defaults: {},
  run({ model, report }) {
    for (const graph of model.scopes()) {
      if (sortGraph(graph)) report.note(`nodes of '${graph.name}' sorted`);
    }
  },
});

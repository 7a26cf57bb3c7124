import type { Node } from '../src/ir/node.ts';
import { bypass, needsIdentity } from '../src/rewrite/edit.ts';
import { isNoopCast } from '../src/rewrite/match.ts';
import { definePass } from '../src/rewrite/pass.ts';
import type { Inference } from '../src/schema/inference.ts';

/**
 * Removes nodes that give their input as it is, in every scope: Identity, Cast to the type that is there, Reshape to the
 * shape that is there, Transpose that moves no axis. Each kind can be left out. Types and shapes have to be known; a
 * node that only gives a graph output its name stays.
 *
 * Casts to the same type may be there to keep a compiler from fusing what is around them: leave `casts` out for graphs
 * that were written for one.
 */
export const eliminateIdentity = definePass({
  name: 'eliminate-identity',
  summary: 'Removes Identity nodes and casts, reshapes and transposes that change nothing',
  defaults: { identities: true, casts: true, reshapes: true, transposes: true },
  options: {
    identities: 'remove Identity nodes',
    casts: 'remove Cast nodes to the type that is there',
    reshapes: 'remove Reshape nodes to the shape that is there',
    transposes: 'remove Transpose nodes that move no axis',
  },
  run(context, { identities, casts, reshapes, transposes }) {
    const { model, report } = context;
    const shapes = (): Inference => context.shapes();
    const tests = new Map<string, (node: Node) => boolean>([
      ...(identities ? [['Identity', () => true] as const] : []),
      ...(casts ? [['Cast', (node: Node) => isNoopCast(node, shapes())] as const] : []),
      ...(reshapes ? [['Reshape', (node: Node) => keepsShape(node, shapes())] as const] : []),
      ...(transposes ? [['Transpose', (node: Node) => keepsAxes(node, shapes())] as const] : []),
    ]);
    const found: Node[] = [];
    for (const graph of model.scopes()) {
      for (const node of graph.nodes) {
        if (node.isStandardDomain && tests.get(node.opType)?.(node) === true) found.push(node);
      }
    }
    for (const node of found) {
      const [input] = node.inputs;
      if (input === undefined) report.skipped(node, 'it has no input');
      else if (needsIdentity(node.output(), input)) report.skipped(node, 'a graph output gets its name here');
      else {
        bypass(node);
        report.applied(node, 'removed: it changed nothing');
      }
    }
  },
});

function keepsShape(node: Node, shapes: Inference): boolean {
  const before = shapes.dims(node.inputs[0]);
  const after = shapes.dims(node.output());
  return before !== undefined && after?.length === before.length && after.every((dim, i) => dim === before[i]);
}

function keepsAxes(node: Node, shapes: Inference): boolean {
  const perm = node.attribute('perm')?.ints;
  if (perm !== undefined) return perm.every((axis, i) => axis === BigInt(i));
  const rank = shapes.shape(node.inputs[0])?.length;
  return rank !== undefined && rank <= 1;
}

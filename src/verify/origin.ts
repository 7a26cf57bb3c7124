import type { Model } from '../ir/model.ts';
import { topologicalOrder } from '../ir/sort.ts';
import { label } from '../rewrite/report.ts';

/** A node as it stood in the file, before plugin operators were replaced. */
export interface Origin {
  readonly node: string;
  readonly opType: string;
  /** Names of the values that it reads, those of its subgraphs left out. */
  readonly reads: readonly string[];
}

/** What computes each value of the main graph, in an order in which the nodes can run. */
export function originsOf(model: Model): ReadonlyMap<string, Origin> {
  const origins = new Map<string, Origin>();
  for (const node of topologicalOrder(model.graph)) {
    const reads = node.inputs.flatMap((value) => (value === undefined ? [] : [value.name]));
    const origin = { node: label(node), opType: node.opType, reads };
    for (const value of node.outputs) if (value !== undefined) origins.set(value.name, origin);
  }
  return origins;
}

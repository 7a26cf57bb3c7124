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

/**
 * The nodes behind a value, back to values that are known to be right, in the order of the graph. Constant nodes do not
 * count: they hold what they hold.
 */
export function nodesBetween(
  origins: ReadonlyMap<string, Origin>,
  value: string,
  right: ReadonlySet<string>,
): readonly Origin[] {
  const found = new Set<Origin>();
  const pending = [value];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const origin = origins.get(name);
    if (origin === undefined || origin.opType === 'Constant' || found.has(origin)) continue;
    found.add(origin);
    pending.push(...origin.reads.filter((read) => !right.has(read)));
  }
  return [...new Set(origins.values())].filter((origin) => found.has(origin));
}

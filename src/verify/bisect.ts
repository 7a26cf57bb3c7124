import type { Model } from '../ir/model.ts';
import type { Node } from '../ir/node.ts';
import { topologicalOrder } from '../ir/sort.ts';
import type { Value } from '../ir/value.ts';
import { label } from '../rewrite/report.ts';
import type { SessionTensor } from '../runtime/session.ts';
import { inferShapes } from '../schema/infer.ts';
import { type Difference, difference, type Tolerance, violations } from './compare.ts';
import { openModelSession } from './runnable.ts';

/** A model and what it is run on. */
export interface Subject {
  readonly model: Model;
  readonly feeds: ReadonlyMap<string, SessionTensor>;
}

/** The first value that departs from the reference, and what computes it. */
export interface Departure {
  /** Name of the value in both models. */
  readonly value: string;
  /** The node of the candidate that computes it. */
  readonly node: string;
  readonly opType: string;
  readonly difference: Difference;
  /** Values before it that were compared and agree, of all that both models have. */
  readonly agreeing: number;
  readonly compared: number;
}

/** Values that are read out in one run: enough to be quick, few enough to fit in memory at real sizes. */
const AT_ONCE = 24;

/**
 * Finds the first value, in the order of the candidate, that both models compute under one name and that differs.
 * Values that only one model has, or that have other shapes in the two, are passed over.
 */
export async function bisect(
  reference: Subject,
  candidate: Subject,
  tolerance: Tolerance,
  onStep: (step: string) => void = () => undefined,
): Promise<Departure | undefined> {
  const common = commonValues(reference.model, candidate.model);
  let agreeing = 0;
  for (let start = 0; start < common.length; start += AT_ONCE) {
    onStep(`comparing values ${start + 1} to ${Math.min(start + AT_ONCE, common.length)} of ${common.length}`);
    const names = common.slice(start, start + AT_ONCE).map(({ name }) => name);
    const a = await readOut(reference, names);
    const b = await readOut(candidate, names);
    for (const { name, node } of common.slice(start, start + AT_ONCE)) {
      const [x, y] = [a.get(name), b.get(name)];
      if (x === undefined || y === undefined || x.dims.join() !== y.dims.join()) continue;
      const found = difference(x, y);
      if (violations(found, tolerance).length > 0) {
        return {
          value: name,
          node: label(node),
          opType: node.opType,
          difference: found,
          agreeing,
          compared: common.length,
        };
      }
      agreeing++;
    }
  }
  return undefined;
}

/** Float values that nodes of both main graphs compute under the same name, in the order of the candidate. */
function commonValues(reference: Model, candidate: Model): { name: string; node: Node }[] {
  const shapes = [reference, candidate].map((model) => inferShapes(model));
  const isComparable = (index: number, value: Value | undefined): boolean => {
    const type = shapes[index]?.type(value);
    return type?.kind === 'tensor' && [1, 10, 11, 16].includes(type.elemType);
  };
  const common: { name: string; node: Node }[] = [];
  for (const node of topologicalOrder(candidate.graph)) {
    if (node.opType === 'Constant') continue;
    for (const value of node.outputs) {
      if (value === undefined || !isComparable(1, value)) continue;
      const other = reference.graph.value(value.name);
      if (other?.producer === undefined || !isComparable(0, other)) continue;
      if (shapes[0]?.dims(other)?.join() !== shapes[1]?.dims(value)?.join()) continue;
      common.push({ name: value.name, node });
    }
  }
  return common;
}

/** Runs a model with these values as additional outputs. */
async function readOut({ model, feeds }: Subject, names: readonly string[]): Promise<Map<string, SessionTensor>> {
  const { graph } = model;
  const own = graph.outputs.length;
  for (const name of names) {
    const value = graph.value(name);
    if (value !== undefined && !value.isGraphOutput) graph.addOutput(value);
  }
  const session = await openModelSession(model);
  try {
    return await session.run(feeds);
  } finally {
    await session.close();
    while (graph.outputs.length > own) graph.removeOutput(own);
  }
}

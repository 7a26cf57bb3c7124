import { DataType } from '../ir/data-type.ts';
import type { Model } from '../ir/model.ts';
import { topologicalOrder } from '../ir/sort.ts';
import type { Value } from '../ir/value.ts';
import type { SessionTensor } from '../runtime/session.ts';
import { inferShapes } from '../schema/infer.ts';
import { type Difference, difference, type Tolerance, violations } from './compare.ts';
import { nodesBetween, type Origin } from './origin.ts';
import { type ModelSessionOptions, openModelSession } from './runnable.ts';

/** A model that can be run, and what it is run on. */
export interface Subject {
  readonly model: Model;
  readonly feeds: ReadonlyMap<string, SessionTensor>;
}

/** A node of the candidate, as it is in the file. */
export interface SuspectNode {
  readonly node: string;
  readonly opType: string;
}

/** The first value that departs from the reference, and what computes it. */
export interface Departure extends SuspectNode {
  /** Name of the value in both models. `node` and `opType` are the node of the candidate that computes it. */
  readonly value: string;
  /** Why the value is not accepted. */
  readonly reasons: readonly string[];
  readonly difference: Difference;
  /** Nodes of the candidate between the values that agree and this one, in order, its own node last. */
  readonly suspects: readonly SuspectNode[];
  /** Values before it that were compared and agree, of all that both models have. */
  readonly agreeing: number;
  readonly compared: number;
}

/** How {@link bisect} looks. */
export interface BisectOptions extends ModelSessionOptions {
  readonly tolerance: Tolerance;
  /** What computed each value of the candidate before its plugin operators were replaced. */
  readonly origins: ReadonlyMap<string, Origin>;
  readonly onStep?: (step: string) => void;
}

/** Values that are read out in one run: enough to be quick, few enough to fit in memory at real sizes. */
const AT_ONCE = 24;

const FLOATS: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.FLOAT16, DataType.DOUBLE, DataType.BFLOAT16]);

/**
 * Finds the first value, in the order of the candidate, that both models compute under one name and that differs.
 * Values that only one model has, or that have other shapes in the two, are passed over.
 */
export async function bisect(
  reference: Subject,
  candidate: Subject,
  { tolerance, origins, onStep = () => undefined, ...session }: BisectOptions,
): Promise<Departure | undefined> {
  // Values inside replaced plugin operators are not in the file, and say nothing to whoever reads the report.
  const common = commonValues(reference.model, candidate.model).filter((name) => origins.has(name));
  const agreeing = new Set<string>();
  for (let start = 0; start < common.length; start += AT_ONCE) {
    const names = common.slice(start, start + AT_ONCE);
    onStep(`comparing values ${start + 1} to ${start + names.length} of ${common.length}`);
    const a = await readOut(reference, names, session);
    const b = await readOut(candidate, names, session);
    for (const name of names) {
      const [x, y] = [a.get(name), b.get(name)];
      if (x === undefined || y === undefined || x.dims.join() !== y.dims.join()) continue;
      const found = difference(x, y);
      const reasons = violations(found, tolerance);
      if (reasons.length === 0) {
        agreeing.add(name);
        continue;
      }
      const suspects = nodesBetween(origins, name, agreeing).map(({ node, opType }) => ({ node, opType }));
      const { node, opType } = origins.get(name) as Origin;
      const counts = { agreeing: agreeing.size, compared: common.length };
      return { value: name, node, opType, reasons, difference: found, suspects, ...counts };
    }
  }
  return undefined;
}

/** Float values that nodes of both main graphs compute under the same name, in the order of the candidate. */
function commonValues(reference: Model, candidate: Model): string[] {
  const [ours, theirs] = [inferShapes(candidate), inferShapes(reference)];
  const common: string[] = [];
  for (const node of topologicalOrder(candidate.graph)) {
    if (node.opType === 'Constant') continue;
    for (const value of node.outputs) {
      if (value === undefined || !isFloat(ours.type(value))) continue;
      const other = reference.graph.value(value.name);
      if (other?.producer === undefined || !isFloat(theirs.type(other))) continue;
      if (ours.dims(value)?.join() === theirs.dims(other)?.join()) common.push(value.name);
    }
  }
  return common;
}

function isFloat(type: Value['type']): boolean {
  return type?.kind === 'tensor' && FLOATS.has(type.elemType);
}

/** Runs a model with these values as additional outputs. */
async function readOut(
  { model, feeds }: Subject,
  names: readonly string[],
  options: ModelSessionOptions,
): Promise<Map<string, SessionTensor>> {
  const { graph } = model;
  const own = graph.outputs.length;
  try {
    for (const name of names) {
      const value = graph.value(name);
      if (value !== undefined && !value.isGraphOutput) graph.addOutput(value);
    }
    const session = await openModelSession(model, options);
    try {
      return await session.run(feeds);
    } finally {
      await session.close();
    }
  } finally {
    while (graph.outputs.length > own) graph.removeOutput(own);
  }
}

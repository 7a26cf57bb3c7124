import { DataType } from '../ir/data-type.ts';
import type { Model } from '../ir/model.ts';
import { topologicalOrder } from '../ir/sort.ts';
import type { Value } from '../ir/value.ts';
import { type ModelSessionOptions, openModelSession } from '../runtime/runnable.ts';
import type { SessionTensor } from '../runtime/session.ts';
import { inferShapes } from '../schema/infer.ts';
import { type Difference, difference, type Tolerance, violations } from './compare.ts';
import type { Origin } from './origin.ts';
import { Trail } from './trail.ts';

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
  /** Nodes of the candidate in order, from the values that agree to the first that joins the departure with them. */
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

/** Values that are read out in one run: enough to be quick, and few enough to fit in memory at real sizes. */
const MOST_AT_ONCE = 200;
const MOST_ELEMENTS = 2 ** 26;
/** What a value of unknown size counts. */
const UNKNOWN_ELEMENTS = 2 ** 22;

const FLOATS: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.FLOAT16, DataType.DOUBLE, DataType.BFLOAT16]);

/**
 * Finds the first value, in the order of the candidate, that both models compute under one name, that differs, and whose
 * difference reaches what follows. Values that only one model has, or that have other shapes in the two, are passed over.
 *
 * A rewrite may well change a value and make up for it later, as a scale does that moves from the scores to the queries:
 * a difference counts only when no value behind it agrees again.
 */
export async function bisect(
  reference: Subject,
  candidate: Subject,
  { tolerance, origins, onStep = () => undefined, ...session }: BisectOptions,
): Promise<Departure | undefined> {
  // Values inside replaced plugin operators are not in the file, and say nothing to whoever reads the report.
  const common = commonValues(reference.model, candidate.model).filter(({ name }) => origins.has(name));
  const trail = new Trail(origins);
  for (let start = 0; start < common.length && !trail.isCertain; ) {
    const names = nextBatch(common, start);
    onStep(`comparing values ${start + 1} to ${start + names.length} of ${common.length}`);
    start += names.length;
    const a = await readOut(reference, names, session);
    const b = await readOut(candidate, names, session);
    for (const name of names) {
      const [x, y] = [a.get(name), b.get(name)];
      if (x === undefined || y === undefined || x.dims.join() !== y.dims.join()) continue;
      const found = difference(x, y);
      trail.add(name, found, violations(found, tolerance));
    }
  }
  const { first } = trail;
  if (first === undefined) return undefined;
  const { node, opType } = origins.get(first.value) as Origin;
  return { ...first, node, opType, suspects: trail.suspects(), agreeing: trail.agreeing, compared: common.length };
}

/** A value that both models compute. */
interface CommonValue {
  readonly name: string;
  readonly elements: number;
}

/** The names that are read out next: at least one. */
function nextBatch(common: readonly CommonValue[], start: number): string[] {
  const names: string[] = [];
  let elements = 0;
  for (const each of common.slice(start, start + MOST_AT_ONCE)) {
    elements += each.elements;
    if (names.length > 0 && elements > MOST_ELEMENTS) break;
    names.push(each.name);
  }
  return names;
}

/** Float values that nodes of both main graphs compute under the same name, in the order of the candidate. */
function commonValues(reference: Model, candidate: Model): CommonValue[] {
  const [ours, theirs] = [inferShapes(candidate), inferShapes(reference)];
  const common: CommonValue[] = [];
  for (const node of topologicalOrder(candidate.graph)) {
    if (node.opType === 'Constant') continue;
    for (const value of node.outputs) {
      if (value === undefined || !isFloat(ours.type(value))) continue;
      const other = reference.graph.value(value.name);
      if (other?.producer === undefined || !isFloat(theirs.type(other))) continue;
      const dims = ours.dims(value);
      if (dims?.join() !== theirs.dims(other)?.join()) continue;
      const elements = dims?.reduce((product, dim) => product * dim, 1) ?? UNKNOWN_ELEMENTS;
      common.push({ name: value.name, elements });
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

import { DataType } from '../../ir/data-type.ts';
import type { Graph } from '../../ir/graph.ts';
import type { Dim } from '../../ir/type.ts';
import { axisIn, sameDim } from './dims.ts';
import { elementsOf } from './elements.ts';
import { Contradiction, type Fact, tensor, UNKNOWN } from './fact.ts';
import { isTensor, joinFacts, sameType } from './merge.ts';
import { knownDim, type OpContext, type OperatorInference, type OperatorTable, type Outputs } from './op-context.ts';

/** Both branches are inferred; of a condition that is known, only one counts. */
const branch: OperatorInference = (op) => {
  const run = (name: string): readonly Fact[] | undefined => {
    const body = op.graph(name);
    return body === undefined ? undefined : op.bodies.run(body, []);
  };
  const [then, otherwise] = [run('then_branch'), run('else_branch')];
  const condition = op.scalar(0);
  if (condition === 1n) return then ?? [];
  if (condition === 0n) return otherwise ?? [];
  if (then === undefined || otherwise === undefined) return [];
  return then.map((fact, i) => joinFacts(fact, otherwise[i] ?? UNKNOWN));
};

/** From this depth on what a loop carries is taken to change shape: every level would multiply the work. */
const MAX_ITERATED_DEPTH = 3;

/** A fact without contents, which differ from one iteration to the next. */
function typeOnly({ type }: Fact): Fact {
  return type === undefined ? UNKNOWN : { type };
}

function withoutShape(fact: Fact): Fact {
  const { type } = fact;
  return isTensor(type) ? { type: { kind: type.kind, elemType: type.elemType } } : typeOnly(fact);
}

/** What a loop carries, and what its body gives back in an iteration. */
interface Iteration {
  readonly states: readonly Fact[];
  readonly outputs: readonly Fact[];
}

/**
 * Runs the body of a loop until what it carries has the same types before and after an iteration: first with the types
 * it starts with, then with what these and those after an iteration have in common, then without shapes, at last
 * without anything.
 */
function iterate(
  op: OpContext,
  initial: readonly Fact[],
  run: (states: readonly Fact[]) => readonly Fact[],
): Iteration {
  const isDeep = op.bodies.loopDepth >= MAX_ITERATED_DEPTH;
  return op.bodies.inLoop(() => {
    let states = initial.map(isDeep ? withoutShape : typeOnly);
    for (let round = 0; ; round++) {
      const outputs = run(states);
      const joined = states.map((state, i) => typeOnly(joinFacts(state, outputs[i] ?? UNKNOWN)));
      const isStable = joined.every((state, i) => sameType(state.type, states[i]?.type));
      if (isStable || round === 3) return { states, outputs };
      if (round === 0 && !isDeep) states = joined;
      else if (round === 1) states = joined.map(withoutShape);
      else states = joined.map(() => UNKNOWN);
    }
  });
}

const loop: OperatorInference = (op) => {
  const body = op.graph('body');
  if (body === undefined) return [];
  const initial = op.facts().slice(2);
  const iteration = tensor(DataType.INT64, []);
  // The body only runs while the condition holds.
  const condition = tensor(DataType.BOOL, [], [1n]);
  let ends: readonly Fact[] = [];
  const { states, outputs } = iterate(op, initial, (carried) => {
    ends = op.bodies.run(body, [iteration, condition, ...carried]);
    return ends.slice(1);
  });
  const runsToEnd = (!op.has(1) || isTrue(op.fact(1))) && isTrue(ends[0] ?? UNKNOWN);
  const count = op.has(0) && runsToEnd ? knownDim(op.scalar(0)) : undefined;
  const scanned = outputs.slice(states.length).map(({ type }) => {
    if (!isTensor(type)) return UNKNOWN;
    return tensor(type.elemType, type.shape === undefined ? undefined : [count, ...type.shape]);
  });
  return [...states, ...scanned];
};

/** Whether a condition is always true. */
function isTrue(fact: Fact): boolean {
  return elementsOf(fact)?.[0] === 1n;
}

const scan: OperatorInference = (op) => {
  const body = op.graph('body');
  if (body === undefined) return [];
  const scannedCount = op.int('num_scan_inputs', 0);
  if (op.opset < 9) return batchedScan(op, body, scannedCount);
  const stateCount = op.inputCount - scannedCount;
  if (stateCount < 0 || scannedCount < 1) throw new Contradiction(`${scannedCount} inputs to scan`);
  const axes = op.intList('scan_input_axes');
  let steps: Dim;
  const slices = op
    .facts()
    .slice(stateCount)
    .map((fact, i) => {
      if (!isTensor(fact.type)) return UNKNOWN;
      const { shape, elemType } = fact.type;
      if (shape === undefined) return tensor(elemType);
      const axis = axisIn(axes?.[i] ?? 0, shape.length);
      steps = sameDim(steps, shape[axis], 'numbers of steps');
      return tensor(
        elemType,
        shape.filter((_, at) => at !== axis),
      );
    });
  const initial = op.facts().slice(0, stateCount);
  const { states, outputs } = iterate(op, initial, (carried) => op.bodies.run(body, [...carried, ...slices]));
  const outputAxes = op.intList('scan_output_axes');
  return [...states, ...outputs.slice(stateCount).map((fact, i) => stacked(fact, steps, outputAxes?.[i] ?? 0))];
};

/** Scan of opset 8: sequence lengths come first, and every tensor has a batch dimension in front. */
function batchedScan(op: OpContext, body: Graph, scannedCount: number): Outputs {
  const inputs = op.facts().slice(1);
  const stateCount = inputs.length - scannedCount;
  if (stateCount < 0 || scannedCount < 1) throw new Contradiction(`${scannedCount} inputs to scan`);
  const [batch, steps] = [op.dim(1, 0), op.dim(1 + stateCount, 1)];
  const slices = inputs.slice(stateCount).map((fact) => withoutDims(fact, 2));
  const initial = inputs.slice(0, stateCount).map((fact) => withoutDims(fact, 1));
  const { states, outputs } = iterate(op, initial, (carried) => op.bodies.run(body, [...carried, ...slices]));
  const collected = outputs.slice(stateCount).map((fact) => stacked(fact, steps, 0));
  return [...states, ...collected].map((fact) => stacked(fact, batch, 0));
}

function withoutDims({ type }: Fact, count: number): Fact {
  if (!isTensor(type)) return UNKNOWN;
  if (type.shape !== undefined && type.shape.length < count) throw new Contradiction('a batch dimension is missing');
  return tensor(type.elemType, type.shape?.slice(count));
}

/** What is collected over all steps: one more dimension at the axis. */
function stacked({ type }: Fact, steps: Dim, at: number): Fact {
  if (!isTensor(type)) return UNKNOWN;
  const { shape, elemType } = type;
  if (shape === undefined) return tensor(elemType);
  const axis = axisIn(at, shape.length + 1);
  return tensor(elemType, [...shape.slice(0, axis), steps, ...shape.slice(axis)]);
}

/** Operators that hold graphs. */
export const CONTROL_FLOW: OperatorTable = new Map<string, OperatorInference>([
  ['If', branch],
  ['Loop', loop],
  ['Scan', scan],
]);

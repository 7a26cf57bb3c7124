import { DataType } from '../../ir/data-type.ts';
import { axisIn, unknownDims } from './dims.ts';
import { type Known, type Shape, tensor } from './fact.ts';
import type { OpContext, OperatorInference, OperatorTable } from './op-context.ts';

/** The shape left when axes are reduced; `axes` undefined when they are not known. */
function reducedShape(shape: Shape, axes: readonly number[] | undefined, keep: boolean): Shape | undefined {
  if (axes === undefined) return keep ? unknownDims(shape.length) : undefined;
  const reduced = new Set(axes.map((axis) => axisIn(axis, shape.length)));
  if (keep) return shape.map((dim, i) => (reduced.has(i) ? 1 : dim));
  return shape.filter((_, i) => !reduced.has(i));
}

/** A reduction whose axes became an input in some opset. */
function reduction(axesSince: number): OperatorInference {
  return (op) => {
    const elem = op.elem(0);
    const shape = op.shape(0);
    if (shape === undefined) return [tensor(elem)];
    const axes = reducedAxes(op, axesSince, shape.length);
    if (axes?.length === 0) return [tensor(elem, shape)];
    const result = reducedShape(shape, axes, op.int('keepdims', 1) !== 0);
    const isWhole = axes?.length === shape.length && shape.length === 1;
    const known = isWhole ? fold(op) : undefined;
    return [tensor(elem, result, known === undefined ? undefined : [known])];
  };
}

/** Axes to reduce: all by default; none when an empty list may mean so; undefined when not known. */
function reducedAxes(op: OpContext, since: number, rank: number): readonly number[] | undefined {
  const axes = op.axes('axes', 1, since);
  if (axes === 'unknown') return op.length(1) === 0 ? emptyAxes(op, rank) : undefined;
  if (axes === 'none' || axes.length === 0) return emptyAxes(op, rank);
  return axes;
}

function emptyAxes(op: OpContext, rank: number): readonly number[] {
  return op.int('noop_with_empty_axes', 0) === 1 ? [] : Array.from({ length: rank }, (_, i) => i);
}

const FOLDS: ReadonlyMap<string, (a: bigint, b: bigint) => bigint> = new Map([
  ['ReduceSum', (a, b) => a + b],
  ['ReduceProd', (a, b) => a * b],
  ['ReduceMax', (a, b) => (a > b ? a : b)],
  ['ReduceMin', (a, b) => (a < b ? a : b)],
]);

/** The one element that is left of a small vector of integers. */
function fold(op: OpContext): Known {
  const formula = FOLDS.get(op.node.opType);
  const known = op.known(0);
  if (formula === undefined || known === undefined || known.length === 0 || op.elem(0) !== DataType.INT64) {
    return undefined;
  }
  if (known.length === 1) return known[0];
  if (!known.every((each) => typeof each === 'bigint')) return undefined;
  return BigInt.asIntN(64, known.reduce(formula));
}

const argument: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape === undefined) return [tensor(DataType.INT64)];
  return [tensor(DataType.INT64, reducedShape(shape, [op.int('axis', 0)], op.int('keepdims', 1) !== 0))];
};

const REDUCTIONS_SINCE_18 = [
  ...['ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceMax', 'ReduceMean', 'ReduceMin'],
  ...['ReduceProd', 'ReduceSumSquare'],
];

/** Reductions. */
export const REDUCE: OperatorTable = new Map<string, OperatorInference>([
  ...REDUCTIONS_SINCE_18.map((name) => [name, reduction(18)] as const),
  ['ReduceSum', reduction(13)],
  ['ArgMax', argument],
  ['ArgMin', argument],
]);

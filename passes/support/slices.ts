import { constantInts } from '../../src/ir/constants.ts';
import type { Node } from '../../src/ir/node.ts';
import type { Value } from '../../src/ir/value.ts';
import type { Inference } from '../../src/schema/inference.ts';

/** A Slice that takes a run of consecutive elements of one axis. */
export interface SliceRange {
  readonly node: Node;
  readonly data: Value;
  /** The axis counted from the front. */
  readonly axis: number;
  /** The axis as the node has it, perhaps counted from the back. */
  readonly writtenAxis: number;
  /** First element taken, and the one behind the last, within 0 to `extent`. */
  readonly start: number;
  readonly end: number;
  /** Elements of the axis before slicing. */
  readonly extent: number;
}

/**
 * What a Slice node takes, or why that cannot be said. Reads starts, ends, axes and steps from constants, from
 * computations whose result follows from the graph, and from attributes (before opset 10).
 */
export function readSlice(node: Node, shapes: Inference): SliceRange | string {
  const [data] = node.inputs;
  const shape = shapes.shape(data);
  if (data === undefined || shape === undefined) return 'the rank of the sliced tensor is not known';
  const starts = operand(node, 1, 'starts', shapes, []);
  const ends = operand(node, 2, 'ends', shapes, []);
  const axes = operand(node, 3, 'axes', shapes, starts?.map((_, i) => BigInt(i)) ?? []);
  const steps = operand(node, 4, 'steps', shapes, starts?.map(() => 1n) ?? []);
  if (starts === undefined || ends === undefined || axes === undefined || steps === undefined) {
    return 'where the slice starts or ends is not known';
  }
  if (starts.length !== 1 || ends.length !== 1 || axes.length !== 1 || steps.length !== 1) {
    return 'more than one axis is sliced';
  }
  const writtenAxis = Number(axes[0]);
  const axis = writtenAxis < 0 ? writtenAxis + shape.length : writtenAxis;
  if (axis < 0 || axis >= shape.length) return `axis ${writtenAxis} does not exist`;
  const extent = shape[axis];
  if (typeof extent !== 'number') return `the extent of axis ${writtenAxis} is not known`;
  if (steps[0] !== 1n) return `the step is ${steps[0]}`;
  const at = (bound: bigint | undefined): number => {
    const position = bound ?? 0n;
    const fromFront = position < 0n ? position + BigInt(extent) : position;
    if (fromFront < 0n) return 0;
    return fromFront > BigInt(extent) ? extent : Number(fromFront);
  };
  return { node, data, axis, writtenAxis, start: at(starts[0]), end: at(ends[0]), extent };
}

/** The integers of an operand of Slice; `absent` where it is left out, undefined where they are not known. */
function operand(
  node: Node,
  index: number,
  name: string,
  shapes: Inference,
  absent: readonly bigint[],
): readonly bigint[] | undefined {
  const value = node.inputs[index];
  if (value === undefined) return node.attribute(name)?.ints ?? absent;
  const ints = constantInts(value) ?? shapes.ints(value);
  return ints?.every((int) => typeof int === 'bigint') ? ints : undefined;
}

/** What stands before the operator in a node name of the form `path/Slice_1`; another name counts as a path itself. */
export function namePrefix(name: string): string {
  if (name === '') return '';
  const prefix = name.replace(/(Slice|Split)(_\d+)?$/, '');
  return prefix === name ? `${name}/` : prefix;
}

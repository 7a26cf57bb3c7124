import type { Dim } from '../../ir/type.ts';
import { axisIn, extent, unknownDims } from './dims.ts';
import { Contradiction, type Known, type Shape, tensor } from './fact.ts';
import { knownDim, type OpContext, type OperatorInference, type OperatorTable } from './op-context.ts';

const resize: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape === undefined) return [tensor(op.elem(0))];
  // Opset 10 has the scales as second input; since 11 they follow the region of interest.
  const [scales, sizes] = op.opset < 11 ? [1, -1] : [2, 3];
  const hasSizes = op.has(sizes);
  const values = op.known(hasSizes ? sizes : scales);
  const given = op.opset < 18 ? undefined : op.intList('axes');
  const axes = given?.map((axis) => axisIn(axis, shape.length)) ?? shape.map((_, i) => i);
  const isLeftOut = values?.length === 0;
  if (values === undefined || isLeftOut) return [tensor(op.elem(0), blank(shape, axes))];
  if (values.length !== axes.length)
    throw new Contradiction(`${values.length} sizes or scales for ${axes.length} axes`);
  return [tensor(op.elem(0), hasSizes ? sized(op, shape, axes, values) : scaled(shape, axes, values))];
};

function blank(shape: Shape, axes: readonly number[]): Shape {
  return shape.map((dim, i) => (axes.includes(i) ? undefined : dim));
}

function replaced(shape: Shape, axes: readonly number[], value: (axis: number, i: number) => Dim): Shape {
  const dims = [...shape];
  for (const [i, axis] of axes.entries()) dims[axis] = value(axis, i);
  return dims;
}

function scaled(shape: Shape, axes: readonly number[], scales: readonly Known[]): Shape {
  return replaced(shape, axes, (axis, i) => scaledDim(shape[axis], scales[i]));
}

/** An extent times a scale, rounded down as the specification says, in single precision as runtimes do. */
function scaledDim(dim: Dim, scale: Known): Dim {
  if (scale === 1) return dim;
  return typeof dim === 'number' && typeof scale === 'number'
    ? extent(Math.floor(Math.fround(dim * scale)))
    : undefined;
}

function sized(op: OpContext, shape: Shape, axes: readonly number[], sizes: readonly Known[]): Shape {
  const policy = op.opset < 18 ? 'stretch' : op.string('keep_aspect_ratio_policy', 'stretch');
  if (policy === 'stretch') return replaced(shape, axes, (_, i) => knownDim(sizes[i]));
  const ratios = axes.map((axis, i) => {
    const [dim, target] = [shape[axis], sizes[i]];
    return typeof dim === 'number' && typeof target === 'bigint' ? Number(target) / dim : undefined;
  });
  if (!ratios.every((ratio) => ratio !== undefined)) return blank(shape, axes);
  const ratio = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  return replaced(shape, axes, (axis) => extent(Math.round(ratio * (shape[axis] as number))));
}

const upsample: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape === undefined) return [tensor(op.elem(0))];
  const scales = op.opset < 9 ? op.attribute('scales')?.floats : op.known(1);
  if (scales?.length !== shape.length) return [tensor(op.elem(0), unknownDims(shape.length))];
  return [
    tensor(
      op.elem(0),
      scaled(
        shape,
        shape.map((_, i) => i),
        scales,
      ),
    ),
  ];
};

/** Operators that resample images. */
export const RESIZE: OperatorTable = new Map<string, OperatorInference>([
  ['Resize', resize],
  ['Upsample', upsample],
]);

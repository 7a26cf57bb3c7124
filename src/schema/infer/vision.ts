import { DataType } from '../../ir/data-type.ts';
import type { Dim } from '../../ir/type.ts';
import { axisIn, mapDim, product, sameDim, unknownDims } from './dims.ts';
import { Contradiction, tensor } from './fact.ts';
import { knownDim, type OpContext, type OperatorInference, type OperatorTable } from './op-context.ts';
import { shapeFromInput } from './shape-ops.ts';

function blockSize(op: OpContext): number {
  const size = op.int('blocksize', 0);
  if (size < 1) throw new Contradiction(`a block size of ${size}`);
  return size;
}

/** An extent divided by one that must divide it. */
function divided(dim: Dim, by: number): Dim {
  if (typeof dim === 'number' && dim % by !== 0) throw new Contradiction(`${dim} does not divide by ${by}`);
  return by === 1 ? dim : mapDim(dim, (size) => size / by);
}

const depthToSpace: OperatorInference = (op) => {
  const size = blockSize(op);
  const [batch, depth, height, width] = op.shapeOfRank(0, 4) ?? [];
  const shape = [batch, divided(depth, size * size), product([height, size]), product([width, size])];
  return [tensor(op.elem(0), shape)];
};

const spaceToDepth: OperatorInference = (op) => {
  const size = blockSize(op);
  const [batch, depth, height, width] = op.shapeOfRank(0, 4) ?? [];
  const shape = [batch, product([depth, size * size]), divided(height, size), divided(width, size)];
  return [tensor(op.elem(0), shape)];
};

/** Samples at the points of a grid `[N, spatial..., coordinates]`. */
const gridSample: OperatorInference = (op) => {
  const [data, grid] = [op.shape(0), op.shape(1)];
  if (data !== undefined && grid !== undefined && data.length !== grid.length) {
    throw new Contradiction(`ranks ${data.length} and ${grid.length} of data and grid differ`);
  }
  const rank = data?.length ?? grid?.length;
  if (rank === undefined) return [tensor(op.elem(0))];
  if (rank < 3) throw new Contradiction(`a grid for a tensor of rank ${rank}`);
  const points = grid?.slice(1, -1) ?? unknownDims(rank - 2);
  return [tensor(op.elem(0), [sameDim(data?.[0], grid?.[0], 'batch sizes'), data?.[1], ...points])];
};

const affineGrid: OperatorInference = (op) => {
  const size = shapeFromInput(op, 1);
  const dimensions = (size?.length ?? 0) - 2;
  if (size === undefined || (dimensions !== 2 && dimensions !== 3)) return [tensor(op.elem(0))];
  return [tensor(op.elem(0), [size[0], ...size.slice(2), dimensions])];
};

const centerCropPad: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape === undefined) return [tensor(op.elem(0))];
  const axes = op.intList('axes')?.map((axis) => axisIn(axis, shape.length)) ?? shape.map((_, i) => i);
  const sizes = op.known(1);
  if (sizes !== undefined && sizes.length !== axes.length) throw new Contradiction('as many sizes as axes are needed');
  const dims = [...shape];
  for (const [i, axis] of axes.entries()) dims[axis] = knownDim(sizes?.[i]);
  return [tensor(op.elem(0), dims)];
};

/** Pads became an input in opset 11; opset 18 added axes. */
const pad: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape === undefined) return [tensor(op.elem(0))];
  const known = op.opset < 11 ? undefined : op.known(1);
  const pads =
    op.opset < 11
      ? (op.intList(op.opset < 2 ? 'paddings' : 'pads') ?? [])
      : known?.map((each) => (typeof each === 'bigint' ? Number(each) : undefined));
  const axes = op.has(3) ? op.ints(3) : shape.map((_, i) => i);
  if (axes === undefined) return [tensor(op.elem(0), unknownDims(shape.length))];
  if (pads !== undefined && pads.length !== axes.length * 2) {
    throw new Contradiction(`${pads.length} pads for ${axes.length} axes`);
  }
  const dims = [...shape];
  for (const [i, at] of axes.entries()) {
    const axis = axisIn(at, shape.length);
    const [before, after] = [pads?.[i], pads?.[i + axes.length]];
    dims[axis] = before === undefined || after === undefined ? undefined : padded(shape[axis], before + after);
  }
  return [tensor(op.elem(0), dims)];
};

function padded(dim: Dim, by: number): Dim {
  if (typeof dim === 'number' && dim + by < 0) throw new Contradiction(`${dim} cannot be cut by ${-by}`);
  return by === 0 ? dim : mapDim(dim, (size) => size + by);
}

const CHANNELS: ReadonlyMap<string, number> = new Map([
  ['RGB', 3],
  ['BGR', 3],
  ['Grayscale', 1],
]);

const imageDecoder: OperatorInference = (op) => [
  tensor(DataType.UINT8, [undefined, undefined, CHANNELS.get(op.string('pixel_format', 'RGB'))]),
];

/** Selected boxes as rows of batch, class and box. */
const nonMaxSuppression: OperatorInference = () => [tensor(DataType.INT64, [undefined, 3])];

/** Operators on images. */
export const VISION: OperatorTable = new Map<string, OperatorInference>([
  ['DepthToSpace', depthToSpace],
  ['SpaceToDepth', spaceToDepth],
  ['GridSample', gridSample],
  ['AffineGrid', affineGrid],
  ['CenterCropPad', centerCropPad],
  ['Pad', pad],
  ['ImageDecoder', imageDecoder],
  ['NonMaxSuppression', nonMaxSuppression],
]);

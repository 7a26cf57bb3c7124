import { DataType } from '../../ir/data-type.ts';
import type { Dim } from '../../ir/type.ts';
import { smallCount } from './arithmetic.ts';
import { axisIn, broadcast, extent, product, sameDim, sum, unknownDims } from './dims.ts';
import { Contradiction, type Fact, type Known, MAX_KNOWN, type Shape, tensor } from './fact.ts';
import { dimElement, knownDim, type OpContext, type OperatorInference, type OperatorTable } from './op-context.ts';

/** A tensor of integers of rank 1, for what computes shapes. */
function vector(elements: readonly Known[]): Fact {
  return tensor(DataType.INT64, [elements.length], elements.length <= MAX_KNOWN ? elements : undefined);
}

const shapeOf: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape === undefined) return [tensor(DataType.INT64, [undefined])];
  const rank = shape.length;
  const clamp = (at: number): number => Math.min(Math.max(at < 0 ? at + rank : at, 0), rank);
  return [vector(shape.slice(clamp(op.int('start', 0)), clamp(op.int('end', rank))).map(dimElement))];
};

const size: OperatorInference = (op) => {
  const shape = op.shape(0);
  return [tensor(DataType.INT64, [], shape === undefined ? undefined : [dimElement(product(shape))])];
};

/** Dimensions that an input lists; of unknown extents when only their number is known. */
export function shapeFromInput(op: OpContext, index: number): Shape | undefined {
  const known = op.known(index);
  if (known !== undefined) return known.map(knownDim);
  const rank = op.length(index);
  return rank === undefined || rank > MAX_KNOWN ? undefined : unknownDims(rank);
}

const reshape: OperatorInference = (op) => {
  const target = op.opset < 5 ? op.intList('shape')?.map(BigInt) : op.known(1);
  const from = op.shape(0);
  if (target === undefined) {
    const rank = op.opset < 5 ? undefined : op.length(1);
    return [tensor(op.elem(0), rank === undefined || rank > MAX_KNOWN ? undefined : unknownDims(rank))];
  }
  const shape = reshaped(from, target, op.int('allowzero', 0) === 1);
  return [keepElements(op, shape)];
};

/** The shape that a Reshape asks for. */
function reshaped(from: Shape | undefined, target: readonly Known[], allowZero: boolean): Shape {
  const inferred = target.indexOf(-1n);
  if (inferred !== target.lastIndexOf(-1n)) throw new Contradiction('more than one dimension to be inferred');
  const dims = target.map((element, i): Dim => {
    if (typeof element === 'bigint' && element < -1n) throw new Contradiction(`a dimension of ${element}`);
    if (element !== 0n || allowZero) return knownDim(element);
    if (from !== undefined && i >= from.length) throw new Contradiction(`no dimension ${i} to copy`);
    return from?.[i];
  });
  if (inferred === -1) return checkCount(from, dims);
  if (from === undefined) return dims;
  const rest = quotient(
    from,
    dims.filter((_, i) => i !== inferred),
  );
  return dims.map((dim, i) => (i === inferred ? rest : dim));
}

/** The extents must hold as many elements; a single unknown one follows from that. */
function checkCount(from: Shape | undefined, dims: Shape): Shape {
  if (from === undefined) return dims;
  const unknown = dims.flatMap((dim, i) => (dim === undefined ? [i] : []));
  if (unknown.length === 0) {
    const [a, b] = [product(from), product(dims)];
    if (typeof a === 'number' && typeof b === 'number' && a !== b) {
      throw new Contradiction(`${a} elements do not fit a shape for ${b}`);
    }
    return dims;
  }
  if (unknown.length > 1) return dims;
  const rest = quotient(
    from,
    dims.filter((dim) => dim !== undefined),
  );
  return dims.map((dim) => dim ?? rest);
}

/** What is left of a product of extents when others are divided out; equal symbols cancel. */
function quotient(from: Shape, others: Shape): Dim {
  const left = [...from];
  const symbols = others.filter((dim) => typeof dim !== 'number');
  for (const dim of symbols) {
    const at = dim === undefined ? -1 : left.indexOf(dim);
    if (at === -1) return undefined;
    left.splice(at, 1);
  }
  const known = product(others.filter((dim) => typeof dim === 'number'));
  if (known === 1) return product(left);
  const total = product(left.filter((dim) => typeof dim === 'number'));
  if (typeof known !== 'number' || typeof total !== 'number' || known === 0) return undefined;
  const open = left.filter((dim) => typeof dim !== 'number');
  if (open.length > 0) return open.length === 1 && total === known ? open[0] : undefined;
  if (symbols.length === 0 && total % known !== 0) {
    throw new Contradiction(`${total} elements do not divide into ${known}`);
  }
  return total % known === 0 ? total / known : undefined;
}

/** A fact of another shape whose elements are those of the first input in the same order. */
function keepElements(op: OpContext, shape: Shape | undefined): Fact {
  return tensor(op.elem(0), shape, smallCount(shape) === undefined ? undefined : op.known(0));
}

const flatten: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape === undefined) return [tensor(op.elem(0), [undefined, undefined])];
  const given = op.int('axis', 1);
  const axis = given === shape.length ? given : axisIn(given, shape.length);
  return [keepElements(op, [product(shape.slice(0, axis)), product(shape.slice(axis))])];
};

const squeeze: OperatorInference = (op) => {
  const shape = op.shape(0);
  const axes = op.axes('axes', 1, 13);
  if (shape === undefined || axes === 'unknown') return [tensor(op.elem(0))];
  if (axes === 'none') {
    if (!shape.every((dim) => typeof dim === 'number')) return [tensor(op.elem(0))];
    return [
      keepElements(
        op,
        shape.filter((dim) => dim !== 1),
      ),
    ];
  }
  const dropped = new Set(axes.map((axis) => axisIn(axis, shape.length)));
  for (const axis of dropped) {
    if (typeof shape[axis] === 'number' && shape[axis] !== 1) {
      throw new Contradiction(`dimension ${axis} of extent ${shape[axis]} cannot be squeezed`);
    }
  }
  return [
    keepElements(
      op,
      shape.filter((_, i) => !dropped.has(i)),
    ),
  ];
};

const unsqueeze: OperatorInference = (op) => {
  const shape = op.shape(0);
  const axes = op.axes('axes', 1, 13);
  if (shape === undefined || typeof axes === 'string') return [tensor(op.elem(0))];
  const rank = shape.length + axes.length;
  const added = new Set(axes.map((axis) => axisIn(axis, rank)));
  if (added.size !== axes.length) throw new Contradiction('an axis is listed twice');
  const rest = shape[Symbol.iterator]();
  const dims = Array.from({ length: rank }, (_, i): Dim => (added.has(i) ? 1 : rest.next().value));
  return [keepElements(op, dims)];
};

const transpose: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape === undefined) return [tensor(op.elem(0))];
  const perm = op.intList('perm') ?? shape.map((_, i) => shape.length - 1 - i);
  const axes = perm.map((axis) => axisIn(axis, shape.length));
  if (new Set(axes).size !== shape.length || axes.length !== shape.length) {
    throw new Contradiction(`perm [${perm.join(', ')}] does not order ${shape.length} dimensions`);
  }
  const dims = axes.map((axis) => shape[axis]);
  return [shape.length < 2 ? keepElements(op, dims) : tensor(op.elem(0), dims)];
};

const concat: OperatorInference = (op) => {
  const shapes = op.facts().map((_, i) => op.shape(i));
  const elem = op.elem(0);
  const first = shapes.find((shape) => shape !== undefined);
  if (first === undefined) return [tensor(elem)];
  const axis = op.axis('axis', op.opset < 4 ? 1 : 0, first.length);
  let dims: Shape | undefined;
  let total: Dim = 0;
  for (const shape of shapes) {
    total = shape === undefined ? undefined : sum(total, shape[axis]);
    if (shape === undefined) continue;
    if (shape.length !== first.length) throw new Contradiction(`ranks ${first.length} and ${shape.length} differ`);
    dims = dims?.map((dim, i) => (i === axis ? dim : sameDim(dim, shape[i], `in dimension ${i}:`))) ?? shape;
  }
  if (shapes.includes(undefined)) total = undefined;
  const result = dims?.map((dim, i) => (i === axis ? total : dim));
  return [tensor(elem, result, first.length === 1 ? concatenated(op) : undefined)];
};

function concatenated(op: OpContext): readonly Known[] | undefined {
  const parts: Known[] = [];
  for (let i = 0; i < op.inputCount; i++) {
    const length = op.length(i);
    if (length === undefined || parts.length + length > MAX_KNOWN) return undefined;
    parts.push(...(op.known(i) ?? unknownDims(length)));
  }
  return parts.every((each) => each === undefined) ? undefined : parts;
}

const split: OperatorInference = (op) => {
  const shape = op.shape(0);
  const count = op.outputCount;
  const elem = op.elem(0);
  if (shape === undefined) return Array.from({ length: count }, () => tensor(elem));
  const axis = op.axis('axis', 0, shape.length);
  const sizes = splitSizes(op, shape[axis]);
  const elements = shape.length === 1 ? op.known(0) : undefined;
  let at: Dim = 0;
  return Array.from({ length: count }, (_, i) => {
    const start = at;
    at = sizes.length === 0 ? undefined : sum(at, sizes[i]);
    const known = typeof start === 'number' && typeof at === 'number' ? elements?.slice(start, at) : undefined;
    const dims = shape.map((dim, j) => (j === axis ? sizes[i] : dim));
    return tensor(elem, dims, known);
  });
};

/** Extents of the parts; opset 13 made the sizes an input, opset 18 added `num_outputs` and an uneven last part. */
function splitSizes(op: OpContext, total: Dim): readonly Dim[] {
  const given = op.opset < 13 ? op.intList('split')?.map(BigInt) : op.known(1);
  if (given !== undefined) {
    const sizes = given.map(knownDim);
    const all = sizes.reduce(sum, 0);
    if (typeof all === 'number') sameDim(all, total, 'sum of the parts and extent');
    return sizes;
  }
  const parts = op.opset < 18 ? op.outputCount : op.int('num_outputs', op.outputCount);
  if ((op.opset >= 13 && op.has(1)) || typeof total !== 'number' || parts <= 0) return [];
  if (op.opset < 18 && total % parts !== 0) throw new Contradiction(`${total} does not divide into ${parts} parts`);
  const chunk = Math.ceil(total / parts);
  return Array.from({ length: Math.min(parts, op.outputCount) }, (_, i) =>
    i === parts - 1 ? extent(total - chunk * (parts - 1)) : chunk,
  );
}

const expand: OperatorInference = (op) => {
  const target = shapeFromInput(op, 1);
  const shape = target === undefined ? undefined : broadcast(op.shape(0), target);
  const element = op.scalar(0);
  const count = smallCount(shape);
  const known = count === undefined || element === undefined ? undefined : Array.from({ length: count }, () => element);
  return [tensor(op.elem(0), shape, known)];
};

const constantOfShape: OperatorInference = (op) => {
  const shape = shapeFromInput(op, 0);
  const value = op.tensorAttribute('value');
  const elem = value?.dataType ?? DataType.FLOAT;
  const count = smallCount(shape);
  const element = value === undefined ? 0 : op.elementsOf(value)?.[0];
  const known = count === undefined || element === undefined ? undefined : Array.from({ length: count }, () => element);
  return [tensor(elem, shape, known)];
};

const tile: OperatorInference = (op) => {
  const shape = op.shape(0);
  const repeats = op.opset < 6 ? undefined : op.known(1);
  if (shape === undefined) return [tensor(op.elem(0), op.opset < 6 ? undefined : lengthAsRank(op, 1))];
  if (repeats === undefined) return [tensor(op.elem(0), unknownDims(shape.length))];
  if (repeats.length !== shape.length) throw new Contradiction(`${repeats.length} repeats for rank ${shape.length}`);
  return [
    tensor(
      op.elem(0),
      shape.map((dim, i) => product([dim, knownDim(repeats[i])])),
    ),
  ];
};

function lengthAsRank(op: OpContext, index: number): Shape | undefined {
  const rank = op.length(index);
  return rank === undefined || rank > MAX_KNOWN ? undefined : unknownDims(rank);
}

/** Operators that rearrange elements or compute shapes. */
export const SHAPE_OPS: OperatorTable = new Map<string, OperatorInference>([
  ['Shape', shapeOf],
  ['Size', size],
  ['Reshape', reshape],
  ['Flatten', flatten],
  ['Squeeze', squeeze],
  ['Unsqueeze', unsqueeze],
  ['Transpose', transpose],
  ['Concat', concat],
  ['Split', split],
  ['Expand', expand],
  ['ConstantOfShape', constantOfShape],
  ['Tile', tile],
]);

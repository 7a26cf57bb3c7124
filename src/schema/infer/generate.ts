import { type Attribute, AttributeType } from '../../ir/attribute.ts';
import { constantOfAttribute } from '../../ir/constants.ts';
import { DataType } from '../../ir/data-type.ts';
import { sparseTensorsOf } from '../../ir/raw-fields.ts';
import { axisIn, extent, mapDim, product } from './dims.ts';
import { Contradiction, constantFact, type Fact, type Known, MAX_KNOWN, tensor, UNKNOWN } from './fact.ts';
import { knownDim, type OperatorInference, type OperatorTable } from './op-context.ts';

/** A Constant node; in the body of a function its value may be an attribute of the call. */
const constant: OperatorInference = (op) => {
  const held = op.node.attributes.map(({ name }) => op.attribute(name));
  const [attribute] = held;
  if (held.length !== 1 || attribute === undefined) return [];
  if (attribute.type === AttributeType.SPARSE_TENSOR) return [sparseConstant(attribute)];
  const value = constantOfAttribute(attribute);
  return value === undefined ? [] : [constantFact(value)];
};

/** A constant that is stored as its elements that are not zero is an ordinary tensor to those who read it. */
function sparseConstant(attribute: Attribute): Fact {
  const [value] = sparseTensorsOf(attribute.segments);
  return value === undefined ? UNKNOWN : tensor(value.dataType, value.dims.map(extent));
}

/** Shape of the input, element type of the attribute or else of the input. */
function likeShape(attribute: string): OperatorInference {
  return (op) => [tensor(op.int(attribute, op.elem(0)), op.shape(0))];
}

const random: OperatorInference = (op) => {
  const shape = op.intList('shape');
  return [tensor(op.int('dtype', DataType.FLOAT), shape?.map(extent))];
};

const multinomial: OperatorInference = (op) => {
  const batch = op.shapeOfRank(0, 2)?.[0];
  return [tensor(op.int('dtype', DataType.INT32), [batch, extent(op.int('sample_size', 1))])];
};

const range: OperatorInference = (op) => {
  const [start, limit, delta] = [op.scalar(0), op.scalar(1), op.scalar(2)];
  const elem = op.elem(0) === 0 ? op.elem(1) : op.elem(0);
  const count = rangeCount(start, limit, delta);
  if (count === undefined || count > MAX_KNOWN || typeof start !== 'bigint' || typeof delta !== 'bigint') {
    return [tensor(elem, [count])];
  }
  const elements = Array.from({ length: count }, (_, i) => start + BigInt(i) * delta);
  return [tensor(elem, [count], elements)];
};

/** Number of elements of a Range; a symbol when it counts from 0 to it. */
function rangeCount(start: Known, limit: Known, delta: Known): number | undefined {
  if (delta === 0n || delta === 0) throw new Contradiction('a range with steps of 0');
  if (typeof start === 'bigint' && typeof limit === 'bigint' && typeof delta === 'bigint') {
    const span = delta > 0n ? limit - start : start - limit;
    const step = delta > 0n ? delta : -delta;
    return span <= 0n ? 0 : (extent((span + step - 1n) / step) as number | undefined);
  }
  if (typeof start === 'number' && typeof limit === 'number' && typeof delta === 'number') {
    const count = Math.max(Math.ceil((limit - start) / delta), 0);
    return Number.isSafeInteger(count) ? count : undefined;
  }
  return undefined;
}

/** A Range from 0 in steps of 1 has a symbol's extent. */
const rangeOrSymbol: OperatorInference = (op) => {
  const limit = op.scalar(1);
  const isCounting = op.scalar(0) === 0n && op.scalar(2) === 1n && typeof limit === 'string';
  return isCounting ? [tensor(op.elem(0), [limit])] : range(op);
};

const oneHot: OperatorInference = (op) => {
  const indices = op.shape(0);
  if (indices === undefined) return [tensor(op.elem(2))];
  const axis = axisIn(op.int('axis', -1), indices.length + 1);
  const depth = op.scalar(1);
  const size = typeof depth === 'number' ? extent(depth) : knownDim(depth);
  return [tensor(op.elem(2), [...indices.slice(0, axis), size, ...indices.slice(axis)])];
};

const windowFunction: OperatorInference = (op) => [
  tensor(op.int('output_datatype', DataType.FLOAT), [knownDim(op.scalar(0))]),
];

const melWeights: OperatorInference = (op) => {
  const bins = mapDim(knownDim(op.scalar(1)), (length) => Math.floor(length / 2) + 1);
  return [tensor(op.int('output_datatype', DataType.FLOAT), [bins, knownDim(op.scalar(0))])];
};

const nonZero: OperatorInference = (op) => [tensor(DataType.INT64, [op.rank(0), undefined])];

/** The distinct elements or slices, then indices of first occurrence, of each input, and counts. */
const unique: OperatorInference = (op) => {
  const shape = op.shape(0);
  const found = tensor(DataType.INT64, [undefined]);
  const isWhole = op.attribute('axis') === undefined;
  if (shape === undefined) return [tensor(op.elem(0), isWhole ? [undefined] : undefined), found, found, found];
  if (isWhole) {
    return [tensor(op.elem(0), [undefined]), found, tensor(DataType.INT64, [product(shape)]), found];
  }
  const axis = op.axis('axis', 0, shape.length);
  const dims = shape.map((dim, i) => (i === axis ? undefined : dim));
  return [tensor(op.elem(0), dims), found, tensor(DataType.INT64, [shape[axis]]), found];
};

/** Operators that make tensors out of attributes, scalars or shapes. */
export const GENERATE: OperatorTable = new Map<string, OperatorInference>([
  ['Constant', constant],
  ['EyeLike', likeShape('dtype')],
  ['Bernoulli', likeShape('dtype')],
  ['RandomNormalLike', likeShape('dtype')],
  ['RandomUniformLike', likeShape('dtype')],
  ['RandomNormal', random],
  ['RandomUniform', random],
  ['Multinomial', multinomial],
  ['Range', rangeOrSymbol],
  ['OneHot', oneHot],
  ['BlackmanWindow', windowFunction],
  ['HammingWindow', windowFunction],
  ['HannWindow', windowFunction],
  ['MelWeightMatrix', melWeights],
  ['NonZero', nonZero],
  ['Unique', unique],
]);

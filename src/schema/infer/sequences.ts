import { DataType } from '../../ir/data-type.ts';
import { typeOfAttribute } from '../../ir/raw-fields.ts';
import type { ValueType } from '../../ir/type.ts';
import { extent } from './dims.ts';
import { container, type Fact, type Shape, tensor, tensorType } from './fact.ts';
import { isTensor, joinTypes } from './merge.ts';
import { type OpContext, type OperatorInference, type OperatorTable } from './op-context.ts';

/** The type that all elements of a sequence input have. */
function elementOf(op: OpContext, index: number): ValueType | undefined {
  const type = op.type(index);
  return type?.kind === 'sequence' || type?.kind === 'optional' ? type.element : undefined;
}

function known(type: ValueType | undefined): Fact {
  return type === undefined ? {} : { type };
}

const construct: OperatorInference = (op) => {
  const [first, ...rest] = op.facts().map(({ type }) => type);
  return [container('sequence', rest.reduce(joinTypes, first))];
};

const empty: OperatorInference = (op) => [container('sequence', tensorType(op.int('dtype', DataType.FLOAT)))];

const insert: OperatorInference = (op) => [container('sequence', joinTypes(elementOf(op, 0), op.type(1)))];

/** Concatenates along an axis, or stacks along a new one; how many elements there are is not known. */
const concatFromSequence: OperatorInference = (op) => {
  const element = elementOf(op, 0);
  if (!isTensor(element)) return [];
  const { shape, elemType } = element;
  if (shape === undefined) return [tensor(elemType)];
  if (op.int('new_axis', 0) !== 0) {
    const axis = op.axis('axis', 0, shape.length + 1);
    return [tensor(elemType, [...shape.slice(0, axis), undefined, ...shape.slice(axis)])];
  }
  const axis = op.axis('axis', 0, shape.length);
  return [
    tensor(
      elemType,
      shape.map((dim, i) => (i === axis ? undefined : dim)),
    ),
  ];
};

const splitToSequence: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape === undefined) return [container('sequence', tensorType(op.elem(0)))];
  const axis = op.axis('axis', 0, shape.length);
  return [container('sequence', tensorType(op.elem(0), splitElement(op, shape, axis)))];
};

/** Shape that all parts have: one slice each by default, without its axis when that is not kept. */
function splitElement(op: OpContext, shape: Shape, axis: number): Shape {
  if (!op.has(1)) {
    if (op.int('keepdims', 1) === 0) return shape.filter((_, i) => i !== axis);
    return shape.map((dim, i) => (i === axis ? 1 : dim));
  }
  const sizes = op.ints(1);
  const total = shape[axis];
  const [first] = sizes ?? [];
  const isUniform = sizes?.every((size) => size === first);
  const isScalar = op.rank(1) === 0;
  const divides = typeof total === 'number' && first !== undefined && first > 0 && total % first === 0;
  const size = isUniform && first !== undefined && (!isScalar || divides) ? extent(first) : undefined;
  return shape.map((dim, i) => (i === axis ? size : dim));
}

/** Runs the body on elements; sequences come in element by element, tensors as they are. */
const sequenceMap: OperatorInference = (op) => {
  const body = op.graph('body');
  if (body === undefined) return [];
  const inputs = op.facts().map((fact, i) => {
    const element = i === 0 || fact.type?.kind === 'sequence' ? elementOf(op, i) : undefined;
    return element === undefined && fact.type?.kind !== 'sequence' ? fact : known(element);
  });
  return op.bodies.run(body, inputs).map(({ type }) => container('sequence', type));
};

/** The type is that of the input, or the one the attribute names for an empty optional. */
const optional: OperatorInference = (op) => {
  const type = op.has(0) ? op.type(0) : typeOfAttribute(op.attribute('type')?.segments ?? []);
  return [container('optional', type)];
};

/** Takes anything since opset 18, and gives back what is not an optional. */
const optionalGetElement: OperatorInference = (op) => {
  const type = op.type(0);
  return [type?.kind === 'optional' ? known(type.element) : op.fact(0)];
};

/** Operators on sequences and optionals. */
export const SEQUENCES: OperatorTable = new Map<string, OperatorInference>([
  ['SequenceConstruct', construct],
  ['SequenceEmpty', empty],
  ['SequenceInsert', insert],
  ['SequenceErase', (op) => [known(op.type(0))]],
  ['SequenceAt', (op) => [known(elementOf(op, 0))]],
  ['SequenceLength', () => [tensor(DataType.INT64, [])]],
  ['ConcatFromSequence', concatFromSequence],
  ['SplitToSequence', splitToSequence],
  ['SequenceMap', sequenceMap],
  ['Optional', optional],
  ['OptionalGetElement', optionalGetElement],
  ['OptionalHasElement', () => [tensor(DataType.BOOL, [])]],
]);

import { DataType } from '../../ir/data-type.ts';
import { calculate } from './arithmetic.ts';
import { broadcast, sameDim, sameShape } from './dims.ts';
import { Contradiction, type Shape, tensor } from './fact.ts';
import type { OpContext, OperatorInference, OperatorTable } from './op-context.ts';

/** The result is like the first input, element by element. */
export const likeFirst: OperatorInference = (op) => {
  const shape = op.shape(0);
  return [tensor(op.elem(0), shape, calculate(op, shape, op.elem(0)))];
};

/** The result has the shape of the first input and a type of its own. */
function predicate(elemType: number): OperatorInference {
  return (op) => [tensor(elemType, op.shape(0), calculate(op, op.shape(0), elemType))];
}

/** All inputs broadcast against each other and have one type, which is also that of the result. */
const broadcasting: OperatorInference = (op) => {
  const shape = broadcastInputs(op);
  const elem = commonElem(op);
  return [tensor(elem, shape, calculate(op, shape, elem))];
};

const comparing: OperatorInference = (op) => {
  const shape = broadcastInputs(op);
  return [tensor(DataType.BOOL, shape, calculate(op, shape, DataType.BOOL))];
};

/** Pow and shifts: the result has the type of the first input. */
const broadcastingAsFirst: OperatorInference = (op) => {
  const shape = broadcastInputs(op);
  return [tensor(op.elem(0), shape, calculate(op, shape, op.elem(0)))];
};

/** Element type of the inputs; the first one that is known. */
function commonElem(op: OpContext): number {
  for (let i = 0; i < op.inputCount; i++) if (op.elem(i) !== 0) return op.elem(i);
  return 0;
}

/** Shape of element-wise operators of any number of inputs. Before opset 7 `axis` aligned the second input. */
function broadcastInputs(op: OpContext): Shape | undefined {
  const shapes = op.facts().map((_, i) => op.shape(i));
  if (op.opset < 7) return shapes[0];
  return broadcast(...shapes);
}

const where: OperatorInference = (op) => {
  const shape = broadcast(op.shape(0), op.shape(1), op.shape(2));
  const elem = op.elem(1) === 0 ? op.elem(2) : op.elem(1);
  return [tensor(elem, shape, calculate(op, shape, elem))];
};

const cast: OperatorInference = (op) => {
  const to = op.attribute('to');
  // Before opset 6 the type was written as text.
  const elemType = to === undefined || op.opset < 6 ? 0 : op.int('to', 0);
  return [tensor(elemType, op.shape(0), calculate(op, op.shape(0), elemType))];
};

const castLike: OperatorInference = (op) => [tensor(op.elem(1), op.shape(0), calculate(op, op.shape(0), op.elem(1)))];

/** The bits stay, their meaning changes. */
const bitCast: OperatorInference = (op) => [tensor(op.int('to', 0), op.shape(0))];

/** Both inputs have one shape; nothing broadcasts. */
const alike: OperatorInference = (op) => [tensor(commonElem(op), sameShape(op.shape(0), op.shape(1), 'inputs'))];

/** The slope broadcasts to the data, not the other way around. */
const prelu: OperatorInference = (op) => {
  const [shape, slope] = [op.shape(0), op.shape(1)];
  if (shape === undefined || slope === undefined || op.opset < 7) return [tensor(op.elem(0), shape)];
  if (slope.length > shape.length) throw new Contradiction('the slope has a higher rank than the data');
  const offset = shape.length - slope.length;
  const dims = shape.map((dim, i) => {
    const other = i < offset ? 1 : slope[i - offset];
    return other === 1 || other === undefined ? dim : sameDim(dim, other, 'data and slope:');
  });
  return [tensor(op.elem(0), dims)];
};

const UNARY = [
  ...['Abs', 'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'BitwiseNot', 'Ceil', 'Celu', 'Clip', 'Cos', 'Cosh'],
  ...['CumProd', 'CumSum', 'Elu', 'Erf', 'Exp', 'Floor', 'Gelu', 'HardSigmoid', 'HardSwish', 'LeakyRelu'],
  ...['Log', 'Mish', 'Neg', 'Not', 'Reciprocal', 'Relu', 'Round', 'Selu', 'Shrink', 'Sigmoid', 'Sign', 'Sin', 'Sinh'],
  ...['Softplus', 'Softsign', 'Sqrt', 'Swish', 'Tan', 'Tanh', 'ThresholdedRelu', 'Trilu'],
];

const BROADCASTING = ['Add', 'Sub', 'Mul', 'Div', 'Mod', 'And', 'Or', 'Xor', 'Max', 'Min', 'Mean', 'Sum'];
const BITWISE = ['BitwiseAnd', 'BitwiseOr', 'BitwiseXor'];
const COMPARING = ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'];

/** Operators that work element by element. */
export const ELEMENTWISE: OperatorTable = new Map<string, OperatorInference>([
  ...UNARY.map((name) => [name, likeFirst] as const),
  ...[...BROADCASTING, ...BITWISE].map((name) => [name, broadcasting] as const),
  ...COMPARING.map((name) => [name, comparing] as const),
  ['Pow', broadcastingAsFirst],
  ['BitShift', broadcastingAsFirst],
  ['IsInf', predicate(DataType.BOOL)],
  ['IsNaN', predicate(DataType.BOOL)],
  ['Identity', (op) => [op.fact(0)]],
  ['Where', where],
  ['Cast', cast],
  ['CastLike', castLike],
  ['BitCast', bitCast],
  ['SwiGLU', alike],
  ['PRelu', prelu],
]);

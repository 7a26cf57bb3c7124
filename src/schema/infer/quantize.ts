import { DataType } from '../../ir/data-type.ts';
import { tensor } from './fact.ts';
import { matmulLike } from './matmul.ts';
import type { OperatorInference, OperatorTable } from './op-context.ts';

/** The type of the zero point, else the one the attribute names (opset 21), else uint8. */
const quantize: OperatorInference = (op) => {
  const named = op.int('output_dtype', 0);
  const elem = op.has(2) ? op.elem(2) : named === 0 ? DataType.UINT8 : named;
  return [tensor(elem, op.shape(0))];
};

/** The type of the scale, unless an attribute names another (opset 23). */
const dequantize: OperatorInference = (op) => {
  const named = op.int('output_dtype', 0);
  return [tensor(named === 0 ? op.elem(1) : named, op.shape(0))];
};

const dynamicQuantize: OperatorInference = (op) => [
  tensor(DataType.UINT8, op.shape(0)),
  tensor(DataType.FLOAT, []),
  tensor(DataType.UINT8, []),
];

/** Quantization of the standard operator set. */
export const QUANTIZE: OperatorTable = new Map<string, OperatorInference>([
  ['QuantizeLinear', quantize],
  ['DequantizeLinear', dequantize],
  ['DynamicQuantizeLinear', dynamicQuantize],
  ['QLinearMatMul', matmulLike(0, 3, (op) => op.elem(7))],
  ['MatMulInteger', matmulLike(0, 1, () => DataType.INT32)],
]);

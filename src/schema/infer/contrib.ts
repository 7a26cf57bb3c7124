import { DataType } from '../../ir/data-type.ts';
import { likeFirst } from './elementwise.ts';
import { tensor } from './fact.ts';
import { matmulShape } from './matmul.ts';
import type { OperatorInference, OperatorTable } from './op-context.ts';

/** Normalization of the sum of two inputs: statistics are left out, the last output is the sum. */
const skipNormalization: OperatorInference = (op) => {
  const result = tensor(op.elem(0), op.shape(0));
  return [result, undefined, undefined, result];
};

const fusedMatMul: OperatorInference = (op) => {
  const flipped = (index: number, name: string): ReturnType<typeof op.shape> => {
    const shape = op.shape(index);
    if (shape === undefined || shape.length < 2 || op.int(name, 0) === 0) return shape;
    return [...shape.slice(0, -2), shape.at(-1), shape.at(-2)];
  };
  if (op.int('transBatchA', 0) !== 0 || op.int('transBatchB', 0) !== 0) return [tensor(op.elem(0))];
  return [tensor(op.elem(0), matmulShape(flipped(0, 'transA'), flipped(1, 'transB')))];
};

/** Attention over packed heads: tokens and channels of the query, channels of the value when there is one. */
const multiHeadAttention: OperatorInference = (op) => {
  const query = op.shape(0);
  if (query?.length !== 3) return [tensor(op.elem(0))];
  const [value, separate] = [op.shape(2), op.has(2)];
  const width = separate ? (value?.length === 3 ? value[2] : undefined) : query[2];
  return [tensor(op.elem(0), [query[0], query[1], width])];
};

const quantize: OperatorInference = (op) => [tensor(op.has(2) ? op.elem(2) : DataType.UINT8, op.shape(0))];

const LIKE_FIRST = ['BiasAdd', 'BiasGelu', 'FastGelu', 'Gelu', 'GroupNorm', 'QuickGelu'];

/** Operators that onnxruntime's optimizer puts into models (`com.microsoft`), as far as their shapes are plain. */
export const CONTRIB: OperatorTable = new Map<string, OperatorInference>([
  ...LIKE_FIRST.map((name) => [name, likeFirst] as const),
  ['SkipLayerNormalization', skipNormalization],
  ['SkipSimplifiedLayerNormalization', skipNormalization],
  ['FusedMatMul', fusedMatMul],
  ['MultiHeadAttention', multiHeadAttention],
  ['QuantizeLinear', quantize],
  ['DequantizeLinear', (op) => [tensor(op.elem(1), op.shape(0))]],
]);

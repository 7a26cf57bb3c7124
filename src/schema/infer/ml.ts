import { DataType } from '../../ir/data-type.ts';
import { extent } from './dims.ts';
import { likeFirst } from './elementwise.ts';
import { tensor } from './fact.ts';
import type { OperatorInference, OperatorTable } from './op-context.ts';

/** Same shape, float32. */
const floats: OperatorInference = (op) => [tensor(DataType.FLOAT, op.shape(0))];

/** One more dimension, with a place for each category. */
const oneHotEncoder: OperatorInference = (op) => {
  const shape = op.shape(0);
  const categories = op.attribute('cats_int64s')?.ints.length ?? op.attribute('cats_strings')?.strings.length;
  return [tensor(DataType.FLOAT, shape === undefined ? undefined : [...shape, categories])];
};

/** Picks columns: a vector of features counts as one row. */
const arrayFeatureExtractor: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape === undefined || shape.length === 0) return [tensor(op.elem(0))];
  const count = op.dim(1, -1);
  return [tensor(op.elem(0), shape.length === 1 ? [1, count] : [...shape.slice(0, -1), count])];
};

/** The type of the labels is that of the attribute that lists them; opset 1 had one list for either direction. */
const VALUES: readonly (readonly [attribute: string, elemType: number])[] = [
  ['values_int64s', DataType.INT64],
  ['values_strings', DataType.STRING],
  ['values_floats', DataType.FLOAT],
];

const labelEncoder: OperatorInference = (op) => {
  const named =
    VALUES.find(([name]) => op.attribute(name) !== undefined)?.[1] ?? op.tensorAttribute('values_tensor')?.dataType;
  const reverse = op.elem(0) === DataType.STRING ? DataType.INT64 : DataType.STRING;
  return [tensor(op.opset < 2 ? reverse : (named ?? 0), op.shape(0))];
};

/** One row of targets for each row of features. */
const treeEnsemble: OperatorInference = (op) => {
  const targets = op.int('n_targets', 1);
  return [tensor(op.elem(0), [op.dim(0, 0), extent(targets)])];
};

/** Operators of `ai.onnx.ml` whose results do not depend on what was learnt. */
export const ML: OperatorTable = new Map<string, OperatorInference>([
  ['Binarizer', likeFirst],
  ['Imputer', likeFirst],
  ['Normalizer', floats],
  ['Scaler', floats],
  ['OneHotEncoder', oneHotEncoder],
  ['ArrayFeatureExtractor', arrayFeatureExtractor],
  ['LabelEncoder', labelEncoder],
  ['TreeEnsemble', treeEnsemble],
]);

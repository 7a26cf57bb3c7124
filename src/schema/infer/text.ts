import { DataType } from '../../ir/data-type.ts';
import { broadcast } from './dims.ts';
import { Contradiction, tensor } from './fact.ts';
import type { OperatorInference, OperatorTable } from './op-context.ts';

/** Stop words may go, so that the number of strings is not known. */
const normalizer: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape === undefined) return [tensor(DataType.STRING)];
  if (shape.length === 0 || shape.length > 2) throw new Contradiction(`strings of rank ${shape.length}`);
  return [tensor(DataType.STRING, [...shape.slice(0, -1), undefined])];
};

const splitter: OperatorInference = (op) => {
  const shape = op.shape(0);
  return [
    tensor(DataType.STRING, shape === undefined ? undefined : [...shape, undefined]),
    tensor(DataType.INT64, shape),
  ];
};

/** Counts of n-grams: as many as the largest index says. */
const tfIdf: OperatorInference = (op) => {
  const shape = op.shape(0);
  const indexes = op.intList('ngram_indexes') ?? [];
  const count = indexes.length === 0 ? undefined : indexes.reduce((a, b) => Math.max(a, b)) + 1;
  if (shape === undefined) return [tensor(DataType.FLOAT)];
  if (shape.length > 2) throw new Contradiction(`tokens of rank ${shape.length}`);
  return [tensor(DataType.FLOAT, [...shape.slice(0, -1), count])];
};

/** Operators on strings. */
export const TEXT: OperatorTable = new Map<string, OperatorInference>([
  ['StringNormalizer', normalizer],
  ['StringSplit', splitter],
  ['StringConcat', (op) => [tensor(DataType.STRING, broadcast(op.shape(0), op.shape(1)))]],
  ['RegexFullMatch', (op) => [tensor(DataType.BOOL, op.shape(0))]],
  ['TfIdfVectorizer', tfIdf],
]);

import { constantOfNode } from '../../ir/constants.ts';
import { constantFact } from './fact.ts';
import type { OperatorInference, OperatorTable } from './op-context.ts';

const constant: OperatorInference = (op) => {
  const tensor = constantOfNode(op.node);
  return tensor === undefined ? [] : [constantFact(tensor)];
};

/** Operators that make tensors out of attributes. */
export const GENERATE: OperatorTable = new Map<string, OperatorInference>([['Constant', constant]]);

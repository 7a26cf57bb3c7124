import { likeFirst } from './elementwise.ts';
import type { OperatorInference, OperatorTable } from './op-context.ts';

/** Normalizations and activations along axes. */
export const NORMALIZE: OperatorTable = new Map<string, OperatorInference>([
  ['Softmax', likeFirst],
  ['InstanceNormalization', likeFirst],
]);

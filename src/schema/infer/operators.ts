import { CONV } from './conv.ts';
import { ELEMENTWISE } from './elementwise.ts';
import { GENERATE } from './generate.ts';
import { INDEXING } from './indexing.ts';
import { MATMUL } from './matmul.ts';
import { NORMALIZE } from './normalize.ts';
import type { OperatorInference, OperatorTable } from './op-context.ts';
import { PLUGIN } from './plugin.ts';
import { REDUCE } from './reduce.ts';
import { RESIZE } from './resize.ts';
import { SHAPE_OPS } from './shape-ops.ts';

const STANDARD: readonly OperatorTable[] = [
  ...[CONV, ELEMENTWISE, GENERATE, INDEXING, MATMUL, NORMALIZE, PLUGIN, REDUCE, RESIZE, SHAPE_OPS],
];

/** Every operator with inference, keyed by domain (`''` for the standard one) and type. */
const OPERATORS: ReadonlyMap<string, OperatorTable> = new Map([['', new Map(STANDARD.flatMap((table) => [...table]))]]);

/** Inference of an operator; undefined for one that sdgraph does not know. */
export function operatorInference(domain: string, opType: string): OperatorInference | undefined {
  return OPERATORS.get(domain === 'ai.onnx' ? '' : domain)?.get(opType);
}

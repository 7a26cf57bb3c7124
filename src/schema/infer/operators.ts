import { ATTENTION, PREVIEW } from './attention.ts';
import { CONTRIB } from './contrib.ts';
import { CONTROL_FLOW } from './control-flow.ts';
import { CONV } from './conv.ts';
import { EINSUM } from './einsum.ts';
import { ELEMENTWISE } from './elementwise.ts';
import { GENERATE } from './generate.ts';
import { INDEXING } from './indexing.ts';
import { MATMUL } from './matmul.ts';
import { ML } from './ml.ts';
import { NORMALIZE } from './normalize.ts';
import type { OperatorInference, OperatorTable } from './op-context.ts';
import { PLUGIN } from './plugin.ts';
import { QUANTIZE } from './quantize.ts';
import { RECURRENT } from './recurrent.ts';
import { REDUCE } from './reduce.ts';
import { RESIZE } from './resize.ts';
import { SEQUENCES } from './sequences.ts';
import { SHAPE_OPS } from './shape-ops.ts';
import { SIGNAL } from './signal.ts';
import { TEXT } from './text.ts';
import { TRAINING } from './training.ts';
import { VISION } from './vision.ts';

const STANDARD: readonly OperatorTable[] = [
  ...[ATTENTION, CONTROL_FLOW, CONV, EINSUM, ELEMENTWISE, GENERATE, INDEXING, MATMUL, NORMALIZE, PLUGIN, QUANTIZE],
  ...[RECURRENT, REDUCE, RESIZE, SEQUENCES, SHAPE_OPS, SIGNAL, TEXT, VISION],
];

/** Every operator with inference by domain (`''` for the standard one) and type. */
const OPERATORS: ReadonlyMap<string, OperatorTable> = new Map([
  ['', new Map(STANDARD.flatMap((table) => [...table]))],
  ['ai.onnx.ml', ML],
  ['ai.onnx.preview', PREVIEW],
  ['ai.onnx.preview.training', TRAINING],
  ['com.microsoft', CONTRIB],
]);

/** Inference of an operator; undefined for one that sdgraph does not know. */
export function operatorInference(domain: string, opType: string): OperatorInference | undefined {
  return OPERATORS.get(domain === 'ai.onnx' ? '' : domain)?.get(opType);
}

/** Operators with inference as `[domain, type]`. */
export function* inferredOperators(): Generator<readonly [domain: string, opType: string]> {
  for (const [domain, table] of OPERATORS) for (const opType of table.keys()) yield [domain, opType];
}

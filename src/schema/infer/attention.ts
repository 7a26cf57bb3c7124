import type { Dim } from '../../ir/type.ts';
import { extent, product, sameDim, sameShape, sum } from './dims.ts';
import { Contradiction, tensor } from './fact.ts';
import type { OpContext, OperatorInference, OperatorTable } from './op-context.ts';

/** Heads, tokens and size of a head of an operand; rank 3 packs the heads into the last dimension. */
interface Operand {
  readonly batch: Dim;
  readonly heads: Dim;
  readonly tokens: Dim;
  readonly size: Dim;
}

const NOTHING: Operand = { batch: undefined, heads: undefined, tokens: undefined, size: undefined };

function operand(op: OpContext, index: number, headsName: string): Operand {
  const shape = op.shape(index);
  if (shape === undefined) return NOTHING;
  if (shape.length === 4) return { batch: shape[0], heads: shape[1], tokens: shape[2], size: shape[3] };
  if (shape.length !== 3) throw new Contradiction(`input ${index} has rank ${shape.length}, attention takes 3 or 4`);
  const heads = extent(op.int(headsName, 0));
  const hidden = shape[2];
  if (typeof heads !== 'number' || heads === 0) return { ...NOTHING, batch: shape[0], tokens: shape[1] };
  const size = typeof hidden === 'number' ? extent(hidden / heads) : heads === 1 ? hidden : undefined;
  return { batch: shape[0], heads, tokens: shape[1], size };
}

/** Attention of opset 23: the result, the grown caches, and the scores. */
const attention: OperatorInference = (op) => {
  const rank = op.rank(0);
  const query = operand(op, 0, 'q_num_heads');
  const key = operand(op, 1, 'kv_num_heads');
  const value = operand(op, 2, 'kv_num_heads');
  const batch = sameDim(query.batch, sameDim(key.batch, value.batch), 'batch sizes');
  const tokens = sameDim(key.tokens, value.tokens, 'key and value lengths');
  const past = op.has(4) ? op.shapeOfRank(4, 4)?.[2] : 0;
  const total = sum(past, tokens);
  const heads = sameDim(key.heads, value.heads, 'key and value heads');
  const wide = [batch, query.heads, query.tokens, value.size];
  const packed = [batch, query.tokens, product([query.heads, value.size])];
  return [
    tensor(op.elem(0), rank === undefined ? undefined : rank === 4 ? wide : packed),
    tensor(op.elem(1), [batch, heads, total, key.size]),
    tensor(op.elem(2), [batch, heads, total, value.size]),
    tensor(op.elem(0), [batch, query.heads, query.tokens, total]),
  ];
};

/** Heads are always packed; the state is one matrix a key-value head. */
const linearAttention: OperatorInference = (op) => {
  const query = operand(op, 0, 'q_num_heads');
  const key = operand(op, 1, 'kv_num_heads');
  const value = operand(op, 2, 'kv_num_heads');
  const batch = sameDim(query.batch, sameDim(key.batch, value.batch), 'batch sizes');
  const width = product([query.heads, value.size]);
  const state = [batch, key.heads, key.size, value.size];
  const stateElem = op.elem(3) === 0 && !op.has(3) ? op.elem(0) : op.elem(3);
  return [
    tensor(op.elem(0), [batch, query.tokens, width]),
    tensor(stateElem, sameShape(state, op.shapeOfRank(3, 4), 'state')),
  ];
};

const flexAttention: OperatorInference = (op) => {
  const query = op.shapeOfRank(0, 4);
  const value = op.shapeOfRank(2, 4);
  return [tensor(op.elem(0), [query?.[0], query?.[1], query?.[2], value?.[3]])];
};

const rotaryEmbedding: OperatorInference = (op) => [tensor(op.elem(0), op.shape(0))];

/** Attention of the standard operator set. */
export const ATTENTION: OperatorTable = new Map<string, OperatorInference>([
  ['Attention', attention],
  ['LinearAttention', linearAttention],
  ['RotaryEmbedding', rotaryEmbedding],
]);

/** Operators of `ai.onnx.preview`. */
export const PREVIEW: OperatorTable = new Map<string, OperatorInference>([['FlexAttention', flexAttention]]);

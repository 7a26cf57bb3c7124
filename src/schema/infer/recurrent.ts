import type { Dim } from '../../ir/type.ts';
import { extent } from './dims.ts';
import { tensor } from './fact.ts';
import type { OpContext, OperatorInference, OperatorTable } from './op-context.ts';

/** RNN, GRU and LSTM: `Y` of all steps, then the last state(s). Layout 1 (opset 14) puts the batch first. */
const recurrent: OperatorInference = (op) => {
  const data = op.shapeOfRank(0, 3);
  const batchFirst = op.int('layout', 0) === 1;
  const [steps, batch] = batchFirst ? [data?.[1], data?.[0]] : [data?.[0], data?.[1]];
  const directions = op.string('direction', 'forward') === 'bidirectional' ? 2 : 1;
  const hidden = hiddenSize(op);
  const all = batchFirst ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden];
  const last = tensor(op.elem(0), batchFirst ? [batch, directions, hidden] : [directions, batch, hidden]);
  return [tensor(op.elem(0), all), last, last];
};

/** As stated, else from the recurrence weights `[directions, gates * hidden, hidden]`. */
function hiddenSize(op: OpContext): Dim {
  const stated = op.int('hidden_size', -1);
  return stated > 0 ? extent(stated) : op.shapeOfRank(2, 3)?.[2];
}

/** Recurrent layers. */
export const RECURRENT: OperatorTable = new Map<string, OperatorInference>([
  ['RNN', recurrent],
  ['GRU', recurrent],
  ['LSTM', recurrent],
]);

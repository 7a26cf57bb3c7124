import { tensor } from './fact.ts';
import type { OperatorInference, OperatorTable } from './op-context.ts';

/**
 * Optimizers: after learning rate and step count come groups of as many tensors each: parameters, gradients, and the
 * states that are updated with the parameters.
 */
function optimizer(states: number): OperatorInference {
  return (op) => {
    const groups = 2 + states;
    const count = Math.floor((op.inputCount - 2) / groups);
    return Array.from({ length: op.outputCount }, (_, i) => {
      const group = Math.floor(i / count);
      const input = 2 + (i % count) + (group === 0 ? 0 : group + 1) * count;
      return tensor(op.elem(input), op.shape(input));
    });
  };
}

/** Operators of `ai.onnx.preview.training`. */
export const TRAINING: OperatorTable = new Map<string, OperatorInference>([
  ['Adagrad', optimizer(1)],
  ['Adam', optimizer(2)],
  ['Momentum', optimizer(1)],
]);

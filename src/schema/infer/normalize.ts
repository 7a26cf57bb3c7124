import { DataType } from '../../ir/data-type.ts';
import { likeFirst } from './elementwise.ts';
import { Contradiction, tensor } from './fact.ts';
import type { OperatorInference, OperatorTable } from './op-context.ts';

/** The statistics are one number a channel. Until opset 13 they have the type of the data, since then one of their own. */
const batchNormalization: OperatorInference = (op) => {
  const shape = op.shape(0);
  const channels = shape === undefined ? [undefined] : [shape.length > 1 ? shape[1] : 1];
  const statistics = op.opset < 14 ? 0 : 3;
  const saved = tensor(op.elem(statistics), channels);
  return [tensor(op.elem(0), shape), saved, saved, saved, saved];
};

/** Normalizes over all axes from `axis` on; mean and deviation keep these with extent 1. */
const layerNormalization: OperatorInference = (op) => {
  const shape = op.shape(0);
  const elem = op.elem(0);
  const stash = op.int('stash_type', DataType.FLOAT);
  if (shape === undefined) return [tensor(elem), tensor(stash), tensor(stash)];
  const axis = op.axis('axis', -1, shape.length);
  const statistics = tensor(
    stash,
    shape.map((dim, i) => (i < axis ? dim : 1)),
  );
  return [tensor(elem, shape), statistics, statistics];
};

/** The result has the type of the scale. */
const rmsNormalization: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape !== undefined) op.axis('axis', -1, shape.length);
  return [tensor(op.elem(1) === 0 ? op.elem(0) : op.elem(1), shape)];
};

/** Softmax and its kin; before opset 13 the axis only says where the input is flattened. */
const alongAxis: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape !== undefined && shape.length > 0) op.axis('axis', op.opset < 13 ? 1 : -1, shape.length);
  return [tensor(op.elem(0), shape)];
};

/** The mask was of the type of the data until opset 10. */
const dropout: OperatorInference = (op) => [
  tensor(op.elem(0), op.shape(0)),
  tensor(op.opset < 10 ? op.elem(0) : DataType.BOOL, op.shape(0)),
];

/** A loss is one number, or one for each target. The second output of SoftmaxCrossEntropyLoss is like the scores. */
const loss: OperatorInference = (op) => {
  const [scores, target] = [op.shape(0), op.shape(1)];
  if (scores !== undefined && target !== undefined && scores.length !== target.length + 1) {
    throw new Contradiction(`targets of rank ${target.length} for scores of rank ${scores.length}`);
  }
  const isPerTarget = op.string('reduction', 'mean') === 'none';
  const targets = target ?? (scores === undefined ? undefined : [scores[0], ...scores.slice(2)]);
  return [tensor(op.elem(0), isPerTarget ? targets : []), tensor(op.elem(0), scores)];
};

const LIKE_FIRST = [
  ...['GroupNormalization', 'InstanceNormalization', 'LRN', 'LpNormalization', 'MeanVarianceNormalization'],
];

/** Normalizations, activations along an axis, and losses. */
export const NORMALIZE: OperatorTable = new Map<string, OperatorInference>([
  ...LIKE_FIRST.map((name) => [name, likeFirst] as const),
  ...['Softmax', 'LogSoftmax', 'Hardmax'].map((name) => [name, alongAxis] as const),
  ['BatchNormalization', batchNormalization],
  ['LayerNormalization', layerNormalization],
  ['RMSNormalization', rmsNormalization],
  ['Dropout', dropout],
  ['NegativeLogLikelihoodLoss', loss],
  ['SoftmaxCrossEntropyLoss', loss],
]);

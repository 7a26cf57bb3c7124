import { GraphBuilder } from '../author/graph-builder.ts';
import { numberTensor } from '../author/number-tensor.ts';
import { int64Tensor } from '../ir/constants.ts';
import { DataType } from '../ir/data-type.ts';
import type { Model } from '../ir/model.ts';
import type { Tensor } from '../ir/tensor.ts';
import type { Value } from '../ir/value.ts';
import { clipLayer } from './clip-layer.ts';
import type { ClipConfig } from './config-clip.ts';
import { layerNorm } from './modules.ts';
import { Network } from './network.ts';
import { type GraphType, graphType, requireWhole } from './options.ts';
import type { WeightSource } from './weights.ts';

/** How {@link buildClip} writes the graph. */
export interface ClipOptions {
  /** Prompts in one run; default 1. */
  readonly batchSize?: number;
  /** Element type of the graph and its outputs; default `fp32`. */
  readonly dtype?: GraphType;
  /**
   * Whether the embedding of the end of the prompt is a second output, as the exporter writes it. Nothing of the pipeline
   * reads it, but models that were compiled from the exporter's graph have it. Default true.
   */
  readonly pooled?: boolean;
  /** Version of the standard operators, 11 or newer; default 11. */
  readonly opset?: number;
}

/** What stands for minus infinity in the scores of tokens that must not be seen: the lowest number of the type. */
const LOWEST: ReadonlyMap<number, number> = new Map([
  [DataType.FLOAT, -3.4028234663852886e38],
  [DataType.FLOAT16, -65_504],
]);

/**
 * Writes `CLIPTextModel` of transformers as a graph, under the names that PyTorch's exporter gives.
 *
 * Input `prompt` int64 [B, T], the token ids; outputs `text_embeddings` [B, T, D] and `pooled_output` [B, D].
 *
 * @throws SdgraphError `E_EXPORT` for options that cannot be, `E_AUTHOR` for an operator set that graphs are not written
 * for, `E_CHECKPOINT_TENSOR` when the weights are not those of the configuration
 */
export function buildClip(config: ClipConfig, weights: WeightSource, options: ClipOptions = {}): Model {
  const { batchSize = 1, pooled = true, opset = 11 } = options;
  requireWhole('batchSize', batchSize);
  const dataType = graphType(options.dtype ?? 'fp32');
  const builder = new GraphBuilder({ opset, name: 'clip' });
  const prompt = builder.input('prompt', DataType.INT64, [batchSize, config.maxPositions]);
  const net = new Network({ builder, weights, dataType });
  net.module('text_model', () => {
    const ids = builder.reshape(prompt, [-1, config.maxPositions]);
    let x = embeddings(net, ids, config);
    net.module('encoder', () => {
      const mask = causalMask(batchSize, config.maxPositions, dataType);
      for (let layer = 0; layer < config.layers; layer++) x = clipLayer(net, `layers.${layer}`, x, mask, config);
    });
    x = layerNorm(net, 'final_layer_norm', x, config.layerNormEps);
    builder.output('text_embeddings', x);
    if (pooled) builder.output('pooled_output', endOfPrompt(net, x, ids));
  });
  return builder.build();
}

/** `CLIPTextEmbeddings`: one row for the token, one for its position. */
function embeddings(net: Network, ids: Value, { vocabSize, hiddenSize, maxPositions }: ClipConfig): Value {
  const { builder } = net;
  return net.module('embeddings', () => {
    const row = (name: string, rows: number, index: Value): Value =>
      net.module(name, () => builder.op('Gather', [net.parameter('weight', [rows, hiddenSize]), index]));
    const tokens = row('token_embedding', vocabSize, ids);
    // A buffer of older checkpoints, which newer ones leave out: it only counts.
    const counted = Array.from({ length: maxPositions }, (_, i) => i);
    const positions = int64Tensor(counted, [1, maxPositions], builder.parameterName('position_ids'));
    return builder.add(tokens, row('position_embedding', maxPositions, builder.initializer(positions)));
  });
}

/** [B, 1, T, T]: what is added to the scores, so that no token sees those behind it. */
function causalMask(batch: number, length: number, dataType: number): Tensor {
  const lowest = LOWEST.get(dataType) ?? Number.NEGATIVE_INFINITY;
  const square = length * length;
  const values = Array.from({ length: batch * square }, (_, i) =>
    i % length > Math.floor((i % square) / length) ? lowest : 0,
  );
  return numberTensor(dataType, values, [batch, 1, length, length]);
}

/** [B, D]: the embeddings of the tokens with the largest id, the end of each prompt; `text[arange(B), argmax(ids)]` as exported. */
function endOfPrompt(net: Network, text: Value, ids: Value): Value {
  const { builder } = net;
  const samples = net.dim(text, 0);
  const index = builder.argMax(builder.cast(ids, DataType.INT32), -1, false);
  const shape = builder.shapeOf(text);
  const length = builder.gather(shape, builder.int64([1]));
  const width = builder.gather(shape, builder.int64([2]));
  const rows = builder.flatten(text, 2);
  const firsts = builder.mul(builder.int64(Array.from({ length: samples }, (_, i) => i)), length);
  const place = builder.add(index, firsts);
  const picked = builder.gather(rows, place);
  const lead = builder.shapeOf(place);
  const flat = builder.reshape(picked, builder.concat([builder.int64([-1]), width], 0));
  return builder.reshape(flat, builder.concat([lead, width], 0));
}

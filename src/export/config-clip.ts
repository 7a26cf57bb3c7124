import { ConfigFile } from './config.ts';

/** The text encoder of a checkpoint (CLIP), as the graph needs to know it. */
export interface ClipConfig {
  /** Width D of the embeddings. */
  readonly hiddenSize: number;
  /** Width F of the feed-forward layers. */
  readonly intermediateSize: number;
  /** Number of layers L. */
  readonly layers: number;
  /** Attention heads; `hiddenSize` is a multiple of it. */
  readonly heads: number;
  /** Activation of the feed-forward layers: `x * sigmoid(1.702 x)`, or the exact one with `erf`. */
  readonly activation: 'quick_gelu' | 'gelu';
  /** Entries of the token table. */
  readonly vocabSize: number;
  /** Positions T: tokens of a prompt. */
  readonly maxPositions: number;
  /** Epsilon of every layer normalization. */
  readonly layerNormEps: number;
}

/** Keys that training or the tokenizer read, or that note where the file came from. */
const UNUSED = [
  'attention_dropout',
  'bos_token_id',
  'dropout',
  'dtype',
  'eos_token_id',
  'initializer_factor',
  'initializer_range',
  'pad_token_id',
  // The model ends before a projection, whatever its width.
  'projection_dim',
  'torch_dtype',
  'transformers_version',
];

/**
 * Reads `text_encoder/config.json`.
 *
 * @throws SdgraphError `E_CHECKPOINT_CONFIG` for a value that is missing, of another kind, or not supported, and for an
 * unknown key that is set; `E_FILE_MISSING`, `E_FILE_READ`
 */
export function readClipConfig(path: string): ClipConfig {
  const file = ConfigFile.read(path);
  file.fixed('model_type', ['clip_text_model', 'clip']);
  file.fixedList('architectures', ['CLIPTextModel']);
  const config: ClipConfig = {
    hiddenSize: file.size('hidden_size'),
    intermediateSize: file.size('intermediate_size'),
    layers: file.size('num_hidden_layers'),
    heads: file.size('num_attention_heads'),
    activation: file.choice('hidden_act', ['quick_gelu', 'gelu']),
    vocabSize: file.size('vocab_size'),
    maxPositions: file.size('max_position_embeddings'),
    layerNormEps: file.epsilon('layer_norm_eps', 1e-5),
  };
  file.multiple('hidden_size', config.hiddenSize, 'num_attention_heads', config.heads);
  file.finish(UNUSED);
  return config;
}

/** The architectures that checkpoints are made up of. */
export type TinyArchitecture = 'sd15' | 'sd21';

/** All architectures, as a user may write them. */
export const TINY_ARCHITECTURES: readonly TinyArchitecture[] = ['sd15', 'sd21'];

/** A JSON object to be written. */
type Json = Readonly<Record<string, unknown>>;

/** The configurations of a made-up checkpoint, by their paths in it. */
export function tinyConfigs(architecture: TinyArchitecture, isFullSize: boolean): ReadonlyMap<string, Json> {
  const is15 = architecture === 'sd15';
  const text = isFullSize ? (is15 ? 768 : 1024) : is15 ? 32 : 40;
  const heads = isFullSize ? (is15 ? 8 : [5, 10, 20, 20]) : is15 ? 4 : [2, 4, 6, 6];
  return new Map<string, Json>([
    ['model_index.json', MODEL_INDEX],
    ['scheduler/scheduler_config.json', SCHEDULER],
    [
      'text_encoder/config.json',
      {
        ...TEXT_ENCODER,
        hidden_act: is15 ? 'quick_gelu' : 'gelu',
        hidden_size: text,
        intermediate_size: isFullSize ? 4 * text : 2 * text,
        num_attention_heads: isFullSize ? text / 64 : text / 8,
        num_hidden_layers: isFullSize ? (is15 ? 12 : 23) : 3,
        projection_dim: isFullSize ? (is15 ? 768 : 512) : text,
        vocab_size: isFullSize ? 49_408 : 800,
      },
    ],
    [
      'unet/config.json',
      {
        ...UNET,
        attention_head_dim: heads,
        block_out_channels: isFullSize ? [320, 640, 1280, 1280] : [16, 32, 48, 48],
        cross_attention_dim: text,
        norm_num_groups: isFullSize ? 32 : 8,
        sample_size: isFullSize ? 64 : 16,
        ...(is15 ? {} : { use_linear_projection: true }),
      },
    ],
    [
      'vae/config.json',
      {
        ...VAE,
        block_out_channels: isFullSize ? [128, 256, 512, 512] : [16, 24, 32, 32],
        norm_num_groups: isFullSize ? 32 : 8,
        sample_size: isFullSize ? 512 : 128,
      },
    ],
  ]);
}

const MODEL_INDEX: Json = {
  _class_name: 'StableDiffusionPipeline',
  _diffusers_version: '0.14.0',
  feature_extractor: [null, null],
  requires_safety_checker: false,
  safety_checker: [null, null],
  scheduler: ['diffusers', 'PNDMScheduler'],
  text_encoder: ['transformers', 'CLIPTextModel'],
  tokenizer: ['transformers', 'CLIPTokenizer'],
  unet: ['diffusers', 'UNet2DConditionModel'],
  vae: ['diffusers', 'AutoencoderKL'],
};

const SCHEDULER: Json = {
  _class_name: 'PNDMScheduler',
  _diffusers_version: '0.14.0',
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  beta_start: 0.00085,
  clip_sample: false,
  num_train_timesteps: 1000,
  prediction_type: 'epsilon',
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  trained_betas: null,
};

const TEXT_ENCODER: Json = {
  architectures: ['CLIPTextModel'],
  attention_dropout: 0,
  bos_token_id: 0,
  dropout: 0,
  eos_token_id: 2,
  layer_norm_eps: 1e-5,
  max_position_embeddings: 77,
  model_type: 'clip_text_model',
  pad_token_id: 1,
};

const UNET: Json = {
  _class_name: 'UNet2DConditionModel',
  _diffusers_version: '0.14.0',
  act_fn: 'silu',
  center_input_sample: false,
  down_block_types: ['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D'],
  downsample_padding: 1,
  flip_sin_to_cos: true,
  freq_shift: 0,
  in_channels: 4,
  layers_per_block: 2,
  mid_block_scale_factor: 1,
  norm_eps: 1e-5,
  out_channels: 4,
  up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'],
};

const VAE: Json = {
  _class_name: 'AutoencoderKL',
  _diffusers_version: '0.14.0',
  act_fn: 'silu',
  down_block_types: ['DownEncoderBlock2D', 'DownEncoderBlock2D', 'DownEncoderBlock2D', 'DownEncoderBlock2D'],
  in_channels: 3,
  latent_channels: 4,
  layers_per_block: 2,
  out_channels: 3,
  scaling_factor: 0.18215,
  up_block_types: ['UpDecoderBlock2D', 'UpDecoderBlock2D', 'UpDecoderBlock2D', 'UpDecoderBlock2D'],
};

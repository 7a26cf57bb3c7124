import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readClipConfig } from '../../src/export/config-clip.ts';
import { readUNetConfig } from '../../src/export/config-unet.ts';
import { readVaeConfig } from '../../src/export/config-vae.ts';
import { expectError } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';
import { tinySd } from '../support/tiny-sd.ts';

const READERS = { text_encoder: readClipConfig, unet: readUNetConfig, vae: readVaeConfig } as const;
type Part = keyof typeof READERS;

/** Reads the configuration of a miniature checkpoint with some values replaced; undefined takes one away. */
function read<P extends Part>(
  part: P,
  change: object,
  arch: 'sd15' | 'sd21' = 'sd15',
): ReturnType<(typeof READERS)[P]> {
  const values = JSON.parse(readFileSync(join(tinySd(arch), part, 'config.json'), 'utf8')) as object;
  const path = join(tempDir(), 'config.json');
  writeFileSync(path, JSON.stringify({ ...values, ...change }));
  return READERS[part](path) as ReturnType<(typeof READERS)[P]>;
}

test('heads are one number or one a level, and attention is told by the types of blocks', () => {
  expect(read('unet', {})).toMatchObject({
    heads: [4, 4, 4, 4],
    downAttention: [true, true, true, false],
    useLinearProjection: false,
  });
  expect(read('unet', {}, 'sd21')).toMatchObject({
    heads: [2, 4, 6, 6],
    upAttention: [false, true, true, true],
    useLinearProjection: true,
  });
});

test('an old file that says 32 means 64', () => {
  expect(read('unet', { sample_size: 32, _diffusers_version: '0.6.0' }).sampleSize).toBe(64);
  expect(read('unet', { sample_size: 32, _diffusers_version: '0.9.0' }).sampleSize).toBe(32);
  expect(read('unet', { sample_size: 96, _diffusers_version: '0.8.0' }).sampleSize).toBe(96);
});

test('what newer libraries note is understood where it changes nothing', () => {
  const notes = {
    _name_or_path: 'somewhere',
    addition_embed_type: null,
    addition_embed_type_num_heads: 64,
    attention_type: 'default',
    conv_in_kernel: 3,
    dropout: 0,
    mid_block_type: 'UNetMidBlock2DCrossAttn',
    resnet_out_scale_factor: 1,
    some_future_key: null,
    transformer_layers_per_block: 1,
    upcast_attention: null,
  };
  expect(read('unet', notes)).toEqual(read('unet', {}));
  expect(
    read('vae', { force_upcast: true, latents_mean: null, use_quant_conv: true, use_post_quant_conv: true }),
  ).toMatchObject({ forceUpcast: true });
  expect(read('text_encoder', { transformers_version: '4.48.0', dtype: 'float32' })).toEqual(read('text_encoder', {}));
});

describe('what would give another model is refused by name', () => {
  test.each([
    ['unet', { _class_name: 'UNet3DConditionModel' }],
    ['unet', { act_fn: 'mish' }],
    ['unet', { addition_embed_type: 'text_time' }],
    ['unet', { attention_head_dim: 5 }],
    ['unet', { attention_head_dim: [4, 4] }],
    ['unet', { attention_head_dim: null }],
    ['unet', { block_out_channels: [] }],
    ['unet', { block_out_channels: [16, 32, 32, '32'] }],
    ['unet', { block_out_channels: [16, 32, 32, 1e9] }],
    ['unet', { center_input_sample: true }],
    ['unet', { class_embed_type: 'timestep' }],
    ['unet', { cross_attention_dim: undefined }],
    ['unet', { cross_attention_dim: -1 }],
    ['unet', { down_block_types: ['DownBlock2D'] }],
    ['unet', { dual_cross_attention: true }],
    ['unet', { norm_eps: 0 }],
    ['unet', { norm_num_groups: null }],
    ['unet', { num_attention_heads: 8 }],
    ['unet', { only_cross_attention: [true, false] }],
    ['unet', { resnet_time_scale_shift: 'scale_shift' }],
    ['unet', { sample_size: 12 }],
    ['unet', { some_future_key: 1 }],
    ['unet', { time_cond_proj_dim: 256 }],
    ['unet', { use_linear_projection: 'yes' }],
    ['vae', { _class_name: 'VQModel' }],
    ['vae', { latents_mean: [0.1] }],
    ['vae', { mid_block_add_attention: false }],
    ['vae', { shift_factor: 0.1 }],
    ['vae', { up_block_types: ['AttnUpDecoderBlock2D', 'UpDecoderBlock2D', 'UpDecoderBlock2D', 'UpDecoderBlock2D'] }],
    ['vae', { use_post_quant_conv: false }],
    ['text_encoder', { architectures: ['CLIPTextModelWithProjection'] }],
    ['text_encoder', { hidden_act: 'relu' }],
    ['text_encoder', { model_type: 't5' }],
    ['text_encoder', { num_attention_heads: 5 }],
    ['text_encoder', { relative_attention_num_buckets: 32 }],
  ] as const)('%s %o', (part, change) => {
    const { where } = expectError('E_CHECKPOINT_CONFIG', () => read(part, change));
    const [key] = Object.keys(change);
    // What does not go together is named by the value that has to be a multiple.
    expect([key, 'block_out_channels', 'hidden_size']).toContain(where.name);
  });
});

test('files that are no JSON object are refused', () => {
  const path = join(tempDir(), 'config.json');
  for (const text of ['', '[]', 'null', '7', '{', '\u0000', '{"a":1}x']) {
    writeFileSync(path, text);
    for (const reader of Object.values(READERS)) expectError('E_CHECKPOINT_CONFIG', () => reader(path));
  }
  expectError('E_FILE_MISSING', () => readUNetConfig(join(tempDir(), 'none.json')));
});

/** The only weights that the host needs: the 1x1 convolution in front of the VAE's decoder. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '../errors.ts';
import { openSafetensors, type SafetensorsDtype } from '../io/safetensors.ts';
import { bfloatToNumber, halfToNumber } from '../ir/numbers.ts';
import { ConfigFile, checkpointError, kindOf } from './config-file.ts';

/** `post_quant_conv` of a VAE. */
export interface PostQuantConv {
  /** A row for each output channel: [4,4]. */
  readonly weight: Float32Array;
  /** [4] */
  readonly bias: Float32Array;
}

const CHANNELS = 4;

/** Where the weights of a VAE may be, the best first: whole in full precision, in parts, in half precision. */
const FILES = ['diffusion_pytorch_model', 'diffusion_pytorch_model.fp16'];

/**
 * Reads `post_quant_conv.weight` and `post_quant_conv.bias` of a checkpoint's VAE, and nothing else of it.
 *
 * @param dir folder of the checkpoint
 * @throws SdgraphError `E_CHECKPOINT` when there are no safetensors, `E_CHECKPOINT_TENSOR` when one of the two is missing or
 * has another shape or type; `E_CHECKPOINT_CONFIG`, `E_SAFETENSORS`, `E_FILE_READ`
 */
export function readPostQuantConv(dir: string): PostQuantConv {
  const vae = join(dir, 'vae');
  return {
    weight: readTensor(vae, 'post_quant_conv.weight', [CHANNELS, CHANNELS, 1, 1]),
    bias: readTensor(vae, 'post_quant_conv.bias', [CHANNELS]),
  };
}

function readTensor(vae: string, name: string, shape: readonly number[]): Float32Array {
  const path = fileOf(vae, name);
  const file = openSafetensors(path);
  try {
    const tensor = file.tensors.get(name);
    const decode = tensor === undefined ? undefined : DECODERS.get(tensor.dtype);
    // Old checkpoints keep the convolution as a matrix.
    const size = (dims: readonly number[]): string => dims.filter((dim, i) => i < 2 || dim !== 1).join(',');
    if (tensor === undefined || decode === undefined || size(tensor.shape) !== size(shape)) {
      const found = tensor === undefined ? 'nothing' : `${tensor.dtype}[${tensor.shape.slice(0, 8).join(',')}]`;
      const details = { expected: `F32, F16 or BF16 [${shape.join(',')}]`, found };
      throw checkpointError(
        'the VAE has no tensor that can be used',
        { file: path, name },
        details,
        'E_CHECKPOINT_TENSOR',
      );
    }
    const bytes = file.source.read(tensor.offset, tensor.length);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = shape.reduce((a, b) => a * b, 1);
    return Float32Array.from({ length: count }, (_, i) => decode(view, i));
  } finally {
    file.close();
  }
}

const DECODERS: ReadonlyMap<SafetensorsDtype, (view: DataView, i: number) => number> = new Map<
  SafetensorsDtype,
  (view: DataView, i: number) => number
>([
  ['F32', (view, i) => view.getFloat32(4 * i, true)],
  ['F16', (view, i) => halfToNumber(view.getUint16(2 * i, true))],
  ['BF16', (view, i) => bfloatToNumber(view.getUint16(2 * i, true))],
]);

/** The file that a tensor of the VAE is in. */
function fileOf(vae: string, name: string): string {
  for (const stem of FILES) {
    const whole = join(vae, `${stem}.safetensors`);
    if (existsSync(whole)) return whole;
    const [base, variant] = stem.split('.');
    const suffix = variant === undefined ? '' : `.${variant}`;
    const index = join(vae, `${base}.safetensors.index${suffix}.json`);
    if (existsSync(index)) return shardOf(vae, index, name);
  }
  const isPickled = existsSync(join(vae, 'diffusion_pytorch_model.bin'));
  const hint = isPickled
    ? 'pickled weights (.bin) are not read; save the checkpoint with safe_serialization=True in diffusers'
    : 'a VAE that was exported with its post_quant_conv needs no weights here: say vaePostQuant "model"';
  const found = isPickled ? 'diffusion_pytorch_model.bin' : 'no weights';
  const expected = 'diffusion_pytorch_model.safetensors';
  throw checkpointError('the weights of the VAE cannot be read', { file: vae }, { expected, found, hint });
}

/** The file of a checkpoint in parts that a tensor is in. */
function shardOf(vae: string, index: string, name: string): string {
  const config = new ConfigFile(index);
  const map = config.get('weight_map');
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw config.refused('weight_map', 'an object that gives the file of each tensor');
  }
  const shard: unknown = new Map<string, unknown>(Object.entries(map)).get(name);
  if (typeof shard === 'string' && /^[^/\\\0]+\.safetensors$/u.test(shard)) return join(vae, shard);
  const found = typeof shard === 'string' ? `'${printable(shard)}'` : kindOf(shard);
  const expected = 'the name of a .safetensors file in the same folder';
  throw checkpointError('the index names no usable file for a tensor', { file: index, name }, { expected, found });
}

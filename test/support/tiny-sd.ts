import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import * as ort from 'onnxruntime-node';
import { openSafetensors } from '../../src/io/safetensors.ts';

/** The miniature checkpoints: Stable Diffusion 1.5 with float32 weights, 2.1-base with float16 weights. */
export const ARCHITECTURES = ['sd15', 'sd21'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** The models of a checkpoint. */
export const MODELS = ['clip', 'unet', 'vae'] as const;
export type ModelName = (typeof MODELS)[number];

const fixtures = new URL('../../fixtures/', import.meta.url);

/** The folder of a miniature checkpoint. */
export function tinySd(architecture: Architecture): string {
  return fileURLToPath(new URL(`tiny-sd/${architecture}`, fixtures));
}

/** What torch exported for a model of a miniature checkpoint. */
export function torchExport(architecture: Architecture, model: ModelName): Uint8Array {
  const file = new URL(`torch-export/${architecture}/${model}.onnx.gz`, fixtures);
  return new Uint8Array(gunzipSync(readFileSync(file)));
}

/** Inputs and results of a checkpoint as torch computed them. */
export type Goldens = ReadonlyMap<string, ort.Tensor>;

export function goldens(architecture: Architecture): Goldens {
  const file = openSafetensors(`${tinySd(architecture)}/golden.safetensors`);
  try {
    const tensors = new Map<string, ort.Tensor>();
    for (const [name, { dtype, shape, offset, length }] of file.tensors) {
      const { buffer } = file.source.read(offset, length).slice();
      if (dtype === 'F32') tensors.set(name, new ort.Tensor('float32', new Float32Array(buffer), shape));
      else if (dtype === 'I64') tensors.set(name, new ort.Tensor('int64', new BigInt64Array(buffer), shape));
      else if (dtype === 'I32') tensors.set(name, new ort.Tensor('int32', new Int32Array(buffer), shape));
      else if (dtype === 'U8') tensors.set(name, new ort.Tensor('uint8', new Uint8Array(buffer), shape));
      else throw new Error(`${name} is of type ${dtype}`);
    }
    return tensors;
  } finally {
    file.close();
  }
}

/** The golden of this name. */
export function golden(from: Goldens, name: string): ort.Tensor {
  const tensor = from.get(name);
  if (tensor === undefined) throw new Error(`there is no golden '${name}'`);
  return tensor;
}

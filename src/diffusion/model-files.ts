import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SdgraphError } from '../errors.ts';
import { openModel } from '../io/open.ts';
import { constantNumbers } from '../ir/constants.ts';
import type { Model } from '../ir/model.ts';
import type { Node } from '../ir/node.ts';

/** What runs models: onnxruntime on the CPU (`.onnx`), or AscendCL on devices (`.om`). */
export type PipelineBackend = 'ort' | 'acl';

/** The model files of a pipeline. */
export interface ModelFiles {
  readonly backend: PipelineBackend;
  readonly clip: string;
  readonly unet: string;
  readonly vae: string;
}

/** The names of the files in a model folder, the preferred one first. */
const NAMES = {
  acl: { clip: ['clip/clip.om'], unet: ['unet/unet.om', 'unet/unet_md.om'], vae: ['vae/vae.om'] },
  ort: { clip: ['clip/clip.onnx'], unet: ['unet/unet_md.onnx', 'unet/unet.onnx'], vae: ['vae/vae.onnx'] },
} as const;

const PARTS = ['clip', 'unet', 'vae'] as const;

/**
 * Finds the models of a pipeline in a folder: `{clip,unet,vae}/NAME.om`, or `.onnx` where the compiled ones are not
 * complete. Of the UNet the optimized model (`unet_md.onnx`) is preferred.
 *
 * @param backend takes that kind of file only
 * @throws SdgraphError `E_MODELS` naming what is missing
 */
export function findModels(dir: string, backend?: PipelineBackend): ModelFiles {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw modelsError('there is no folder of models', { file: dir }, { expected: 'a folder with clip/, unet/, vae/' });
  }
  const kinds = backend === undefined ? (['acl', 'ort'] as const) : [backend];
  const candidates = kinds.map((kind) => ({ kind, found: PARTS.map((part) => firstOf(dir, NAMES[kind][part])) }));
  for (const { kind, found } of candidates) {
    const [clip, unet, vae] = found;
    if (clip !== undefined && unet !== undefined && vae !== undefined) return { backend: kind, clip, unet, vae };
  }
  // Whoever compiled two of the models wants to hear about the third.
  const count = (found: readonly unknown[]): number => found.filter((file) => file !== undefined).length;
  const [best] = candidates.toSorted((a, b) => count(b.found) - count(a.found));
  const kind = best?.kind ?? 'ort';
  const missing = PARTS.filter((_, i) => best?.found[i] === undefined).map((part) => NAMES[kind][part][0]);
  const there = best?.found.filter((file) => file !== undefined) ?? [];
  throw modelsError(
    'the folder does not hold all models',
    { file: dir },
    {
      expected: missing.join(', '),
      found: there.length === 0 ? 'none of the models' : there.join(', '),
      hint: 'sdgraph export makes the .onnx files, sdgraph compile the .om files; all three have to be of one kind',
    },
  );
}

function firstOf(dir: string, names: readonly string[]): string | undefined {
  return names.map((name) => join(dir, name)).find((path) => existsSync(path));
}

/**
 * Whether a decoder was exported together with its `post_quant_conv`: a 1x1 convolution of the latents comes first. Reads
 * the structure of the model, no weights.
 *
 * @param path an `.onnx` file
 * @throws SdgraphError what opening a model throws
 */
export async function holdsPostQuantConv(path: string): Promise<boolean> {
  const model = await openModel(path);
  try {
    return startsWithPointwiseConv(model);
  } finally {
    model.close();
  }
}

function startsWithPointwiseConv({ graph }: Model): boolean {
  let value = graph.inputs[0];
  // Casts and scalings may stand before it.
  for (let i = 0; value !== undefined && i < 8; i++) {
    const next = value.soleUse?.node;
    if (next?.opType === 'Conv' && next.domain === '') return isPointwise(next);
    const isScaling =
      (next?.opType === 'Mul' || next?.opType === 'Div') &&
      next.inputs.some((input) => input !== undefined && constantNumbers(input)?.length === 1);
    if (next === undefined || !(isScaling || next.opType === 'Cast' || next.opType === 'Identity')) return false;
    value = next.output(0);
  }
  return false;
}

/** Whether a convolution looks at single pixels. The weight says it where the node does not. */
function isPointwise(conv: Node): boolean {
  const kernel = conv.attribute('kernel_shape')?.values.ints ?? conv.inputs[1]?.initializer?.dims.slice(2) ?? [];
  return kernel.length === 2 && kernel.every((size) => Number(size) === 1);
}

/** The typed error of models that cannot be used together. */
export function modelsError(
  reason: string,
  where: { readonly file?: string; readonly name?: string },
  details: { readonly expected?: string; readonly found?: string; readonly hint?: string } = {},
): SdgraphError {
  return new SdgraphError('E_MODELS', reason, where, details);
}

import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { saveModel } from '../../src/io/save.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import { buildModel } from './model-builder.ts';

/** The folder of the simulated tools. */
export const SIMULATION = resolve(import.meta.dirname, '../../fixtures/ascend-sim');

/** What a UNet in a test has that others do not. */
export interface UnetOptions {
  readonly opset?: number;
  /** Plugin operators to have one node each of. */
  readonly plugins?: readonly string[];
  /** Size of the batch; a name for an open one. */
  readonly batch?: number | string;
  /** Element type of the timestep. */
  readonly timestep?: number;
  /** Names of the nodes of group normalizations, without the operator. */
  readonly groupNorms?: readonly string[];
}

/** A few nodes with the inputs and outputs of a UNet. */
function unetModel(options: UnetOptions = {}): Model {
  const { opset = 11, plugins = [], batch = 2, timestep = DataType.INT32, groupNorms = [] } = options;
  return buildModel(opset, (graph) => {
    let x = graph.input('latent_model_input', [batch, 4, 8, 8]);
    graph.input('t', [1], timestep);
    const embeddings = graph.input('encoder_hidden_states', [batch, 77, 32]);
    for (const plugin of plugins) {
      const q = graph.op('Unsqueeze', [embeddings, graph.ints([1])]);
      graph.op(plugin, [q, q, q], { name: plugin });
    }
    for (const name of groupNorms) {
      const reshaped = graph.op('Reshape', [x, graph.ints([0, 2, -1])], { name: `${name}/Reshape` });
      const ones = graph.floats([1, 1]);
      const norm = graph.op('InstanceNormalization', [reshaped, ones, graph.floats([0, 0])], { name: `${name}/Norm` });
      const back = graph.op('Reshape', [norm, graph.ints([2, 4, 8, 8])], { name: `${name}/Reshape_1` });
      const mul = graph.op('Mul', [back, graph.scalar(1)], { name: `${name}/Mul` });
      x = graph.op('Add', [mul, graph.scalar(0)], { name: `${name}/Add` });
    }
    const large = Array.from({ length: 1024 }, (_, i) => i / 1024);
    const y = graph.op('Mul', [x, graph.floats(large, [1024, 1, 1, 1, 1], 'large')], { name: 'large' });
    const sum = graph.op('ReduceSum', [y], { name: 'sum', outputs: ['sample'] });
    graph.output(sum, [batch, 4, 8, 8]);
  });
}

/** How {@link writeModels} writes. */
export interface WriteModelsOptions extends UnetOptions {
  /** Name of the UNet's file. */
  readonly unet?: string;
  /** The UNet has its weights in a data file. */
  readonly external?: boolean;
}

/** Writes the three models of a pipeline, tiny, below a folder as the exporter does. Returns the folder. */
export async function writeModels(folder: string, options: WriteModelsOptions = {}): Promise<string> {
  for (const part of ['clip', 'unet', 'vae']) mkdirSync(join(folder, part), { recursive: true });
  const clip = buildModel(11, (graph) => {
    const prompt = graph.input('prompt', [1, 77], DataType.INT64);
    const table = graph.floats([0, 1, 2, 3, 4, 5, 6, 7], [4, 2], 'table');
    graph.output(graph.op('Gather', [table, prompt], { name: 'embed', outputs: ['text_embeddings'] }), [1, 77, 2]);
  });
  await saveModel(clip, join(folder, 'clip/clip.onnx'), { externalData: 'reuse' });
  const unet = join(folder, 'unet', options.unet ?? 'unet_md.onnx');
  await saveModel(unetModel(options), unet, { externalData: options.external === true ? 'single' : 'reuse' });
  const vae = buildModel(11, (graph) => {
    const latents = graph.input('latents', [1, 4, 8, 8]);
    graph.output(graph.op('Tanh', [latents], { name: 'decode', outputs: ['image'] }), [1, 4, 8, 8]);
  });
  await saveModel(vae, join(folder, 'vae/vae.onnx'), { externalData: 'reuse' });
  return folder;
}

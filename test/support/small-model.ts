import { appendFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { saveBytes, saveModel } from '../../src/io/save.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import { Tensor } from '../../src/ir/tensor.ts';
import { buildModel } from './model-builder.ts';

/** Elements of the one large weight of {@link smallModel}. */
const WEIGHT_ELEMENTS = 8 * 64;

/**
 * What the recipe looks for, in a few nodes: a timestep, an addition of zeros, a tensor cut in halves. `large` is the
 * only weight that is stored outside when a model has external data.
 */
export function smallModel(): Model {
  return buildModel(11, (graph) => {
    const x = graph.input('latent_model_input', [1, 4, 8, 8]);
    const t = graph.input('t', [1], DataType.INT64);
    const cast = graph.op('Cast', [t], { attributes: [Attribute.int('to', DataType.FLOAT)] });
    const scaled = graph.op('Mul', [x, cast]);
    const sum = graph.op('Add', [scaled, graph.floats([0, 0, 0, 0, 0, 0, 0, 0], [8], 'zeros')], { name: 'add_zeros' });
    const large = Array.from({ length: WEIGHT_ELEMENTS }, (_, i) => i / 64);
    const product = graph.op('MatMul', [sum, graph.floats(large, [8, 64], 'large')]);
    const half = (name: string, start: number): ReturnType<typeof graph.op> =>
      graph.op('Slice', [product, graph.ints([start]), graph.ints([start + 32]), graph.ints([3])], { name });
    const y = graph.op('Mul', [half('Slice', 0), half('Slice_1', 32)], { name: 'gate', outputs: ['sample'] });
    graph.output(y, [1, 4, 8, 32]);
  });
}

/** Saves {@link smallModel} with its weight inside. Returns the path. */
export async function writeSmallModel(folder: string, name = 'unet.onnx'): Promise<string> {
  const path = join(folder, name);
  await saveModel(smallModel(), path, { externalData: 'reuse' });
  return path;
}

/** Saves {@link smallModel} with its weight in a data file. Returns the path of the model. */
export async function writeExternalModel(folder: string, name = 'unet.onnx'): Promise<string> {
  const path = join(folder, name);
  await saveModel(smallModel(), path, { externalData: 'single' });
  return path;
}

/** Saves a model whose one weight lies in `weights.bin`, a file of `bytes` zeros that takes no room on disk. */
export async function writeSparseModel(folder: string, bytes: number): Promise<string> {
  const entries = new Map([
    ['location', 'weights.bin'],
    ['offset', '0'],
    ['length', String(bytes)],
  ]);
  const storage = { kind: 'external', entries, data: undefined } as const;
  const weight = new Tensor({ name: 'weight', dataType: DataType.UINT8, dims: [bytes], storage });
  const model = buildModel(11, (graph) => {
    graph.output(graph.op('Identity', [graph.tensor(weight)], { outputs: ['y'] }), [bytes], DataType.UINT8);
  });
  const path = join(folder, 'sparse.onnx');
  writeFileSync(path, await saveBytes(model));
  writeFileSync(join(folder, 'weights.bin'), '');
  truncateSync(join(folder, 'weights.bin'), bytes);
  return path;
}

/** Gives a model file one more initializer, of `bytes` zeros inside the file that take no room on disk. */
export function appendLargeInitializer(path: string, bytes: number): void {
  const field = (tag: number, length: number): number[] => [tag, ...varint(length)];
  // dims, data_type UINT8, name, and the head of raw_data; the data itself is the hole behind.
  const tensor = [0x08, ...varint(bytes), 0x10, 2, ...field(0x42, 4), ...Buffer.from('hole'), ...field(0x4a, bytes)];
  const initializer = [...field(0x2a, tensor.length + bytes), ...tensor];
  // A second occurrence of the graph is merged into the first.
  appendFileSync(path, Uint8Array.from([...field(0x3a, initializer.length + bytes), ...initializer]));
  truncateSync(path, statSync(path).size + bytes);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
}

import { openModel } from '../../src/io/open.ts';
import { type SaveOptions, type SaveReport, saveModel } from '../../src/io/save.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Tensor } from '../../src/ir/tensor.ts';

/** Opens a model for an action and closes it. */
export async function withModel<T>(path: string, action: (model: Model) => Promise<T>): Promise<T> {
  const model = await openModel(path);
  try {
    return await action(model);
  } finally {
    model.close();
  }
}

/** Opens a model and saves it. */
export function convert(from: string, to: string, options: SaveOptions = {}): Promise<SaveReport> {
  return withModel(from, (model) => saveModel(model, to, options));
}

/** The constant under a name. */
export function tensorOf(graph: Graph, name: string): Tensor {
  return graph.value(name)?.initializer as Tensor;
}

/** The contents of all constants, by name. */
export function contents(path: string): Promise<Map<string, string>> {
  return withModel(path, async (model) => {
    const tensors = model.graph.initializers.map(({ initializer }) => initializer as Tensor);
    return new Map(tensors.map((tensor) => [tensor.name, Buffer.from(tensor.read()).toString('base64')]));
  });
}

import type { Model } from '../../src/ir/model.ts';
import { Tensor } from '../../src/ir/tensor.ts';

/** Reads every weight of a model into memory, so that its bytes are all there is to it. */
export function inlineWeights(model: Model): Model {
  for (const value of model.graph.initializers) {
    const { initializer } = value;
    if (!(initializer instanceof Tensor)) continue;
    const storage = { kind: 'memory', bytes: initializer.read() } as const;
    model.graph.setInitializer(value, initializer.with({ storage }));
  }
  return model;
}

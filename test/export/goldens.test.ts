import { describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { constantOf, floatTensor } from '../../src/ir/constants.ts';
import type { Model } from '../../src/ir/model.ts';
import { callGoldens, errorsOf, GOLDEN_CALLS, TOLERANCE } from '../support/golden-calls.ts';
import { ARCHITECTURES, type Architecture, MODELS, type ModelName, torchExport } from '../support/tiny-sd.ts';

/** What the exported graphs of torch are away from the record in onnxruntime. */
const TORCH_TOLERANCE: Readonly<Record<ModelName, number>> = { clip: 2e-6, unet: 2e-6, vae: 8e-6 };

const everyModel = ARCHITECTURES.flatMap((architecture) => MODELS.map((name) => ({ architecture, name }) as const));

async function torchModel(architecture: Architecture, name: ModelName): Promise<Model> {
  return openModel(torchExport(architecture, name));
}

describe('the comparison with the record', () => {
  test.each(everyModel)("takes torch's own $name of $architecture", async ({ architecture, name }) => {
    const model = await torchModel(architecture, name);
    const errors = errorsOf(await callGoldens(model, architecture, GOLDEN_CALLS[name]), architecture);
    expect(errors.size).toBe(GOLDEN_CALLS[name].flatMap(({ results }) => results).length);
    for (const [result, error] of errors) expect(error, result).toBeLessThan(TORCH_TOLERANCE[name]);
  });

  test.each(everyModel)(
    'refuses the $name of $architecture with one constant changed',
    async ({ architecture, name }) => {
      const model = await torchModel(architecture, name);
      shrinkAttention(model);
      const errors = errorsOf(await callGoldens(model, architecture, GOLDEN_CALLS[name]), architecture);
      expect(errors.size).toBeGreaterThan(0);
      for (const [result, error] of errors) expect(error, result).toBeGreaterThan(TOLERANCE[name]);
    },
  );
});

/** Takes a tenth off the factor of the first attention. */
function shrinkAttention({ graph }: Model): void {
  for (const mul of graph.nodesOf('Mul')) {
    const factor = constantOf(mul.inputs[1]);
    if (!/attn|attention/.test(mul.name) || factor === undefined || factor.dims.length > 0) continue;
    const [value = 0] = new Float32Array(factor.read().slice().buffer);
    mul.setInput(1, graph.addInitializer(floatTensor([value * 0.9], [], graph.model.valueNames.fresh('changed'))));
    return;
  }
  throw new Error('the model has no attention');
}

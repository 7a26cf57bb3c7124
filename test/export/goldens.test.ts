import { afterAll, describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { constantOf, floatTensor } from '../../src/ir/constants.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import { checkModel } from '../../src/schema/check.ts';
import { callGoldens, errorsOf, GOLDEN_CALLS, relativeError, TOLERANCE } from '../support/golden-calls.ts';
import { inlineWeights } from '../support/inline-weights.ts';
import { tinyExport } from '../support/tiny-exports.ts';
import { ARCHITECTURES, type Architecture, MODELS, type ModelName, torchExport } from '../support/tiny-sd.ts';

/** What the exported graphs of torch are away from the record in onnxruntime. */
const TORCH_TOLERANCE: Readonly<Record<ModelName, number>> = { clip: 2e-6, unet: 2e-6, vae: 8e-6 };

/** What a graph of float16 may be away from the record; it is measured to stay below half of this. */
const HALF_TOLERANCE = 2e-3;

/** What our graphs may be away from those of torch in the same runtime. */
const SAME = 1e-6;

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

/** The largest differences of the results of a graph: from the record, and from what torch's graph gives. */
interface Distance {
  readonly record: number;
  readonly torch: number;
}

async function distanceOf(model: Model, architecture: Architecture, name: ModelName): Promise<Distance> {
  const calls = GOLDEN_CALLS[name];
  const ours = await callGoldens(inlineWeights(model), architecture, calls);
  using reference = await torchModel(architecture, name);
  const theirs = await callGoldens(reference, architecture, calls);
  expect([...ours.keys()]).toEqual([...theirs.keys()]);
  const errors = Array.from(ours, ([result, floats]) =>
    relativeError(floats, theirs.get(result) ?? new Float64Array(0)),
  );
  return { record: Math.max(...errorsOf(ours, architecture).values()), torch: Math.max(...errors) };
}

describe('exported graphs', () => {
  const rows = everyModel.flatMap((model) =>
    (['fp32', 'fp16'] as const).flatMap((dtype) => [11, 13, 17, 21].map((opset) => ({ ...model, dtype, opset }))),
  );
  const table: string[][] = [];
  afterAll(() => {
    if (process.env['SDGRAPH_PRINT_AGREEMENT'] !== undefined) print(table);
  });

  test.each(rows)('$name of $architecture, $dtype, opset $opset', async ({ architecture, name, dtype, opset }) => {
    const { model, leftOver } = tinyExport(architecture, name, { [name]: { dtype, opset } });
    expect(leftOver).toEqual([]);
    expect(checkModel(model)).toEqual([]);
    const distance = await distanceOf(model, architecture, name);
    table.push([
      name,
      architecture,
      dtype,
      `${opset}`,
      distance.record.toExponential(1),
      distance.torch.toExponential(1),
    ]);
    expect(distance.record).toBeLessThan(dtype === 'fp16' ? HALF_TOLERANCE : TOLERANCE[name]);
    if (dtype === 'fp32') expect(distance.torch).toBeLessThan(SAME);
  });

  test.each(everyModel)('$name of $architecture with folded weights', async ({ architecture, name }) => {
    const { model } = tinyExport(architecture, name, { fold: DataType.FLOAT, [name]: { opset: 17 } });
    expect((await distanceOf(model, architecture, name)).torch).toBeLessThan(SAME);
    const half = tinyExport(architecture, name, { fold: DataType.FLOAT16, [name]: { opset: 17, dtype: 'fp16' } });
    expect((await distanceOf(half.model, architecture, name)).record).toBeLessThan(HALF_TOLERANCE);
  });

  test.each(everyModel)('$name of $architecture of batch 2', async ({ architecture, name }) => {
    const { model } = tinyExport(architecture, name, { [name]: { batchSize: 2 } });
    expect((await distanceOf(model, architecture, name)).record).toBeLessThan(TOLERANCE[name]);
  });

  test.each(ARCHITECTURES)('decoder of %s behind post_quant_conv', async (architecture) => {
    const { model, leftOver } = tinyExport(architecture, 'vae', { vae: { postQuant: true } });
    expect(leftOver).toEqual([]);
    const results = await callGoldens(inlineWeights(model), architecture, GOLDEN_CALLS['vae with post_quant']);
    expect(errorsOf(results, architecture).get('vae.image')).toBeLessThan(TOLERANCE.vae);
  });
});

/** Rows in aligned columns, below a heading. */
function print(rows: readonly (readonly string[])[]): void {
  const all = [['model', 'architecture', 'type', 'opset', 'from the record', "from torch's graph"], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  process.stdout.write(`${lines.map((line) => line.trimEnd()).join('\n')}\n`);
}

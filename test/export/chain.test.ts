import { describe, expect, test } from 'vitest';
import { modifyOnnx } from '../../passes/presets.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { countSites } from '../../src/rewrite/report.ts';
import { makeRunnable } from '../../src/runtime/runnable.ts';
import { callGoldens, errorsOf, GOLDEN_CALLS, TOLERANCE } from '../support/golden-calls.ts';
import { inlineWeights } from '../support/inline-weights.ts';
import { tinyExport } from '../support/tiny-exports.ts';
import { ARCHITECTURES, type Architecture, type ModelName } from '../support/tiny-sd.ts';
import { tinyTarget } from '../support/tiny-unets.ts';

/** The layers of the text encoders: none of them is fused, for the operators take no mask. */
const LAYERS: Readonly<Record<Architecture, number>> = { sd15: 3, sd21: 4 };

interface Chain {
  readonly model: ModelName;
  readonly target: 'tiny-310p' | 'tiny-910b';
  /** Places that each pass rewrites, where there are any. */
  readonly applied: Readonly<Record<string, number>>;
  readonly fasterGelu?: boolean;
  /** What the results may be away from the record; by default what those of the graph as exported may. */
  readonly tolerance?: number;
}

const chains: readonly Chain[] = [
  { model: 'clip', target: 'tiny-310p', applied: {} },
  { model: 'clip', target: 'tiny-910b', applied: {} },
  {
    model: 'unet',
    target: 'tiny-310p',
    applied: { 'fuse-flash-attention': 32, 'int32-timestep': 1, 'split-slices': 34 },
  },
  {
    model: 'unet',
    target: 'tiny-310p',
    applied: { 'fuse-flash-attention': 32, 'int32-timestep': 1, 'faster-gelu': 16, 'split-slices': 2 },
    fasterGelu: true,
    // An approximation of GELU.
    tolerance: 5e-3,
  },
  {
    model: 'unet',
    target: 'tiny-910b',
    // The operator of this target is for attention of the image to itself.
    applied: { 'fuse-flash-attention': 16, 'int32-timestep': 1, 'split-slices': 34 },
  },
  { model: 'vae', target: 'tiny-310p', applied: { 'fuse-flash-attention': 1 } },
  { model: 'vae', target: 'tiny-910b', applied: { 'fuse-flash-attention': 1 } },
];

describe("exported models keep torch's results through the passes and the lowering of what they insert", () => {
  const rows = ARCHITECTURES.flatMap((architecture) =>
    [11, 17].flatMap((opset) => chains.map((chain) => ({ architecture, opset, ...chain }))),
  );
  test.each(rows)('$model of $architecture, opset $opset, for $target: $applied', async (row) => {
    const { architecture, opset, model: name, target, applied, fasterGelu = false, tolerance = TOLERANCE[name] } = row;
    const model = inlineWeights(tinyExport(architecture, name, { [name]: { opset } }).model);
    const recipe = modifyOnnx({ target: await tinyTarget(target), fasterGelu });
    const { passes } = await pipeline(recipe).run(model, { allowMissing: true });
    const counts = passes.map(({ pass, sites }) => [pass, countSites(sites).applied] as const);
    expect(Object.fromEntries(counts.filter(([, count]) => count > 0))).toEqual(applied);
    const refusals = passes.flatMap(({ sites }) => sites.filter(({ status }) => status === 'refused'));
    expect(refusals).toHaveLength(name === 'clip' ? LAYERS[architecture] : 0);
    for (const { reason } of refusals) expect(reason).toMatch(/puts a mask on the scores/);

    await makeRunnable(model, 'none');
    const errors = errorsOf(await callGoldens(model, architecture, GOLDEN_CALLS[name]), architecture);
    expect(errors.size).toBeGreaterThan(0);
    for (const [result, error] of errors) expect(error, result).toBeLessThan(tolerance);
  });
});

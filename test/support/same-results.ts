import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import { runModel, someFloats } from './run-model.ts';

/** Inputs of a model, the same every time. Integers are small and positive. */
function feedsFor(model: Model): Record<string, ort.Tensor> {
  const feeds: Record<string, ort.Tensor> = {};
  for (const [i, { name, type }] of model.graph.inputs.entries()) {
    if (type?.kind !== 'tensor') throw new Error(`'${name}' is no tensor`);
    const dims = (type.shape ?? []).map(Number);
    const count = dims.reduce((a, b) => a * b, 1);
    feeds[name] =
      type.elemType === DataType.INT64
        ? new ort.Tensor(
            'int64',
            BigInt64Array.from({ length: count }, () => 501n),
            dims,
          )
        : new ort.Tensor('float32', someFloats(count, i + 1), dims);
  }
  return feeds;
}

/** Runs two models on the same inputs; every output must have the same shape and differ by less than `tolerance`. */
export async function expectSameResults(before: Model, after: Model, tolerance: number): Promise<void> {
  const feeds = feedsFor(before);
  const [expected, actual] = [await runModel(before, feeds), await runModel(after, feeds)];
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  for (const [name, { dims, data }] of expected) {
    expect(actual.get(name)?.dims).toEqual(dims);
    const found = actual.get(name)?.data ?? [];
    const worst = data.reduce((most, value, i) => Math.max(most, Math.abs(value - (found[i] ?? Number.NaN))), 0);
    expect(worst, name).toBeLessThan(tolerance);
  }
}

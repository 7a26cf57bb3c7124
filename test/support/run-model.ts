import * as ort from 'onnxruntime-node';
import { saveBytes } from '../../src/io/save.ts';
import type { Model } from '../../src/ir/model.ts';

/** The floats that onnxruntime computes for every graph output, by name. Runs the graph as it is, without its own rewrites. */
export async function runModel(
  model: Model,
  feeds: Readonly<Record<string, ort.Tensor>>,
): Promise<Map<string, { dims: readonly number[]; data: readonly number[] }>> {
  const session = await ort.InferenceSession.create(await saveBytes(model), {
    graphOptimizationLevel: 'disabled',
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  try {
    const results = await session.run(feeds);
    return new Map(
      Object.entries(results).map(([name, { dims, data }]) => [
        name,
        { dims, data: Array.from(data as ArrayLike<number | bigint>, Number) },
      ]),
    );
  } finally {
    await session.release();
  }
}

/** Reproducible floats between -2 and 2. */
export function someFloats(count: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state / 0x7fffffff) * 4 - 2;
  });
}

import { openModel } from '../src/io/open.ts';
import { checkModel } from '../src/schema/check.ts';
import { inferShapes } from '../src/schema/infer.ts';
import type { Job } from './job.ts';
import type { Stopwatch } from './stopwatch.ts';

/** Opens a model and infers its shapes, or checks it by every rule of ONNX. */
export async function analyze({ input, what }: Job & { kind: 'analyze' }, watch: Stopwatch): Promise<string> {
  using model = await openModel(input);
  watch.lap('open');
  if (what === 'check') {
    const findings = checkModel(model);
    watch.lap('check');
    return `${findings.length} findings`;
  }
  const shapes = inferShapes(model);
  watch.lap('infer');
  let known = 0;
  for (const value of model.graph.values()) if (shapes.dims(value) !== undefined) known++;
  return `${known} static shapes`;
}

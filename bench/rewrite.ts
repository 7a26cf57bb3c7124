import { openModel } from '../src/io/open.ts';
import { saveModel } from '../src/io/save.ts';
import { pipeline } from '../src/rewrite/pipeline.ts';
import type { Job } from './job.ts';
import { RECIPES } from './recipes.ts';
import type { Stopwatch } from './stopwatch.ts';

/** Opens a model, runs passes over it and saves it. */
export async function rewrite(job: Job & { kind: 'rewrite' }, watch: Stopwatch): Promise<string> {
  const model = await openModel(job.input);
  watch.lap('open');
  const { nodes } = await pipeline(RECIPES[job.recipe]()).run(model, {
    onPass: ({ pass, milliseconds }) => watch.note(pass, milliseconds),
  });
  watch.lap('passes');
  await saveModel(model, job.output);
  model.close();
  watch.lap('save');
  return `${nodes.before} -> ${nodes.after} nodes`;
}

/**
 * A process that saves models until it is killed: `node save-child.js JOB`, the job as JSON. For
 * `test/io/save-kill.test.ts`, which compiles it.
 */

import { openModel } from '../../src/io/open.ts';
import { saveModel } from '../../src/io/save.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { Tensor } from '../../src/ir/tensor.ts';

/** What the process is to do: save generation after generation over `target`, starting with what is there. */
export interface SaveJob {
  readonly target: string;
  /** Bytes of the constant of each generation. */
  readonly bytes: number;
}

const { target, bytes } = JSON.parse(process.argv[2] ?? '') as SaveJob;

for (let generation = 1; ; generation++) {
  const model = await openModel(target);
  const { graph } = model;
  for (const value of graph.initializers) {
    const storage = { kind: 'memory', bytes: new Uint8Array(bytes).fill(generation & 0xff) } as const;
    graph.setInitializer(value, new Tensor({ dataType: DataType.UINT8, dims: [bytes], storage }));
  }
  model.setMetadata('generation', String(generation & 0xff));
  await saveModel(model, target, { externalData: 'single', inPlace: true });
  model.close();
  process.stdout.write('.');
}

import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Pass } from '../../src/rewrite/pass.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import type { PassReport } from '../../src/rewrite/report.ts';

/** Runs one pass and gives its report. A rewrite that finds nothing is no error here. */
export async function applyPass(model: Model, pass: Pass): Promise<PassReport> {
  const { passes } = await pipeline([pass]).run(model, { allowMissing: true });
  return passes[0] as PassReport;
}

/** The reasons of a report, as `status node: reason`, in order. */
export function reasons({ sites }: PassReport): string[] {
  return sites.map(({ status, node, reason }) => `${status} ${node}: ${reason}`);
}

/** The model written and read again: all that a user of the file would see. */
export async function reopened(model: Model): Promise<Model> {
  return openModel(await saveBytes(model));
}

/** The graph as text, one line a node: `out = Op(in, in)`. */
export function listing(model: Model): string[] {
  const lines: string[] = [];
  for (const graph of model.scopes()) {
    for (const { opType, inputs, outputs } of graph.nodes) {
      const names = (values: typeof inputs): string => values.map((value) => value?.name ?? '').join(', ');
      lines.push(`${names(outputs)} = ${opType}(${names(inputs)})`);
    }
  }
  return lines;
}

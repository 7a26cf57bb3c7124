import { statSync } from 'node:fs';
import { join } from 'node:path';
import { exportCheckpoint } from '../src/export/export.ts';
import { newTinyCheckpoint } from '../src/export/new-tiny.ts';
import type { Bench } from './bench.ts';
import type { Job } from './job.ts';
import { memoryBudget, type Row, timeBudget, writtenBudget } from './row.ts';

const GB = 1e9;
const UNET = 'unet/diffusion_pytorch_model.safetensors';

/** Exports a checkpoint, or its UNet. */
export async function runExport(job: Job & { kind: 'export' }): Promise<string> {
  const { models } = await exportCheckpoint({
    model: job.input,
    outputDir: job.output,
    weights: job.weights,
    ...(job.only === undefined ? {} : { only: [job.only] }),
  });
  const misplaced = models.find(({ weights }) => weights !== job.weights);
  if (misplaced !== undefined) throw new Error(`${misplaced.name}: ${misplaced.warnings.join(', ')}`);
  return models.map(({ name, nodes }) => `${name} ${nodes} nodes`).join(', ');
}

/** A checkpoint of the size of Stable Diffusion 1.5, its weights in float16. */
export function exportRows(bench: Bench): Promise<readonly Row[] | undefined> {
  return bench.inFolder('export', bench.quick ? GB : 8 * GB, async (folder) => {
    const checkpoint = join(folder, 'checkpoint');
    await newTinyCheckpoint({ out: checkpoint, fullSize: true, sparse: true });
    const out = join(folder, 'out');
    const weights = join(checkpoint, UNET);
    const all = { kind: 'export', input: checkpoint, output: out } as const;
    const { link } = bench.compare({ link: { ...all, weights: 'link' } }, [], out);
    const beside = {
      kind: 'export',
      input: checkpoint,
      output: checkpoint,
      only: 'unet',
      weights: 'reference',
    } as const;
    const { reference } = bench.compare({ reference: beside }, [], out);
    const rows: Row[] = [
      {
        name: 'SD 1.5, export of all models, weights by link',
        cost: link,
        budgets: [{ text: '< 2 s', kept: link.milliseconds < 2000 }, memoryBudget(link), writtenBudget(link)],
      },
      {
        name: 'SD 1.5, export of the UNet, weights stay in the checkpoint',
        cost: reference,
        budgets: [
          { text: '< 1 s', kept: reference.milliseconds < 1000 },
          memoryBudget(reference),
          writtenBudget(reference),
        ],
      },
    ];
    if (bench.quick) return rows;
    const end = statSync(weights).size;
    const costs = bench.compare(
      {
        copy: { kind: 'copy', input: weights, ranges: [{ start: 0, end }], output: join(out, 'copy.bin') },
        export: { ...all, only: 'unet', weights: 'copy' },
      },
      [weights],
      out,
    );
    rows.push({
      name: `SD 1.5, export of the UNet, ${(end / GB).toFixed(1)} GB of weights copied`,
      cost: costs.export,
      baseline: { name: 'copy the weights', cost: costs.copy },
      // Copying at 0.7 of the plain speed or better, beside what the graph alone takes.
      budgets: [memoryBudget(costs.export), timeBudget(costs.export, costs.copy, 1.4, 600)],
    });
    return rows;
  });
}

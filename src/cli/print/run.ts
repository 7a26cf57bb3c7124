import type { PipelineEvent } from '../../diffusion/pipeline-types.ts';
import type { RenderReport } from '../../diffusion/render.ts';
import { oneLine, printable } from '../../errors.ts';
import type { Output } from '../output.ts';
import { progressBar } from '../progress.ts';

/** Prints a rendering as it goes: the lines of the sample on stdout, a bar over all steps on stderr. */
export async function renderingPrinter(output: Output): Promise<{
  readonly event: (event: PipelineEvent) => void;
  readonly cancel: () => void;
  readonly stop: () => void;
}> {
  const bar = await progressBar('rendering', output, { eta: true });
  /** Images of the batches before, skipped ones counted; of the batch; and in all. */
  let [before, batch, total] = [0, 0, 0];
  return {
    event: (event) => {
      switch (event.type) {
        case 'batch':
          total = event.total;
          batch = event.done - before;
          output.line(`[${event.done}/${total}]: ${listOf(event.jobs.map(({ prompt }) => prompt.text))}`);
          break;
        case 'step':
          bar.update(before * event.steps + batch * event.step, total * event.steps);
          break;
        case 'batch-done':
          before = event.done;
          break;
        case 'warning':
          output.line(oneLine(event.message));
          break;
        case 'image':
          break;
      }
    },
    cancel: () => {
      output.error('\nending after the images that are being made; once more ends at once');
    },
    stop: () => bar.stop(),
  };
}

/** What came of it, closing with the line of the sample. */
export function printRendering(report: RenderReport, output: Output): void {
  const { images, skipped, total, cancelled, settings, useTime, infoFile, contactSheet } = report;
  if (skipped > 0) output.line(`${skipped} of ${total} images were there already`);
  if (cancelled) output.line(`stopped after ${images.length + skipped} of ${total} images; --resume makes the others`);
  output.line(`seed ${settings.seed}; ${printable(infoFile)} says which image belongs to which prompt`);
  if (contactSheet !== undefined) output.line(`thumbnails are in ${printable(contactSheet)}`);
  const seconds = useTime / 1000;
  const average = images.length === 0 ? 0 : seconds / images.length;
  output.line(
    `[info] infer number: ${images.length}; use time: ${seconds.toFixed(3)}s; average time: ${average.toFixed(3)}s`,
  );
}

/** A list as Python prints it, on one line whatever the prompts hold. */
function listOf(texts: readonly string[]): string {
  const quoted = texts.map((text) => {
    const line = oneLine(text).replaceAll('\\', '\\\\');
    return line.includes("'") && !line.includes('"') ? `"${line}"` : `'${line.replaceAll("'", "\\'")}'`;
  });
  return `[${quoted.join(', ')}]`;
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type Emulation } from '../../passes/lower/context.ts';
import { isPluginOp, lowerPluginOps } from '../../passes/lower-plugin-ops.ts';
import { SdgraphError } from '../errors.ts';
import { saveBytes } from '../io/save.ts';
import type { Model } from '../ir/model.ts';
import { pipeline } from '../rewrite/pipeline.ts';
import { openOrtSession } from '../runtime/ort.ts';
import type { InferenceSession } from '../runtime/session.ts';

/** Models up to this size are handed to the runtime in memory; larger ones through a temporary file. */
const IN_MEMORY = 256 * 2 ** 20;

/**
 * Replaces plugin operators by standard ones in place, so that the runtime can execute the model.
 *
 * @throws SdgraphError `E_VERIFY` naming the operators that have no standard counterpart here
 */
export async function makeRunnable(model: Model, emulate: Emulation): Promise<void> {
  const nodes = [...model.scopes()].flatMap((graph) => [...graph.nodes]);
  if (!nodes.some(isPluginOp)) return;
  const report = await pipeline([lowerPluginOps({ emulate })]).run(model);
  const refused = report.passes.flatMap(({ sites }) => sites.filter(({ status }) => status === 'refused'));
  const [first] = refused;
  if (first === undefined) return;
  throw new SdgraphError(
    'E_VERIFY',
    `a ${first.opType} cannot be executed here`,
    { file: model.label, name: first.node },
    {
      found: refused.length === 1 ? first.reason : `${first.reason}; and ${refused.length - 1} more`,
    },
  );
}

/** Loads a model as it is now, weights from where they are. */
export async function openModelSession(model: Model): Promise<InferenceSession> {
  const dataFolder = dirname(resolve(model.label));
  const options = { label: model.label, ...(model.external === undefined ? {} : { dataFolder }) };
  const bytes = await saveBytes(model);
  if (bytes.length <= IN_MEMORY) return openOrtSession(bytes, options);
  const folder = mkdtempSync(join(tmpdir(), 'sdgraph-'));
  try {
    const file = join(folder, 'model.onnx');
    writeFileSync(file, bytes);
    return await openOrtSession(file, options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Emulation } from '../../passes/lower/context.ts';
import { isPluginOp, lowerPluginOps } from '../../passes/lower-plugin-ops.ts';
import { SdgraphError } from '../errors.ts';
import { tensorsOf } from '../io/placement.ts';
import { saveBytes } from '../io/save.ts';
import { forget, remember, removeQuietly, removeStale, temporaryPath } from '../io/temporary.ts';
import type { Model } from '../ir/model.ts';
import { pipeline } from '../rewrite/pipeline.ts';
import { type OrtOptions, openOrtSession } from './ort.ts';
import type { InferenceSession } from './session.ts';

/** Models up to this many bytes, external data not counted, go to the runtime in memory; larger ones through a file. */
const MAX_IN_MEMORY: number = 256 * 2 ** 20;

/** Name that temporary models have their names from. */
const TEMPORARY = 'model.onnx';

/** How {@link openModelSession} loads. */
export interface ModelSessionOptions extends Omit<OrtOptions, 'dataFolder' | 'label'> {
  /** Models of more bytes go through a temporary file. Default {@link MAX_IN_MEMORY}. */
  readonly maxInMemory?: number;
}

/**
 * Replaces plugin operators by standard ones in place, so that the runtime can execute the model.
 *
 * @throws SdgraphError `E_SESSION_LOAD` naming the operator that has no standard counterpart here
 */
export async function makeRunnable(model: Model, emulate: Emulation): Promise<void> {
  const nodes = [...model.scopes()].flatMap((graph) => [...graph.nodes]);
  if (!nodes.some(isPluginOp)) return;
  const report = await pipeline([lowerPluginOps({ emulate })]).run(model);
  const refused = report.passes.flatMap(({ sites }) => sites.filter(({ status }) => status === 'refused'));
  const [first] = refused;
  if (first === undefined) return;
  throw new SdgraphError(
    'E_SESSION_LOAD',
    `a ${first.opType} cannot be executed here`,
    { file: model.label, name: first.node },
    {
      found: refused.length === 1 ? first.reason : `${first.reason}; and ${refused.length - 1} more`,
    },
  );
}

/**
 * Loads a model as it is now, edits included, into onnxruntime; weights are read from where they are.
 *
 * @throws SdgraphError `E_SESSION_LOAD`; for external data that is missing, too short, or where no model may have it,
 * the `E_EXTERNAL_*` codes; `E_TOO_LARGE`, `E_FILE_WRITE` for the temporary file of a large model
 */
export async function openModelSession(model: Model, options: ModelSessionOptions = {}): Promise<InferenceSession> {
  const { maxInMemory = MAX_IN_MEMORY, ...rest } = options;
  // The runtime would open whatever the model names; what it may name is decided here.
  for (const tensor of tensorsOf(model)) if (tensor.storage.kind === 'external') tensor.externalRange();
  const ort: OrtOptions = {
    ...rest,
    label: model.label,
    ...(model.external === undefined ? {} : { dataFolder: dirname(resolve(model.label)) }),
  };
  const bytes = await saveBytes(model);
  if (bytes.length <= maxInMemory) return openOrtSession(bytes, ort);
  removeStale(tmpdir(), TEMPORARY);
  const path = temporaryPath(tmpdir(), TEMPORARY);
  remember(path);
  try {
    write(path, bytes);
    return await openOrtSession(path, ort);
  } finally {
    removeQuietly(path);
    forget(path);
  }
}

function write(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes, { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    throw new SdgraphError(
      'E_FILE_WRITE',
      'the temporary file for the runtime cannot be written',
      { file: path },
      { found: cause instanceof Error ? cause.message : String(cause), hint: 'TMPDIR names another folder', cause },
    );
  }
}

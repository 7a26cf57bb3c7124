/** What a plan says of an ONNX model. */

import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { openExternal, parseLocation } from '../../io/external.ts';
import { openModel } from '../../io/open.ts';
import { tensorsOf } from '../../io/placement.ts';
import { typeName } from '../../ir/data-type.ts';
import type { Model } from '../../ir/model.ts';
import type { Value } from '../../ir/value.ts';
import { schemaFor } from '../../schema/operators.ts';
import { type ByteSource, FileSource } from '../../wire/source.ts';
import type { PlanFile, PlanPort } from './plan-types.ts';

/** How {@link readModelFacts} reads. */
export interface ModelFactsOptions {
  readonly followLinks?: boolean;
  /** Read every byte for its SHA-256. Default true. */
  readonly hash?: boolean;
  /** Bytes hashed so far, of how many. */
  readonly onHash?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What a plan says of a model, and the open model for further looks. */
export interface ModelFacts {
  readonly bytes: number;
  readonly sha256: string | null;
  readonly data: readonly PlanFile[];
  readonly opset: number | null;
  readonly inputs: readonly PlanPort[];
  readonly outputs: readonly PlanPort[];
  readonly pluginOperators: readonly string[];
}

/**
 * Reads the structure of a model and, unless told otherwise, hashes it and its data files. `look` sees the model while
 * it is open.
 *
 * @throws SdgraphError what opening a model throws, the `E_EXTERNAL_*` codes
 */
export async function readModelFacts(
  path: string,
  { followLinks = false, hash = true, onHash, signal }: ModelFactsOptions = {},
  look?: (model: Model) => void,
): Promise<ModelFacts> {
  using model = await openModel(path, { followLinks });
  look?.(model);
  const base = dirname(path);
  const locations = dataLocations(model);
  const sources = locations.map((location) => openExternal(base, location, { followLinks }));
  const file = FileSource.open(path);
  try {
    const all = [file, ...sources];
    const total = all.reduce((sum, { size }) => sum + size, 0);
    const hashes: (string | null)[] = [];
    let done = 0;
    for (const source of all) {
      const before = done;
      hashes.push(hash ? await sha256(source, signal, (read) => onHash?.(before + read, total)) : null);
      done += source.size;
    }
    return {
      bytes: file.size,
      sha256: hashes[0] as string | null,
      data: sources.map(({ size }, i) => ({
        file: locations[i] as string,
        bytes: size,
        sha256: hashes[i + 1] as string | null,
      })),
      opset: model.opset() ?? null,
      inputs: model.graph.inputs.filter(({ initializer }) => initializer === undefined).map(port),
      outputs: model.graph.outputs.map(port),
      pluginOperators: pluginOperators(model),
    };
  } finally {
    file.close();
    for (const source of sources) source.close();
  }
}

/** SHA-256 of a file, streaming. Other work goes on meanwhile. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<{ bytes: number; sha256: string }> {
  const file = FileSource.open(path);
  try {
    return { bytes: file.size, sha256: await sha256(file, signal, () => undefined) };
  } finally {
    file.close();
  }
}

async function sha256(
  source: ByteSource,
  signal: AbortSignal | undefined,
  onRead: (read: number) => void,
): Promise<string> {
  const hash = createHash('sha256');
  let read = 0;
  for (const chunk of source.chunks(0, source.size, 8 << 20)) {
    signal?.throwIfAborted();
    hash.update(chunk);
    read += chunk.byteLength;
    onRead(read);
    await breathe();
  }
  return hash.digest('hex');
}

/** Files of external data, each once, sorted. */
function dataLocations(model: Model): string[] {
  const locations = new Set<string>();
  for (const tensor of tensorsOf(model)) {
    if (tensor.storage.kind === 'external') locations.add(parseLocation(tensor.externalRange().location).join('/'));
  }
  return [...locations].toSorted();
}

function port({ name, type }: Value): PlanPort {
  if (type?.kind !== 'tensor') return { name, type: type?.kind ?? 'unknown', shape: null };
  const shape = type.shape?.map((dim) => dim ?? null) ?? null;
  return { name, type: typeName(type.elemType), shape };
}

function pluginOperators(model: Model): string[] {
  const found = new Set<string>();
  for (const graph of model.scopes()) {
    for (const node of graph.nodes) {
      if (!node.isStandardDomain || found.has(node.opType)) continue;
      if (schemaFor(node.opType, '', Number.POSITIVE_INFINITY)?.plugin === true) found.add(node.opType);
    }
  }
  return [...found].toSorted();
}

import { AtomicFile } from '../../io/atomic.ts';
import type { ByteSource } from '../../wire/source.ts';
import { PARTITION } from './partitions.ts';
import { encodeHead } from './write-head.ts';
import { encodeInoutInfo } from './write-inout-info.ts';
import { encodeModelDef } from './write-model-def.ts';

/** An input of a model that is written. */
export interface OmPortSpec {
  readonly name: string;
  /** ONNX's name of the element type: `FLOAT`. */
  readonly dtype: string;
  /** -1 for a dimension that gears set. */
  readonly shape: readonly number[];
  /** Default `ND`. */
  readonly format?: string;
}

/** An output of a model that is written; its name in the file is `node:index:name`. */
export interface OmOutputSpec extends OmPortSpec {
  /** Node that computes it, and which of its outputs it is. */
  readonly node: string;
  readonly index: number;
}

/** An operator between inputs and outputs. */
export interface OmOperatorSpec {
  readonly name: string;
  readonly type: string;
  /** `node:index` each. */
  readonly inputs?: readonly string[];
}

/** Bytes of a source. */
export interface OmBytes {
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
}

/** What is written. */
export interface OmSpec {
  readonly name: string;
  readonly inputs: readonly OmPortSpec[];
  readonly outputs: readonly OmOutputSpec[];
  readonly operators?: readonly OmOperatorSpec[];
  readonly socVersion: string;
  readonly atcVersion: string;
  readonly atcCmdline: string;
  /** Default: as `atcVersion`. */
  readonly oppVersion?: string;
  /** Default `Onnx`. */
  readonly frameworkType?: string;
  /** Further attributes of the model: texts and whole numbers. They do not replace those above. */
  readonly attributes?: ReadonlyMap<string, string | number | bigint>;
  /** Shapes that open dimensions take. The hidden input that picks one is added. */
  readonly gears?: { readonly kind: 'batch' | 'image' | 'dims'; readonly values: readonly (readonly number[])[] };
  /** Shapes of the outputs under each gear: `[gear][output]`. */
  readonly gearOutputs?: readonly (readonly (readonly number[])[])[];
  /** What goes into the partition of weights, one after the other; copied in pieces. Without it there is none. */
  readonly weights?: readonly OmBytes[];
}

/** What was written. */
export interface OmWriteReport {
  readonly path: string;
  readonly bytes: number;
  /** Bytes of the partition of weights. */
  readonly weightBytes: number;
}

/**
 * Writes a compiled model as ATC describes it, with one exception: there are no kernels, so no chip can run it. The
 * file appears whole or not at all.
 *
 * @throws SdgraphError `E_OM` for an element type or a dimension that compiled models do not have; `E_FILE_WRITE`; and
 * what reading the weights throws
 */
export function writeOm(path: string, spec: OmSpec): OmWriteReport {
  const weights = spec.weights ?? [];
  const weightBytes = weights.reduce((sum, { length }) => sum + length, 0);
  const parts: { type: number; bytes: Uint8Array | undefined; size: number }[] = [];
  const add = (type: number, bytes: Uint8Array): void => void parts.push({ type, bytes, size: bytes.length });
  if (spec.gears !== undefined) add(PARTITION.inoutInfo, encodeInoutInfo(spec));
  add(PARTITION.modelDef, encodeModelDef(spec, weightBytes));
  if (spec.weights !== undefined) parts.push({ type: PARTITION.weights, bytes: undefined, size: weightBytes });
  const head = encodeHead(spec.name, parts);
  const file = AtomicFile.create(path);
  try {
    file.write(head);
    for (const { bytes } of parts) {
      if (bytes !== undefined) file.write(bytes);
      else for (const { source, offset, length } of weights) file.copyFrom(source, offset, length);
    }
    file.commit();
  } finally {
    file.abort();
  }
  return { path, bytes: parts.reduce((sum, { size }) => sum + size, head.length), weightBytes };
}

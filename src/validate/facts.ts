import { PARTITION } from '../ascend/om/partitions.ts';
import type { OmReport, OmTensor } from '../ascend/om/report.ts';
import { tensorsOf } from '../io/placement.ts';
import { elementTypes, typeName } from '../ir/data-type.ts';
import type { Model } from '../ir/model.ts';
import { type Dim, formatType } from '../ir/type.ts';
import type { Value } from '../ir/value.ts';

/** What is known of the file of a model. */
export interface FileFacts {
  readonly bytes: number;
  readonly sha256: string;
}

/** An input or output. */
export interface PortFacts {
  readonly name: string;
  /** `float32`; undefined where it is no tensor. */
  readonly dtype: string | undefined;
  readonly shape: readonly Dim[] | undefined;
  /** For people. */
  readonly type: string;
}

/** What expectations are compared with: of an ONNX model, or of a compiled one. */
export interface ModelFacts extends FileFacts {
  /** Bytes of weights, inside and outside. */
  readonly weightBytes: number;
  /** Undefined for compiled models, which have none. */
  readonly opset: number | undefined;
  readonly irVersion: number | undefined;
  readonly inputs: readonly PortFacts[];
  readonly outputs: readonly PortFacts[];
  /** Nodes of each operator, in all scopes. */
  readonly operators: ReadonlyMap<string, number>;
}

/** The facts of an ONNX model. */
export function modelFacts(model: Model, file: FileFacts): ModelFacts {
  const operators = new Map<string, number>();
  for (const graph of model.scopes()) {
    for (const { opType } of graph.nodes) operators.set(opType, (operators.get(opType) ?? 0) + 1);
  }
  return {
    ...file,
    weightBytes: weightBytes(model),
    opset: model.opset() ?? 0,
    irVersion: model.irVersion,
    inputs: model.graph.inputs.map(portOf),
    outputs: model.graph.outputs.map(portOf),
    operators,
  };
}

/** The facts of the root model of a compiled file; inputs that the runtime feeds are left out. */
export function omFacts(report: OmReport, file: FileFacts): ModelFacts {
  const [model] = report.models;
  const weights = model?.partitions.find(({ type }) => type === PARTITION.weights);
  return {
    ...file,
    weightBytes: weights?.size ?? 0,
    opset: undefined,
    irVersion: undefined,
    inputs: (model?.inputs ?? []).filter(({ hidden }) => !hidden).map(omPort),
    outputs: (model?.outputs ?? []).map(omPort),
    operators: new Map(model?.operatorCounts.map(({ type, count }) => [type, count])),
  };
}

function portOf({ name, type }: Value): PortFacts {
  const isTensor = type?.kind === 'tensor';
  return {
    name,
    dtype: isTensor ? typeName(type.elemType) : undefined,
    shape: isTensor ? type.shape : undefined,
    type: formatType(type),
  };
}

const NAMES: ReadonlyMap<string, string> = new Map([...elementTypes()].map(({ onnx, name }) => [onnx, name]));

function omPort({ name, dtype, shape }: OmTensor): PortFacts {
  const known = NAMES.get(dtype) ?? dtype;
  const dims = shape?.map((dim) => (dim < 0 ? undefined : dim));
  return { name, dtype: known, shape: dims, type: `${known}[${dims?.map((dim) => dim ?? '?').join(',') ?? '...'}]` };
}

function weightBytes(model: Model): number {
  let bytes = 0;
  for (const tensor of tensorsOf(model)) if (tensor.storage.kind !== 'strings') bytes += tensor.byteLength;
  return bytes;
}

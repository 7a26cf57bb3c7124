import type { Graph } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import { type Dim, formatType } from '../ir/type.ts';
import type { Value } from '../ir/value.ts';
import { inferShapes } from '../schema/infer.ts';
import { countFlops, type FlopCount } from './flops.ts';
import { type OperatorCount, operatorCounts } from './operators.ts';
import { type ModelHeader, modelHeader } from './optimize.ts';

/** A graph input or output. */
export interface PortSummary {
  readonly name: string;
  /** For people: `float32[2,4,64,64]`. */
  readonly type: string;
  /** Numbers, names of symbolic dimensions, or null where nothing is known; null when the rank is not known. */
  readonly shape: readonly (number | string | null)[] | null;
  /** Whether an initializer gives the input a value, so that a caller may leave it out. */
  readonly hasDefault: boolean;
}

/** What a model holds: what `sdgraph inspect --json` prints. */
export interface ModelSummary extends ModelHeader {
  readonly graph: string;
  readonly inputs: readonly PortSummary[];
  readonly outputs: readonly PortSummary[];
  readonly operators: readonly OperatorCount[];
  readonly initializers: number;
  /** Elements of initializers and of tensors in attributes. */
  readonly parameters: { readonly initializers: number; readonly attributes: number };
  readonly scopes: { readonly subgraphs: number; readonly functions: number; readonly trainingGraphs: number };
  readonly metadata: readonly { readonly key: string; readonly value: string }[];
  readonly flops: FlopCount;
  /** What the file states of types and shapes although the graph gives others. */
  readonly conflicts: readonly { readonly value: string; readonly message: string }[];
}

/** Summarizes a model. Reads structure only; no weights beyond the small constants that shapes follow from. */
export function inspectModel(model: Model): ModelSummary {
  const shapes = inferShapes(model);
  const header = modelHeader(model);
  const scopes = [...model.scopes()];
  const elements = (holder: string): number =>
    header.weights.reduce((sum, place) => (place.holder === holder ? sum + place.elements : sum), 0);
  return {
    ...header,
    graph: model.graph.name,
    inputs: graphInputs(model.graph),
    outputs: model.graph.outputs.map((value) => summarize(value)),
    operators: operatorCounts(model),
    initializers: scopes.reduce((sum, graph) => sum + graph.initializers.length, 0),
    parameters: { initializers: elements('initializer'), attributes: elements('attribute') },
    scopes: {
      subgraphs: scopes.filter(({ kind }) => kind === 'subgraph').length,
      functions: model.functions.length,
      trainingGraphs: model.trainingGraphs.length,
    },
    metadata: [...model.metadata].map(([key, value]) => ({ key, value })),
    flops: countFlops(model, shapes),
    conflicts: shapes.conflicts.map(({ value, message }) => ({ value: value.name, message })),
  };
}

/** Inputs that a caller gives. Until IR version 4 every initializer is listed as an input, too. */
function graphInputs(graph: Graph): PortSummary[] {
  const { irVersion } = graph.model;
  const inputs = irVersion >= 4 ? graph.inputs : graph.inputs.filter(({ initializer }) => initializer === undefined);
  return inputs.map((value) => summarize(value));
}

function summarize(value: Value): PortSummary {
  const { name, type, shape, initializer } = value;
  return {
    name,
    type: formatType(type),
    shape: shape === undefined ? null : shape.map((dim: Dim) => dim ?? null),
    hasDefault: value.isGraphInput && initializer !== undefined,
  };
}

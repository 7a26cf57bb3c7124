import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onnx } from '../../src/wire/generated/onnx.js';

/** How a model is changed before its shapes are inferred; `fixtures/shape-verdicts/README.md` describes the variants. */
export type Variant = 'plain' | 'symbolic' | 'constants';

/** Largest input that becomes a constant. */
const MOST_ELEMENTS = 64;

/** The model without the types of its outputs and of values in between, changed as the variant says. */
export function variantOf(bytes: Uint8Array, kind: Variant, dataSet: string): Uint8Array {
  const model = onnx.ModelProto.decode(bytes);
  const { graph } = model;
  if (!graph) throw new Error('a model without graph');
  graph.value_info = [];
  for (const output of graph.output ?? []) output.type = null;
  const constants = new Set(graph.initializer?.map(({ name }) => name));
  if (kind === 'symbolic') symbolize(graph, constants);
  if (kind === 'constants') fix(graph, constants, dataSet);
  return onnx.ModelProto.encode(model).finish();
}

/** Turns every extent above 1 of the inputs into a symbol, equal extents into the same one. */
function symbolize(graph: onnx.GraphProto.$Properties, constants: ReadonlySet<string | null | undefined>): void {
  for (const { name, type } of graph.input ?? []) {
    if (constants.has(name)) continue;
    for (const dim of type?.tensor_type?.shape?.dim ?? []) {
      const extent = Number(dim.dim_value ?? 0);
      if (extent > 1) {
        dim.dim_value = null;
        dim.dim_param = `s${extent}`;
      }
    }
  }
}

/** Turns small inputs into initializers that hold what the data set of the test gives them. */
function fix(
  graph: onnx.GraphProto.$Properties,
  constants: ReadonlySet<string | null | undefined>,
  dataSet: string,
): void {
  const fixed = (graph.input ?? []).map(({ name, type }, i) => {
    const path = join(dataSet, `input_${i}.pb`);
    if (constants.has(name) || !type?.tensor_type || !existsSync(path)) return undefined;
    const tensor = onnx.TensorProto.decode(readFileSync(path));
    const count = (tensor.dims ?? []).reduce<number>((product, dim) => product * Number(dim), 1);
    if (count > MOST_ELEMENTS) return undefined;
    tensor.name = name ?? '';
    return tensor;
  });
  graph.initializer = [...(graph.initializer ?? []), ...fixed.filter((tensor) => tensor !== undefined)];
  graph.input = (graph.input ?? []).filter((_, i) => fixed[i] === undefined);
}

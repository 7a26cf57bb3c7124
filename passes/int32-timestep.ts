import { SdgraphError } from '../src/errors.ts';
import { Attribute } from '../src/ir/attribute.ts';
import { DataType, typeName } from '../src/ir/data-type.ts';
import type { Graph } from '../src/ir/graph.ts';
import type { Node } from '../src/ir/node.ts';
import type { TensorType } from '../src/ir/type.ts';
import type { Use, Value } from '../src/ir/value.ts';
import { definePass } from '../src/rewrite/pass.ts';

/** Options of {@link int32Timestep}. */
export interface Int32TimestepOptions {
  /** Name of the graph input; found by default. */
  readonly input: string | undefined;
}

/**
 * Makes the timestep input of a UNet int32, as Ascend's runtime feeds it. Only the element type changes: name, position
 * and shape stay. Operators that take any type go on with int32; where one needs int64, a Cast is put before it.
 *
 * The input is the one named, else the one called `t` or `timestep`, else the only int64 input of rank 0 or 1 that ends
 * in a Cast to float. A float input needs no change: it takes fractional timesteps too. Covers the graph inputs, and all scopes that read them.
 *
 * Throws `E_PASS_OPTION` when there is no input of the name given.
 */
export const int32Timestep = definePass<Int32TimestepOptions>({
  name: 'int32-timestep',
  summary: 'Makes the timestep input int32',
  defaults: { input: undefined },
  options: { input: 'name of the timestep input; found by name and structure by default' },
  expects: () => 1,
  run({ model, report }, { input: name }) {
    const inputs = timestepInputs(model.graph, name);
    for (const value of inputs) {
      const [first] = value.consumers();
      if (first === undefined) {
        report.note(`the input '${value.name}' is not read by anything, and stays as it is`);
        continue;
      }
      const finding = inputs.length === 1 ? examine(value) : ambiguous(inputs);
      if (finding.kind === 'plan') {
        makeInt32(value, finding);
        report.applied(first, `its input '${value.name}' is int32 now`);
        report.note(`'${value.name}' is int32: a scheduler with fractional timesteps (Euler) would lose the fractions`);
      } else if (finding.kind === 'present') report.present(first, finding.reason);
      else report.refused(first, finding.reason);
    }
  },
});

/** What becomes of the values and readers when an input turns int32. */
interface Plan {
  readonly kind: 'plan';
  /** Values that turn int32 with it. */
  readonly carried: readonly Value[];
  /** Readers that need int64. */
  readonly casts: readonly { readonly value: Value; readonly use: Use }[];
  /** Whether the timestep ends in a Cast to float, as that of a time projection does. */
  readonly endsInFloat: boolean;
}

type Finding = Plan | { readonly kind: 'present' | 'refused'; readonly reason: string };

/** What exporters call the input; part of the interface of a model, unlike names inside. */
const USUAL_NAMES: ReadonlySet<string> = new Set(['t', 'timestep']);
const FLOATS: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.FLOAT16, DataType.DOUBLE, DataType.BFLOAT16]);
/** Operators whose output has the type of input 0, whatever it is. */
const CARRIERS: ReadonlySet<string> = new Set([
  'Expand',
  'Flatten',
  'Gather',
  'Identity',
  'Reshape',
  'Slice',
  'Squeeze',
  'Tile',
  'Transpose',
  'Unsqueeze',
]);

/** The inputs to look at: one, unless several could be meant. */
function timestepInputs(graph: Graph, name: string | undefined): Value[] {
  if (name !== undefined) {
    const named = graph.inputs.find((input) => input.name === name);
    if (named !== undefined) return [named];
    throw new SdgraphError(
      'E_PASS_OPTION',
      'the model has no input of that name',
      { path: 'input' },
      { expected: `one of ${graph.inputs.map((input) => input.name).join(', ')}`, found: name },
    );
  }
  const usual = graph.inputs.filter((input) => USUAL_NAMES.has(input.name));
  if (usual.length > 0) return usual.slice(0, 1);
  const structural = graph.inputs.filter((input) => {
    const { elemType, shape } = tensorType(input) ?? {};
    const isScalar = shape !== undefined && shape.length <= 1;
    return isScalar && (elemType === DataType.INT64 || elemType === DataType.INT32) && follow(input).endsInFloat;
  });
  return structural;
}

function ambiguous(inputs: readonly Value[]): Finding {
  const names = inputs.map(({ name }) => `'${name}'`).join(', ');
  return { kind: 'refused', reason: `any of ${names} could be the timestep; name it` };
}

function tensorType({ type }: Value): TensorType | undefined {
  return type?.kind === 'tensor' ? type : undefined;
}

function examine(input: Value): Finding {
  const type = tensorType(input);
  if (type === undefined) return { kind: 'refused', reason: `'${input.name}' is not a tensor of known type` };
  if (type.elemType === DataType.INT32) return { kind: 'present', reason: `its input '${input.name}' is int32` };
  if (FLOATS.has(type.elemType)) {
    return {
      kind: 'present',
      reason: `its input '${input.name}' is ${typeName(type.elemType)} and keeps fractional timesteps`,
    };
  }
  if (type.elemType !== DataType.INT64) {
    return { kind: 'refused', reason: `'${input.name}' is ${typeName(type.elemType)}, not int64` };
  }
  if (type.shape !== undefined && type.shape.length > 1) {
    return { kind: 'refused', reason: `'${input.name}' has rank ${type.shape.length}, and a timestep 0 or 1` };
  }
  if (input.isGraphOutput) return { kind: 'refused', reason: `'${input.name}' is a graph output as well` };
  if (input.isPinned) return { kind: 'refused', reason: `training or quantization info refers to '${input.name}'` };
  if (input.initializer !== undefined)
    return { kind: 'refused', reason: `'${input.name}' has a default of type int64` };
  return follow(input);
}

/** Follows the input through operators that take any type. */
function follow(input: Value): Plan {
  const carried: Value[] = [];
  const casts: Plan['casts'][number][] = [];
  let endsInFloat = false;
  const pending = [input];
  for (let value = pending.shift(); value !== undefined; value = pending.shift()) {
    for (const use of value.uses) {
      const { node, index } = use;
      const output = node.outputs[0];
      if (node.isStandardDomain && node.opType === 'Cast') endsInFloat ||= FLOATS.has(node.int('to', 0));
      else if (takesEither(node, index)) continue;
      else if (output !== undefined && carries(node, index) && !output.isGraphOutput && !output.isPinned) {
        carried.push(output);
        pending.push(output);
      } else casts.push({ value, use });
    }
  }
  return { kind: 'plan', carried, casts, endsInFloat };
}

/** Whether a reader does not care which integer type it gets, and its result does not depend on it. */
function takesEither(node: Node, index: number): boolean {
  if (!node.isStandardDomain) return false;
  return node.opType === 'Shape' || node.opType === 'Size' || (node.opType === 'Gather' && index === 1);
}

function carries(node: Node, index: number): boolean {
  return node.isStandardDomain && index === 0 && CARRIERS.has(node.opType);
}

function makeInt32(input: Value, { carried, casts }: Plan): void {
  for (const value of [input, ...carried]) {
    const type = tensorType(value);
    if (value.info !== undefined && type !== undefined) value.setType({ ...type, elemType: DataType.INT32 });
  }
  const widened = new Map<Value, Map<Graph, Value>>();
  for (const { value, use } of casts) {
    const { graph } = use.node;
    const inGraphs = widened.get(value) ?? new Map<Graph, Value>();
    const wide = inGraphs.get(graph) ?? insertCast(value, graph);
    widened.set(value, inGraphs.set(graph, wide));
    use.node.setInput(use.index, wide);
  }
}

/** A Cast to int64 in front of everything in `graph` that can read the value. */
function insertCast(value: Value, graph: Graph): Value {
  const { producer } = value;
  const [first] = graph.nodes;
  const place = producer?.graph === graph ? { after: producer } : first === undefined ? {} : { before: first };
  const attributes = [Attribute.int('to', DataType.INT64)];
  const name = `${value.name}/Cast_int64`;
  return graph
    .insert({ opType: 'Cast', inputs: [value], name, outputs: [`${name}_output_0`], attributes }, place)
    .output();
}

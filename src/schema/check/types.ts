import { SdgraphError } from '../../errors.ts';
import { elementType } from '../../ir/data-type.ts';
import type { Graph } from '../../ir/graph.ts';
import type { Node } from '../../ir/node.ts';
import { SparseTensor } from '../../ir/sparse-tensor.ts';
import { type Dim, formatType, type ValueType } from '../../ir/type.ts';
import type { Value } from '../../ir/value.ts';
import type { ValueInfo } from '../../ir/value-info.ts';
import type { Inference } from '../inference.ts';
import type { OperatorSchema, Parameter } from '../operators.ts';
import type { CheckContext } from './context.ts';

/** Types that the inputs and outputs of the main graph state, for a caller has nothing else to go by. */
export function checkPortTypes(graph: Graph, context: CheckContext): void {
  const lists = [
    { what: 'input', ports: graph.raw.inputPorts() },
    { what: 'output', ports: graph.raw.outputPorts() },
  ];
  for (const { what, ports } of lists) {
    for (const port of ports) {
      const lack = lackOf(typeOf(port.info));
      if (lack === undefined) continue;
      context.report('io-type-missing', { graph, value: port.value.name }, `a graph ${what} ${lack}`);
    }
  }
}

function typeOf(info: ValueInfo): ValueType | undefined {
  try {
    return info.type;
  } catch (error) {
    // Bytes that are no type say nothing of the value.
    if (error instanceof SdgraphError) return undefined;
    throw error;
  }
}

/** What a type leaves open that it must not. */
function lackOf(type: ValueType | undefined): string | undefined {
  switch (type?.kind) {
    case 'tensor':
    case 'sparse tensor':
      if (elementType(type.elemType) === undefined) return 'has no element type or one that does not exist';
      return type.shape === undefined ? 'has no shape' : undefined;
    case 'sequence':
    case 'optional':
      return type.element.kind === 'unknown' ? `has no type of what the ${type.kind} holds` : undefined;
    case 'map':
      return type.keyType === 0 || type.value.kind === 'unknown' ? 'has no complete type of a map' : undefined;
    case 'opaque':
      return undefined;
    default:
      return 'has no type';
  }
}

/** Graph inputs that an initializer gives a default: both state a type and a shape, which have to agree. */
export function checkInitializerTypes(graph: Graph, context: CheckContext): void {
  for (const { value, info } of graph.raw.inputPorts()) {
    const { initializer } = value;
    const type = initializer === undefined ? undefined : typeOf(info);
    if (initializer === undefined || type === undefined || type.kind === 'unknown') continue;
    const kind = initializer instanceof SparseTensor ? 'sparse tensor' : 'tensor';
    const { dataType, dims } = initializer;
    if (type.kind === kind && type.elemType === dataType && fits(type.shape, dims)) continue;
    context.report(
      'initializer-type',
      { graph, value: value.name },
      'an initializer is not what its graph input states',
      {
        expected: formatType(type),
        found: formatType({ kind, elemType: dataType, shape: dims }),
      },
    );
  }
}

function fits(shape: readonly Dim[] | undefined, dims: readonly number[]): boolean {
  if (shape === undefined) return true;
  return shape.length === dims.length && shape.every((dim, i) => typeof dim !== 'number' || dim === dims[i]);
}

/** Types of what a node reads and computes against what its operator takes: each by itself, then those that must be equal. */
export function checkNodeTypes(node: Node, schema: OperatorSchema, inference: Inference, context: CheckContext): void {
  const bound = new Map<string, { readonly type: string; readonly parameter: string }>();
  const check = (value: Value | undefined, index: number, parameters: readonly Parameter[]): void => {
    const parameter = parameters[index] ?? parameters.at(-1);
    const type = typeText(inference.type(value));
    if (value === undefined || parameter === undefined || type === undefined) return;
    const allowed = schema.types.get(parameter.type);
    if (allowed === undefined ? parameter.type.includes('(') && parameter.type !== type : !allowed.has(type)) {
      context.report('type-not-allowed', { node, value: value.name }, `the type is not one for '${parameter.name}'`, {
        expected: listed(allowed ?? new Set([parameter.type])),
        found: type,
      });
      return;
    }
    if (!parameter.homogeneous) return;
    const other = bound.get(parameter.type);
    if (other === undefined) bound.set(parameter.type, { type, parameter: parameter.name });
    else if (other.type !== type) {
      context.report('type-mismatch', { node, value: value.name }, `'${parameter.name}' has another type`, {
        expected: `${other.type}, as '${other.parameter}'`,
        found: type,
      });
    }
  };
  for (const [i, value] of node.inputs.entries()) check(value, i, schema.inputs);
  for (const [i, value] of node.outputs.entries()) check(value, i, schema.outputs);
}

/** Longest list of types that a finding repeats. */
const MAX_LISTED = 6;

function listed(types: ReadonlySet<string>): string {
  const names = [...types];
  return names.length <= MAX_LISTED ? names.join(', ') : `${names.slice(0, MAX_LISTED).join(', ')}, …`;
}

/** A type as operator schemas write it; undefined when it is not known in full. */
export function typeText(type: ValueType | undefined): string | undefined {
  switch (type?.kind) {
    case 'tensor':
    case 'sparse tensor': {
      const name = elementText(type.elemType);
      return name === undefined ? undefined : `${type.kind === 'tensor' ? '' : 'sparse_'}tensor(${name})`;
    }
    case 'sequence':
    case 'optional': {
      const element = typeText(type.element);
      return element === undefined ? undefined : `${type.kind === 'sequence' ? 'seq' : 'optional'}(${element})`;
    }
    case 'map': {
      const key = elementText(type.keyType);
      // Schemas write the values of a map by their element type alone.
      const value = type.value.kind === 'tensor' ? elementText(type.value.elemType) : typeText(type.value);
      return key === undefined || value === undefined ? undefined : `map(${key}, ${value})`;
    }
    default:
      return undefined;
  }
}

function elementText(id: number): string | undefined {
  return elementType(id)?.onnx.toLowerCase();
}

/** What inference found to contradict itself. */
export function checkConflicts(inference: Inference, context: CheckContext): void {
  for (const { value, message } of inference.conflicts) {
    const { producer } = value;
    const about = producer === undefined ? { graph: value.graph } : { node: producer };
    context.report('shape-conflict', { ...about, value: value.name }, message);
  }
}

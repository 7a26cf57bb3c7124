import Long from 'long';
import { openModel } from '../../src/io/open.ts';
import type { Model } from '../../src/ir/model.ts';
import type { CheckOptions, RuleId } from '../../src/schema/check.ts';
import { checkModel } from '../../src/schema/check.ts';
import type { Finding } from '../../src/schema/finding.ts';
import { onnx } from '../../src/wire/generated/onnx.js';

type Proto = onnx.ModelProto.$Properties;
type GraphProto = onnx.GraphProto.$Properties;
type NodeProto = onnx.NodeProto.$Properties;
type TensorProto = onnx.TensorProto.$Properties;
type AttributeProto = onnx.AttributeProto.$Properties;
type InfoProto = onnx.ValueInfoProto.$Properties;
type FunctionProto = onnx.FunctionProto.$Properties;

const TYPES = onnx.AttributeProto.AttributeType;

/** A 64-bit integer of the wire. */
export const long = (value: number): Long => Long.fromNumber(value);

/** An attribute of one number. */
export const floatAttribute = (name: string, f: number): AttributeProto => ({ name, type: TYPES.FLOAT, f });
export const intAttribute = (name: string, i: number): AttributeProto => ({ name, type: TYPES.INT, i: long(i) });
export const graphAttribute = (name: string, g: GraphProto): AttributeProto => ({ name, type: TYPES.GRAPH, g });
export const tensorAttribute = (name: string, t: TensorProto): AttributeProto => ({ name, type: TYPES.TENSOR, t });

/** What a graph says of a value. */
export function tensorInfo(name: string, elemType: number, dims: readonly number[]): InfoProto {
  const dim = dims.map((each) => ({ dim_value: long(each) }));
  return { name, type: { tensor_type: { elem_type: elemType, shape: { dim } } } };
}

/** A node; what matters little has a default. */
export function node(opType: string, input: string[], output: string[], attribute: AttributeProto[] = []): NodeProto {
  return { op_type: opType, name: `${opType} ${output[0] ?? ''}`, input, output, attribute };
}

/** A float tensor whose elements are in a typed field. */
export function floatsProto(name: string, dims: readonly number[], values: number[]): TensorProto {
  return { name, data_type: 1, dims: dims.map(long), float_data: values };
}

/** The parts of {@link sampleProto} that tests break. */
export interface Sample {
  readonly proto: Proto;
  readonly graph: GraphProto & {
    node: NodeProto[];
    input: InfoProto[];
    output: InfoProto[];
    initializer: TensorProto[];
  };
  readonly add: NodeProto & { input: string[]; output: string[]; attribute: AttributeProto[] };
  readonly branch: NodeProto & { attribute: AttributeProto[] };
  /** The then branch of `branch`. */
  readonly yes: GraphProto & { node: NodeProto[]; input: InfoProto[]; output: InfoProto[] };
  readonly call: NodeProto & { input: string[]; output: string[]; attribute: AttributeProto[] };
  readonly weight: TensorProto;
  readonly callee: FunctionProto & { node: NodeProto[]; input: string[]; output: string[]; attribute: string[] };
}

/** A sound model with an initializer, a branch and a local function, as a message to be broken. */
export function sample(): Sample {
  const weight = floatsProto('w', [1, 4], [1, 2, 3, 4]);
  const add = {
    ...node('Add', ['x', 'w'], ['h']),
    input: ['x', 'w'],
    output: ['h'],
    attribute: [] as AttributeProto[],
  };
  const yes = { name: 'yes', node: [node('Neg', ['h'], ['a'])], input: [], output: [tensorInfo('a', 1, [1, 4])] };
  const otherwise = { name: 'no', node: [node('Abs', ['h'], ['b'])], output: [tensorInfo('b', 1, [1, 4])] };
  const attribute = [graphAttribute('then_branch', yes), graphAttribute('else_branch', otherwise)];
  const branch = { ...node('If', ['c'], ['i']), attribute };
  const call = {
    ...node('Gate', ['i'], ['y'], [floatAttribute('alpha', 0.5)]),
    domain: 'my.domain',
    input: ['i'],
    output: ['y'],
    attribute: [floatAttribute('alpha', 0.5)],
  };
  const graph = {
    name: 'g',
    node: [add, branch, call],
    input: [tensorInfo('x', 1, [1, 4]), tensorInfo('c', 9, [])],
    output: [tensorInfo('y', 1, [1, 4])],
    initializer: [weight],
  };
  const reference = { name: 'alpha', type: TYPES.FLOAT, ref_attr_name: 'alpha' };
  const callee = {
    name: 'Gate',
    domain: 'my.domain',
    input: ['u'],
    output: ['v'],
    attribute: ['alpha'],
    node: [node('LeakyRelu', ['u'], ['v'], [reference])],
    opset_import: [{ domain: '', version: long(17) }],
  };
  const proto = {
    ir_version: long(8),
    opset_import: [
      { domain: '', version: long(17) },
      { domain: 'my.domain', version: long(1) },
    ],
    graph,
    functions: [callee],
    metadata_props: [{ key: 'made by', value: 'a test' }],
  };
  return { proto, graph, add, branch, yes, call, weight, callee };
}

/** Opens the sample after a change. */
export function openSample(change: (parts: Sample) => void = () => {}): Promise<Model> {
  const parts = sample();
  change(parts);
  return openModel(onnx.ModelProto.encode(parts.proto).finish());
}

/** What the checker finds in the sample after a change. */
export async function findingsOf(change?: (parts: Sample) => void, options?: CheckOptions): Promise<Finding<RuleId>[]> {
  return checkModel(await openSample(change), options);
}

/** The rules that fire on the sample after a change, each once. */
export async function rulesOf(change?: (parts: Sample) => void, options?: CheckOptions): Promise<RuleId[]> {
  return [...new Set((await findingsOf(change, options)).map(({ rule }) => rule))];
}

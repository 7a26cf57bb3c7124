import { Attribute } from '../../src/ir/attribute.ts';
import { floatTensor, int64Tensor } from '../../src/ir/constants.ts';
import { elementTypes } from '../../src/ir/data-type.ts';
import type { Tensor } from '../../src/ir/tensor.ts';
import { type Dim, formatType, type TensorType } from '../../src/ir/type.ts';
import type { Value } from '../../src/ir/value.ts';
import { inferShapes } from '../../src/schema/infer.ts';
import type { Int } from '../../src/schema/inference.ts';
import { buildModel, type GraphBuilder } from './model-builder.ts';

/** An input: a type as text (`float32[2,N,?]`), a constant, or undefined where it is left out. */
export type Operand = string | Tensor | undefined;

/** Attributes: integers, lists of them, texts, tensors; floats as an Attribute. */
export type Attributes = Readonly<Record<string, number | readonly number[] | string | Tensor | Attribute>>;

/** A node to infer. */
export interface OpCase {
  readonly op: string;
  readonly opset?: number;
  readonly domain?: string;
  readonly inputs: readonly Operand[];
  readonly attributes?: Attributes;
  /** How many outputs the node has; 1 by default. */
  readonly outputs?: number;
}

/** What was inferred of the outputs of a node. */
export interface OpResult {
  /** Types as text, `unknown` for what is not known. */
  readonly types: readonly string[];
  /** Contents of the first output. */
  readonly ints: readonly Int[] | undefined;
  readonly conflicts: readonly string[];
}

/** A constant of 64-bit integers; a vector unless `dims` says otherwise. */
export function ints(values: readonly (number | bigint)[], dims: readonly number[] = [values.length]): Tensor {
  return int64Tensor(values, dims);
}

/** A constant 64-bit integer without dimensions. */
export const int = (value: number | bigint): Tensor => int64Tensor([value], []);

/** A constant vector of float32. */
export function floats(values: readonly number[], dims: readonly number[] = [values.length]): Tensor {
  return floatTensor(values, dims);
}

/** Infers a model of one node. */
export function inferOp({ op, opset = 21, domain = '', inputs, attributes = {}, outputs = 1 }: OpCase): OpResult {
  let results: Value[] = [];
  const model = buildModel(opset, (graph) => {
    const values = inputs.map((operand, i) => valueOf(graph, operand, i));
    const list = Object.entries(attributes).map(([name, value]) => attributeOf(name, value));
    results = graph.ops(op, values, { attributes: list, outputs, domain });
  });
  if (domain !== '') model.setOpset(domain, 1);
  const inferred = inferShapes(model);
  return {
    types: results.map((value) => formatType(inferred.type(value))),
    ints: inferred.ints(results[0]),
    conflicts: inferred.conflicts.map(({ message }) => message),
  };
}

function valueOf(graph: GraphBuilder, operand: Operand, index: number): Value | undefined {
  if (operand === undefined) return undefined;
  if (typeof operand !== 'string') return graph.tensor(operand.renamed(`c${index}`));
  const { elemType, shape } = parseType(operand);
  return graph.input(`x${index}`, shape, elemType);
}

/** Reads `float32[2,N,?]`. */
export function parseType(text: string): TensorType {
  const match = /^([a-z0-9]+)(?:\[(.*)\])?$/.exec(text);
  const elemType = [...elementTypes()].find(({ name }) => name === match?.[1])?.id;
  if (match === null || elemType === undefined) throw new Error(`not a tensor type: ${text}`);
  const dims = match[2];
  if (dims === undefined) return { kind: 'tensor', elemType };
  const shape = dims === '' ? [] : dims.split(',').map((dim): Dim => parseDim(dim));
  return { kind: 'tensor', elemType, shape };
}

function parseDim(text: string): Dim {
  if (text === '?') return undefined;
  return /^[0-9]+$/.test(text) ? Number(text) : text;
}

/** An attribute from what a table gives for it. */
export function attributeOf(name: string, value: Attributes[string]): Attribute {
  if (value instanceof Attribute) return value;
  if (typeof value === 'number') return Attribute.int(name, value);
  if (typeof value === 'string') return Attribute.string(name, value);
  return 'length' in value ? Attribute.ints(name, value) : Attribute.tensor(name, value);
}

import type { Attribute } from '../../ir/attribute.ts';
import type { Graph } from '../../ir/graph.ts';
import type { Node } from '../../ir/node.ts';
import type { Tensor } from '../../ir/tensor.ts';
import type { Dim, TensorType, ValueType } from '../../ir/type.ts';
import { axisIn, extent } from './dims.ts';
import { elementsOf } from './elements.ts';
import { Contradiction, type Fact, type Known, type Shape } from './fact.ts';
import { isTensor } from './merge.ts';

/** What the engine offers to operators that hold graphs. */
export interface Bodies {
  /** Infers a subgraph whose inputs are as given and returns what is known of its outputs. */
  run(body: Graph, inputs: readonly Fact[]): readonly Fact[];
  /** Loops around the node in its model or function. */
  readonly loopDepth: number;
  /** Does something that counts as inside one more loop. */
  inLoop<T>(work: () => T): T;
}

/**
 * What an operator's inference sees of its node: attributes with references of the enclosing function resolved, and
 * what is known of the inputs. Accessors throw `E_ATTRIBUTE` for an attribute of the wrong type and
 * {@link Contradiction} for impossible input; either leaves the outputs unknown.
 */
export class OpContext {
  readonly node: Node;
  /** Version of the operator set that the node is of. */
  readonly opset: number;
  readonly bodies: Bodies;
  readonly #inputs: readonly (Fact | undefined)[];
  readonly #attribute: (name: string) => Attribute | undefined;

  constructor(
    node: Node,
    opset: number,
    inputs: readonly (Fact | undefined)[],
    attribute: (name: string) => Attribute | undefined,
    bodies: Bodies,
  ) {
    this.node = node;
    this.opset = opset;
    this.bodies = bodies;
    this.#inputs = inputs;
    this.#attribute = attribute;
  }

  /** How many inputs the node lists, left-out ones included. */
  get inputCount(): number {
    return this.#inputs.length;
  }

  /** How many outputs the node lists, left-out ones included. */
  get outputCount(): number {
    return this.node.outputs.length;
  }

  /** Whether the node has that input. */
  has(index: number): boolean {
    return this.#inputs[index] !== undefined;
  }

  /** Everything known of an input; nothing for one that is left out. */
  fact(index: number): Fact {
    return this.#inputs[index] ?? {};
  }

  facts(): readonly Fact[] {
    return this.#inputs.map((fact) => fact ?? {});
  }

  type(index: number): ValueType | undefined {
    return this.#inputs[index]?.type;
  }

  /** Type of an input that is a tensor. */
  tensor(index: number): TensorType | undefined {
    const type = this.type(index);
    return isTensor(type) ? type : undefined;
  }

  /** Element type of an input; 0 when unknown. */
  elem(index: number): number {
    return this.tensor(index)?.elemType ?? 0;
  }

  shape(index: number): Shape | undefined {
    return this.tensor(index)?.shape;
  }

  /** Shape of an input that must have this rank. */
  shapeOfRank(index: number, rank: number): Shape | undefined {
    const shape = this.shape(index);
    if (shape !== undefined && shape.length !== rank) {
      throw new Contradiction(`input ${index} has rank ${shape.length}, the operator takes ${rank}`);
    }
    return shape;
  }

  rank(index: number): number | undefined {
    return this.shape(index)?.length;
  }

  dim(index: number, axis: number): Dim {
    return this.shape(index)?.at(axis);
  }

  /** Elements of an input, as far as they are known. */
  known(index: number): readonly Known[] | undefined {
    return elementsOf(this.fact(index));
  }

  /** Elements of a constant that an attribute holds. */
  elementsOf(constant: Tensor): readonly Known[] | undefined {
    return elementsOf({ constant });
  }

  /** Elements of an input that must all be known integers: axes, pads, sizes. */
  ints(index: number): readonly number[] | undefined {
    const known = this.known(index);
    if (known === undefined || !known.every((each) => typeof each === 'bigint')) return undefined;
    const numbers = known.map(Number);
    return numbers.every(Number.isSafeInteger) ? numbers : undefined;
  }

  /** The one element of an input of one element. */
  scalar(index: number): Known {
    const known = this.known(index);
    return known?.length === 1 ? known[0] : undefined;
  }

  /** An attribute with the reference of the enclosing function resolved. */
  attribute(name: string): Attribute | undefined {
    return this.#attribute(name);
  }

  int(name: string, fallback: number): number {
    const attribute = this.#attribute(name);
    return attribute === undefined ? fallback : Number(attribute.int);
  }

  float(name: string, fallback: number): number {
    return this.#attribute(name)?.float ?? fallback;
  }

  string(name: string, fallback: string): string {
    return this.#attribute(name)?.string ?? fallback;
  }

  /** Integers of an attribute; those beyond 2^53 contradict, as nothing that they could count exists. */
  intList(name: string): readonly number[] | undefined {
    const numbers = this.#attribute(name)?.ints.map(Number);
    if (numbers?.some((each) => !Number.isSafeInteger(each))) {
      throw new Contradiction(`attribute '${name}' holds an impossible number`);
    }
    return numbers;
  }

  tensorAttribute(name: string): Tensor | undefined {
    return this.#attribute(name)?.tensor;
  }

  graph(name: string): Graph | undefined {
    return this.#attribute(name)?.graph;
  }

  /** An axis attribute counted from the front. */
  axis(name: string, fallback: number, rank: number): number {
    return axisIn(this.int(name, fallback), rank);
  }

  /** Axes from an attribute before the opset in which they became an input, and from the input since. */
  axes(name: string, input: number, inputSince: number): 'none' | 'unknown' | readonly number[] {
    if (this.opset < inputSince) return this.intList(name) ?? 'none';
    return this.has(input) ? (this.ints(input) ?? 'unknown') : 'none';
  }

  /** Number of elements of an input of rank 1. */
  length(index: number): number | undefined {
    const shape = this.shape(index);
    return shape?.length === 1 && typeof shape[0] === 'number' ? shape[0] : undefined;
  }
}

/** What an operator function returns for each output; missing and undefined ones are unknown. */
export type Outputs = readonly (Fact | undefined)[];

/** Shape and type inference of one operator. */
export type OperatorInference = (op: OpContext) => Outputs;

/** Operators of one domain by type. */
export type OperatorTable = ReadonlyMap<string, OperatorInference>;

/** A known element as an extent: integers in range and symbols. */
export function knownDim(element: Known): Dim {
  if (typeof element === 'bigint') return extent(element);
  return typeof element === 'string' ? element : undefined;
}

/** An extent as an element. */
export function dimElement(dim: Dim): Known {
  return typeof dim === 'number' ? BigInt(dim) : dim;
}

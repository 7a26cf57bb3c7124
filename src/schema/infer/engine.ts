import { SdgraphError } from '../../errors.ts';
import type { Attribute } from '../../ir/attribute.ts';
import type { LocalFunction } from '../../ir/function.ts';
import type { Graph } from '../../ir/graph.ts';
import type { Model } from '../../ir/model.ts';
import type { Node } from '../../ir/node.ts';
import { topologicalOrder } from '../../ir/sort.ts';
import type { ValueType } from '../../ir/type.ts';
import type { Value } from '../../ir/value.ts';
import type { Conflict } from '../inference.ts';
import { forCall } from './elements.ts';
import { Contradiction, constantFact, type Fact, UNKNOWN } from './fact.ts';
import { callKey, functionKey } from './function-key.ts';
import { joinFacts, refine } from './merge.ts';
import { type Bodies, OpContext, type Outputs } from './op-context.ts';
import { operatorInference } from './operators.ts';

/** From this IR version a graph input of the same name may override an initializer (onnx.proto). */
const OVERRIDABLE_SINCE = 4;

/** The standard operator set that a model without import is taken to mean. */
const LATEST_OPSET = 26;

/** Bodies of local functions are inferred once for each distinct call; this bounds models made to explode. */
const CALL_BUDGET_BASE = 100_000;
const CALL_BUDGET_PER_NODE = 64;

/** Nodes that are inferred together: the model with its subgraphs, or one call of a local function. */
interface Frame {
  readonly facts: Map<Value, Fact>;
  readonly opsets: ReadonlyMap<string, number>;
  /** Attributes of the call; undefined outside functions. */
  readonly attributes: ReadonlyMap<string, Attribute> | undefined;
  readonly defaults: ReadonlyMap<string, Attribute> | undefined;
  depth: number;
}

/** Walks a model and keeps what is known of each value. */
export class Engine {
  readonly facts: Map<Value, Fact> = new Map();
  conflicts: Conflict[] = [];
  readonly #model: Model;
  readonly #functions = new Map<string, LocalFunction>();
  readonly #calls = new Map<string, readonly Fact[]>();
  readonly #active = new Set<LocalFunction>();
  readonly #reached = new Set<LocalFunction>();
  readonly #orders = new Map<Graph, readonly Node[]>();
  #budget = CALL_BUDGET_BASE;

  constructor(model: Model) {
    this.#model = model;
    for (const each of model.functions) {
      const key = functionKey(each.domain, each.name, each.overload);
      if (!this.#functions.has(key)) this.#functions.set(key, each);
      this.#budget += CALL_BUDGET_PER_NODE * each.body.nodes.size;
    }
  }

  run(): void {
    const { graph, opsets } = this.#model;
    const frame: Frame = { facts: this.facts, opsets, attributes: undefined, defaults: undefined, depth: 0 };
    for (const value of graph.inputs) frame.facts.set(value, this.#stated(value));
    this.#runGraph(graph, frame);
    for (const each of this.#model.functions) if (!this.#reached.has(each)) this.#runFunction(each, [], new Map());
  }

  #runGraph(graph: Graph, frame: Frame): void {
    for (const value of graph.initializers) frame.facts.set(value, this.#stated(value));
    for (const node of this.#order(graph)) this.#runNode(node, frame);
  }

  /** Nodes in an order of computation; in a circle, in the order of the file, where what is read too early is unknown. */
  #order(graph: Graph): readonly Node[] {
    const known = this.#orders.get(graph);
    if (known !== undefined) return known;
    let order: readonly Node[];
    try {
      order = topologicalOrder(graph);
    } catch (error) {
      if (!(error instanceof SdgraphError)) throw error;
      order = [...graph.nodes];
    }
    this.#orders.set(graph, order);
    return order;
  }

  #runNode(node: Node, frame: Frame): void {
    const inputs = node.inputs.map((value) => (value === undefined ? undefined : this.#factOf(value, frame)));
    const outputs = this.#infer(node, inputs, frame);
    for (const [i, value] of node.outputs.entries()) {
      if (value !== undefined) frame.facts.set(value, this.#withStatement(value, outputs[i] ?? UNKNOWN));
    }
  }

  #infer(node: Node, inputs: readonly (Fact | undefined)[], frame: Frame): Outputs {
    const called = this.#functions.get(functionKey(node.domain, node.opType, node.overload));
    const attribute = attributeReader(node, frame);
    try {
      if (called !== undefined) return this.#call(called, node, inputs, attribute);
      const infer = operatorInference(node.domain, node.opType);
      if (infer === undefined) return [];
      const bodies: Bodies = { run: (body, given) => this.#runBody(body, given, frame), depth: frame.depth };
      return infer(new OpContext(node, opsetOf(node, frame), inputs, attribute, bodies));
    } catch (error) {
      if (error instanceof Contradiction) {
        const value = node.outputs.find((each) => each !== undefined);
        if (value !== undefined) this.conflicts.push({ value, message: `${node.toString()}: ${error.message}` });
      } else if (!(error instanceof SdgraphError)) {
        throw error;
      }
      return [];
    }
  }

  #factOf(value: Value, frame: Frame): Fact {
    return frame.facts.get(value) ?? this.#stated(value);
  }

  /** What is known of a value that no node computes. */
  #stated(value: Value): Fact {
    const { initializer } = value;
    const type = statedType(value);
    if (initializer === undefined) return type === undefined ? UNKNOWN : { type };
    const isOverridable = value.isGraphInput && this.#model.irVersion >= OVERRIDABLE_SINCE;
    if (isOverridable) return type === undefined ? UNKNOWN : { type };
    return this.#withStatement(value, constantFact(initializer));
  }

  #withStatement(value: Value, fact: Fact): Fact {
    const type = refine(fact.type, statedType(value), (message) => this.conflicts.push({ value, message }));
    return type === fact.type || type === undefined ? fact : { ...fact, type };
  }

  #runBody(body: Graph, given: readonly Fact[], frame: Frame): readonly Fact[] {
    frame.depth += 1;
    for (const [i, value] of body.inputs.entries()) {
      frame.facts.set(value, this.#withStatement(value, given[i] ?? UNKNOWN));
    }
    this.#runGraph(body, frame);
    frame.depth -= 1;
    return body.outputs.map((value) => this.#factOf(value, frame));
  }

  #call(
    called: LocalFunction,
    node: Node,
    inputs: readonly (Fact | undefined)[],
    attribute: (name: string) => Attribute | undefined,
  ): Outputs {
    const attributes = new Map<string, Attribute>();
    for (const { name } of node.attributes) {
      const resolved = attribute(name);
      if (resolved !== undefined) attributes.set(name, resolved);
    }
    const given = inputs.map((fact) => (fact === undefined ? undefined : forCall(fact)));
    const key = callKey(called, given, attributes);
    const known = this.#calls.get(key);
    if (known !== undefined) return known;
    if (this.#active.has(called) || this.#budget < called.body.nodes.size) return [];
    const outputs = this.#runFunction(called, given, attributes);
    this.#calls.set(key, outputs);
    return outputs;
  }

  #runFunction(
    called: LocalFunction,
    inputs: readonly (Fact | undefined)[],
    attributes: ReadonlyMap<string, Attribute>,
  ): readonly Fact[] {
    const { body, opsets } = called;
    this.#budget -= body.nodes.size;
    this.#active.add(called);
    const frame: Frame = { facts: new Map(), opsets, attributes, defaults: undefined, depth: 0 };
    for (const [i, value] of body.inputs.entries()) frame.facts.set(value, inputs[i] ?? UNKNOWN);
    this.#runGraph(body, frame);
    this.#active.delete(called);
    this.#publish(called, frame);
    return body.outputs.map((value) => this.#factOf(value, frame));
  }

  /** Keeps for the values of a body what holds in all of its calls. */
  #publish(called: LocalFunction, frame: Frame): void {
    const isFirst = !this.#reached.has(called);
    this.#reached.add(called);
    for (const [value, fact] of frame.facts) {
      const before = isFirst ? undefined : this.facts.get(value);
      this.facts.set(value, before === undefined ? fact : joinFacts(before, fact));
    }
  }
}

function statedType(value: Value): ValueType | undefined {
  try {
    return value.info?.type;
  } catch (error) {
    if (error instanceof SdgraphError) return undefined;
    throw error;
  }
}

function attributeReader(node: Node, frame: Frame): (name: string) => Attribute | undefined {
  return (name) => {
    const attribute = node.attribute(name);
    if (attribute === undefined || attribute.refAttrName === '') return attribute;
    return frame.attributes?.get(attribute.refAttrName) ?? frame.defaults?.get(attribute.refAttrName);
  };
}

function opsetOf(node: Node, frame: Frame): number {
  const { domain } = node;
  if (!node.isStandardDomain) return frame.opsets.get(domain) ?? 1;
  return frame.opsets.get('') ?? frame.opsets.get('ai.onnx') ?? LATEST_OPSET;
}

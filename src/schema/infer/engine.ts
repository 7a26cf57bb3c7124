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
import { isTensor, joinFacts, refine } from './merge.ts';
import { type Bodies, OpContext, type Outputs } from './op-context.ts';
import { operatorInference } from './operators.ts';

/** From this IR version a graph input of the same name may override an initializer (onnx.proto). */
const OVERRIDABLE_SINCE = 4;

/** The standard operator set that a model without import is taken to mean. */
const LATEST_OPSET = 26;

/** Bodies of local functions are inferred once for each distinct call; this bounds models made to explode. */
const CALL_BUDGET_BASE = 50_000;
const CALL_BUDGET_PER_NODE = 64;

/** How deep function calls and subgraphs may be nested within each other. */
const MAX_DEPTH = 150;

/** Highest rank that is followed; far more than any runtime takes. */
const MAX_RANK = 128;

/** Contradictions that are kept of one value in the body of a function; every call can have its own. */
const MAX_CONFLICTS = 4;

/** Nodes that are inferred together: the model with its subgraphs, or one call of a local function. */
interface Frame {
  readonly facts: Map<Value, Fact>;
  /** What contradicts at each value; replaced when the node is inferred again. */
  readonly conflicts: Map<Value, readonly string[]>;
  readonly opsets: ReadonlyMap<string, number>;
  /** Attributes of the call; undefined outside functions. */
  readonly attributes: ReadonlyMap<string, Attribute> | undefined;
  loopDepth: number;
}

/** Walks a model and keeps what is known of each value. */
export class Engine {
  readonly facts: Map<Value, Fact> = new Map();
  readonly #conflicts = new Map<Value, readonly string[]>();
  readonly #model: Model;
  readonly #functions = new Map<string, LocalFunction>();
  readonly #calls = new Map<string, readonly Fact[]>();
  readonly #active = new Set<LocalFunction>();
  readonly #reached = new Set<LocalFunction>();
  readonly #orders = new Map<Graph, readonly Node[]>();
  #budget = CALL_BUDGET_BASE;
  #depth = 0;

  constructor(model: Model) {
    this.#model = model;
    for (const each of model.functions) {
      const key = functionKey(each.domain, each.name, each.overload);
      if (!this.#functions.has(key)) this.#functions.set(key, each);
      this.#budget += CALL_BUDGET_PER_NODE * each.body.nodes.size;
    }
  }

  /** What contradicts, in the order in which it was found. */
  conflicts(): Conflict[] {
    return [...this.#conflicts].flatMap(([value, messages]) => messages.map((message) => ({ value, message })));
  }

  run(): void {
    const { graph } = this.#model;
    const frame = this.#mainFrame();
    for (const value of graph.inputs) frame.facts.set(value, this.#stated(value, frame));
    this.#runGraph(graph, frame);
    for (const each of this.#model.functions)
      if (!this.#reached.has(each)) this.#runFunction(each, [], each.attributeDefaults);
  }

  /** Infers a node of the main graph whose inputs are known already, and gives what contradicts at its outputs. */
  append(node: Node): Conflict[] {
    this.#runNode(node, this.#mainFrame());
    return node.outputs.flatMap((value) =>
      value === undefined ? [] : (this.#conflicts.get(value) ?? []).map((message) => ({ value, message })),
    );
  }

  #mainFrame(): Frame {
    const { opsets } = this.#model;
    return { facts: this.facts, conflicts: this.#conflicts, opsets, attributes: undefined, loopDepth: 0 };
  }

  #runGraph(graph: Graph, frame: Frame): void {
    for (const value of graph.initializers) frame.facts.set(value, this.#stated(value, frame));
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
    for (const value of node.outputs) if (value !== undefined) frame.conflicts.delete(value);
    const inputs = node.inputs.map((value) => (value === undefined ? undefined : this.#factOf(value, frame)));
    const outputs = this.#infer(node, inputs, frame);
    for (const [i, value] of node.outputs.entries()) {
      if (value !== undefined)
        frame.facts.set(value, this.#withStatement(value, bounded(outputs[i] ?? UNKNOWN), frame));
    }
  }

  #infer(node: Node, inputs: readonly (Fact | undefined)[], frame: Frame): Outputs {
    const attribute = attributeReader(node, frame);
    const bodies = new FrameBodies(frame, (body, given) => this.#runBody(body, given, frame));
    try {
      const called = this.#called(node);
      if (called !== undefined) return this.#call(called, node, inputs, attribute);
      const infer = operatorInference(node.domain, node.opType);
      return infer?.(new OpContext(node, opsetOf(node, frame), inputs, attribute, bodies)) ?? [];
    } catch (error) {
      const value = node.outputs.find((each) => each !== undefined);
      if (error instanceof Contradiction) {
        if (value !== undefined) addConflict(frame, value, `${node.toString()}: ${error.message}`);
      } else if (!(error instanceof SdgraphError)) {
        throw error;
      }
      return [];
    } finally {
      // Bodies of operators that sdgraph does not know, or that gave up, still have constants and types of their own.
      for (const body of node.subgraphs()) if (!bodies.done.has(body)) this.#runBody(body, [], frame);
    }
  }

  #called({ domain, opType, overload }: Node): LocalFunction | undefined {
    return this.#functions.size === 0 ? undefined : this.#functions.get(functionKey(domain, opType, overload));
  }

  #factOf(value: Value, frame: Frame): Fact {
    return frame.facts.get(value) ?? this.#stated(value, frame);
  }

  /** What is known of a value that no node computes. */
  #stated(value: Value, frame: Frame): Fact {
    const { initializer } = value;
    const isOverridable = value.isGraphInput && this.#model.irVersion >= OVERRIDABLE_SINCE;
    const constant = initializer === undefined || isOverridable ? UNKNOWN : constantFact(initializer);
    return this.#withStatement(value, constant, frame);
  }

  #withStatement(value: Value, fact: Fact, frame: Frame): Fact {
    const type = refine(fact.type, statedType(value), (message) => addConflict(frame, value, message));
    return type === fact.type || type === undefined ? fact : { ...fact, type };
  }

  #runBody(body: Graph, given: readonly Fact[], frame: Frame): readonly Fact[] {
    if (this.#depth >= MAX_DEPTH) return [];
    this.#depth += 1;
    for (const [i, value] of body.inputs.entries()) {
      frame.conflicts.delete(value);
      frame.facts.set(value, this.#withStatement(value, given[i] ?? UNKNOWN, frame));
    }
    this.#runGraph(body, frame);
    this.#depth -= 1;
    return body.outputs.map((value) => this.#factOf(value, frame));
  }

  #call(
    called: LocalFunction,
    node: Node,
    inputs: readonly (Fact | undefined)[],
    attribute: (name: string) => Attribute | undefined,
  ): Outputs {
    const attributes = new Map(called.attributeDefaults);
    for (const { name } of node.attributes) {
      const resolved = attribute(name);
      if (resolved !== undefined) attributes.set(name, resolved);
    }
    const given = inputs.map((fact) => (fact === undefined ? undefined : forCall(fact)));
    const key = callKey(called, given, attributes);
    const known = this.#calls.get(key);
    if (known !== undefined) return known;
    const isExhausted = this.#budget < called.body.nodes.size || this.#depth >= MAX_DEPTH;
    if (isExhausted || this.#active.has(called)) return [];
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
    this.#depth += 1;
    this.#active.add(called);
    const frame: Frame = { facts: new Map(), conflicts: new Map(), opsets, attributes, loopDepth: 0 };
    for (const [i, value] of body.inputs.entries()) frame.facts.set(value, inputs[i] ?? UNKNOWN);
    this.#runGraph(body, frame);
    this.#active.delete(called);
    this.#depth -= 1;
    this.#publish(called, frame);
    return body.outputs.map((value) => this.#factOf(value, frame));
  }

  /** Keeps for the values of a body what holds in all of its calls, and what contradicts in any. */
  #publish(called: LocalFunction, frame: Frame): void {
    const isFirst = !this.#reached.has(called);
    this.#reached.add(called);
    for (const [value, fact] of frame.facts) {
      const before = isFirst ? undefined : this.facts.get(value);
      this.facts.set(value, before === undefined ? fact : joinFacts(before, fact));
    }
    for (const [value, messages] of frame.conflicts) {
      const all = new Set([...(this.#conflicts.get(value) ?? []), ...messages]);
      this.#conflicts.set(value, [...all].slice(0, MAX_CONFLICTS));
    }
  }
}

/** Runs the graphs of a node and remembers which were run. */
class FrameBodies implements Bodies {
  readonly done = new Set<Graph>();
  readonly #frame: Frame;
  readonly #run: Bodies['run'];

  constructor(frame: Frame, run: Bodies['run']) {
    this.#frame = frame;
    this.#run = run;
  }

  run(body: Graph, inputs: readonly Fact[]): readonly Fact[] {
    this.done.add(body);
    return this.#run(body, inputs);
  }

  get loopDepth(): number {
    return this.#frame.loopDepth;
  }

  inLoop<T>(work: () => T): T {
    this.#frame.loopDepth += 1;
    try {
      return work();
    } finally {
      this.#frame.loopDepth -= 1;
    }
  }
}

function addConflict({ conflicts }: Frame, value: Value, message: string): void {
  conflicts.set(value, [...(conflicts.get(value) ?? []), message]);
}

function bounded(fact: Fact): Fact {
  const { type } = fact;
  const isAbsurd = isTensor(type) && type.shape !== undefined && type.shape.length > MAX_RANK;
  return isAbsurd ? { type: { kind: type.kind, elemType: type.elemType } } : fact;
}

/** What the file says of a type; undefined when that cannot be read. */
function statedType(value: Value): ValueType | undefined {
  try {
    return value.info?.type;
  } catch (error) {
    if (error instanceof SdgraphError) return undefined;
    throw error;
  }
}

/** Attributes of a node; in the body of a function, with references to attributes of the call resolved. */
function attributeReader(node: Node, frame: Frame): (name: string) => Attribute | undefined {
  return (name) => {
    const attribute = node.attribute(name);
    if (attribute === undefined || attribute.refAttrName === '') return attribute;
    return frame.attributes?.get(attribute.refAttrName);
  };
}

function opsetOf(node: Node, { opsets }: Frame): number {
  if (!node.isStandardDomain) return opsets.get(node.domain) ?? 1;
  return opsets.get('') ?? opsets.get('ai.onnx') ?? LATEST_OPSET;
}

import { SdgraphError } from '../errors.ts';
import type { Span } from '../wire/rope.ts';
import { GraphEdit, type GraphKind, type Place, type Port } from './graph-parts.ts';
import type { Model } from './model.ts';
import { resume, suspend } from './nesting.ts';
import { Node, type NodeInit, requireSameModel } from './node.ts';
import { NodeList } from './node-list.ts';
import { OrderedMap } from './ordered-map.ts';
import { Ports } from './ports.ts';
import { ScopeNames } from './scope-names.ts';
import type { SparseTensor } from './sparse-tensor.ts';
import type { Tensor } from './tensor.ts';
import type { TensorType } from './type.ts';
import { Value } from './value.ts';
import { ValueInfo } from './value-info.ts';

export type { GraphKind, Place, Port } from './graph-parts.ts';

/**
 * A scope of nodes: the main graph, a subgraph, or the body of a local function. Every edit goes through its methods
 * and those of {@link Node} and {@link Value}; they keep uses, names and lists consistent or throw `E_GRAPH_EDIT`.
 */
export class Graph {
  readonly model: Model;
  readonly kind: GraphKind;
  /** The graph around this one, whose values its nodes may read; undefined for the main graph and functions. */
  readonly parent: Graph | undefined;
  readonly name: string;
  /** The node whose attribute holds this subgraph. */
  owner: Node | undefined;
  /** The nodes in the order of the file. */
  readonly nodes: NodeList = new NodeList();
  /** @internal Where the GraphProto or FunctionProto lies in the file. */
  readonly segments: readonly Span[];
  /** @internal */
  edits = 0;
  /** @internal Whether the subgraph was taken out of the model with the node that held it. */
  suspended = false;
  readonly #names: ScopeNames;
  readonly #ports: Ports = new Ports(this);
  readonly #initializers = new OrderedMap<Value, true>();

  /** @internal Graphs are made by decoding or by the builder. */
  constructor(
    model: Model,
    init: { kind: GraphKind; parent?: Graph | undefined; name?: string; segments?: readonly Span[] },
  ) {
    this.model = model;
    this.kind = init.kind;
    this.parent = init.parent;
    this.name = init.name ?? '';
    this.segments = init.segments ?? [];
    this.#names = new ScopeNames(model.valueNames, model.journal);
  }

  // ---- looking ----

  get inputs(): readonly Value[] {
    return this.#ports.inputValues;
  }

  get outputs(): readonly Value[] {
    return this.#ports.outputValues;
  }

  /** Values that a constant is stored for, in the order of the file; `value.initializer` is the constant. */
  get initializers(): readonly Value[] {
    return this.#initializers.keys();
  }

  /** The value that a node of this graph means by `name`: defined here or in a graph around it. */
  value(name: string): Value | undefined {
    return this.#names.find(name) ?? this.parent?.value(name);
  }

  /** The values defined in this graph itself. */
  values(): Iterable<Value> {
    return this.#names.values();
  }

  /** @internal The values of this graph, also those whose name means another one or that nothing defines. */
  allValues(): Iterable<Value> {
    return this.#names.all();
  }

  /** Names that nodes of this graph read though nothing defines them. */
  get danglingValues(): readonly Value[] {
    return [...this.#names.dangling].filter((value) => value.isDangling && (value.useCount > 0 || value.isGraphOutput));
  }

  /** Nodes of an operator of the standard domain in this graph, not in its subgraphs; safe while editing. */
  *nodesOf(opType: string): Generator<Node> {
    for (const node of this.nodes) if (node.opType === opType && node.isStandardDomain) yield node;
  }

  /** This graph and the subgraphs of its nodes, outer ones first. */
  *scopes(): Generator<Graph> {
    yield this;
    for (const node of this.nodes) for (const graph of node.subgraphs()) yield* graph.scopes();
  }

  // ---- editing nodes ----

  /**
   * Makes a node. Its outputs are new values; names that are taken get a suffix.
   *
   * @throws SdgraphError `E_GRAPH_EDIT` when the place is not in this graph, an input belongs to another model, or an
   * attribute holds a subgraph of another node
   */
  insert(init: NodeInit, place: Place = {}): Node {
    const { model } = this;
    const name = init.name === undefined ? '' : model.nodeNames.fresh(init.name);
    const { opType, domain = '', attributes = [], outputs = 1 } = init;
    const node = new Node({ name, opType, domain, overload: '', attributes });
    const names = typeof outputs === 'number' ? Array.from({ length: outputs }, () => undefined) : outputs;
    const base = name === '' ? opType : name;
    model.transaction(() => {
      this.#attach(node, this.#placeBehind(place));
      for (const subgraph of node.subgraphs()) resume(subgraph, node);
      for (const [i, output] of names.entries()) this.addOutputTo(node, output ?? `${base}_output_${i}`);
      node.setInputs(init.inputs);
    });
    return node;
  }

  /** The node behind which a place is; undefined for the front. */
  #placeBehind({ before, after }: Place): Node | undefined {
    if (before === undefined) return after ?? this.nodes.last;
    this.#requireMember(before);
    return this.nodes.before(before);
  }

  #requireMember(node: Node): void {
    if (!this.nodes.has(node)) {
      throw new SdgraphError('E_GRAPH_EDIT', 'the node is not in this graph', { name: node.name });
    }
  }

  /** Gives a node one more output; the name gets a suffix when it is taken. */
  addOutputTo(node: Node, name: string): Value {
    this.#requireMember(node);
    const value = new Value(this, this.model.valueNames.fresh(name), node, node.outputs.length);
    this.#names.define(value);
    node.pushOutput(value);
    return value;
  }

  /** Removes a node whose outputs nobody reads, with its subgraphs. Throws `E_GRAPH_EDIT` when somebody does. */
  remove(node: Node): void {
    this.#requireMember(node);
    for (const value of node.outputs) {
      if (value === undefined) continue;
      if (value.useCount > 0 || value.isGraphOutput || value.isPinned) {
        const who = value.useCount > 0 ? String([...value.uses][0]?.node) : 'the graph itself';
        throw new SdgraphError('E_GRAPH_EDIT', `'${value.name}' is still read by ${who}`, { name: node.name });
      }
    }
    for (const subgraph of node.subgraphs()) suspend(subgraph);
    const previous = this.nodes.before(node);
    const { edits } = this;
    this.nodes.remove(node);
    node.detach();
    this.model.nodeNames.drop(node.name);
    this.edits |= GraphEdit.nodes;
    this.model.journal.record(() => {
      this.nodes.insertAfter(previous, node);
      node.attach(this);
      this.model.nodeNames.add(node.name);
      this.edits = edits;
    });
    for (const value of node.outputs) if (value !== undefined) this.#undefine(value);
  }

  /** Puts the nodes in another order. `order` must hold every node of the graph once. */
  reorder(order: readonly Node[]): void {
    const old = [...this.nodes];
    if (
      order.length !== old.length ||
      new Set(order).size !== old.length ||
      order.some((node) => !this.nodes.has(node))
    ) {
      throw new SdgraphError('E_GRAPH_EDIT', 'a new order must hold every node once', { name: this.name });
    }
    if (order.every((node, i) => node === old[i])) return;
    const { edits } = this;
    const arrange = (nodes: readonly Node[]): void => {
      for (const node of nodes) {
        this.nodes.remove(node);
        this.nodes.append(node);
      }
    };
    arrange(order);
    this.edits |= GraphEdit.nodes;
    this.model.journal.record(() => {
      arrange(old);
      this.edits = edits;
    });
  }

  #attach(node: Node, previous: Node | undefined): void {
    const { edits } = this;
    this.nodes.insertAfter(previous, node);
    node.attach(this);
    this.model.nodeNames.add(node.name);
    this.edits |= GraphEdit.nodes;
    this.model.journal.record(() => {
      this.nodes.remove(node);
      node.detach();
      this.model.nodeNames.drop(node.name);
      this.edits = edits;
    });
  }

  // ---- editing inputs, outputs, initializers, types ----

  /** Adds a constant. Its name gets a suffix when it is taken. Throws `E_GRAPH_EDIT` in the body of a local function. */
  addInitializer(tensor: Tensor): Value {
    this.#requireConstants();
    const name = this.model.valueNames.fresh(tensor.name === '' ? 'constant' : tensor.name);
    const value = new Value(this, name);
    this.#names.define(value);
    this.setInitializer(value, tensor);
    return value;
  }

  #requireConstants(): void {
    if (this.kind !== 'function') return;
    throw new SdgraphError('E_GRAPH_EDIT', 'a local function has no initializers; use a Constant node');
  }

  /**
   * Stores another constant for a value, under the name of the value, or none.
   *
   * @throws SdgraphError `E_GRAPH_EDIT` when the value is of another graph or was removed, when it is read and would be
   * left without anything that defines it, and in the body of a local function
   */
  setInitializer(value: Value, tensor: Tensor | SparseTensor | undefined): void {
    if (this.#names.find(value.name) !== value) {
      throw new SdgraphError('E_GRAPH_EDIT', 'the value is not in this graph', { name: value.name });
    }
    const old = value.initializer;
    const next = tensor?.renamed(value.name);
    if (next === old) return;
    this.#requireConstants();
    const isBare = value.producer === undefined && !value.isGraphInput;
    if (next === undefined && isBare && (value.useCount > 0 || value.isGraphOutput || value.isPinned)) {
      throw new SdgraphError('E_GRAPH_EDIT', 'a constant that is read cannot be removed', { name: value.name });
    }
    const { edits } = this;
    value.setInitializerRaw(next);
    const undo = this.#initializers.put(value, next === undefined ? undefined : true);
    this.edits |= GraphEdit.initializers;
    this.model.journal.record(() => {
      value.setInitializerRaw(old);
      undo();
      this.edits = edits;
    });
    if (next === undefined && isBare) this.#undefine(value);
  }

  /** Adds a graph input at the end. Its name gets a suffix when it is taken. */
  addInput(name: string, type: TensorType): Value {
    const value = new Value(this, this.model.valueNames.fresh(name));
    this.#names.define(value);
    this.#ports.edit('inputs', [...this.#ports.inputs, { value, info: new ValueInfo([]).withType(type) }]);
    return value;
  }

  /** Removes a graph input that nobody reads. A constant of that name stays. Throws `E_GRAPH_EDIT`. */
  removeInput(value: Value): void {
    if (value.graph !== this || !value.isGraphInput) {
      throw new SdgraphError('E_GRAPH_EDIT', 'the value is no input of this graph', { name: value.name });
    }
    if (value.useCount > 0 || value.isGraphOutput || value.isPinned) {
      throw new SdgraphError('E_GRAPH_EDIT', 'a graph input that is read cannot be removed', { name: value.name });
    }
    this.#ports.edit(
      'inputs',
      this.#ports.inputs.filter((port) => port.value !== value),
    );
    if (value.initializer === undefined) this.#undefine(value);
  }

  /** Adds a graph output at the end. */
  addOutput(value: Value, type?: TensorType): void {
    requireSameModel(this.model, value);
    const info = new ValueInfo([]);
    this.#ports.edit('outputs', [
      ...this.#ports.outputs,
      { value, info: type === undefined ? info : info.withType(type) },
    ]);
  }

  /** Lets the graph output at `index` be another value; its name becomes that of the value. Throws `E_GRAPH_EDIT`. */
  setOutput(index: number, value: Value): void {
    requireSameModel(this.model, value);
    const port = this.#requireOutput(index);
    if (port.value !== value) this.#ports.edit('outputs', this.#ports.outputs.with(index, { value, info: port.info }));
  }

  /** Removes the graph output at `index`; its value stays. Throws `E_GRAPH_EDIT` when there is none. */
  removeOutput(index: number): void {
    this.#requireOutput(index);
    this.#ports.edit(
      'outputs',
      this.#ports.outputs.filter((_, i) => i !== index),
    );
  }

  #requireOutput(index: number): Port {
    const port = this.#ports.outputs[index];
    if (port !== undefined) return port;
    throw new SdgraphError('E_GRAPH_EDIT', `the graph has no output ${index}`, { name: this.name });
  }

  /** @internal States what the file says of a value's type, wherever it says something of it. */
  setInfo(value: Value, info: ValueInfo): void {
    this.#ports.setInfo(value, info);
  }

  /** Forgets what value info says of a value; graph inputs and outputs keep their types. */
  dropInfo(value: Value): void {
    this.#ports.dropInfo(value);
  }

  #undefine(value: Value): void {
    this.dropInfo(value);
    this.#names.undefine(value);
  }

  /** @internal Follows a renamed value in every list that shows its name; returns the way back. */
  renameValue(value: Value, name: string): () => void {
    const undo = this.#names.rename(value, name);
    const own = value.isGraphOutput ? this.outputs.filter((output) => output === value).length : 0;
    const inner = value.outputCount === own ? [] : [...this.scopes()].filter((scope) => scope.outputs.includes(value));
    const listing = [...new Set([this, ...inner])];
    const before = listing.map(({ edits }) => edits);
    if (value.isGraphInput) this.edits |= GraphEdit.inputs;
    if (own > 0) this.edits |= GraphEdit.outputs;
    for (const scope of inner) scope.edits |= GraphEdit.outputs;
    if (this.#initializers.has(value)) this.edits |= GraphEdit.initializers;
    if (this.#ports.hasInfo(value)) this.edits |= GraphEdit.infos;
    return () => {
      undo();
      for (const [i, scope] of listing.entries()) scope.edits = before[i] as number;
    };
  }

  // ---- for decoding and encoding ----

  /** @internal Adds what the file defines, without noting an edit. */
  readonly raw = {
    define: (value: Value): void => this.#names.add(value),
    dangling: (name: string): Value => {
      const value = new Value(this, name);
      this.#names.addDangling(value);
      return value;
    },
    node: (node: Node): void => {
      this.nodes.append(node);
      node.attach(this);
      this.model.nodeNames.add(node.name);
    },
    own: (name: string): Value | undefined => this.#names.own(name),
    initializer: (value: Value, tensor: Tensor | SparseTensor): void => {
      value.setInitializerRaw(tensor);
      this.#initializers.put(value, true);
    },
    ports: (list: 'inputs' | 'outputs', ports: readonly Port[]): void => this.#ports.put(list, ports),
    infos: (entries: readonly { readonly name: string; readonly info: ValueInfo; readonly field: Span }[]): void =>
      this.#ports.addInfos(entries.map(({ name, info, field }) => ({ value: this.#names.own(name), info, field }))),
    inputPorts: (): readonly Port[] => this.#ports.inputs,
    outputPorts: (): readonly Port[] => this.#ports.outputs,
    listedInfos: (): Ports['infos'] => this.#ports.infos,
  };
}

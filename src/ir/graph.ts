import { SdgraphError } from '../errors.ts';
import type { Span } from '../wire/rope.ts';
import type { Model } from './model.ts';
import { Node, type NodeInit } from './node.ts';
import { NodeList } from './node-list.ts';
import type { SparseTensor } from './sparse-tensor.ts';
import type { Tensor } from './tensor.ts';
import type { TensorType } from './type.ts';
import { Value } from './value.ts';
import { ValueInfo } from './value-info.ts';

/** What a scope of nodes is: the model's graph, the body of If/Loop/Scan, a training graph, a local function. */
export type GraphKind = 'main' | 'subgraph' | 'training' | 'function';

/** Where a new node goes: in front of a node, behind one, or at the end. */
export interface Place {
  readonly before?: Node;
  readonly after?: Node;
}

/** @internal A graph input or output as listed: the value and what this list says of its type. */
export interface Port {
  readonly value: Value;
  readonly info: ValueInfo;
  /** The field in the file and the name it gives; to be copied while neither name nor type changed. */
  readonly origin?: Origin | undefined;
}

/** @internal A field of the file that names a value. */
export interface Origin {
  readonly field: Span;
  readonly name: string;
}

/** @internal An entry of `value_info`. */
export interface InfoEntry {
  readonly info: ValueInfo;
  readonly origin?: Origin | undefined;
}

/** @internal A place in an ordered list; the ordinal outlives removal and undo. */
export interface Listed<T> {
  readonly item: T;
  readonly ordinal: number;
}

/** @internal Lists of a graph that an edit reached, as bits. */
export const GraphEdit = { inputs: 1, outputs: 2, nodes: 4, initializers: 8, infos: 16 } as const;

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
  readonly #values = new Map<string, Value>();
  readonly #dangling = new Map<string, Value>();
  #inputs: readonly Port[] = [];
  #outputs: readonly Port[] = [];
  readonly #initializers = new Map<Value, number>();
  readonly #infos = new Map<Value, Listed<InfoEntry>>();
  /** @internal Value infos of names that nothing defines; kept as they are. */
  readonly strayInfos: Listed<Span>[] = [];
  #ordinal = 0;

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
  }

  // ---- looking ----

  get inputs(): readonly Value[] {
    return this.#inputs.map(({ value }) => value);
  }

  get outputs(): readonly Value[] {
    return this.#outputs.map(({ value }) => value);
  }

  /** Values that a constant is stored for, in the order of the file; `value.initializer` is the constant. */
  get initializers(): readonly Value[] {
    return [...this.#initializers].toSorted((a, b) => a[1] - b[1]).map(([value]) => value);
  }

  /** The value that a node of this graph means by `name`: defined here or in a graph around it. */
  value(name: string): Value | undefined {
    return this.#values.get(name) ?? this.#dangling.get(name) ?? this.parent?.value(name);
  }

  /** The values defined in this graph itself. */
  values(): Iterable<Value> {
    return this.#values.values();
  }

  /** Names that nodes of this graph read though nothing defines them. */
  get danglingValues(): readonly Value[] {
    return [...this.#dangling.values()].filter((value) => value.useCount > 0 || value.isGraphOutput);
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

  /** Makes a node. Its outputs are new values; names that are taken get a suffix. */
  insert(init: NodeInit, place: Place = {}): Node {
    const { model } = this;
    const name = init.name === undefined ? '' : model.nodeNames.fresh(init.name);
    const node = new Node({
      name,
      opType: init.opType,
      domain: init.domain ?? '',
      overload: '',
      attributes: init.attributes ?? [],
    });
    const names = typeof init.outputs === 'object' ? init.outputs : undefined;
    const count = names?.length ?? (init.outputs as number | undefined) ?? 1;
    this.#attach(node, place.before === undefined ? (place.after ?? this.nodes.last) : this.nodes.before(place.before));
    for (const subgraph of node.subgraphs()) subgraph.owner = node;
    for (let i = 0; i < count; i++) {
      this.addOutputTo(node, names?.[i] ?? `${name === '' ? init.opType : name}_output_${i}`);
    }
    node.setInputs(init.inputs);
    return node;
  }

  /** Gives a node one more output; the name gets a suffix when it is taken. */
  addOutputTo(node: Node, name: string): Value {
    const value = new Value(this, this.model.valueNames.fresh(name), node, node.outputs.length);
    this.#define(value);
    node.pushOutput(value);
    return value;
  }

  /** Removes a node whose outputs nobody reads. Throws `E_GRAPH_EDIT` when somebody does. */
  remove(node: Node): void {
    for (const value of node.outputs) {
      if (value === undefined) continue;
      if (value.useCount > 0 || value.isGraphOutput || value.isPinned) {
        const who = value.useCount > 0 ? [...value.uses][0]?.node.toString() : 'the graph itself';
        throw new SdgraphError('E_GRAPH_EDIT', `'${value.name}' is still read by ${who}`, { name: node.name });
      }
    }
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

  /** Adds a constant. Its name gets a suffix when it is taken. */
  addInitializer(tensor: Tensor): Value {
    const name = this.model.valueNames.fresh(tensor.name === '' ? 'constant' : tensor.name);
    const value = new Value(this, name);
    this.#define(value);
    this.setInitializer(value, tensor.name === name ? tensor : tensor.renamed(name));
    return value;
  }

  /** Stores another constant for a value, or none. A value without producer or graph input must not lose its constant while it is read. */
  setInitializer(value: Value, tensor: Tensor | SparseTensor | undefined): void {
    if (
      tensor === undefined &&
      value.producer === undefined &&
      !value.isGraphInput &&
      (value.useCount > 0 || value.isGraphOutput)
    ) {
      throw new SdgraphError('E_GRAPH_EDIT', 'a constant that is read cannot be removed', { name: value.name });
    }
    const old = value.initializer;
    const oldOrdinal = this.#initializers.get(value);
    const { edits } = this;
    value.setInitializerRaw(tensor);
    if (tensor === undefined) this.#initializers.delete(value);
    else if (oldOrdinal === undefined) this.#initializers.set(value, this.#ordinal++);
    this.edits |= GraphEdit.initializers;
    this.model.journal.record(() => {
      value.setInitializerRaw(old);
      if (oldOrdinal === undefined) this.#initializers.delete(value);
      else this.#initializers.set(value, oldOrdinal);
      this.edits = edits;
    });
    if (tensor === undefined && value.producer === undefined && !value.isGraphInput) this.#undefine(value);
  }

  /** Adds a graph input at the end. */
  addInput(name: string, type: TensorType): Value {
    const value = new Value(this, this.model.valueNames.fresh(name));
    this.#define(value);
    this.#setPorts('inputs', [...this.#inputs, { value, info: new ValueInfo([]).withType(type) }]);
    return value;
  }

  /** Removes a graph input that nobody reads. */
  removeInput(value: Value): void {
    if (value.useCount > 0 || value.isGraphOutput || value.isPinned) {
      throw new SdgraphError('E_GRAPH_EDIT', 'a graph input that is read cannot be removed', { name: value.name });
    }
    this.#setPorts(
      'inputs',
      this.#inputs.filter((port) => port.value !== value),
    );
    if (value.initializer === undefined) this.#undefine(value);
  }

  /** Adds a graph output at the end. */
  addOutput(value: Value, type?: TensorType): void {
    const info = new ValueInfo([]);
    this.#setPorts('outputs', [...this.#outputs, { value, info: type === undefined ? info : info.withType(type) }]);
  }

  /** Lets the graph output at `index` be another value; its name becomes that of the value. */
  setOutput(index: number, value: Value): void {
    this.#setPorts(
      'outputs',
      this.#outputs.map((port, i) => (i === index ? { value, info: port.info } : port)),
    );
  }

  #setPorts(list: 'inputs' | 'outputs', ports: readonly Port[]): void {
    const old = list === 'inputs' ? this.#inputs : this.#outputs;
    const { edits } = this;
    this.#portsRaw(list, ports);
    this.edits |= GraphEdit[list];
    this.model.journal.record(() => {
      this.#portsRaw(list, old);
      this.edits = edits;
    });
  }

  #portsRaw(list: 'inputs' | 'outputs', ports: readonly Port[]): void {
    const old = list === 'inputs' ? this.#inputs : this.#outputs;
    const count = list === 'inputs' ? 'inputCount' : 'outputCount';
    for (const { value } of old) value[count]--;
    for (const { value } of ports) value[count]++;
    if (list === 'inputs') this.#inputs = ports;
    else this.#outputs = ports;
    for (const { value } of [...old, ...ports]) this.#refreshInfo(value);
  }

  /** @internal States what the file says of a value's type, wherever it says something of it. */
  setInfo(value: Value, info: ValueInfo): void {
    const type = info.type as TensorType;
    for (const list of ['inputs', 'outputs'] as const) {
      const ports = list === 'inputs' ? this.#inputs : this.#outputs;
      if (!ports.some((port) => port.value === value)) continue;
      this.#setPorts(
        list,
        ports.map((port) => (port.value === value ? { value, info: port.info.withType(type) } : port)),
      );
    }
    const listed = this.#infos.get(value);
    if (listed !== undefined || (!value.isGraphInput && !value.isGraphOutput)) {
      this.#setListedInfo(value, {
        item: { info: (listed?.item.info ?? info).withType(type) },
        ordinal: listed?.ordinal ?? this.#ordinal++,
      });
    }
  }

  /** Forgets what value info says of a value; graph inputs and outputs keep their types. */
  dropInfo(value: Value): void {
    if (this.#infos.has(value)) this.#setListedInfo(value, undefined);
  }

  #setListedInfo(value: Value, listed: Listed<InfoEntry> | undefined): void {
    const old = this.#infos.get(value);
    const { edits } = this;
    const put = (entry: typeof listed): void => {
      if (entry === undefined) this.#infos.delete(value);
      else this.#infos.set(value, entry);
      this.#refreshInfo(value);
    };
    put(listed);
    this.edits |= GraphEdit.infos;
    this.model.journal.record(() => {
      put(old);
      this.edits = edits;
    });
  }

  #refreshInfo(value: Value): void {
    const port =
      (value.isGraphInput ? this.#inputs.find((each) => each.value === value) : undefined) ??
      (value.isGraphOutput ? this.#outputs.find((each) => each.value === value) : undefined);
    value.setInfoRaw(port?.info ?? this.#infos.get(value)?.item.info);
  }

  // ---- names ----

  #define(value: Value): void {
    const taken = this.#values.has(value.name);
    this.model.valueNames.add(value.name);
    if (!taken) this.#values.set(value.name, value);
    this.model.journal.record(() => {
      this.model.valueNames.drop(value.name);
      if (!taken) this.#values.delete(value.name);
    });
  }

  #undefine(value: Value): void {
    const { name } = value;
    this.dropInfo(value);
    const listed = this.#values.get(name) === value;
    this.model.valueNames.drop(name);
    if (listed) this.#values.delete(name);
    this.model.journal.record(() => {
      this.model.valueNames.add(name);
      if (listed) this.#values.set(name, value);
    });
  }

  /** @internal Follows a renamed value in every list that shows its name; returns the way back. */
  renameValue(value: Value, name: string): () => void {
    const old = value.name;
    const { edits } = this;
    const map = this.#dangling.get(old) === value ? this.#dangling : this.#values;
    const listed = map.get(old) === value;
    const rename = (from: string, to: string): void => {
      if (listed) {
        map.delete(from);
        map.set(to, value);
      }
      this.model.valueNames.replace(from, to);
    };
    rename(old, name);
    if (value.isGraphInput) this.edits |= GraphEdit.inputs;
    if (value.isGraphOutput) this.edits |= GraphEdit.outputs;
    if (this.#initializers.has(value)) this.edits |= GraphEdit.initializers;
    if (this.#infos.has(value)) this.edits |= GraphEdit.infos;
    return () => {
      rename(name, old);
      this.edits = edits;
    };
  }

  // ---- for decoding and encoding ----

  /** @internal Adds what the file defines, without noting an edit. */
  readonly raw = {
    define: (value: Value): void => {
      this.model.valueNames.add(value.name);
      if (!this.#values.has(value.name)) this.#values.set(value.name, value);
    },
    dangling: (name: string): Value => {
      const known = this.#dangling.get(name);
      if (known !== undefined) return known;
      const value = new Value(this, name);
      this.model.valueNames.add(name);
      this.#dangling.set(name, value);
      return value;
    },
    node: (node: Node): void => {
      this.nodes.append(node);
      node.attach(this);
      this.model.nodeNames.add(node.name);
    },
    own: (name: string): Value | undefined => this.#values.get(name),
    initializer: (value: Value, tensor: Tensor | SparseTensor): void => {
      value.setInitializerRaw(tensor);
      this.#initializers.set(value, this.#ordinal++);
    },
    ports: (list: 'inputs' | 'outputs', ports: readonly Port[]): void => this.#portsRaw(list, ports),
    info: (value: Value, info: ValueInfo, field: Span): void => {
      if (this.#infos.has(value)) this.raw.strayInfo(field);
      else this.#infos.set(value, { item: { info, origin: { field, name: value.name } }, ordinal: this.#ordinal++ });
      this.#refreshInfo(value);
    },
    strayInfo: (field: Span): void => {
      this.strayInfos.push({ item: field, ordinal: this.#ordinal++ });
    },
    inputPorts: (): readonly Port[] => this.#inputs,
    outputPorts: (): readonly Port[] => this.#outputs,
    infos: (): ReadonlyMap<Value, Listed<InfoEntry>> => this.#infos,
  };
}

import { SdgraphError } from '../errors.ts';
import type { Graph } from './graph.ts';
import type { Node } from './node.ts';
import { NodeEdit } from './node-edit.ts';
import type { SparseTensor } from './sparse-tensor.ts';
import type { Tensor } from './tensor.ts';
import { type Dim, formatType, type TensorType, type ValueType } from './type.ts';
import { ValueInfo } from './value-info.ts';

/** One input slot of a node that reads a value. */
export interface Use {
  readonly node: Node;
  readonly index: number;
}

/**
 * Something that nodes read: a graph input, an initializer, or an output of a node. A value is an object; its name is
 * data. Consumers are the uses, not whoever happens to mention the name, and include nodes of subgraphs.
 */
export class Value {
  /** The graph (or subgraph, or function body) in which the value is defined. */
  readonly graph: Graph;
  /** The node that computes the value; undefined for graph inputs, initializers and dangling names. */
  readonly producer: Node | undefined;
  /** Which output of the producer this is. */
  readonly outputIndex: number;
  /** Most values are read once: a set for each of them would take most of the memory of a graph. */
  #uses: Use | Set<Use> | undefined;
  #name: string;
  #initializer: Tensor | SparseTensor | undefined;
  #info: ValueInfo | undefined;
  /** @internal How often the value is listed as graph input. */
  inputCount = 0;
  /** @internal How often the value is listed as graph output. */
  outputCount = 0;
  /** @internal How many things other than nodes refer to the value by name and cannot follow a change. */
  pinCount = 0;

  /** @internal Values are made by their graph or node. */
  constructor(graph: Graph, name: string, producer?: Node, outputIndex = 0) {
    this.graph = graph;
    this.#name = name;
    this.producer = producer;
    this.outputIndex = outputIndex;
  }

  /** The name in the file. Setting one that is taken, or renaming a pinned value, throws `E_GRAPH_EDIT`. */
  get name(): string {
    return this.#name;
  }

  set name(name: string) {
    if (name === this.#name) return;
    if (this.isPinned) throw this.#editError('a value that training or quantization info refers to cannot be renamed');
    if (name === '') throw this.#editError('a value needs a name');
    if (this.graph.model.valueNames.has(name)) throw this.#editError(`the name '${name}' is taken`);
    this.#setName(name);
  }

  #setName(name: string): void {
    const old = this.#name;
    const touched = this.consumers().map((node) => ({ node, edits: node.edits }));
    const undoGraph = this.graph.renameValue(this, name);
    const { producer } = this;
    const producerEdits = producer?.edits ?? 0;
    const initializer = this.#initializer;
    this.#name = name;
    this.#initializer = initializer?.renamed(name);
    if (producer !== undefined) producer.edits |= NodeEdit.outputs;
    for (const { node } of touched) node.edits |= NodeEdit.inputs;
    this.graph.model.journal.record(() => {
      this.#name = old;
      this.#initializer = initializer;
      for (const { node, edits } of touched) node.edits = edits;
      if (producer !== undefined) producer.edits = producerEdits;
      undoGraph();
    });
  }

  /** Input slots that read the value, in the order in which they came to be. */
  get uses(): Iterable<Use> {
    if (this.#uses === undefined) return [];
    return this.#uses instanceof Set ? this.#uses : [this.#uses];
  }

  get useCount(): number {
    if (this.#uses === undefined) return 0;
    return this.#uses instanceof Set ? this.#uses.size : 1;
  }

  /** The nodes that read the value, each once. */
  consumers(): Node[] {
    return [...new Set(Array.from(this.uses, (use) => use.node))];
  }

  /** The only node input that reads the value; undefined when there are several, none, or it is a graph output. */
  get soleUse(): Use | undefined {
    if (this.useCount !== 1 || this.isGraphOutput || this.isPinned) return undefined;
    return [...this.uses][0];
  }

  get isGraphInput(): boolean {
    return this.inputCount > 0;
  }

  get isGraphOutput(): boolean {
    return this.outputCount > 0;
  }

  /** Whether something refers to the value by name that an edit cannot follow: training or quantization info. */
  get isPinned(): boolean {
    return this.pinCount > 0;
  }

  /** Whether a node or graph output reads a name that nothing defines. */
  get isDangling(): boolean {
    return this.producer === undefined && this.#initializer === undefined && !this.isGraphInput;
  }

  /** The constant that the graph gives the value, also when a graph input of that name may override it. */
  get initializer(): Tensor | SparseTensor | undefined {
    return this.#initializer;
  }

  /** What the file says of the type: value info, graph input or graph output. */
  get info(): ValueInfo | undefined {
    return this.#info;
  }

  /** Type as far as the file says it: from its info, else from the initializer. */
  get type(): ValueType | undefined {
    const stated = this.#info?.type;
    if (this.#initializer === undefined || (stated !== undefined && stated.kind !== 'unknown')) return stated;
    const { dataType, dims } = this.#initializer;
    const shape = dims.map((dim) => (dim >= 0 && Number.isSafeInteger(dim) ? dim : undefined));
    return { kind: 'tensor', elemType: dataType, shape };
  }

  /** The shape as far as the file says it; undefined when even the rank is unknown or it is no tensor. */
  get shape(): readonly Dim[] | undefined {
    const { type } = this;
    return type?.kind === 'tensor' || type?.kind === 'sparse tensor' ? type.shape : undefined;
  }

  /** States the type of the value in the file: where its graph input, output or value info stands, else in a new value info. */
  setType(type: TensorType): void {
    this.graph.setInfo(this, (this.#info ?? new ValueInfo([])).withType(type));
  }

  /** Lets every node that reads this value read `other` instead; graph outputs stay. */
  replaceAllUsesWith(other: Value): void {
    for (const { node, index } of [...this.uses]) node.setInput(index, other);
  }

  /** @internal */
  setInfoRaw(info: ValueInfo | undefined): void {
    this.#info = info;
  }

  /** @internal */
  setInitializerRaw(tensor: Tensor | SparseTensor | undefined): void {
    this.#initializer = tensor;
  }

  /** @internal */
  addUse(use: Use): void {
    if (this.#uses === undefined) this.#uses = use;
    else if (this.#uses instanceof Set) this.#uses.add(use);
    else this.#uses = new Set([this.#uses, use]);
  }

  /** @internal */
  dropUse(use: Use): void {
    if (this.#uses instanceof Set) this.#uses.delete(use);
    else if (this.#uses === use) this.#uses = undefined;
  }

  /** @internal */
  hasUse(use: Use): boolean {
    return this.#uses instanceof Set ? this.#uses.has(use) : this.#uses === use;
  }

  toString(): string {
    return `${this.#name}: ${formatType(this.type)}`;
  }

  #editError(reason: string): SdgraphError {
    return new SdgraphError('E_GRAPH_EDIT', reason, { name: this.#name });
  }
}

import type { Span } from '../wire/rope.ts';
import type { ByteSource, ExternalData } from '../wire/source.ts';
import type { LocalFunction } from './function.ts';
import { Graph } from './graph.ts';
import { Journal } from './journal.ts';
import { NamePool } from './names.ts';

/** @internal What decoding found beside the graph. */
export interface ModelInit {
  readonly label?: string;
  /** Name of the main graph, until decoding fills one in. */
  readonly graphName?: string;
  readonly source?: ByteSource;
  readonly external?: ExternalData & { close(): void };
  readonly irVersion?: number;
  readonly opsets?: ReadonlyMap<string, number>;
  readonly metadata?: ReadonlyMap<string, string>;
  readonly producer?: string;
  readonly segments?: readonly Span[];
}

/** An ONNX model: its main graph, local functions, operator sets and metadata. Weights stay where they are. */
export class Model {
  /** The file as the user named it, or `<bytes>`. */
  readonly label: string;
  readonly irVersion: number;
  /** `producer_name` and `producer_version` as text. */
  readonly producer: string;
  /** @internal Counts edits and takes them back. */
  readonly journal: Journal = new Journal();
  /** Names of nodes in use anywhere in the model. */
  readonly nodeNames: NamePool = new NamePool();
  /** Names of values in use anywhere in the model. */
  readonly valueNames: NamePool = new NamePool();
  /** @internal Where the ModelProto lies. */
  readonly segments: readonly Span[];
  /** @internal The bytes the model was opened from. */
  readonly source: ByteSource | undefined;
  /** @internal Files of external tensors. */
  readonly external: (ExternalData & { close(): void }) | undefined;
  #graph: Graph | undefined;
  readonly #graphName: string;
  #functions: readonly LocalFunction[] = [];
  #trainingGraphs: readonly Graph[] = [];
  #opsets: ReadonlyMap<string, number>;
  #metadata: ReadonlyMap<string, string>;
  /** @internal Metadata keys that were set or removed. */
  readonly editedMetadata = new Set<string>();
  /** @internal Domains whose version was set. */
  readonly editedOpsets = new Set<string>();

  constructor(init: ModelInit = {}) {
    this.label = init.label ?? '<new model>';
    this.#graphName = init.graphName ?? 'main';
    this.irVersion = init.irVersion ?? 8;
    this.producer = init.producer ?? 'sdgraph';
    this.segments = init.segments ?? [];
    this.source = init.source;
    this.external = init.external;
    this.#opsets = init.opsets ?? new Map();
    this.#metadata = init.metadata ?? new Map();
  }

  /** The main graph. */
  get graph(): Graph {
    this.#graph ??= new Graph(this, { kind: 'main', name: this.#graphName });
    return this.#graph;
  }

  /** Local functions in the order of the file. */
  get functions(): readonly LocalFunction[] {
    return this.#functions;
  }

  /** Graphs of `training_info`; they read initializers of the main graph by name. */
  get trainingGraphs(): readonly Graph[] {
    return this.#trainingGraphs;
  }

  /** @internal */
  fill(graph: Graph, functions: readonly LocalFunction[], trainingGraphs: readonly Graph[]): void {
    this.#graph = graph;
    this.#functions = functions;
    this.#trainingGraphs = trainingGraphs;
  }

  /** Every scope of nodes: the main graph and its subgraphs, training graphs, then bodies of local functions. */
  *scopes(): Generator<Graph> {
    yield* this.graph.scopes();
    for (const graph of this.#trainingGraphs) yield* graph.scopes();
    for (const { body } of this.#functions) yield* body.scopes();
  }

  /** The version of an operator set that the main graph uses; the standard one by default. Undefined when not imported. */
  opset(domain = ''): number | undefined {
    return this.#opsets.get(importedAs(this.#opsets, domain));
  }

  /** Imported operator sets by domain. */
  get opsets(): ReadonlyMap<string, number> {
    return this.#opsets;
  }

  /** Imports an operator set in this version. The standard one keeps the name it is imported by, '' or 'ai.onnx'. */
  setOpset(domain: string, version: number): void {
    const old = this.#opsets;
    const imported = importedAs(old, domain);
    if (old.get(imported) === version) return;
    this.#opsets = new Map(old).set(imported, version);
    this.#note(this.editedOpsets, imported, () => {
      this.#opsets = old;
    });
  }

  /** `metadata_props` of the model. */
  get metadata(): ReadonlyMap<string, string> {
    return this.#metadata;
  }

  /** Sets a metadata entry; undefined removes it. */
  setMetadata(key: string, value: string | undefined): void {
    const old = this.#metadata;
    if (old.get(key) === value) return;
    const next = new Map(old);
    if (value === undefined) next.delete(key);
    else next.set(key, value);
    this.#metadata = next;
    this.#note(this.editedMetadata, key, () => {
      this.#metadata = old;
    });
  }

  #note(edited: Set<string>, key: string, undo: () => void): void {
    const known = edited.has(key);
    edited.add(key);
    this.journal.record(() => {
      undo();
      if (!known) edited.delete(key);
    });
  }

  /** A number for the state of the model: it grows with every edit and comes back when edits are taken back. Equal numbers mean equal states. */
  get revision(): number {
    return this.journal.revision;
  }

  /** Runs an edit as a whole: when it throws, everything it did is taken back and the error goes on. */
  transaction<T>(edit: () => T): T {
    return this.journal.transaction(edit);
  }

  /** Lets the files of the model go. Reading a tensor or saving afterwards throws `E_MODEL_CLOSED`. */
  close(): void {
    this.source?.close();
    this.external?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The standard operators have two names; a model must not import them twice. */
function importedAs(opsets: ReadonlyMap<string, number>, domain: string): string {
  if (opsets.has(domain)) return domain;
  if (domain === '' && opsets.has('ai.onnx')) return 'ai.onnx';
  return domain === 'ai.onnx' && opsets.has('') ? '' : domain;
}

import { SdgraphError } from '../errors.ts';
import type { Span } from '../wire/rope.ts';
import { Attribute } from './attribute.ts';
import type { Graph } from './graph.ts';
import type { Model } from './model.ts';
import { resume, suspend } from './nesting.ts';
import { NodeEdit } from './node-edit.ts';
import type { Link } from './node-list.ts';
import type { Use, Value } from './value.ts';

/** What a new node is made of. */
export interface NodeInit {
  readonly opType: string;
  /** Values to read; undefined for an optional input that is left out. */
  readonly inputs: readonly (Value | undefined)[];
  /** Names of the outputs, or how many there are; names that are taken get a suffix. */
  readonly outputs?: readonly string[] | number;
  readonly attributes?: readonly Attribute[];
  /** Name of the node; one that is taken gets a suffix. */
  readonly name?: string;
  readonly domain?: string;
}

/** One operation of a graph. All edits keep the uses of the values it reads up to date. */
export class Node {
  #graph: Graph | undefined;
  #name: string;
  #opType: string;
  readonly #domain: string;
  readonly #overload: string;
  readonly #inputs: (Value | undefined)[] = [];
  readonly #slots: (Use | undefined)[] = [];
  readonly #outputs: (Value | undefined)[] = [];
  #attributes: readonly Attribute[];
  #subgraphs: readonly Graph[];
  #edits = 0;
  /** @internal The field in the file that holds this node. */
  readonly field: Span | undefined;
  readonly #payload: number;
  /** @internal Place in the list of the graph. */
  readonly link: Link = { node: this, list: undefined, previous: undefined, next: undefined };

  /** @internal Nodes are made by their graph. */
  constructor(init: {
    name: string;
    opType: string;
    domain: string;
    overload: string;
    attributes: readonly Attribute[];
    field?: Span;
    /** Where the contents of `field` begin. */
    payload?: number;
  }) {
    this.#name = init.name;
    this.#opType = init.opType;
    this.#domain = init.domain;
    this.#overload = init.overload;
    this.#attributes = init.attributes;
    this.#subgraphs = graphsIn(init.attributes);
    this.field = init.field;
    this.#payload = init.payload ?? 0;
  }

  /** @internal Where the NodeProto lies in the file. */
  get segments(): readonly Span[] {
    const { field } = this;
    return field === undefined ? [] : [{ source: field.source, start: this.#payload, end: field.end }];
  }

  /** The graph that the node is in. Throws `E_GRAPH_EDIT` after the node was removed. */
  get graph(): Graph {
    if (this.#graph !== undefined) return this.#graph;
    throw new SdgraphError('E_GRAPH_EDIT', 'the node was removed from its graph', { name: this.#name });
  }

  /** Whether the node is (still) in a graph, and that graph in the model. */
  get isAlive(): boolean {
    return this.#graph !== undefined && !this.#graph.suspended;
  }

  get name(): string {
    return this.#name;
  }

  set name(name: string) {
    if (name === this.#name) return;
    const old = this.#name;
    const edits = this.#edits;
    const { model } = this.graph;
    model.nodeNames.replace(old, name);
    this.#name = name;
    this.#edits |= NodeEdit.name;
    model.journal.record(() => {
      model.nodeNames.replace(name, old);
      this.#name = old;
      this.#edits = edits;
    });
  }

  get opType(): string {
    return this.#opType;
  }

  set opType(opType: string) {
    if (opType === this.#opType) return;
    const old = this.#opType;
    const edits = this.#edits;
    this.#opType = opType;
    this.#edits |= NodeEdit.opType;
    this.graph.model.journal.record(() => {
      this.#opType = old;
      this.#edits = edits;
    });
  }

  /** The operator's domain as the file has it; '' and 'ai.onnx' both mean the standard operators. */
  get domain(): string {
    return this.#domain;
  }

  /** Whether the operator is looked up among the standard ones. */
  get isStandardDomain(): boolean {
    return this.#domain === '' || this.#domain === 'ai.onnx';
  }

  /** Which of several functions of the same name is meant (IR 10). */
  get overload(): string {
    return this.#overload;
  }

  /** Values read, by position; undefined where an optional input is left out. */
  get inputs(): readonly (Value | undefined)[] {
    return this.#inputs;
  }

  /** Values computed, by position; undefined where an optional output is left out. */
  get outputs(): readonly (Value | undefined)[] {
    return this.#outputs;
  }

  /** The output at `index`. Throws `E_GRAPH_EDIT` when the node has none there. */
  output(index = 0): Value {
    const value = this.#outputs[index];
    if (value !== undefined) return value;
    throw new SdgraphError('E_GRAPH_EDIT', `a ${this.#opType} node has no output ${index}`, { name: this.#name });
  }

  get attributes(): readonly Attribute[] {
    return this.#attributes;
  }

  /** The attribute of that name. */
  attribute(name: string): Attribute | undefined {
    return this.#attributes.find((attribute) => attribute.name === name);
  }

  /** The value of an INT attribute as a number; `fallback` when absent. Throws `E_ATTRIBUTE` for another type. */
  int(name: string, fallback: number): number {
    const attribute = this.attribute(name);
    return attribute === undefined ? fallback : Number(attribute.int);
  }

  /** The graphs that attributes of this node hold: branches of If, bodies of Loop and Scan. */
  subgraphs(): readonly Graph[] {
    return this.#subgraphs;
  }

  /** Adds an attribute or puts it in the place of the one of that name, whose unknown fields it takes over. */
  setAttribute(attribute: Attribute): void {
    const old = this.attribute(attribute.name);
    if (old === attribute) return;
    const { name, type, refAttrName, values } = attribute;
    // One that comes from a file has unknown fields of its own, and perhaps values of kinds that have no accessor.
    const isNew = attribute.field === undefined && attribute.segments.length === 0;
    const next =
      isNew && old !== undefined
        ? new Attribute({ ...values, name, type, refAttrName, segments: old.segments })
        : attribute;
    this.#setAttributes(
      old === undefined ? [...this.#attributes, next] : this.#attributes.map((each) => (each === old ? next : each)),
    );
  }

  /** Removes the attribute of that name, if there is one. */
  removeAttribute(name: string): void {
    const left = this.#attributes.filter((attribute) => attribute.name !== name);
    if (left.length < this.#attributes.length) this.#setAttributes(left);
  }

  #setAttributes(attributes: readonly Attribute[]): void {
    const { journal } = this.graph.model;
    const old = this.#attributes;
    const edits = this.#edits;
    const oldGraphs = this.#subgraphs;
    journal.transaction(() => {
      this.#attributes = attributes;
      this.#subgraphs = graphsIn(attributes);
      this.#edits |= NodeEdit.attributes;
      journal.record(() => {
        this.#attributes = old;
        this.#subgraphs = oldGraphs;
        this.#edits = edits;
      });
      const before = new Set(oldGraphs);
      const after = new Set(this.#subgraphs);
      for (const graph of before) if (!after.has(graph)) suspend(graph);
      for (const graph of after) if (!before.has(graph)) resume(graph, this);
    });
  }

  /** Lets input `index` read `value`, or nothing. Inputs past the end are added; trailing absent ones are not kept. */
  setInput(index: number, value: Value | undefined): void {
    if (!Number.isSafeInteger(index) || index < 0) {
      throw new SdgraphError('E_GRAPH_EDIT', `there is no input ${index}`, { name: this.#name });
    }
    if (this.#inputs[index] === value && index < this.#inputs.length) return;
    const inputs = [...this.#inputs];
    while (inputs.length < index) inputs.push(undefined);
    inputs[index] = value;
    this.setInputs(inputs);
  }

  /** Replaces all inputs. */
  setInputs(values: readonly (Value | undefined)[]): void {
    const { model } = this.graph;
    const inputs = [...values];
    while (inputs.length > 0 && inputs.at(-1) === undefined) inputs.pop();
    if (inputs.length === this.#inputs.length && inputs.every((value, i) => value === this.#inputs[i])) return;
    for (const value of inputs) requireSameModel(model, value);
    const old = [...this.#inputs];
    const edits = this.#edits;
    this.bindInputs(inputs);
    this.#edits |= NodeEdit.inputs;
    model.journal.record(() => {
      this.bindInputs(old);
      this.#edits = edits;
    });
  }

  /** @internal Reads `inputs` from now on, without noting an edit; slots that do not change keep their use. */
  bindInputs(inputs: readonly (Value | undefined)[]): void {
    for (let i = 0; i < Math.max(this.#inputs.length, inputs.length); i++) {
      const next = inputs[i];
      if (i < this.#inputs.length && this.#inputs[i] === next) continue;
      const slot = this.#slots[i];
      if (slot !== undefined) this.#inputs[i]?.dropUse(slot);
      const use = next === undefined ? undefined : { node: this, index: i };
      if (use !== undefined) next?.addUse(use);
      this.#slots[i] = use;
      this.#inputs[i] = next;
    }
    this.#inputs.length = inputs.length;
    this.#slots.length = inputs.length;
  }

  /** @internal Whether the value at an input counts that input among its uses. */
  isLinked(index: number): boolean {
    const slot = this.#slots[index];
    return (
      slot !== undefined && slot.node === this && slot.index === index && this.#inputs[index]?.hasUse(slot) === true
    );
  }

  /** @internal Stops counting as a reader of its inputs, and back. */
  unlink(): void {
    for (const [i, slot] of this.#slots.entries()) if (slot !== undefined) this.#inputs[i]?.dropUse(slot);
  }

  /** @internal */
  relink(): void {
    for (const [i, slot] of this.#slots.entries()) if (slot !== undefined) this.#inputs[i]?.addUse(slot);
  }

  /** @internal Leaves its graph; used by remove and its undo. */
  detach(): void {
    this.unlink();
    this.#graph = undefined;
  }

  /** @internal */
  attach(graph: Graph): void {
    this.#graph = graph;
    this.relink();
  }

  /** @internal Fills in the outputs without noting an edit. */
  bindOutputs(outputs: readonly (Value | undefined)[]): void {
    for (const output of outputs) this.#outputs.push(output);
  }

  /** @internal Adds an output. */
  pushOutput(value: Value): void {
    const edits = this.#edits;
    this.#outputs.push(value);
    this.#edits |= NodeEdit.outputs;
    this.graph.model.journal.record(() => {
      this.#outputs.pop();
      this.#edits = edits;
    });
  }

  /** @internal Fields that an edit reached, as bits of {@link NodeEdit}. */
  get edits(): number {
    return this.#edits;
  }

  set edits(edits: number) {
    this.#edits = edits;
  }

  toString(): string {
    return `${this.#opType} '${this.#name}'`;
  }
}

/** @internal Refuses a value of another model. */
export function requireSameModel(model: Model, value: Value | undefined): void {
  if (value === undefined || value.graph.model === model) return;
  throw new SdgraphError('E_GRAPH_EDIT', 'a value of another model cannot be read here', { name: value.name });
}

/** Nearly every node has none, and every walk over the scopes of a model asks every node. */
const NO_GRAPHS: readonly Graph[] = [];

function graphsIn(attributes: readonly Attribute[]): readonly Graph[] {
  if (!attributes.some(({ values }) => values.graphs !== undefined)) return NO_GRAPHS;
  return attributes.flatMap(({ values }) => values.graphs ?? NO_GRAPHS);
}

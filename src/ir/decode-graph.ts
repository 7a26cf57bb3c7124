import { fieldIds } from '../wire/fields.ts';
import { WIRE, type WireReader } from '../wire/reader.ts';
import type { Span } from '../wire/rope.ts';
import { Attribute, AttributeType } from './attribute.ts';
import { attributeValues, scanAttribute } from './decode-attribute.ts';
import { checkDepth, type Field, fieldsOf, type PartCounter, readEntry, readOpset } from './decode-parts.ts';
import { decodeSparseTensor, decodeTensor } from './decode-tensor.ts';
import type { LocalFunction } from './function.ts';
import { Graph } from './graph.ts';
import type { GraphKind, Port } from './graph-parts.ts';
import type { Model } from './model.ts';
import { Node } from './node.ts';
import type { SparseTensor } from './sparse-tensor.ts';
import type { Tensor } from './tensor.ts';
import { Value } from './value.ts';
import { ValueInfo } from './value-info.ts';

const GRAPH = fieldIds('GraphProto');
const FUNCTION = fieldIds('FunctionProto');
const NODE = fieldIds('NodeProto');
const INFO = fieldIds('ValueInfoProto');
const TRAINING = fieldIds('TrainingInfoProto');
const ANNOTATION = fieldIds('TensorAnnotation');
const DEVICE = fieldIds('NodeDeviceConfigurationProto');
const SHARDING = fieldIds('ShardingSpecProto');

/** A graph takes the memory of so many other parts. */
const GRAPH_PARTS = 12;

/** Operators, domains and names of attributes that are kept once; hostile files make up millions. */
const MOST_INTERNED = 4096;

const NONE: readonly Attribute[] = [];

/** What a scope lists, before names become values. */
interface Listing {
  readonly graph: Graph;
  readonly inputs: Named[];
  readonly outputs: Named[];
  readonly infos: Named[];
  readonly initializers: (Tensor | SparseTensor)[];
  readonly nodes: NamedNode[];
  /** Names that quantization or sharding info mentions. */
  readonly pins: string[];
}

interface Named {
  readonly name: string;
  readonly segments: readonly Span[];
  readonly field: Span;
}

interface NamedNode {
  readonly node: Node;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Fills a model with its graphs: first every scope defines its names, then every node looks its inputs up. */
export function decodeGraphs(
  model: Model,
  reader: WireReader,
  counter: PartCounter,
  parts: { readonly graph: readonly Span[]; readonly functions: readonly Field[]; readonly training: readonly Span[] },
): void {
  const decoder = new GraphDecoder(model, reader, counter);
  const main = decoder.graph('main', undefined, parts.graph, 1);
  const training = parts.training.map((span) => decoder.training(main, span));
  const functions = parts.functions.map((field) => decoder.localFunction(field));
  const trainingGraphs = training.flatMap(({ graphs }) => graphs);
  model.fill(main, functions, trainingGraphs);
  decoder.bind();
  for (const { graphs, names } of training) {
    for (const name of names) {
      for (const graph of [main, ...graphs]) {
        const value = graph.raw.own(name);
        if (value !== undefined) value.pinCount++;
      }
    }
  }
}

class GraphDecoder {
  readonly #model: Model;
  readonly #reader: WireReader;
  readonly #listings: Listing[] = [];
  readonly #interned = new Map<string, string>();
  readonly #parts: PartCounter;

  constructor(model: Model, reader: WireReader, parts: PartCounter) {
    this.#model = model;
    this.#reader = reader;
    this.#parts = parts;
  }

  graph(kind: GraphKind, parent: Graph | undefined, segments: readonly Span[], depth: number): Graph {
    const reader = this.#reader;
    checkDepth(reader, depth);
    this.#parts.add(GRAPH_PARTS + segments.length);
    const listing = this.#list(new Graph(this.#model, { kind, parent, name: this.#graphName(segments), segments }));
    for (const { start, end } of segments) {
      reader.position = start;
      while (reader.next(end)) {
        if (reader.wire !== WIRE.bytes) continue;
        const span = this.#payload();
        const field = this.#field();
        if (reader.field === GRAPH.node) listing.nodes.push(this.#node(listing, field, depth + 1));
        else if (reader.field === GRAPH.input) listing.inputs.push(this.#named(span, field));
        else if (reader.field === GRAPH.output) listing.outputs.push(this.#named(span, field));
        else if (reader.field === GRAPH.value_info) listing.infos.push(this.#named(span, field));
        else if (reader.field === GRAPH.initializer) listing.initializers.push(this.#tensor([span], field));
        else if (reader.field === GRAPH.sparse_initializer) {
          this.#parts.add();
          listing.initializers.push(decodeSparseTensor([span], this.#model.external, field));
        } else if (reader.field === GRAPH.quantization_annotation) this.#annotation(listing.pins);
        reader.position = span.end;
      }
    }
    this.#define(listing);
    return listing.graph;
  }

  localFunction(field: Field): LocalFunction {
    const reader = this.#reader;
    const segments = [{ source: field.source, start: field.start, end: field.end }];
    const text = { name: '', domain: '', overload: '' };
    const attributeNames: string[] = [];
    const attributeDefaults = new Map<string, Attribute>();
    const opsets = new Map<string, number>();
    const ports = { inputs: [] as string[], outputs: [] as string[] };
    this.#parts.add(GRAPH_PARTS);
    const body = this.#list(new Graph(this.#model, { kind: 'function', segments }));
    reader.position = field.start;
    while (reader.next(field.end)) {
      if (reader.wire !== WIRE.bytes) continue;
      const span = this.#payload();
      if (reader.field === FUNCTION.name) text.name = reader.string();
      else if (reader.field === FUNCTION.domain) text.domain = reader.string();
      else if (reader.field === FUNCTION.overload) text.overload = reader.string();
      else if (reader.field === FUNCTION.attribute) attributeNames.push(reader.string());
      else if (reader.field === FUNCTION.input) ports.inputs.push(reader.string());
      else if (reader.field === FUNCTION.output) ports.outputs.push(reader.string());
      else if (reader.field === FUNCTION.opset_import) readOpset(reader, opsets);
      else if (reader.field === FUNCTION.value_info) body.infos.push(this.#named(span, this.#field()));
      else if (reader.field === FUNCTION.node) body.nodes.push(this.#node(body, this.#field(), 2));
      else if (reader.field === FUNCTION.attribute_proto) {
        const attribute = this.#attribute(body.graph, 2);
        attributeDefaults.set(attribute.name, attribute);
      }
      reader.position = span.end;
    }
    const bare = (name: string): Named => ({ name, segments: [], field: { ...field, end: field.start } });
    for (const name of ports.inputs) body.inputs.push(bare(name));
    for (const name of ports.outputs) body.outputs.push(bare(name));
    this.#define(body);
    const whole = { source: field.source, start: field.fieldStart, end: field.end };
    return { ...text, attributeNames, attributeDefaults, opsets, body: body.graph, field: whole };
  }

  /** The graphs of one TrainingInfoProto, and the names that its bindings mention. */
  training(main: Graph, span: Span): { graphs: Graph[]; names: string[] } {
    const reader = this.#reader;
    const parts = { initialization: [] as Span[], algorithm: [] as Span[], names: [] as string[] };
    reader.position = span.start;
    while (reader.next(span.end)) {
      if (reader.wire !== WIRE.bytes) continue;
      const { field } = reader;
      if (field === TRAINING.initialization) parts.initialization.push(this.#payload());
      else if (field === TRAINING.algorithm) parts.algorithm.push(this.#payload());
      else if (field === TRAINING.initialization_binding || field === TRAINING.update_binding) {
        const binding = new Map<string, string>();
        readEntry(reader, binding);
        for (const names of binding) parts.names.push(...names);
      }
    }
    const graphs = [parts.initialization, parts.algorithm]
      .filter((segments) => segments.length > 0)
      .map((segments) => this.graph('training', main, segments, 2));
    return { graphs, names: parts.names };
  }

  /** Connects every node to the values that it names, once all scopes are known. */
  bind(): void {
    for (const { graph, nodes, pins } of this.#listings) {
      const find = (name: string): Value | undefined => {
        if (name === '') return undefined;
        return graph.value(name) ?? graph.raw.dangling(name);
      };
      for (const { node, inputs } of nodes) node.bindInputs(inputs.map(find));
      for (const name of pins) {
        const value = graph.value(name);
        if (value !== undefined) value.pinCount++;
      }
    }
    for (const { graph, outputs } of this.#listings) {
      const port = ({ name, segments, field }: Named): Port => {
        const value = graph.value(name) ?? graph.raw.dangling(name);
        return { value, info: new ValueInfo(segments), origin: { field, name } };
      };
      graph.raw.ports('outputs', outputs.map(port));
    }
  }

  #list(graph: Graph): Listing {
    const listing = { graph, inputs: [], outputs: [], infos: [], initializers: [], nodes: [], pins: [] };
    this.#listings.push(listing);
    return listing;
  }

  /** Defines the names of a scope: inputs, then initializers, then outputs of nodes. */
  #define({ graph, inputs, initializers, nodes, infos }: Listing): void {
    const define = (name: string, node?: Node, index = 0): Value => {
      const value = new Value(graph, name, node, index);
      graph.raw.define(value);
      return value;
    };
    graph.raw.ports(
      'inputs',
      inputs.map(({ name, segments, field }) => ({
        value: define(name),
        info: new ValueInfo(segments),
        origin: { field, name },
      })),
    );
    for (const tensor of initializers) {
      const known = graph.raw.own(tensor.name);
      const value = known === undefined || known.initializer !== undefined ? define(tensor.name) : known;
      graph.raw.initializer(value, tensor);
    }
    for (const { node, outputs } of nodes) {
      graph.raw.node(node);
      node.bindOutputs(outputs.map((name, i) => (name === '' ? undefined : define(name, node, i))));
    }
    graph.raw.infos(infos.map(({ name, segments, field }) => ({ name, info: new ValueInfo(segments), field })));
  }

  #node(listing: Listing, field: Span, depth: number): NamedNode {
    const reader = this.#reader;
    checkDepth(reader, depth);
    this.#parts.add();
    const { payload, end: stop } = reader;
    const text = { name: '', opType: '', domain: '', overload: '' };
    const inputs: string[] = [];
    const outputs: string[] = [];
    const attributes: Attribute[] = [];
    reader.position = payload;
    while (reader.next(stop)) {
      if (reader.wire !== WIRE.bytes) continue;
      const { end, field: id } = reader;
      if (id === NODE.input || id === NODE.output) this.#parts.add();
      if (id === NODE.input) inputs.push(reader.string());
      else if (id === NODE.output) outputs.push(reader.string());
      else if (id === NODE.name) text.name = reader.string();
      else if (id === NODE.op_type) text.opType = this.#intern(reader.string());
      else if (id === NODE.domain) text.domain = this.#intern(reader.string());
      else if (id === NODE.overload) text.overload = reader.string();
      else if (id === NODE.attribute) attributes.push(this.#attribute(listing.graph, depth + 1));
      else if (id === NODE.device_configurations) this.#deviceConfiguration(listing.pins);
      reader.position = end;
    }
    const node = new Node({ ...text, attributes: attributes.length === 0 ? NONE : attributes, field, payload });
    for (const graph of node.subgraphs()) graph.owner = node;
    return { node, inputs, outputs };
  }

  #attribute(graph: Graph, depth: number): Attribute {
    const reader = this.#reader;
    checkDepth(reader, depth);
    this.#parts.add();
    const origin = { field: this.#field(), payload: reader.payload };
    const span = this.#payload();
    const scanned = scanAttribute(reader, span);
    const { name, refAttrName, type } = scanned;
    this.#parts.add(scanned.tensor.length + scanned.graph.length);
    // Several occurrences of a single message are one message, in pieces.
    const tensors = type === AttributeType.TENSORS ? scanned.tensors.map((each) => [each]) : [scanned.tensor];
    const graphs = type === AttributeType.GRAPHS ? scanned.graphs.map((each) => [each]) : [scanned.graph];
    const messages = {
      ...some('tensors', tensors, (spans) => this.#tensor(spans)),
      ...some('graphs', graphs, (spans) => this.graph('subgraph', graph, spans, depth + 1)),
    };
    const values = attributeValues(span, scanned, messages);
    reader.position = span.end;
    return new Attribute({ name: this.#intern(name), refAttrName, type, values, origin });
  }

  /** The same string object for the same operator, domain or attribute name. */
  #intern(text: string): string {
    const known = this.#interned.get(text);
    if (known !== undefined) return known;
    if (this.#interned.size < MOST_INTERNED) this.#interned.set(text, text);
    return text;
  }

  #tensor(segments: readonly Span[], field?: Span): Tensor {
    this.#parts.add();
    return decodeTensor(segments, this.#model.external, field);
  }

  #named(span: Span, field: Span): Named {
    const reader = this.#reader;
    this.#parts.add();
    let name = '';
    for (const id of fieldsOf(reader)) if (id === INFO.name && reader.wire === WIRE.bytes) name = reader.string();
    return { name, segments: [span], field };
  }

  #graphName(segments: readonly Span[]): string {
    const reader = this.#reader;
    let name = '';
    for (const { start, end } of segments) {
      reader.position = start;
      while (reader.next(end)) if (reader.field === GRAPH.name && reader.wire === WIRE.bytes) name = reader.string();
    }
    return name;
  }

  #annotation(pins: string[]): void {
    const reader = this.#reader;
    for (const id of fieldsOf(reader)) {
      if (reader.wire !== WIRE.bytes) continue;
      const { end } = reader;
      if (id === ANNOTATION.tensor_name) pins.push(reader.string());
      else if (id === ANNOTATION.quant_parameter_tensor_names) {
        const parameter = new Map<string, string>();
        readEntry(reader, parameter);
        for (const name of parameter.values()) pins.push(name);
      }
      reader.position = end;
    }
  }

  #deviceConfiguration(pins: string[]): void {
    const reader = this.#reader;
    for (const id of fieldsOf(reader)) {
      const { end } = reader;
      if (id === DEVICE.sharding_spec && reader.wire === WIRE.bytes) {
        for (const inner of fieldsOf(reader)) {
          if (inner === SHARDING.tensor_name && reader.wire === WIRE.bytes) pins.push(reader.string());
        }
      }
      reader.position = end;
    }
  }

  #payload(): Span {
    const { source, payload, end } = this.#reader;
    return { source, start: payload, end };
  }

  #field(): Span {
    const { source, start, end } = this.#reader;
    return { source, start, end };
  }
}

/** What is read from messages that are there, as a member of an object; no member when there are none. */
function some<K extends string, T>(
  key: K,
  messages: readonly (readonly Span[])[],
  read: (spans: readonly Span[]) => T,
): { readonly [Key in K]?: T[] } {
  const present = messages.filter((spans) => spans.length > 0);
  return present.length === 0 ? {} : ({ [key]: present.map(read) } as { [Key in K]: T[] });
}

import { fieldIds } from '../wire/fields.ts';
import { WIRE, WireReader } from '../wire/reader.ts';
import type { Span } from '../wire/rope.ts';
import { Attribute, AttributeType } from './attribute.ts';
import { checkDepth, type Field, fieldsOf, readEntry, readOpset } from './decode-parts.ts';
import { decodeSparseTensor, decodeTensor } from './decode-tensor.ts';
import type { LocalFunction } from './function.ts';
import { Graph, type GraphKind, type Port } from './graph.ts';
import type { Model } from './model.ts';
import { Node } from './node.ts';
import type { SparseTensor } from './sparse-tensor.ts';
import type { Tensor } from './tensor.ts';
import { Value } from './value.ts';
import { ValueInfo } from './value-info.ts';

const GRAPH = fieldIds('GraphProto');
const FUNCTION = fieldIds('FunctionProto');
const NODE = fieldIds('NodeProto');
const ATTRIBUTE = fieldIds('AttributeProto');
const INFO = fieldIds('ValueInfoProto');
const TRAINING = fieldIds('TrainingInfoProto');
const ANNOTATION = fieldIds('TensorAnnotation');
const DEVICE = fieldIds('NodeDeviceConfigurationProto');
const SHARDING = fieldIds('ShardingSpecProto');

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
  parts: { readonly graph: readonly Span[]; readonly functions: readonly Field[]; readonly training: readonly Span[] },
): void {
  const decoder = new GraphDecoder(model, reader);
  const main = decoder.graph('main', undefined, parts.graph, 1);
  const training = parts.training.map((span) => decoder.training(main, span));
  const functions = parts.functions.map((field) => decoder.localFunction(field));
  const trainingGraphs = training.flatMap(({ graphs }) => graphs);
  model.fill(main, functions, trainingGraphs);
  decoder.bind();
  for (const name of training.flatMap(({ names }) => names)) {
    for (const graph of [main, ...trainingGraphs]) {
      const value = graph.raw.own(name);
      if (value !== undefined) value.pinCount++;
    }
  }
}

class GraphDecoder {
  readonly #model: Model;
  readonly #reader: WireReader;
  readonly #listings: Listing[] = [];

  constructor(model: Model, reader: WireReader) {
    this.#model = model;
    this.#reader = reader;
  }

  graph(kind: GraphKind, parent: Graph | undefined, segments: readonly Span[], depth: number): Graph {
    const reader = this.#reader;
    checkDepth(reader, depth);
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
    const opsets = new Map<string, number>();
    const ports = { inputs: [] as string[], outputs: [] as string[] };
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
      reader.position = span.end;
    }
    const bare = (name: string): Named => ({ name, segments: [], field: { ...field, end: field.start } });
    body.inputs.push(...ports.inputs.map(bare));
    body.outputs.push(...ports.outputs.map(bare));
    this.#define(body);
    const whole = { source: field.source, start: field.fieldStart, end: field.end };
    return { ...text, attributeNames, opsets, body: body.graph, field: whole };
  }

  /** The graphs of one TrainingInfoProto, and the names that its bindings mention. */
  training(main: Graph, span: Span): { graphs: Graph[]; names: string[] } {
    const reader = this.#reader;
    const parts = { graphs: [] as Span[], bindings: new Map<string, string>() };
    reader.position = span.start;
    while (reader.next(span.end)) {
      if (reader.wire !== WIRE.bytes) continue;
      const { field } = reader;
      if (field === TRAINING.initialization || field === TRAINING.algorithm) parts.graphs.push(this.#payload());
      else if (field === TRAINING.initialization_binding || field === TRAINING.update_binding) {
        readEntry(reader, parts.bindings);
      }
    }
    const graphs = parts.graphs.map((graph) => this.graph('training', main, [graph], 2));
    return { graphs, names: [...parts.bindings].flat() };
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
    for (const { name, segments, field } of infos) {
      const value = graph.raw.own(name);
      if (value === undefined) graph.raw.strayInfo(field);
      else graph.raw.info(value, new ValueInfo(segments), field);
    }
  }

  #node(listing: Listing, field: Span, depth: number): NamedNode {
    const reader = this.#reader;
    checkDepth(reader, depth);
    const segments = [this.#payload()];
    const text = { name: '', opType: '', domain: '', overload: '' };
    const inputs: string[] = [];
    const outputs: string[] = [];
    const attributes: Attribute[] = [];
    for (const id of fieldsOf(reader)) {
      if (reader.wire !== WIRE.bytes) continue;
      const { end } = reader;
      if (id === NODE.input) inputs.push(reader.string());
      else if (id === NODE.output) outputs.push(reader.string());
      else if (id === NODE.name) text.name = reader.string();
      else if (id === NODE.op_type) text.opType = reader.string();
      else if (id === NODE.domain) text.domain = reader.string();
      else if (id === NODE.overload) text.overload = reader.string();
      else if (id === NODE.attribute) attributes.push(this.#attribute(listing.graph, depth + 1));
      else if (id === NODE.device_configurations) this.#deviceConfiguration(listing.pins);
      reader.position = end;
    }
    const node = new Node({ ...text, attributes, segments, field });
    for (const graph of node.subgraphs()) graph.owner = node;
    return { node, inputs, outputs };
  }

  #attribute(graph: Graph, depth: number): Attribute {
    const reader = this.#reader;
    checkDepth(reader, depth);
    const field = this.#field();
    const segments = [this.#payload()];
    const text = { name: '', refAttrName: '' };
    let type = 0;
    const scalar: { f?: number; i?: bigint; s?: Uint8Array } = {};
    const lists = { floats: [] as number[], ints: [] as bigint[], strings: [] as Uint8Array[] };
    const messages = { t: [] as Span[], g: [] as Span[], tensors: [] as Span[], graphs: [] as Span[] };
    for (const id of fieldsOf(reader)) {
      const { end, wire } = reader;
      if (id === ATTRIBUTE.type && wire === WIRE.varint) type = reader.int32();
      else if (id === ATTRIBUTE.i && wire === WIRE.varint) scalar.i = reader.bigint();
      else if (id === ATTRIBUTE.f && wire === WIRE.fixed32) scalar.f = reader.float();
      else if (id === ATTRIBUTE.ints) reader.int64s(lists.ints);
      else if (id === ATTRIBUTE.floats) reader.floats(lists.floats);
      else if (wire !== WIRE.bytes) continue;
      else if (id === ATTRIBUTE.name) text.name = reader.string();
      else if (id === ATTRIBUTE.ref_attr_name) text.refAttrName = reader.string();
      else if (id === ATTRIBUTE.s) scalar.s = reader.bytes();
      else if (id === ATTRIBUTE.strings) lists.strings.push(reader.bytes());
      else if (id === ATTRIBUTE.t) messages.t.push(this.#payload());
      else if (id === ATTRIBUTE.tensors) messages.tensors.push(this.#payload());
      else if (id === ATTRIBUTE.g) messages.g.push(this.#payload());
      else if (id === ATTRIBUTE.graphs) messages.graphs.push(this.#payload());
      reader.position = end;
    }
    if (type === 0) type = impliedType(scalar, lists, messages);
    // Several occurrences of a single message are one message, in pieces.
    const tensors = type === AttributeType.TENSORS ? messages.tensors.map((span) => [span]) : [messages.t];
    const graphs = type === AttributeType.GRAPHS ? messages.graphs.map((span) => [span]) : [messages.g];
    const { end } = segments[0] as Span;
    const attribute = new Attribute({
      ...text,
      type,
      ...scalar,
      ...lists,
      tensors: tensors.filter((spans) => spans.length > 0).map((spans) => this.#tensor(spans)),
      graphs: graphs
        .filter((spans) => spans.length > 0)
        .map((spans) => this.graph('subgraph', graph, spans, depth + 1)),
      segments,
      field,
    });
    reader.position = end;
    return attribute;
  }

  #tensor(segments: readonly Span[], field?: Span): Tensor {
    return decodeTensor(segments, this.#model.external, field);
  }

  #named(span: Span, field: Span): Named {
    const reader = this.#reader;
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
    const parameters = new Map<string, string>();
    for (const id of fieldsOf(reader)) {
      if (reader.wire !== WIRE.bytes) continue;
      const { end } = reader;
      if (id === ANNOTATION.tensor_name) pins.push(reader.string());
      else if (id === ANNOTATION.quant_parameter_tensor_names) readEntry(reader, parameters);
      reader.position = end;
    }
    pins.push(...parameters.values());
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

/** The type of an attribute that does not say it, as in models of the first IR versions. */
function impliedType(
  { f, i, s }: { f?: number; i?: bigint; s?: Uint8Array },
  lists: { floats: readonly unknown[]; ints: readonly unknown[]; strings: readonly unknown[] },
  messages: { t: readonly unknown[]; g: readonly unknown[]; tensors: readonly unknown[]; graphs: readonly unknown[] },
): number {
  if (f !== undefined) return AttributeType.FLOAT;
  if (i !== undefined) return AttributeType.INT;
  if (s !== undefined) return AttributeType.STRING;
  if (messages.t.length > 0) return AttributeType.TENSOR;
  if (messages.g.length > 0) return AttributeType.GRAPH;
  if (lists.floats.length > 0) return AttributeType.FLOATS;
  if (lists.ints.length > 0) return AttributeType.INTS;
  if (lists.strings.length > 0) return AttributeType.STRINGS;
  if (messages.tensors.length > 0) return AttributeType.TENSORS;
  return messages.graphs.length > 0 ? AttributeType.GRAPHS : AttributeType.UNDEFINED;
}

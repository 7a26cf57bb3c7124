import { fieldIds } from '../wire/fields.ts';
import { type Piece, Rope, type Span } from '../wire/rope.ts';
import { splice } from '../wire/splice.ts';
import { bytesField, floatField, intField, ropeField, textField } from '../wire/writer.ts';
import { type Attribute, AttributeType } from './attribute.ts';
import type { PlaceTensor } from './encode.ts';
import { encodeSparseTensor, encodeTensor } from './encode-tensor.ts';
import type { Graph } from './graph.ts';
import { GraphEdit, type Origin } from './graph-parts.ts';
import type { Node } from './node.ts';
import { NodeEdit } from './node-edit.ts';
import { Tensor } from './tensor.ts';
import type { Value } from './value.ts';
import type { ValueInfo } from './value-info.ts';

const GRAPH = fieldIds('GraphProto');
const FUNCTION = fieldIds('FunctionProto');
const NODE = fieldIds('NodeProto');
const ATTRIBUTE = fieldIds('AttributeProto');

type Edits = Map<number, readonly (Piece | Rope)[]>;

/** Encodes graphs and what is in them. Each method gives undefined for what is still as the file has it. */
export class GraphEncoder {
  readonly #place: PlaceTensor;

  constructor(place: PlaceTensor) {
    this.#place = place;
  }

  /** The contents of a GraphProto, or of a FunctionProto for the body of a local function. */
  graph(graph: Graph): Rope | undefined {
    const edits: Edits = new Map();
    const isFunction = graph.kind === 'function';
    const ids = isFunction ? FUNCTION : GRAPH;
    this.#nodes(graph, ids.node, edits);
    if (isFunction) this.#functionPorts(graph, edits);
    else this.#graphLists(graph, edits);
    if ((graph.edits & GraphEdit.infos) !== 0) this.#infos(graph, ids.value_info, edits);
    // A file may lack its graph; that is no reason to make one up.
    const isLacking = graph === graph.model.graph && graph.model.segments.length > 0 && edits.size === 0;
    if (graph.segments.length === 0 && !isFunction && !isLacking) {
      edits.set(GRAPH.name, [textField(GRAPH.name, graph.name)]);
    }
    return edits.size === 0 ? undefined : splice(isFunction ? 'FunctionProto' : 'GraphProto', graph.segments, edits);
  }

  #nodes(graph: Graph, id: number, edits: Edits): void {
    let changed = (graph.edits & GraphEdit.nodes) !== 0;
    const fields: (Piece | Rope)[] = [];
    for (const node of graph.nodes) {
      const rope = this.#node(node);
      changed ||= rope !== undefined;
      fields.push(rope === undefined ? (node.field as Span) : ropeField(id, rope));
    }
    if (changed) edits.set(id, fields);
  }

  #graphLists(graph: Graph, edits: Edits): void {
    if ((graph.edits & GraphEdit.inputs) !== 0) {
      edits.set(
        GRAPH.input,
        graph.raw.inputPorts().map((port) => this.#info(GRAPH.input, port)),
      );
    }
    if ((graph.edits & GraphEdit.outputs) !== 0) {
      edits.set(
        GRAPH.output,
        graph.raw.outputPorts().map((port) => this.#info(GRAPH.output, port)),
      );
    }
    this.#initializers(graph, edits);
  }

  #initializers(graph: Graph, edits: Edits): void {
    let changed = (graph.edits & GraphEdit.initializers) !== 0;
    const dense: (Piece | Rope)[] = [];
    const sparse: (Piece | Rope)[] = [];
    for (const { initializer } of graph.initializers) {
      if (initializer instanceof Tensor) {
        const rope = this.#tensor(initializer);
        changed ||= rope !== undefined;
        // A constant that comes from an attribute has no field of its own here.
        const field = rope === undefined ? initializer.field : undefined;
        dense.push(field ?? ropeField(GRAPH.initializer, rope ?? Rope.of(...initializer.segments)));
      } else if (initializer !== undefined) {
        const rope = encodeSparseTensor(initializer);
        const id = GRAPH.sparse_initializer;
        sparse.push(rope === undefined ? (initializer.field as Span) : ropeField(id, rope));
      }
    }
    if (!changed) return;
    edits.set(GRAPH.initializer, dense);
    edits.set(GRAPH.sparse_initializer, sparse);
  }

  #functionPorts(graph: Graph, edits: Edits): void {
    const names = (id: number, values: readonly Value[]): Uint8Array[] => values.map(({ name }) => textField(id, name));
    if ((graph.edits & GraphEdit.inputs) !== 0) edits.set(FUNCTION.input, names(FUNCTION.input, graph.inputs));
    if ((graph.edits & GraphEdit.outputs) !== 0) edits.set(FUNCTION.output, names(FUNCTION.output, graph.outputs));
  }

  #infos(graph: Graph, id: number, edits: Edits): void {
    const fields = graph.raw.listedInfos().map(({ value, entry }) => {
      // Infos of names that nothing defines stay as they are.
      return value === undefined ? (entry.origin?.field as Span) : this.#info(id, { value, ...entry });
    });
    edits.set(id, fields);
  }

  #info(id: number, entry: { value: Value; info: ValueInfo; origin?: Origin | undefined }): Piece | Rope {
    const { value, info, origin } = entry;
    if (origin !== undefined && origin.name === value.name && info.clean) return origin.field;
    return ropeField(id, info.encode(value.name));
  }

  #node(node: Node): Rope | undefined {
    const { edits: edited, attributes } = node;
    const isNew = node.field === undefined;
    if (!isNew && edited === 0 && attributes.every(isPlain)) return undefined;
    const edits: Edits = new Map();
    const names = (id: number, values: readonly (Value | undefined)[]): Uint8Array[] =>
      values.map((value) => textField(id, value?.name ?? ''));
    if (isNew || (edited & NodeEdit.inputs) !== 0) edits.set(NODE.input, names(NODE.input, node.inputs));
    if (isNew || (edited & NodeEdit.outputs) !== 0) edits.set(NODE.output, names(NODE.output, node.outputs));
    if (edited & NodeEdit.name || (isNew && node.name !== '')) edits.set(NODE.name, [textField(NODE.name, node.name)]);
    if (isNew || (edited & NodeEdit.opType) !== 0) edits.set(NODE.op_type, [textField(NODE.op_type, node.opType)]);
    if (isNew && node.domain !== '') edits.set(NODE.domain, [textField(NODE.domain, node.domain)]);
    let attributesChanged = isNew || (edited & NodeEdit.attributes) !== 0;
    const fields = attributes.map((attribute) => {
      const rope = this.#attribute(attribute);
      attributesChanged ||= rope !== undefined;
      return rope === undefined ? (attribute.field as Span) : ropeField(NODE.attribute, rope);
    });
    if (attributesChanged) edits.set(NODE.attribute, fields);
    return edits.size === 0 ? undefined : splice('NodeProto', node.segments, edits);
  }

  #attribute(attribute: Attribute): Rope | undefined {
    const { name, type, values, refAttrName } = attribute;
    const { tensors = [], graphs = [] } = values;
    const tensorRopes = tensors.map((tensor) => this.#tensor(tensor));
    const graphRopes = graphs.map((graph) => this.graph(graph));
    const inside = [...tensorRopes, ...graphRopes].some((rope) => rope !== undefined);
    if (attribute.field !== undefined && !inside) return undefined;
    const edits: Edits = new Map();
    const isList = type === AttributeType.TENSORS || type === AttributeType.GRAPHS;
    const tensorId = isList ? ATTRIBUTE.tensors : ATTRIBUTE.t;
    const graphId = isList ? ATTRIBUTE.graphs : ATTRIBUTE.g;
    const all = (
      id: number,
      items: readonly { segments: readonly Span[] }[],
      ropes: readonly (Rope | undefined)[],
    ): Rope[] => items.map(({ segments }, i) => ropeField(id, ropes[i] ?? Rope.of(...segments)));
    if (attribute.field === undefined) {
      for (const id of VALUE_FIELDS) edits.set(id, []);
      edits.set(ATTRIBUTE.name, [textField(ATTRIBUTE.name, name)]);
      edits.set(ATTRIBUTE.type, [intField(ATTRIBUTE.type, type)]);
      edits.set(ATTRIBUTE.ref_attr_name, refAttrName === '' ? [] : [textField(ATTRIBUTE.ref_attr_name, refAttrName)]);
      setScalars(attribute, edits);
    }
    if (tensors.length > 0) edits.set(tensorId, all(tensorId, tensors, tensorRopes));
    if (graphs.length > 0) edits.set(graphId, all(graphId, graphs, graphRopes));
    return splice('AttributeProto', attribute.segments, edits);
  }

  #tensor(tensor: Tensor): Rope | undefined {
    return encodeTensor(tensor, this.#place(tensor));
  }
}

/** Fields of which one holds the value of an attribute, whatever its type. */
const VALUE_FIELDS: readonly number[] = [
  ...[ATTRIBUTE.f, ATTRIBUTE.i, ATTRIBUTE.s, ATTRIBUTE.t, ATTRIBUTE.g, ATTRIBUTE.tp, ATTRIBUTE.sparse_tensor],
  ...[ATTRIBUTE.floats, ATTRIBUTE.ints, ATTRIBUTE.strings, ATTRIBUTE.tensors, ATTRIBUTE.graphs],
  ...[ATTRIBUTE.type_protos, ATTRIBUTE.sparse_tensors],
];

/** Whether nothing in the attribute can have been edited: no graph, no tensor. */
function isPlain({ field, values }: Attribute): boolean {
  return field !== undefined && values.tensors === undefined && values.graphs === undefined;
}

function setScalars({ type, values }: Attribute, edits: Edits): void {
  const { f = 0, i = 0n, s = new Uint8Array(0), floats = [], ints = [], strings = [] } = values;
  if (type === AttributeType.FLOAT) edits.set(ATTRIBUTE.f, [floatField(ATTRIBUTE.f, f)]);
  else if (type === AttributeType.INT) edits.set(ATTRIBUTE.i, [intField(ATTRIBUTE.i, i)]);
  else if (type === AttributeType.STRING) edits.set(ATTRIBUTE.s, [bytesField(ATTRIBUTE.s, s)]);
  else if (type === AttributeType.FLOATS)
    edits.set(
      ATTRIBUTE.floats,
      floats.map((x) => floatField(ATTRIBUTE.floats, x)),
    );
  else if (type === AttributeType.INTS)
    edits.set(
      ATTRIBUTE.ints,
      ints.map((x) => intField(ATTRIBUTE.ints, x)),
    );
  else if (type === AttributeType.STRINGS)
    edits.set(
      ATTRIBUTE.strings,
      strings.map((x) => bytesField(ATTRIBUTE.strings, x)),
    );
}

import type { Graph } from '../../src/ir/graph.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Node } from '../../src/ir/node.ts';
import { encodeText } from '../../src/wire/text.ts';
import { mergedMessage, type WireField, wireFields } from './wire-fields.ts';

/** What is connected to what, in names. Names are their bytes, one character each. */
export interface Structure {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** In any order: dense and sparse constants are in different fields. */
  readonly initializers: readonly string[];
  readonly nodes: readonly {
    readonly name: string;
    readonly op: string;
    readonly domain: string;
    readonly inputs: readonly string[];
    readonly outputs: readonly string[];
    /** Attributes with the subgraphs that they hold. */
    readonly attributes: readonly (readonly [name: string, graphs: readonly Structure[]])[];
  }[];
}

/** Structures of all graphs of a model: the main one, those of training, the bodies of functions. */
export type ModelStructure = readonly Structure[];

/** The structure that the IR shows. */
export function structureOfModel(model: Model): ModelStructure {
  const functions = model.functions.map(({ body }) => body);
  return [model.graph, ...model.trainingGraphs, ...functions].map(ofGraph);
}

function ofGraph(graph: Graph): Structure {
  return {
    inputs: graph.inputs.map(({ name }) => latin(name)),
    outputs: graph.outputs.map(({ name }) => latin(name)),
    initializers: graph.initializers.map(({ name }) => latin(name)).toSorted(),
    nodes: Array.from(graph.nodes, ofNode),
  };
}

function ofNode(node: Node): Structure['nodes'][number] {
  return {
    name: latin(node.name),
    op: latin(node.opType),
    domain: latin(node.domain),
    inputs: node.inputs.map((value) => latin(value?.name ?? '')),
    outputs: node.outputs.map((value) => latin(value?.name ?? '')),
    attributes: node.attributes.map(({ name, values }) => [latin(name), (values.graphs ?? []).map(ofGraph)]),
  };
}

function latin(name: string): string {
  return Buffer.from(encodeText(name)).toString('latin1');
}

/** The structure that the bytes of a model hold, read without the code under test. */
export function structureOfBytes(bytes: Uint8Array): ModelStructure {
  const model = wireFields(bytes);
  const trainings = messages(model, 20).flatMap((info) =>
    [1, 2].map((id) => mergedMessage(wireFields(info), id)).filter((graph) => graph !== undefined),
  );
  const main = mergedMessage(model, 7) ?? new Uint8Array(0);
  const functions = messages(model, 25).map((bytesOfFunction): Structure => {
    const fields = wireFields(bytesOfFunction);
    return {
      inputs: texts(fields, 4),
      outputs: texts(fields, 5),
      initializers: [],
      nodes: messages(fields, 7).map(readNode),
    };
  });
  return [...[main, ...trainings].map(readGraph), ...functions];
}

function readGraph(bytes: Uint8Array): Structure {
  const fields = wireFields(bytes);
  const names = (id: number): string[] => messages(fields, id).map((info) => text(wireFields(info), 1));
  const dense = messages(fields, 5).map((tensor) => text(wireFields(tensor), 8));
  const sparse = messages(fields, 15).map((tensor) => {
    const values = mergedMessage(wireFields(tensor), 1);
    return values === undefined ? '' : text(wireFields(values), 8);
  });
  return {
    inputs: names(11),
    outputs: names(12),
    initializers: [...dense, ...sparse].toSorted(),
    nodes: messages(fields, 1).map(readNode),
  };
}

function readNode(bytes: Uint8Array): Structure['nodes'][number] {
  const fields = wireFields(bytes);
  return {
    name: text(fields, 3),
    op: text(fields, 4),
    domain: text(fields, 7),
    inputs: texts(fields, 1),
    outputs: texts(fields, 2),
    attributes: messages(fields, 5).map((attribute) => {
      const inside = wireFields(attribute);
      const single = mergedMessage(inside, 6);
      const graphs = single === undefined ? messages(inside, 11) : [single];
      return [text(inside, 1), graphs.map(readGraph)] as const;
    }),
  };
}

function messages(fields: readonly WireField[], id: number): Uint8Array[] {
  return fields.filter((field) => field.id === id && field.wire === 2).map(({ payload }) => payload);
}

function texts(fields: readonly WireField[], id: number): string[] {
  return messages(fields, id).map((bytes) => Buffer.from(bytes).toString('latin1'));
}

/** The last one counts. */
function text(fields: readonly WireField[], id: number): string {
  return texts(fields, id).at(-1) ?? '';
}

import {
  type AttributeEntry,
  AttributeNames,
  attributeEntry,
  attributeValue,
  type OmAttributeValue,
} from './attributes.ts';
import type { OmInteger } from './header.ts';
import type { OmPartition } from './partitions.ts';
import { OmRefusal } from './problems.ts';
import { isBytes, isVarint, type ProtoField, type ProtoWalk } from './proto.ts';
import type { OmDepth, OmOperator } from './report.ts';
import { requireWellFormed } from './well-formed.ts';

/** Messages and their fields, as far as they are read. */
const MODEL = { name: 1, graph: 7, attr: 11 } as const;
const GRAPH = { name: 1, op: 6 } as const;
const OP = { name: 1, type: 2, input: 5, attr: 10, srcName: 24, srcIndex: 25, inputDesc: 33, outputDesc: 34 } as const;
const DESC = { dtype: 2, shape: 3, layout: 4, attr: 5 } as const;
const SHAPE = { dim: 1 } as const;

/** Operators that stand for an input of the model. */
const INPUT_TYPES: ReadonlySet<string> = new Set(['Data', 'AippData', 'AnnData', 'RefData']);
/** Attributes of tensors that are read. */
const TENSOR_ATTRIBUTES: ReadonlySet<string> = new Set(['origin_shape', 'origin_format', 'shape_range']);

/** Graphs of a model, operators of a graph, parts of one operator, dimensions of a tensor: above any real model. */
const MAX_GRAPHS = 1 << 16;
const MAX_OPERATORS = 1 << 20;
const MAX_PARTS = 1 << 16;
const MAX_RANK = 64;

/** A tensor as the graph describes it. */
export interface TensorFacts {
  /** Number of the element type in protobuf. */
  readonly dtype: number;
  readonly shape: readonly number[] | null;
  readonly layout: string;
  readonly attributes: ReadonlyMap<string, OmAttributeValue>;
}

/** An operator that the interface of a model is made of. */
export interface PortOperator {
  readonly name: string;
  readonly type: string;
  readonly attributes: ReadonlyMap<string, OmAttributeValue>;
  readonly inputs: readonly TensorFacts[];
  readonly outputs: readonly TensorFacts[];
  /** Where its inputs come from. */
  readonly sources: readonly { readonly name: string; readonly index: OmInteger }[];
}

/** What the description of a graph says. */
export interface ModelDef {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, OmAttributeValue>;
  readonly names: AttributeNames;
  readonly graphs: readonly string[];
  /** In the order of their attribute `index`. */
  readonly inputs: readonly PortOperator[];
  /** The operator that gathers the outputs, if there is one. */
  readonly output: PortOperator | undefined;
  /** The operator that picks a branch by gear, if there is one. */
  readonly gearSwitch: PortOperator | undefined;
  readonly counts: ReadonlyMap<string, number>;
  readonly operators: readonly OmOperator[];
}

/**
 * Reads a partition MODEL_DEF. Memory depends on what is kept: names, types, and the operators that inputs and outputs
 * are described by.
 *
 * @param root dictionary of the root model, for its submodels
 * @throws OmRefusal `model-def-invalid`, `limit`; SdgraphError `E_WIRE_*`
 */
export function readModelDef(walk: ProtoWalk, partition: OmPartition, depth: OmDepth, root?: AttributeNames): ModelDef {
  const whole = { start: partition.offset, end: partition.offset + partition.size };
  if (depth === 'full') requireWellFormed(walk, whole);
  let name = '';
  const graphs: ProtoField[] = [];
  const attributes = new Map<string, OmAttributeValue>();
  for (const field of walk.fields(whole.start, whole.end)) {
    if (!isBytes(field)) continue;
    if (field.id === MODEL.name) name = walk.text(field);
    else if (field.id === MODEL.graph) keep(graphs, field, MAX_GRAPHS);
    else if (field.id === MODEL.attr) {
      const { key, value } = attributeEntry(walk, field);
      attributes.set(key, attributeValue(walk, value));
    }
  }
  const [main] = graphs;
  if (main === undefined) {
    throw new OmRefusal('model-def-invalid', 'the description holds no graph', { offset: whole.start });
  }
  // The dictionary of names stands behind the graph that uses it.
  const names = new AttributeNames(attributes, root);
  const graph = new GraphReader(walk, names, depth === 'full');
  graph.read(main);
  return { name, attributes, names, graphs: graphs.map((each) => graphName(walk, each)), ...graph.facts() };
}

function graphName(walk: ProtoWalk, { start, end }: ProtoField): string {
  for (const field of walk.fields(start, end)) if (field.id === GRAPH.name && isBytes(field)) return walk.text(field);
  return '';
}

class GraphReader {
  readonly #walk: ProtoWalk;
  readonly #names: AttributeNames;
  readonly #isFull: boolean;
  readonly #inputs: PortOperator[] = [];
  readonly #counts = new Map<string, number>();
  readonly #operators: OmOperator[] = [];
  #count = 0;
  #output: PortOperator | undefined;
  #gearSwitch: PortOperator | undefined;

  constructor(walk: ProtoWalk, names: AttributeNames, isFull: boolean) {
    this.#walk = walk;
    this.#names = names;
    this.#isFull = isFull;
  }

  read({ start, end }: ProtoField): void {
    for (const field of this.#walk.fields(start, end)) {
      if (field.id !== GRAPH.op || !isBytes(field)) continue;
      if (++this.#count > MAX_OPERATORS) throw tooMany(field);
      this.#operator(field);
    }
  }

  facts(): Pick<ModelDef, 'inputs' | 'output' | 'gearSwitch' | 'counts' | 'operators'> {
    const position = ({ attributes }: PortOperator): number => {
      const index = attributes.get('index');
      return index?.kind === 'int' ? Number(index.value) : 0;
    };
    return {
      inputs: this.#inputs.toSorted((a, b) => position(a) - position(b)),
      output: this.#output,
      gearSwitch: this.#gearSwitch,
      counts: this.#counts,
      operators: this.#operators,
    };
  }

  #operator({ start, end }: ProtoField): void {
    const walk = this.#walk;
    let name = '';
    let type = '';
    const parts: ProtoField[] = [];
    for (const field of walk.fields(start, end)) {
      if (field.id === OP.name && isBytes(field)) name = walk.text(field);
      else if (field.id === OP.type && isBytes(field)) type = walk.text(field);
      else keep(parts, field, MAX_PARTS);
    }
    this.#counts.set(type, (this.#counts.get(type) ?? 0) + 1);
    if (this.#isFull) {
      const inputs = parts.filter((part) => part.id === OP.input && isBytes(part)).map((part) => walk.text(part));
      this.#operators.push({ name, type, inputs });
    }
    if (INPUT_TYPES.has(type)) this.#inputs.push(this.#port(name, type, parts));
    else if (type === 'NetOutput') this.#output ??= this.#port(name, type, parts);
    else if (type === 'Case') this.#gearSwitch ??= this.#port(name, type, parts);
  }

  #port(name: string, type: string, parts: readonly ProtoField[]): PortOperator {
    const walk = this.#walk;
    const attributes = new Map<string, OmAttributeValue>();
    const inputs: TensorFacts[] = [];
    const outputs: TensorFacts[] = [];
    const edges: string[] = [];
    const sourceNames: string[] = [];
    const sourceIndices: bigint[] = [];
    for (const part of parts) {
      if (part.id === OP.srcIndex) walk.ints(part, sourceIndices);
      if (!isBytes(part)) continue;
      if (part.id === OP.attr) this.#attribute(attributeEntry(walk, part), attributes);
      else if (part.id === OP.inputDesc) inputs.push(this.#tensor(part));
      else if (part.id === OP.outputDesc) outputs.push(this.#tensor(part));
      else if (part.id === OP.srcName) sourceNames.push(walk.text(part));
      else if (part.id === OP.input) edges.push(walk.text(part));
    }
    const sources =
      sourceNames.length > 0
        ? sourceNames.map((source, i) => ({ name: source, index: Number(sourceIndices[i] ?? 0n) }))
        : edges.map(splitEdge);
    return { name, type, attributes, inputs, outputs, sources };
  }

  #attribute({ key, value }: AttributeEntry, into: Map<string, OmAttributeValue>, only?: ReadonlySet<string>): void {
    const name = this.#names.name(key);
    if (only?.has(name) === false) return;
    into.set(name, this.#names.value(key, attributeValue(this.#walk, value)));
  }

  #tensor({ start, end }: ProtoField): TensorFacts {
    const walk = this.#walk;
    let dtype = 0;
    let layout = '';
    const dims: bigint[] = [];
    const attributes = new Map<string, OmAttributeValue>();
    for (const field of walk.fields(start, end)) {
      if (field.id === DESC.dtype && isVarint(field)) dtype = field.low | 0;
      if (!isBytes(field)) continue;
      if (field.id === DESC.layout) layout = walk.text(field);
      else if (field.id === DESC.attr) this.#attribute(attributeEntry(walk, field), attributes, TENSOR_ATTRIBUTES);
      else if (field.id === DESC.shape) {
        for (const dim of walk.fields(field.start, field.end)) if (dim.id === SHAPE.dim) walk.ints(dim, dims);
      }
    }
    return { dtype, layout, shape: shapeOf(dims, start), attributes };
  }
}

/** A single -2 says that not even the rank is known. */
function shapeOf(dims: readonly bigint[], offset: number): number[] | null {
  if (dims.length === 1 && dims[0] === -2n) return null;
  const impossible = dims.find((dim) => dim < -1n || dim > Number.MAX_SAFE_INTEGER);
  if (impossible === undefined && dims.length <= MAX_RANK) return dims.map(Number);
  throw new OmRefusal('model-def-invalid', 'the shape of an input or output is impossible', {
    offset,
    found: impossible === undefined ? `${dims.length} dimensions` : `${impossible}`,
  });
}

/** The two halves of an edge `node:index`. */
function splitEdge(edge: string): { name: string; index: number } {
  const colon = edge.lastIndexOf(':');
  const index = Number(edge.slice(colon + 1));
  return colon < 0 || !Number.isSafeInteger(index) ? { name: edge, index: 0 } : { name: edge.slice(0, colon), index };
}

function keep(list: ProtoField[], field: ProtoField, most: number): void {
  if (list.length >= most) throw tooMany(field);
  list.push(field);
}

function tooMany({ start }: ProtoField): OmRefusal {
  return new OmRefusal('limit', 'the description of the graph holds more parts than any real one', { offset: start });
}

/**
 * Breaks models in small, repeatable ways: what the comparison with other checkers feeds on. A mutation is a kind and a
 * seed; the same model, kind and seed always give the same bytes, so that a recorded verdict needs no recorded model.
 */
import Long from 'long';
import { onnx } from '../src/wire/generated/onnx.js';

/**
 * @typedef {import('../src/wire/generated/onnx.js').onnx.ModelProto.$Properties} Model
 * @typedef {import('../src/wire/generated/onnx.js').onnx.GraphProto.$Properties} Graph
 * @typedef {import('../src/wire/generated/onnx.js').onnx.NodeProto.$Properties} Node
 * @typedef {import('../src/wire/generated/onnx.js').onnx.TensorProto.$Properties} Tensor
 * @typedef {import('../src/wire/generated/onnx.js').onnx.AttributeProto.$Properties} Attribute
 * @typedef {import('../src/wire/generated/onnx.js').onnx.ValueInfoProto.$Properties} Info
 * @typedef {import('../src/wire/generated/onnx.js').onnx.FunctionProto.$Properties} LocalFunction
 * @typedef {{ model: Model, graph: Graph, random: Random }} Site
 * @typedef {(site: Site) => boolean} Mutation changes the model, or returns false where there is nothing to change
 */

/** A small generator of numbers that are the same everywhere (mulberry32). */
class Random {
  /** @param {number} seed */
  constructor(seed) {
    this.state = seed >>> 0;
  }

  /** @param {number} limit @returns {number} a whole number below `limit` */
  below(limit) {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * limit);
  }

  /** @template T @param {readonly T[]} items @returns {T | undefined} */
  pick(items) {
    return items.length === 0 ? undefined : items[this.below(items.length)];
  }
}

/** @param {Graph} graph @returns {Generator<Graph>} a graph and its subgraphs */
function* graphsOf(graph) {
  yield graph;
  for (const node of graph.node ?? []) {
    for (const { g, graphs } of node.attribute ?? []) {
      for (const inner of [g, ...(graphs ?? [])]) if (inner) yield* graphsOf(inner);
    }
  }
}

/** @param {Site} site @returns {Node[]} nodes of all graphs and local functions */
function nodes({ model, graph }) {
  const bodies = (model.functions ?? []).flatMap(({ node }) => node ?? []);
  return [...[...graphsOf(graph)].flatMap(({ node }) => node ?? []), ...bodies];
}

/** @param {Site} site @param {(node: Node) => boolean} [which] */
const someNode = (site, which = () => true) => site.random.pick(nodes(site).filter(which));

/** @param {Site} site */
function someAttribute(site) {
  const node = someNode(site, ({ attribute }) => (attribute?.length ?? 0) > 0);
  const attribute = site.random.pick(node?.attribute ?? []);
  return node && attribute ? { node, attribute } : undefined;
}

/** @param {Site} site @returns {Tensor | undefined} an initializer or a tensor in an attribute */
function someTensor(site) {
  const inAttributes = nodes(site).flatMap(({ attribute }) => (attribute ?? []).flatMap(({ t }) => (t ? [t] : [])));
  return site.random.pick([
    ...[...graphsOf(site.graph)].flatMap(({ initializer }) => initializer ?? []),
    ...inAttributes,
  ]);
}

/** @param {Site} site @returns {Info | undefined} an input or output of the main graph */
const someInfo = ({ graph, random }) => random.pick([...(graph.input ?? []), ...(graph.output ?? [])]);

/** @param {Site} site @param {'input' | 'output'} list */
function someSlot(site, list) {
  const node = someNode(site, (each) => (each[list]?.length ?? 0) > 0);
  const names = node?.[list];
  return node && names ? { node, names, index: site.random.below(names.length) } : undefined;
}

/** @param {Site} site */
function allNames({ graph, model }) {
  const list = [...(graph.node ?? []), ...(model.functions ?? []).flatMap(({ node }) => node ?? [])];
  return [...(graph.input ?? []).map(({ name }) => name ?? ''), ...list.flatMap(({ output }) => output ?? [])].filter(
    (name) => name !== '',
  );
}

/** @template T @param {T | undefined} thing @param {(thing: T) => void} apply */
function change(thing, apply) {
  if (thing === undefined) return false;
  apply(thing);
  return true;
}

/** @param {number} value */
const long = (value) => Long.fromNumber(value);
const TYPES = onnx.AttributeProto.AttributeType;
const OPERATORS = ['Add', 'Relu', 'Concat', 'Conv', 'Reshape', 'Cast', 'Softmax', 'Gather', 'Split', 'Where', 'Slice'];
const UNHEARD_OF = ['Addd', 'relu', 'FlashAttention', '', 'Scale', 'Upsample', 'LabelEncoder'];

/** @type {Record<string, Mutation>} */
const MUTATIONS = {
  'input-drop': (site) => change(someSlot(site, 'input'), ({ names, index }) => names.splice(index, 1)),
  'input-blank': (site) => change(someSlot(site, 'input'), ({ names, index }) => (names[index] = '')),
  'input-repeat': (site) =>
    change(someSlot(site, 'input'), ({ names, index }) => names.push(/** @type {string} */ (names[index]))),
  'input-append-blank': (site) => change(someNode(site), (node) => (node.input ??= []).push('')),
  'input-rename': (site) => change(someSlot(site, 'input'), ({ names, index }) => (names[index] = 'nowhere')),
  'input-other': (site) =>
    change(someSlot(site, 'input'), ({ names, index }) => {
      names[index] = site.random.pick(allNames(site)) ?? '';
    }),
  'input-from-later': (site) =>
    change(someSlot(site, 'input'), ({ node, names, index }) => {
      names[index] = node.output?.[0] ?? '';
    }),
  'output-drop': (site) => change(someSlot(site, 'output'), ({ names, index }) => names.splice(index, 1)),
  'output-blank': (site) => change(someSlot(site, 'output'), ({ names, index }) => (names[index] = '')),
  'output-rename': (site) => change(someSlot(site, 'output'), ({ names, index }) => (names[index] = 'renamed')),
  'output-append': (site) => change(someNode(site), (node) => (node.output ??= []).push('one_more')),
  'output-taken': (site) =>
    change(someSlot(site, 'output'), ({ names, index }) => {
      names[index] = site.random.pick(allNames(site)) ?? '';
    }),
  'operator-other': (site) => change(someNode(site), (node) => (node.op_type = site.random.pick(OPERATORS) ?? null)),
  'operator-unheard-of': (site) =>
    change(someNode(site), (node) => (node.op_type = site.random.pick(UNHEARD_OF) ?? null)),
  'operator-domain': (site) =>
    change(someNode(site), (node) => (node.domain = site.random.pick(['com.example', 'ai.onnx.ml', '']) ?? null)),
  'node-remove': ({ graph, random }) => {
    if (!graph.node?.length) return false;
    graph.node.splice(random.below(graph.node.length), 1);
    return true;
  },
  'node-repeat': ({ graph, random }) => change(random.pick(graph.node ?? []), (node) => graph.node?.push(node)),
  'node-swap': ({ graph, random }) => {
    if ((graph.node?.length ?? 0) < 2) return false;
    const list = /** @type {Node[]} */ (graph.node);
    const index = random.below(list.length - 1);
    list.splice(index, 2, /** @type {Node} */ (list[index + 1]), /** @type {Node} */ (list[index]));
    return true;
  },
  'attribute-remove': (site) =>
    change(someAttribute(site), ({ node, attribute }) => {
      node.attribute = node.attribute?.filter((each) => each !== attribute) ?? null;
    }),
  'attribute-rename': (site) => change(someAttribute(site), ({ attribute }) => (attribute.name = `${attribute.name}_`)),
  'attribute-unnamed': (site) => change(someAttribute(site), ({ attribute }) => (attribute.name = '')),
  'attribute-repeat': (site) => change(someAttribute(site), ({ node, attribute }) => node.attribute?.push(attribute)),
  'attribute-untyped': (site) => change(someAttribute(site), ({ attribute }) => (attribute.type = null)),
  'attribute-other-type': (site) =>
    change(
      someAttribute(site),
      ({ attribute }) => (attribute.type = attribute.type === TYPES.INTS ? TYPES.FLOATS : TYPES.INTS),
    ),
  'attribute-other-value': (site) =>
    change(someAttribute(site), ({ node, attribute }) => {
      const next = { name: attribute.name ?? '', type: TYPES.FLOAT, f: 0.5 };
      const other = { name: attribute.name ?? '', type: TYPES.STRING, s: new Uint8Array([97]) };
      node.attribute =
        node.attribute?.map((each) => (each === attribute ? (attribute.type === TYPES.FLOAT ? other : next) : each)) ??
        null;
    }),
  'attribute-two-values': (site) =>
    change(someAttribute(site), ({ attribute }) => {
      if (attribute.type === TYPES.FLOAT) attribute.s = new Uint8Array([97]);
      else attribute.f = 1;
    }),
  'attribute-no-value': (site) =>
    change(someAttribute(site), ({ node, attribute }) => {
      const bare = { name: attribute.name ?? '', type: attribute.type ?? null };
      node.attribute = node.attribute?.map((each) => (each === attribute ? bare : each)) ?? null;
    }),
  'attribute-extra': (site) =>
    change(someNode(site), (node) => {
      const name = site.random.pick(['axis', 'extra', '__private']) ?? '';
      node.attribute = [...(node.attribute ?? []), { name, type: TYPES.FLOAT, f: 1 }];
    }),
  'attribute-reference': (site) =>
    change(
      someAttribute(site),
      ({ attribute }) => (attribute.ref_attr_name = site.random.pick(['alpha', 'nowhere']) ?? null),
    ),
  'opset-version': ({ model, random }) =>
    change(
      random.pick(model.opset_import ?? []),
      (entry) => (entry.version = long(random.pick([0, 1, 5, 6, 8, 9, 10, 11, 12, 13, 15, 17, 18, 20, 40]) ?? 1)),
    ),
  'opset-domain': ({ model, random }) =>
    change(
      random.pick(model.opset_import ?? []),
      (entry) => (entry.domain = random.pick(['ai.onnx', 'com.example', '']) ?? null),
    ),
  'opset-remove': ({ model, random }) => {
    if (!model.opset_import?.length) return false;
    model.opset_import.splice(random.below(model.opset_import.length), 1);
    return true;
  },
  'ir-version': ({ model, random }) => {
    model.ir_version = long(random.pick([0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 13, 14, 15]) ?? 0);
    return true;
  },
  'metadata-repeat': ({ model }) => {
    model.metadata_props = [{ key: 'a', value: '1' }, ...(model.metadata_props ?? []), { key: 'a', value: '2' }];
    return true;
  },
  'graph-unnamed': (site) => change(site.random.pick([...graphsOf(site.graph)]), (graph) => (graph.name = '')),
  'info-unnamed': (site) => change(someInfo(site), (info) => (info.name = '')),
  'info-untyped': (site) => change(someInfo(site), (info) => (info.type = null)),
  'info-no-shape': (site) => change(someInfo(site)?.type?.tensor_type ?? undefined, (type) => (type.shape = null)),
  'info-element-type': (site) =>
    change(someInfo(site)?.type?.tensor_type ?? undefined, (type) => {
      type.elem_type = site.random.pick([1, 6, 7, 8, 9, 10, 11, 14].filter((each) => each !== type.elem_type)) ?? 1;
    }),
  'info-dimension': (site) => {
    const dims = someInfo(site)?.type?.tensor_type?.shape?.dim ?? [];
    return change(site.random.pick(dims), (dim) => {
      dim.dim_param = null;
      dim.dim_value = long(Number(dim.dim_value ?? 0) + (site.random.pick([1, 2, 7]) ?? 0));
    });
  },
  'info-rank': (site) =>
    change(someInfo(site)?.type?.tensor_type?.shape ?? undefined, (shape) =>
      (shape.dim ??= []).push({ dim_value: long(3) }),
    ),
  'info-sequence': (site) =>
    change(someInfo(site), (info) => {
      info.type = { sequence_type: { elem_type: info.type ?? null } };
    }),
  'info-remove': ({ graph, random }) => {
    if (!graph.input?.length) return false;
    graph.input.splice(random.below(graph.input.length), 1);
    return true;
  },
  'info-repeat': ({ graph, random }) => {
    const list = random.pick([graph.input, graph.output]);
    return change(random.pick(list ?? []), (info) => list?.push(info));
  },
  'info-contradiction': (site) => {
    const name = site.random.pick(
      (site.graph.node ?? []).flatMap(({ output }) => output ?? []).filter((each) => each !== ''),
    );
    if (name === undefined) return false;
    const type = {
      tensor_type: { elem_type: site.random.pick([1, 7, 9]) ?? 1, shape: { dim: [{ dim_value: long(5) }] } },
    };
    site.graph.value_info = [{ name, type }, ...(site.graph.value_info ?? [])];
    return true;
  },
  'initializer-remove': ({ graph, random }) => {
    if (!graph.initializer?.length) return false;
    graph.initializer.splice(random.below(graph.initializer.length), 1);
    return true;
  },
  'initializer-repeat': ({ graph, random }) =>
    change(random.pick(graph.initializer ?? []), (tensor) => graph.initializer?.push(tensor)),
  'initializer-unnamed': ({ graph, random }) =>
    change(random.pick(graph.initializer ?? []), (tensor) => (tensor.name = '')),
  'initializer-for-input': ({ graph, random }) =>
    change(random.pick(graph.input ?? []), ({ name }) => {
      const tensor = { name: name ?? '', data_type: 1, dims: [long(2)], float_data: [1, 2] };
      graph.initializer = [...(graph.initializer ?? []), tensor];
    }),
  'tensor-type': (site) =>
    change(someTensor(site), (tensor) => (tensor.data_type = site.random.pick([0, 1, 7, 8, 10, 11, 22, 77]) ?? 0)),
  'tensor-dims': (site) =>
    change(someTensor(site), (tensor) => (tensor.dims ??= []).push(long(site.random.pick([0, 2, 3, -1]) ?? 0))),
  'tensor-truncated': (site) =>
    change(someTensor(site), (tensor) => {
      if (tensor.raw_data?.length) tensor.raw_data = tensor.raw_data.subarray(1);
      else for (const field of /** @type {const} */ (['float_data', 'int64_data', 'int32_data'])) tensor[field]?.pop();
    }),
  'tensor-emptied': (site) =>
    change(someTensor(site), (tensor) => {
      Object.assign(tensor, {
        raw_data: null,
        float_data: null,
        int32_data: null,
        int64_data: null,
        double_data: null,
      });
    }),
  'tensor-twice': (site) => change(someTensor(site), (tensor) => (tensor.double_data = [1])),
  'tensor-external': (site) =>
    change(someTensor(site), (tensor) => {
      tensor.data_location = 1;
      if (site.random.below(2) === 0) tensor.raw_data = null;
    }),
  'sparse-indices': ({ graph, random }) =>
    change(random.pick(graph.sparse_initializer ?? []), ({ indices }) => {
      if (indices) indices.int64_data = (indices.int64_data ?? []).toReversed();
    }),
  'sparse-dims': ({ graph, random }) =>
    change(
      random.pick(graph.sparse_initializer ?? []),
      (sparse) => (sparse.dims = [long(random.pick([0, 1, 2]) ?? 0)]),
    ),
  'function-rename': ({ model, random }) =>
    change(random.pick(model.functions ?? []), (each) => (each.name = random.pick(['', 'other']) ?? null)),
  'function-domain': ({ model, random }) =>
    change(
      random.pick(model.functions ?? []),
      (each) => (each.domain = random.pick([null, '', 'other.domain']) ?? null),
    ),
  'function-repeat': ({ model, random }) =>
    change(random.pick(model.functions ?? []), (each) => model.functions?.push(each)),
  'function-opset': ({ model, random }) =>
    change(random.pick(model.functions ?? []), (each) => {
      each.opset_import = (each.opset_import ?? []).slice(1);
      if (random.below(2) === 0)
        each.opset_import.push({ domain: '', version: long(random.pick([1, 6, 13, 18]) ?? 1) });
    }),
  'function-recursion': ({ model, random }) =>
    change(random.pick(model.functions ?? []), (each) => {
      const [caller] = each.node ?? [];
      if (caller) Object.assign(caller, { op_type: each.name, domain: each.domain, attribute: [] });
    }),
  'function-output-repeat': ({ model, random }) =>
    change(random.pick(model.functions ?? []), (each) => each.output?.push(each.output[0] ?? '')),
  'function-attribute-repeat': ({ model, random }) =>
    change(
      random.pick(model.functions ?? []),
      (each) => (each.attribute = [...(each.attribute ?? []), 'alpha', 'alpha']),
    ),
};

/** Every kind of mutation. */
export const KINDS = Object.keys(MUTATIONS);

/**
 * @param {Uint8Array} bytes a model
 * @param {string} kind one of {@link KINDS}
 * @param {number} seed
 * @returns {Uint8Array | undefined} the model with one thing changed; undefined where there is nothing of that kind to change
 */
export function mutate(bytes, kind, seed) {
  const model = /** @type {Model} */ (onnx.ModelProto.decode(bytes));
  const mutation = MUTATIONS[kind];
  if (mutation === undefined || !model.graph) return undefined;
  const changed = mutation({ model, graph: model.graph, random: new Random(seed) });
  if (!changed) return undefined;
  const mutated = onnx.ModelProto.encode(model).finish();
  return Buffer.compare(mutated, onnx.ModelProto.encode(onnx.ModelProto.decode(bytes)).finish()) === 0
    ? undefined
    : mutated;
}

/** @param {Uint8Array} bytes @returns {string} a short sum by which a recorded verdict knows its model (FNV-1a) */
export function fingerprint(bytes) {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}

import { Attribute } from '../src/ir/attribute.ts';
import { DataType } from '../src/ir/data-type.ts';
import type { Node } from '../src/ir/node.ts';
import { Tensor } from '../src/ir/tensor.ts';
import type { Value } from '../src/ir/value.ts';
import { removeIfUnused, takePlace } from '../src/rewrite/edit.ts';
import { definePass } from '../src/rewrite/pass.ts';
import type { Inference } from '../src/schema/inference.ts';

/** Nodes that are constants already, or that `eliminate-identity` is for. */
const NOT_COMPUTED: ReadonlySet<string> = new Set(['Constant', 'Identity']);

/**
 * Puts constants in the place of integer computations whose result follows from the graph alone: the chains of Shape,
 * Gather, Concat and arithmetic that exporters write around Reshape and Slice. Covers every scope. Integers are exact;
 * floats are never folded, nor tensors of more than a few dozen elements. What only fed the computations goes too.
 */
export const foldShapes = definePass({
  name: 'fold-shapes',
  summary: 'Computes shapes and bounds that are known before the model runs',
  defaults: {},
  run(context) {
    const { model, report } = context;
    const shapes = context.shapes();
    const foldable = new Map<Node, readonly Folded[]>();
    for (const graph of model.scopes()) {
      for (const node of graph.nodes) {
        const constants = NOT_COMPUTED.has(node.opType) ? undefined : constantsFor(node, shapes);
        if (constants !== undefined) foldable.set(node, constants);
      }
    }
    const folded: Value[] = [];
    for (const [node, constants] of foldable) {
      const wanted = constants.filter(({ value }) => value.consumers().some((reader) => !foldable.has(reader)));
      if (wanted.length === 0) continue;
      for (const { value, tensor } of wanted) {
        takePlace(value, store(tensor, node));
        folded.push(value);
      }
      report.applied(node, `folded to ${wanted.map(({ text }) => text).join(' and ')}`);
    }
    removeIfUnused(folded);
  },
});

interface Folded {
  readonly value: Value;
  readonly tensor: Tensor;
  readonly text: string;
}

/** The constants that a node computes; undefined when one of its outputs is not known, or must stay computed. */
function constantsFor(node: Node, shapes: Inference): Folded[] | undefined {
  const outputs = node.outputs.filter((value) => value !== undefined);
  const constants = outputs.map((value) => {
    if (value.isGraphOutput || value.isPinned) return undefined;
    const tensor = constantFor(value, shapes);
    return tensor && { value, ...tensor };
  });
  const known = constants.filter((each) => each !== undefined);
  return known.length > 0 && known.length === outputs.length ? known : undefined;
}

function constantFor(value: Value, shapes: Inference): { tensor: Tensor; text: string } | undefined {
  const type = shapes.type(value);
  const dims = shapes.dims(value);
  const isInteger = type?.kind === 'tensor' && (type.elemType === DataType.INT64 || type.elemType === DataType.INT32);
  if (!isInteger || dims === undefined) return undefined;
  const ints = shapes.ints(value);
  if (ints?.every((int) => typeof int === 'bigint') !== true) return undefined;
  if (ints.length !== dims.reduce((count, dim) => count * dim, 1)) return undefined;
  const isWide = type.elemType === DataType.INT64;
  const bytes = new Uint8Array(ints.length * (isWide ? 8 : 4));
  const view = new DataView(bytes.buffer);
  for (const [i, int] of ints.entries()) {
    if (isWide) view.setBigInt64(i * 8, int, true);
    else view.setInt32(i * 4, Number(int), true);
  }
  const storage = { kind: 'memory', bytes } as const;
  return {
    tensor: new Tensor({ name: value.name, dataType: type.elemType, dims, storage }),
    text: `[${ints.join(', ')}]`,
  };
}

/** Stores a constant in the scope of `node`; local functions have no initializers. */
function store(tensor: Tensor, node: Node): Value {
  const { graph } = node;
  if (graph.kind !== 'function') return graph.addInitializer(tensor);
  return graph
    .insert(
      { opType: 'Constant', inputs: [], name: `${node.name}_folded`, attributes: [Attribute.tensor('value', tensor)] },
      { before: node },
    )
    .output();
}

import { Attribute } from '../../src/ir/attribute.ts';
import { floatTensor, int64Tensor } from '../../src/ir/constants.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Node } from '../../src/ir/node.ts';
import type { Value } from '../../src/ir/value.ts';
import type { TomeBlock } from './blocks.ts';
import { Emitter, type SharedConstants } from './emitter.ts';
import type { TomeIndices } from './indices.ts';
import type { TomeOperators } from './sizes.ts';

/** Smallest normal float16: what {@link BuildOptions.stableNorm} takes for the length of a token of zeros. */
const TINY = 2 ** -14;

/** How a block is built. */
export interface BuildOptions {
  readonly operators: TomeOperators;
  readonly opset: number;
  readonly indices: TomeIndices;
  readonly constants: SharedConstants;
  /** Prefix of the names of the index lists: `tome/` for lists that all blocks share. */
  readonly listPrefix: string | undefined;
  /** Scales tokens by their largest channel before their length is computed. */
  readonly stableNorm: boolean;
}

/** Inserts the nodes that merge tokens before a self-attention and spread them again behind it. */
export function buildTome({ norm, region, sizes }: TomeBlock, options: BuildOptions): void {
  const { operators, opset, indices, constants, stableNorm } = options;
  const { input: x, output: normed } = norm;
  const { graph } = norm.node;
  const prefix = freePrefix(graph.model, norm.node);
  const lists = options.listPrefix ?? prefix;
  const list = (values: readonly number[], dims: readonly number[], name: string): Value =>
    constants.get(int64Tensor(values, dims, `${lists}${name}`));
  const gatherA = list(indices.a, [sizes.a], 'Gather_index_a');
  const gatherB = list(indices.b, [sizes.b], 'Gather_index_b');
  const indexA = list(repeat(indices.a, sizes.batch), [sizes.batch, sizes.a], 'index_a');
  const indexB = list(repeat(indices.b, sizes.batch), [sizes.batch, sizes.b], 'index_b');
  // A full sort: how many tokens merge is up to the merging operator.
  const k = constants.get(int64Tensor([sizes.a], [1], 'tome/Topk_k'));

  const readers = [...normed.uses];
  const emit = new Emitter({ graph, prefix, opset, constants, after: norm.node });
  const { values: scaled, norm: length } = stableNorm ? stableLength(emit, x) : plainLength(emit, x);
  const unit = emit.op('Div', [scaled, length]);
  const axis = (at: number): Attribute => Attribute.int('axis', at);
  const sources = emit.op('Gather', [unit, gatherA], [axis(1)], 'Gather_0');
  const destinations = emit.op('Gather', [unit, gatherB], [axis(1)], 'Gather_1');
  const turned = emit.op('Transpose', [destinations], [Attribute.ints('perm', [0, 2, 1])]);
  const [best, nearest] = emit.findMax(emit.op('MatMul', [sources, turned]), operators.findMax);
  const sort = [axis(-1), Attribute.int('largest', 1)];
  const order = emit.ops('TopK', [best, k], ['TopK_output_0', 'TopK_output_1'], sort)[1] as Value;
  const toFloat = [Attribute.int('to', DataType.FLOAT)];
  const rowsA = emit.op('Gather', [normed, gatherA], [axis(1)], 'Gather_2');
  const rowsB = emit.op('Gather', [normed, gatherB], [axis(1)], 'Gather_3');
  // Nothing to cast in the file; presumably upstream keeps ATC from fusing across here.
  const tokensA = emit.op('Cast', [rowsA], toFloat, 'Cast_0');
  const tokensB = emit.op('Cast', [rowsB], toFloat, 'Cast_1');
  const { merge, unmerge } = operators;
  const mergeOutputs = merge.outputs.map((_, i) => `${merge.opType}_output_${i}`);
  const [kept, sums, counts] = emit.plugin(merge, [tokensA, tokensB, order, nearest], mergeOutputs) as [
    Value,
    Value,
    Value,
  ];
  const sum = emit.reduceSum(sums, 1, false, 'ReduceSum_1');
  const count = emit.unsqueeze(emit.reduceSum(counts, 1, false, 'ReduceSum_2'), 2);
  const mean = emit.op('Div', [sum, count], [], 'Div_1');
  const merged = emit.op('Concat', [kept, mean], [axis(1)]);
  for (const { node, index } of readers) node.setInput(index, merged);

  const { result } = region;
  const resultReaders = [...result.uses];
  emit.after = result.producer as Node;
  // Upstream's names, its slip of the pen included.
  const whole = emit.plugin(
    unmerge,
    [result, indexA, indexB, order, nearest],
    ['TomeUngerme_output'],
    `tome/${unmerge.opType}`,
  )[0] as Value;
  for (const { node, index } of resultReaders) node.setInput(index, whole);
  for (const value of region.values) graph.dropInfo(value);
}

function repeat(list: readonly number[], times: number): number[] {
  return Array.from({ length: times }, () => list).flat();
}

function plainLength(emit: Emitter, x: Value): { values: Value; norm: Value } {
  const squares = emit.op('Mul', [x, x]);
  return { values: x, norm: emit.op('Sqrt', [emit.reduceSum(squares, -1, true, 'ReduceSum')]) };
}

/** Squares of numbers up to 1 cannot overflow float16, and a token of zeros does not divide by zero. */
function stableLength(emit: Emitter, x: Value): { values: Value; norm: Value } {
  const tiny = emit.constants.get(floatTensor([TINY], [], 'tome/tiny'));
  const largest = emit.reduceMax(emit.op('Abs', [x], [], 'Abs'), 'ReduceMax_0');
  const values = emit.op('Div', [x, emit.op('Max', [largest, tiny], [], 'Max_0')], [], 'Div_0');
  const squares = emit.op('Mul', [values, values]);
  const length = emit.op('Sqrt', [emit.reduceSum(squares, -1, true, 'ReduceSum')]);
  return { values, norm: emit.op('Max', [length, tiny], [], 'Max_1') };
}

/**
 * Upstream's prefix: the block's path with `attn1` behind it, and `tome` for every `attn`. The path is the name of the
 * normalization's last node without its last two components. Numbered when a name of that kind is taken.
 */
function freePrefix(model: Model, node: Node): string {
  const name = node.name === '' ? node.output().name : node.name;
  const parts = name.split('/');
  const path = parts.length > 2 ? parts.slice(0, -2).join('/') : name;
  const base = `${path}/attn1`.replaceAll('attn', 'tome');
  for (let suffix = 0; ; suffix++) {
    const prefix = suffix === 0 ? `${base}/` : `${base}_${suffix}/`;
    const isTaken = ['Mul', 'ReduceSum', 'MatMul', 'Concat'].some(
      (part) => model.nodeNames.has(`${prefix}${part}`) || model.valueNames.has(`${prefix}${part}_output`),
    );
    if (!isTaken) return prefix;
  }
}

import { Attribute } from '../../src/ir/attribute.ts';
import { floatTensor, int64Tensor } from '../../src/ir/constants.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Dim } from '../../src/ir/type.ts';
import type { Value } from '../../src/ir/value.ts';
import { loadTarget, type Target } from '../../src/targets/index.ts';
import { buildModel, type GraphBuilder } from './model-builder.ts';

/** How one attention may be written. Every form computes softmax(scale * q kᵀ) v. */
export interface AttentionForm {
  readonly opset: number;
  readonly batch: number;
  readonly heads: number;
  readonly qLength: number;
  readonly kvLength: number;
  readonly headDim: number;
  /** Rank of the operands of the MatMuls: `[batch * heads, S, D]` or `[batch, heads, S, D]`. */
  readonly rank: 3 | 4;
  /** Where q, k and v come from: split into heads from `[batch, S, heads * D]`, or given in the rank of the MatMuls. */
  readonly q: 'split' | 'given';
  readonly k: 'split' | 'given';
  readonly v: 'split' | 'given';
  /** How keys are transposed; `folded` into the split and `by rows` (as torch's newer exporter does it) at rank 4 only. */
  readonly kT: 'transpose' | 'folded' | 'by rows' | 'given';
  readonly scale: number;
  readonly scaling:
    | 'none'
    | 'scores * c'
    | 'c * scores'
    | 'scores / c'
    | 'q'
    | 'kT'
    | 'sqrt on q and kT'
    | 'computed sqrt on q and kT'
    | 'projection';
  readonly zeros: 'none' | 'constant' | 'scalar' | 'first' | 'filled' | 'filled times zero';
  readonly upcast: boolean;
  /** Casts from float32 to float32, as torch 1.13 leaves them behind the softmax. */
  readonly castWeights: boolean;
  /** What happens to the result: heads merged to `[batch, S, heads * D]`, or nothing. */
  readonly merged: boolean;
  /** Whether q and k are projections of one input. */
  readonly self: boolean;
  readonly negativeAxis: boolean;
  /** Constants as nodes or as initializers. */
  readonly constants: 'nodes' | 'initializers';
}

/** The form that torch 1.13 writes for diffusers 0.14. */
export const TORCH_1: AttentionForm = {
  opset: 11,
  batch: 2,
  heads: 3,
  qLength: 5,
  kvLength: 5,
  headDim: 4,
  rank: 3,
  q: 'split',
  k: 'split',
  v: 'split',
  kT: 'transpose',
  scale: 0.5,
  scaling: 'scores * c',
  zeros: 'constant',
  upcast: false,
  castWeights: true,
  merged: true,
  self: true,
  negativeAxis: false,
  constants: 'nodes',
};

/** The form that torch 2 writes for scaled_dot_product_attention. */
export const TORCH_2: AttentionForm = {
  ...TORCH_1,
  opset: 14,
  rank: 4,
  scaling: 'computed sqrt on q and kT',
  zeros: 'none',
  castWeights: false,
  negativeAxis: true,
};

/** Weights that keep values near one. */
function weights(count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.sin(i * 1.7) * 0.6);
}

/** A model of one attention: inputs `x` (queries), `context` unless it attends to itself, or `q`, `k`, `v`; output `y`. */
export function attentionForm(form: AttentionForm): Model {
  return buildModel(form.opset, (g) => void new FormWriter(form, g).attention('/attn/'));
}

/** Writes attentions of one form; tests build larger graphs of several. */
export class FormWriter {
  readonly form: AttentionForm;
  readonly g: GraphBuilder;
  path = '/attn/';
  readonly #inputs = new Map<string, Value>();

  constructor(form: AttentionForm, g: GraphBuilder) {
    this.form = form;
    this.g = g;
  }

  /** Writes a whole attention and makes its result a graph output. */
  attention(path: string): Value {
    this.path = path;
    const { q, kT, v } = this.operands();
    return this.output(this.mix(this.scores(q, kT), v));
  }

  operands(): { q: Value; kT: Value; v: Value } {
    const { form } = this;
    const projected = form.scaling === 'projection';
    let q = this.#operand('q', form.q, form.qLength, projected ? form.scale : undefined);
    let kT = this.keys();
    const v = this.#operand('v', form.v, form.kvLength);
    if (form.scaling === 'q') q = this.op('Mul', [q, this.scalar(form.scale)]);
    if (form.scaling === 'kT') kT = this.op('Mul', [kT, this.scalar(form.scale)]);
    if (form.scaling === 'sqrt on q and kT') {
      q = this.op('Mul', [q, this.scalar(Math.sqrt(form.scale))]);
      kT = this.op('Mul', [kT, this.scalar(Math.sqrt(form.scale))]);
    }
    if (form.scaling === 'computed sqrt on q and kT') {
      const factor = (): Value => this.op('Sqrt', [this.computedScale(q)]);
      [q, kT] = [this.op('Mul', [q, factor()]), this.op('Mul', [kT, factor()])];
    }
    if (form.upcast) [q, kT] = [this.cast(q), this.cast(kT)];
    return { q, kT, v };
  }

  /** Scores as the softmax reads them. */
  scores(q: Value, kT: Value): Value {
    const { form } = this;
    let scores = this.op('MatMul', [q, kT]);
    if (form.scaling === 'scores * c') scores = this.op('Mul', [scores, this.scalar(form.scale)]);
    if (form.scaling === 'c * scores') scores = this.op('Mul', [this.scalar(form.scale), scores]);
    if (form.scaling === 'scores / c') scores = this.op('Div', [scores, this.scalar(1 / form.scale)]);
    return this.#withZeros(scores);
  }

  mix(scores: Value, v: Value): Value {
    const { rank, negativeAxis, castWeights } = this.form;
    let mixed = this.op('Softmax', [scores], Attribute.int('axis', negativeAxis ? -1 : rank - 1));
    if (castWeights) mixed = this.cast(mixed);
    return this.op('MatMul', [mixed, v]);
  }

  output(mixed: Value): Value {
    const { batch, heads, qLength, headDim, rank, merged } = this.form;
    if (!merged) return this.g.output(mixed, this.dims(qLength));
    const split = rank === 4 ? mixed : this.reshape(mixed, [batch, heads, qLength, headDim]);
    const turned = this.transpose(split, [0, 2, 1, 3]);
    return this.g.output(this.reshape(turned, [batch, qLength, heads * headDim]), [batch, qLength, heads * headDim]);
  }

  keys(): Value {
    const { kT, kvLength, rank, batch, heads, headDim } = this.form;
    if (kT === 'given') return this.input('k', [...this.dims(kvLength).slice(0, -2), headDim, kvLength]);
    if (kT === 'folded' && rank === 4) return this.transpose(this.#tokens('k', kvLength), [0, 2, 3, 1]);
    const k = this.#operand('k', this.form.k, kvLength);
    if (kT === 'by rows' && rank === 4) {
      const rows = this.transpose(this.reshape(k, [-1, kvLength, headDim]), [0, 2, 1]);
      return this.reshape(rows, [batch, heads, headDim, kvLength]);
    }
    return this.transpose(k, rank === 4 ? [0, 1, 3, 2] : [0, 2, 1]);
  }

  #operand(name: 'q' | 'k' | 'v', from: 'split' | 'given', length: number, scale?: number): Value {
    if (from === 'given') return this.input(name, this.dims(length));
    const heads = this.transpose(this.#tokens(name, length, scale), [0, 2, 1, 3]);
    return this.form.rank === 4 ? heads : this.reshape(heads, this.dims(length));
  }

  #tokens(name: 'q' | 'k' | 'v', length: number, scale?: number): Value {
    const { batch, heads, headDim, self } = this.form;
    const channels = heads * headDim;
    const x = this.input(name === 'q' || self ? 'x' : 'context', [batch, length, channels]);
    const weight = this.g.floats(weights(channels * channels), [channels, channels], `${this.path}to_${name}.weight`);
    let projected = this.op('MatMul', [x, weight]);
    if (scale !== undefined) projected = this.op('Mul', [projected, this.scalar(scale)]);
    return this.reshape(projected, [batch, length, heads, headDim]);
  }

  dims(length: number): number[] {
    const { batch, heads, headDim, rank } = this.form;
    return rank === 4 ? [batch, heads, length, headDim] : [batch * heads, length, headDim];
  }

  /** 1/sqrt(D), computed from the shape of q as torch 2 does it. */
  computedScale(q: Value): Value {
    const last = this.op('Slice', [this.op('Shape', [q]), this.ints([-1]), this.ints([9_223_372_036_854_775_807n])]);
    return this.op('Div', [this.floats([1]), this.op('Sqrt', [this.cast(last)])]);
  }

  #withZeros(scores: Value): Value {
    const { zeros, qLength, kvLength } = this.form;
    const dims = [...this.dims(qLength).slice(0, -1), kvLength];
    const filled = (value?: number): Value =>
      this.op(
        'ConstantOfShape',
        [this.ints(dims)],
        ...(value === undefined ? [] : [Attribute.tensor('value', floatTensor([value], [1]))]),
      );
    switch (zeros) {
      case 'none':
        return scores;
      case 'scalar':
        return this.op('Add', [scores, this.scalar(0)]);
      case 'constant':
        return this.op('Add', [scores, this.floats(new Float32Array(dims.reduce((a, b) => a * b)), dims)]);
      case 'first':
        return this.op('Add', [this.floats([0]), scores]);
      case 'filled':
        return this.op('Add', [scores, filled()]);
      case 'filled times zero':
        return this.op('Add', [scores, this.op('Mul', [filled(3), this.scalar(0)])]);
      default:
        throw new Error(zeros satisfies never);
    }
  }

  op(opType: string, inputs: readonly Value[], ...attributes: readonly Attribute[]): Value {
    return this.g.op(opType, inputs, { name: `${this.path}${opType}`, attributes });
  }

  cast(value: Value, to: number = DataType.FLOAT): Value {
    return this.op('Cast', [value], Attribute.int('to', to));
  }

  transpose(value: Value, perm: readonly number[]): Value {
    return this.op('Transpose', [value], Attribute.ints('perm', perm));
  }

  reshape(value: Value, shape: readonly number[]): Value {
    return this.op('Reshape', [value, this.ints(shape)]);
  }

  scalar(value: number): Value {
    return this.floats([value], []);
  }

  floats(values: ArrayLike<number>, dims: readonly number[] = [values.length]): Value {
    const tensor = floatTensor(Array.from(values), dims, `${this.path}Constant_value`);
    return this.form.constants === 'nodes' ? this.g.constant(tensor, `${this.path}Constant`) : this.g.tensor(tensor);
  }

  ints(values: readonly (number | bigint)[]): Value {
    const tensor = int64Tensor(values, [values.length], `${this.path}Constant_value`);
    return this.form.constants === 'nodes' ? this.g.constant(tensor, `${this.path}Constant`) : this.g.tensor(tensor);
  }

  input(name: string, dims: readonly Dim[] | undefined): Value {
    const known = this.#inputs.get(name) ?? this.g.input(name, dims);
    this.#inputs.set(name, known);
    return known;
  }
}

/** A built-in profile whose attention operator takes every shape, for graphs small enough to be run. */
export function relaxed(name: string): Target {
  const target = structuredClone(loadTarget(name)) as { -readonly [K in keyof Target]: Target[K] };
  const { flashAttention } = target.operators;
  if (flashAttention === undefined) throw new Error(`${name} has no attention operator`);
  const selection = { attention: ['self', 'cross'] as const, rules: [] };
  target.operators = { ...target.operators, flashAttention: { ...flashAttention, limits: [], selection } };
  return target;
}

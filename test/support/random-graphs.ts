import fc from 'fast-check';
import * as ort from 'onnxruntime-node';
import { Attribute } from '../../src/ir/attribute.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Value } from '../../src/ir/value.ts';
import { buildModel, type GraphBuilder } from './model-builder.ts';
import { someFloats } from './run-model.ts';

/** One step of a random graph: what to add, and numbers from which it picks operands and parameters. */
interface Step {
  readonly kind: (typeof KINDS)[number];
  readonly picks: readonly [number, number, number];
}

const KINDS = [
  'unary',
  'binary',
  'scalar',
  'zero-add',
  'widening-zero-add',
  'identity',
  'cast',
  'matmul',
  'reshape',
  'same-reshape',
  'transpose',
  'slice',
  'slices',
  'chunk',
  'concat',
  'if',
] as const;

/** A description of a model that {@link randomModel} builds. Small, so that fast-check shrinks it well. */
export interface Program {
  readonly opset: 11 | 13 | 18;
  readonly steps: readonly Step[];
  /** Which values are graph outputs beside the last. */
  readonly outputs: readonly number[];
}

const number = fc.nat(1000);

/** Random programs with up to `length` steps. */
export function arbProgram(length = 12): fc.Arbitrary<Program> {
  return fc.record({
    opset: fc.constantFrom(11, 13, 18),
    steps: fc.array(fc.record({ kind: fc.constantFrom(...KINDS), picks: fc.tuple(number, number, number) }), {
      minLength: 1,
      maxLength: length,
    }),
    outputs: fc.array(number, { maxLength: 2 }),
  });
}

/** A valid model of float operations on small tensors: the same program gives the same model. */
export function randomModel({ opset, steps, outputs }: Program): Model {
  return buildModel(opset, (g) => {
    const known: Known[] = [
      { value: g.input('x', [2, 4]), dims: [2, 4] },
      { value: g.input('y', [1, 3, 4]), dims: [1, 3, 4] },
    ];
    const flag = g.input('flag', [], DataType.BOOL);
    for (const step of steps) known.push(...new Builder(g, known, flag, opset).add(step));
    const last = known.at(-1) as Known;
    const chosen = new Set(
      [...outputs.map((pick) => at(known, pick)), last].filter(({ value }) => !value.isGraphInput),
    );
    if (chosen.size === 0) chosen.add({ ...last, value: g.op('Neg', [last.value]) });
    for (const { value, dims } of chosen) g.output(value, dims);
  });
}

/** Inputs for the models of {@link randomModel}. */
export function randomFeeds(flag: boolean): Record<string, ort.Tensor> {
  return {
    x: new ort.Tensor('float32', someFloats(8, 1), [2, 4]),
    y: new ort.Tensor('float32', someFloats(12, 2), [1, 3, 4]),
    flag: new ort.Tensor('bool', [flag], []),
  };
}

interface Known {
  readonly value: Value;
  readonly dims: readonly number[];
}

function at<T>(items: readonly T[], pick: number): T {
  return items[pick % items.length] as T;
}

function size(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** Adds the nodes of one step behind what is known. */
class Builder {
  readonly #g: GraphBuilder;
  readonly #known: readonly Known[];
  readonly #flag: Value;
  readonly #opset: number;

  constructor(g: GraphBuilder, known: readonly Known[], flag: Value, opset: number) {
    this.#g = g;
    this.#known = known;
    this.#flag = flag;
    this.#opset = opset;
  }

  add({ kind, picks }: Step): Known[] {
    const g = this.#g;
    const [a, b, c] = picks;
    const source = at(this.#known, a);
    const { value, dims } = source;
    const same = (opType: string, ...inputs: Value[]): Known[] => [{ value: g.op(opType, inputs), dims }];
    const axis = b % dims.length;
    const extent = dims[axis] as number;
    switch (kind) {
      case 'unary':
        return same(at(['Neg', 'Sigmoid', 'Tanh', 'Relu'], b), value);
      case 'binary': {
        const partners = this.#known.filter((each) => each.dims.join() === dims.join());
        return same(at(['Add', 'Sub', 'Mul'], c), value, at(partners, b).value);
      }
      case 'scalar':
        return same(at(['Add', 'Mul'], c), value, g.scalar(at([0.5, 1, 2, -1], b)));
      case 'zero-add': {
        const zeros = at([[], dims.map(() => 1), dims.slice(1), dims], b);
        const constant = g.floats(
          Array.from({ length: size(zeros) }, () => 0),
          zeros,
        );
        return same('Add', ...(c % 2 === 0 ? [value, constant] : [constant, value]));
      }
      case 'widening-zero-add': {
        const wide = [2, ...dims];
        const zeros = g.floats(
          Array.from({ length: size(wide) }, () => 0),
          wide,
        );
        return wide.length > 4 ? same('Neg', value) : [{ value: g.op('Add', [value, zeros]), dims: wide }];
      }
      case 'identity':
        return same('Identity', value);
      case 'cast':
        // Never a Cast of a Cast: without its optimizations onnxruntime 1.30 loses such a value when a subgraph reads it.
        return [this.#cast(source)];
      case 'matmul':
        return this.#matmul(source, 1 + (b % 4));
      case 'reshape': {
        const flat = c % 2 === 0 ? [size(dims)] : [1, size(dims)];
        return [
          { value: g.op('Reshape', [value, g.ints(c % 3 === 0 ? [...flat.slice(0, -1), -1] : flat)]), dims: flat },
        ];
      }
      case 'same-reshape':
        return same('Reshape', value, g.ints(dims));
      case 'transpose': {
        const perm = dims.map((_, i) => (i + b) % dims.length);
        const attributes = [Attribute.ints('perm', perm)];
        return [{ value: g.op('Transpose', [value], { attributes }), dims: perm.map((i) => dims[i] as number) }];
      }
      case 'slice': {
        const start = c % extent;
        return [this.#slice(source, axis, start, extent)];
      }
      case 'slices': {
        const cut = 1 + (c % extent);
        const parts = [this.#slice(source, axis, 0, cut)];
        if (cut < extent) parts.push(this.#slice(source, axis - (b % 2) * dims.length, cut, extent));
        return c % 2 === 0 ? parts : parts.toReversed();
      }
      case 'chunk':
        return this.#chunk(source, axis, extent);
      case 'concat': {
        const partners = this.#known.filter((each) => each.dims.length === dims.length);
        const fits = partners.filter((each) => each.dims.every((dim, i) => i === axis || dim === dims[i]));
        const other = at(fits, c);
        const joined = dims.with(axis, extent + (other.dims[axis] as number));
        if (size(joined) > 200) return same('Neg', value);
        const attributes = [Attribute.int('axis', axis)];
        return [{ value: g.op('Concat', [value, other.value], { attributes }), dims: joined }];
      }
      default:
        return this.#branch(source, b, c);
    }
  }

  #cast({ value, dims }: Known): Known {
    const attributes = [Attribute.int('to', DataType.FLOAT)];
    return { value: this.#g.op('Cast', [this.#g.op('Neg', [value])], { attributes }), dims };
  }

  #matmul({ value, dims }: Known, columns: number): Known[] {
    const rows = dims.at(-1) as number;
    const weights = this.#g.floats([...someFloats(rows * columns, columns)], [rows, columns]);
    const result = this.#g.op('MatMul', [value, weights]);
    return [{ value: result, dims: [...dims.slice(0, -1), columns] }];
  }

  #slice({ value, dims }: Known, axis: number, start: number, end: number): Known {
    const g = this.#g;
    const where = axis < 0 ? axis + dims.length : axis;
    const last = end === dims[where] ? 2n ** 63n - 1n : end;
    const taken = g.op('Slice', [value, g.ints([start]), g.ints([last]), g.ints([axis])]);
    return { value: taken, dims: dims.with(where, end - start) };
  }

  /** Two slices with bounds computed from the shape, as exporters write `chunk(2)`. */
  #chunk({ value, dims }: Known, axis: number, extent: number): Known[] {
    const g = this.#g;
    const half = Math.ceil(extent / 2);
    const along = g.ints([axis]);
    const length = g.op('Gather', [g.op('Shape', [value]), along]);
    const middle = g.op('Div', [g.op('Add', [length, g.ints([1])]), g.ints([2])]);
    const first = g.op('Slice', [value, g.ints([0]), middle, along]);
    if (half === extent) return [{ value: first, dims }];
    const second = g.op('Slice', [value, middle, g.op('Mul', [middle, g.ints([2])]), along]);
    return [
      { value: first, dims: dims.with(axis, half) },
      { value: second, dims: dims.with(axis, extent - half) },
    ];
  }

  /** An If whose branches compute a little more each, from values around them. */
  #branch({ value, dims }: Known, b: number, c: number): Known[] {
    const steps: Step['kind'][] = ['unary', 'zero-add', 'identity', 'cast', 'same-reshape', 'scalar'];
    const fill =
      (pick: number) =>
      (inner: GraphBuilder): Value => {
        let last: Known = { value: inner.op('Tanh', [value]), dims };
        for (const kind of [at(steps, pick), at(steps, pick + c)]) {
          const builder = new Builder(inner, [last], this.#flag, this.#opset);
          last = builder.add({ kind, picks: [0, pick, c] })[0] as Known;
        }
        return last.value;
      };
    return [{ value: this.#g.branch(this.#flag, fill(b), fill(c)), dims }];
  }
}

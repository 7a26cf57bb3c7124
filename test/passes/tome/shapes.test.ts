import { describe, expect, test } from 'vitest';
import { constantInts } from '../../../src/ir/constants.ts';
import type { Value } from '../../../src/ir/value.ts';
import { attentionModel, blockPath, constantNode } from '../../support/attention-blocks.ts';
import type { GraphBuilder } from '../../support/model-builder.ts';
import { insert, node, run, shapeOf } from '../../support/tome-run.ts';

const T = blockPath(0);
const Z = `${T}/tome1`;

describe('shape constants', () => {
  test('of others stay as they are (H15)', async () => {
    const known = new Map<string, Value>();
    const shape = (g: GraphBuilder, dims: readonly number[]): Value => {
      const value = known.get(dims.join()) ?? g.ints(dims, [dims.length], `shape_${dims.join('x')}`);
      known.set(dims.join(), value);
      return value;
    };
    const model = attentionModel({ blocks: 2, shape });
    await run(model, { count: 1 });
    expect(shapeOf(model, `${T}/attn1/Reshape`)).toEqual([2, -1, 2, 16]);
    expect(shapeOf(model, `${blockPath(1)}/attn1/Reshape`)).toEqual([2, 512, 2, 16]);
    expect(node(model, `${T}/attn1/Reshape`).inputs[1]).toBe(node(model, `${T}/attn1/Reshape_4`).inputs[1]);
    await run(model, { count: 2 });
    expect(node(model, `${blockPath(1)}/attn1/Reshape`).inputs[1]?.name).toBe('shape_2x512x2x16');
    expect(shapeOf(model, `${blockPath(1)}/attn1/Reshape`)).toEqual([2, -1, 2, 16]);
  });

  test('are changed where they are: in an initializer or a Constant node', async () => {
    const model = await insert({ shape: constantNode });
    const shape = node(model, `${T}/attn1/Reshape`).inputs[1];
    expect(shape?.producer?.name).toBe(`${T}/attn1/Reshape_shape`);
    expect(constantInts(shape)).toEqual([2n, -1n, 2n, 16n]);
    const listed = await insert({});
    expect(node(listed, `${T}/attn1/Reshape`).inputs[1]?.name).toBe(`${T}/attn1/Reshape_shape`);
  });

  test('behind Identity are replaced', async () => {
    const shape = (g: GraphBuilder, dims: readonly number[]): Value => g.op('Identity', [g.ints(dims)]);
    const model = await insert({ shape });
    expect(node(model, `${T}/attn1/Reshape`).inputs[1]?.producer).toBeUndefined();
    expect(shapeOf(model, `${T}/attn1/Reshape`)).toEqual([2, -1, 2, 16]);
  });

  test('change on the axis of the tokens only, also when another has as many elements (H16)', async () => {
    const model = await insert({ height: 16, width: 32, channels: 512, heads: 256 });
    expect(shapeOf(model, `${T}/attn1/Reshape_1`)).toEqual([512, -1, 2]);
    expect(shapeOf(model, `${T}/attn1/Reshape_7`)).toEqual([2, -1, 512]);
  });

  test('with an axis to be inferred already get the number of tokens that are left (H16)', async () => {
    const shape = (g: GraphBuilder, dims: readonly number[]): Value => g.ints([...dims.slice(0, -1), -1]);
    const model = await insert({ shape });
    expect(shapeOf(model, `${T}/attn1/Reshape`)).toEqual([2, 256, 2, -1]);
    expect(shapeOf(model, `${T}/attn1/Reshape_6`)).toEqual([2, 2, 256, -1]);
  });

  test('that fit any number of tokens stay', async () => {
    const shape = (g: GraphBuilder, dims: readonly number[]): Value =>
      g.ints(dims.map((dim) => (dim === 512 ? -1 : dim)));
    const model = await insert({ shape });
    expect(shapeOf(model, `${T}/attn1/Reshape_6`)).toEqual([2, 2, -1, 16]);
    const keeps = (dims: readonly number[]): boolean => dims[1] === 512 && (dims.length === 4 || dims[2] === 32);
    const copying = (g: GraphBuilder, dims: readonly number[]): Value =>
      g.ints(dims.map((dim, axis) => (axis === 1 && keeps(dims) ? 0 : dim)));
    const copied = await insert({ shape: copying });
    expect(shapeOf(copied, `${T}/attn1/Reshape_7`)).toEqual([2, 0, 32]);
    expect(shapeOf(copied, `${T}/attn1/Reshape`)).toEqual([2, 0, 2, 16]);
  });

  test('for Gemm join batch and tokens', async () => {
    const model = await insert({ projection: 'Gemm' });
    expect(shapeOf(model, `${T}/attn1/to_q/Reshape`)).toEqual([-1, 32]);
    expect(node(model, `${T}/attn1/to_q/Reshape`).inputs[0]?.name).toBe(`${Z}/Concat_output`);
  });
});

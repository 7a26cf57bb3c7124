import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readPostQuantConv } from '../../src/diffusion/post-quant-conv.ts';
import { numberToHalf } from '../../src/ir/numbers.ts';
import { expectError } from '../support/errors.ts';
import { type TensorToWrite, writeSafetensors } from '../support/safetensors-writer.ts';
import { tempDir } from '../support/temp-dir.ts';
import { tinySd } from '../support/tiny-sd.ts';

const WEIGHT = Float32Array.from({ length: 16 }, (_, i) => (i - 8) / 4);
const BIAS = Float32Array.of(0.5, -1, 2, 0);

function bytesOf(values: Float32Array, dtype: string): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(values.slice().buffer);
  const bits = dtype === 'F16' ? values.map(numberToHalf) : new Uint32Array(values.slice().buffer).map((b) => b >>> 16);
  return new Uint8Array(Uint16Array.from(bits).buffer);
}

function tensor(name: string, values: Float32Array, dtype: string, shape: readonly number[]): TensorToWrite {
  return { name: `post_quant_conv.${name}`, dtype, shape, data: bytesOf(values, dtype) };
}

const weight = (dtype = 'F32', shape = [4, 4, 1, 1]): TensorToWrite => tensor('weight', WEIGHT, dtype, shape);
const bias = (dtype = 'F32', shape = [4]): TensorToWrite => tensor('bias', BIAS, dtype, shape);

/** A checkpoint with these files in its VAE. */
function checkpoint(files: Readonly<Record<string, Uint8Array | string>>): string {
  const dir = tempDir();
  mkdirSync(join(dir, 'vae'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, 'vae', name), content);
  return dir;
}

const WHOLE = 'diffusion_pytorch_model.safetensors';
const INDEX = 'diffusion_pytorch_model.safetensors.index.json';

test.each(['F32', 'F16', 'BF16'])('%s', (dtype) => {
  const dir = checkpoint({ [WHOLE]: writeSafetensors([bias(dtype), weight(dtype)]) });
  expect(readPostQuantConv(dir)).toEqual({ weight: WEIGHT, bias: BIAS });
});

test('float16 weights of a real layout', () => {
  const { weight: found } = readPostQuantConv(tinySd('sd21'));
  expect(found).toHaveLength(16);
});

test('a weight kept as a matrix', () => {
  const dir = checkpoint({ [WHOLE]: writeSafetensors([weight('F32', [4, 4]), bias()]) });
  expect(readPostQuantConv(dir).weight).toEqual(WEIGHT);
});

test('a file of half precision, when it is the only one', () => {
  const fp16 = { 'diffusion_pytorch_model.fp16.safetensors': writeSafetensors([weight('F16'), bias('F16')]) };
  expect(readPostQuantConv(checkpoint(fp16)).bias).toEqual(BIAS);
  const other = writeSafetensors([weight(), tensor('bias', Float32Array.of(1, 1, 1, 1), 'F32', [4])]);
  expect(readPostQuantConv(checkpoint({ ...fp16, [WHOLE]: other })).bias).toEqual(Float32Array.of(1, 1, 1, 1));
});

test('weights in parts', () => {
  const weightMap = { 'post_quant_conv.weight': 'a-1.safetensors', 'post_quant_conv.bias': 'a-2.safetensors' };
  const dir = checkpoint({
    [INDEX]: JSON.stringify({ weight_map: weightMap }),
    'a-1.safetensors': writeSafetensors([weight()]),
    'a-2.safetensors': writeSafetensors([bias()]),
  });
  expect(readPostQuantConv(dir)).toEqual({ weight: WEIGHT, bias: BIAS });
});

describe('refused', () => {
  test.each([
    { why: 'no bias', tensors: [weight()] },
    { why: 'another shape', tensors: [weight('F32', [16]), bias()] },
    { why: 'another size', tensors: [tensor('weight', BIAS, 'F32', [2, 2, 1, 1]), bias()] },
    { why: 'integers', tensors: [{ ...weight(), dtype: 'I32' }, bias()] },
  ])('$why', ({ tensors }) => {
    const dir = checkpoint({ [WHOLE]: writeSafetensors(tensors) });
    expectError('E_CHECKPOINT_TENSOR', () => readPostQuantConv(dir));
  });

  test('pickled weights, with advice', () => {
    const dir = checkpoint({ 'diffusion_pytorch_model.bin': 'x' });
    expect(expectError('E_CHECKPOINT', () => readPostQuantConv(dir)).hint).toContain('safe_serialization');
  });

  test('no weights', () => {
    expect(expectError('E_CHECKPOINT', () => readPostQuantConv(checkpoint({}))).hint).toContain('vaePostQuant');
  });

  test('a file that is none', () => {
    expectError('E_SAFETENSORS', () => readPostQuantConv(checkpoint({ [WHOLE]: 'x' })));
  });

  test.each(['../secret.safetensors', '/etc/x.safetensors', 'a\\b.safetensors', 'weights.bin', 5, null])(
    'a part called %s',
    (name) => {
      const content = JSON.stringify({ weight_map: { 'post_quant_conv.weight': name } });
      expectError('E_CHECKPOINT', () => readPostQuantConv(checkpoint({ [INDEX]: content })));
    },
  );

  test.each(['{}', '{"weight_map":[]}'])('the index %s', (content) => {
    expectError('E_CHECKPOINT_CONFIG', () => readPostQuantConv(checkpoint({ [INDEX]: content })));
  });
});

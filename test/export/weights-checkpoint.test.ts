import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Checkpoint, type PartName } from '../../src/export/checkpoint.ts';
import { exportCheckpoint } from '../../src/export/export.ts';
import { CheckpointWeights, type WeightOptions } from '../../src/export/weights-checkpoint.ts';
import { openSafetensors } from '../../src/io/safetensors.ts';
import { type TensorToSave, writeSafetensors } from '../../src/io/safetensors-writer.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { readNumbers } from '../../src/ir/numbers.ts';
import { expectError } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';
import { tinySd } from '../support/tiny-sd.ts';

function floats(name: string, shape: readonly number[], values?: readonly number[]): TensorToSave {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const data = Float32Array.from(values ?? Array.from({ length: count }, (_, i) => i));
  return { name, dtype: 'F32', shape, data: () => [new Uint8Array(data.buffer)] };
}

/** The weights of a checkpoint with one part that holds these tensors. */
async function weightsOf(
  part: PartName,
  tensors: readonly TensorToSave[],
  options?: WeightOptions,
): Promise<CheckpointWeights> {
  const dir = tempDir();
  mkdirSync(join(dir, part));
  const stem = part === 'text_encoder' ? 'model' : 'diffusion_pytorch_model';
  await writeSafetensors(join(dir, part, `${stem}.safetensors`), tensors);
  const opened = Checkpoint.open(dir).part(part);
  onTestFinished(() => opened.close());
  return new CheckpointWeights(opened, options);
}

test('a tensor is a range of its file, and comes again as the same', async () => {
  const weights = await weightsOf('unet', [floats('a', [1]), floats('b', [2, 3])]);
  const tensor = weights.take('b', [2, 3]);
  expect([tensor.storage.kind, tensor.dataType, tensor.dims]).toEqual(['external', DataType.FLOAT, [2, 3]]);
  expect(readNumbers(tensor)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(weights.take('b', [2, 3])).toBe(tensor);
  expect(weights.count).toBe(1);
  expect(weights.leftOver()).toEqual(['a']);
});

test('what is missing or does not fit is refused by name', async () => {
  const weights = await weightsOf('unet', [
    floats('a.weight', [2, 3]),
    { name: 'int', dtype: 'I8', shape: [2], data: () => [Uint8Array.of(1, 2)] },
  ]);
  expect(expectError('E_CHECKPOINT_TENSOR', () => weights.take('a.bias', [2])).where.name).toBe('a.bias');
  for (const shape of [[3, 2], [6], [2, 3, 1], [2, 3, 3, 3], [], [2, 3, 1, 2]]) {
    const { expected, found } = expectError('E_CHECKPOINT_TENSOR', () => weights.take('a.weight', shape));
    expect([expected, found]).toEqual([`[${shape.join(', ')}]`, '[2, 3]']);
  }
  expect(expectError('E_CHECKPOINT_TENSOR', () => weights.take('int', [2])).found).toBe('I8');
  expect(weights.leftOver()).toEqual(['a.weight', 'int']);
});

test('matrices and 1x1 kernels stand for each other', async () => {
  const weights = await weightsOf('unet', [floats('m', [2, 3]), floats('k', [2, 3, 1, 1])]);
  expect(weights.take('m', [2, 3, 1, 1]).dims).toEqual([2, 3, 1, 1]);
  expect(weights.take('k', [2, 3]).dims).toEqual([2, 3]);
  expect(weights.leftOver()).toEqual([]);
});

test('the attention of the VAE is found under both of its names, and nothing else is', async () => {
  const at = 'decoder.mid_block.attentions.0';
  const recent = await weightsOf('vae', [floats(`${at}.to_q.weight`, [2, 2]), floats(`${at}.to_out.0.bias`, [2])]);
  expect(recent.has(`${at}.query.weight`)).toBe(true);
  expect(recent.take(`${at}.query.weight`, [2, 2]).name).toBe(`${at}.query.weight`);
  expect(recent.take(`${at}.proj_attn.bias`, [2]).dims).toEqual([2]);
  expect(recent.has(`${at}.key.weight`)).toBe(false);
  expect(recent.leftOver()).toEqual([]);
  const old = await weightsOf('vae', [floats(`${at}.query.weight`, [2, 2]), floats('x.query.weight', [2, 2])]);
  expect(old.has(`${at}.to_q.weight`)).toBe(true);
  expect(old.has('x.to_q.weight')).toBe(false);
});

test('what real checkpoints have and no graph needs is not left over', async () => {
  const names = ['encoder.conv_in.bias', 'quant_conv.bias', 'post_quant_conv.bias', 'decoder.extra'];
  const vae = await weightsOf(
    'vae',
    names.map((name) => floats(name, [1])),
  );
  expect(vae.leftOver()).toEqual(['decoder.extra']);
  const text = await weightsOf('text_encoder', [
    floats('text_model.embeddings.position_ids', [1]),
    floats('logit_scale', [1]),
  ]);
  expect(text.leftOver()).toEqual(['logit_scale']);
});

test('a source that folds transposes and converts', async () => {
  const weights = await weightsOf('unet', [floats('m', [2, 3]), floats('v', [2])], { fold: DataType.FLOAT16 });
  const matrix = weights.take('m', [2, 3], { transposed: true });
  expect([matrix.dataType, matrix.dims]).toEqual([DataType.FLOAT16, [3, 2]]);
  expect(readNumbers(matrix)).toEqual([0, 3, 1, 4, 2, 5]);
  expect(readNumbers(weights.take('v', [2]))).toEqual([0, 1]);
  const plain = await weightsOf('unet', [floats('m', [2, 3])]);
  expectError('E_INTERNAL', () => plain.take('m', [2, 3], { transposed: true }));
});

test('bfloat16 is folded where the operator set cannot cast it, and stays as it is elsewhere', async () => {
  const model = join(tempDir(), 'checkpoint');
  cpSync(tinySd('sd15'), model, { recursive: true });
  const path = join(model, 'vae/diffusion_pytorch_model.safetensors');
  const file = openSafetensors(path);
  const tensors = Array.from(file.tensors, ([name, { shape, offset, length }]): TensorToSave => {
    const bits = new Uint16Array(file.source.read(offset, length).slice().buffer);
    const upper = bits.filter((_, i) => i % 2 === 1);
    return { name, dtype: 'BF16', shape, data: () => [new Uint8Array(upper.buffer)] };
  });
  file.close();
  await writeSafetensors(path, tensors);
  const options = { model, only: ['vae'], weights: 'reference', outputDir: model } as const;
  const { models: old } = await exportCheckpoint({ ...options, opset: 11 });
  expect(old[0]).toMatchObject({ weights: 'copy', warnings: [expect.stringContaining('bfloat16')] });
  const { models: recent } = await exportCheckpoint({ ...options, opset: 13 });
  expect(recent[0]).toMatchObject({ weights: 'reference', warnings: [] });
});

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { groupNormFloat32 } from '../../../src/ascend/atc/group-norm.ts';
import { openModel } from '../../../src/io/open.ts';
import { materialize } from '../../support/golden.ts';
import { tempDir } from '../../support/temp-dir.ts';

test.each(['sd15', 'sd21'] as const)('finds the group normalizations of a real UNet: %s', async (name) => {
  const dir = tempDir();
  materialize(name, dir);
  using model = await openModel(join(dir, 'unet.onnx'));
  const all = groupNormFloat32(model, 'all').trimEnd().split('\n');
  expect(all).toHaveLength(61);
  // What upstream's custom_precision.cfg lists.
  const sample = [
    '2/resnets.0/norm2',
    '2/resnets.1/norm1',
    '2/resnets.1/norm2',
    '2/resnets.2/norm1',
    '2/resnets.2/norm2',
    '3/resnets.0/norm1',
  ].map((place) => `/up_blocks.${place}/Mul/GroupNorm:InputDtype:float32`);
  expect(groupNormFloat32(model, 'sample').trimEnd().split('\n')).toEqual(sample);
  expect(all).toEqual(expect.arrayContaining(sample));
});

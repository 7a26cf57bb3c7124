import { describe, expect, test } from 'vitest';
import { DataType } from '../../../src/ir/data-type.ts';
import { chooseGear, type Gears } from '../../../src/runtime/acl/gears.ts';
import { ramp } from '../../support/acl-device.ts';
import { expectError } from '../../support/errors.ts';

const port = (name: string, ...shape: (number | undefined)[]) => ({ name, dataType: DataType.FLOAT, shape });

describe('the gear of a run', () => {
  test('is the batch that all inputs with an open one have', () => {
    const gears: Gears = { kind: 'batch', values: [[1], [2]] };
    const inputs = [port('latents', undefined, 4), port('t', 1), port('embeddings', undefined, 77)];
    const feeds = (first: number, last: number) => [ramp([first, 4]), ramp([1]), ramp([last, 77])];
    expect(chooseGear(gears, inputs, feeds(2, 2), 'unet.om')).toEqual({ kind: 'batch', value: [2] });
    const error = expectError('E_SESSION_FEED', () => chooseGear(gears, inputs, feeds(1, 2), 'unet.om'));
    expect(error).toMatchObject({ expected: 'a batch of 1 or 2', found: '1 for one input and 2 for another' });
    expect(expectError('E_SESSION_FEED', () => chooseGear(gears, inputs, feeds(3, 3), 'unet.om')).found).toBe('3');
  });

  test('is a height and a width, in this order', () => {
    const gears: Gears = { kind: 'image', values: [[64, 96]] };
    const inputs = [port('x', 1, 4, undefined, undefined)];
    expect(chooseGear(gears, inputs, [ramp([1, 4, 64, 96])], '').value).toEqual([64, 96]);
    expectError('E_SESSION_FEED', () => chooseGear(gears, inputs, [ramp([1, 4, 96, 64])], ''));
  });

  test('is the extents of all inputs, the fixed ones as well', () => {
    const gears: Gears = { kind: 'dims', values: [[1, 8, 3]] };
    const inputs = [port('x', undefined, 8), port('y', 3)];
    expect(chooseGear(gears, inputs, [ramp([1, 8]), ramp([3])], '').value).toEqual([1, 8, 3]);
    expectError('E_SESSION_FEED', () => chooseGear(gears, inputs, [ramp([2, 8]), ramp([3])], ''));
  });
});

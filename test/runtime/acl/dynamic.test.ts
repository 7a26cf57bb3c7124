import { afterEach, describe, expect, test } from 'vitest';
import { openSession } from '../../../src/runtime/open.ts';
import { compileModel, doubled, floats, leaveNothing, library, missing, ramp } from '../../support/acl-device.ts';
import { expectRejection } from '../../support/errors.ts';
import { tempDir } from '../../support/temp-dir.ts';

/** A way to compile with open sizes. */
interface Way {
  readonly way: string;
  readonly shape: readonly string[];
  readonly flags: readonly string[];
  /** Sizes that fit. */
  readonly sizes: readonly (readonly number[])[];
  /** Sizes that do not, with what the error expects. */
  readonly refused?: readonly [readonly number[], string];
}

const WAYS: readonly Way[] = [
  {
    way: 'batches',
    shape: ['n', '4', '2', '2'],
    flags: ['--input_shape=x:-1,4,2,2', '--dynamic_batch_size=1,2,8'],
    sizes: [
      [8, 4, 2, 2],
      [1, 4, 2, 2],
      [2, 4, 2, 2],
      [1, 4, 2, 2],
    ],
    refused: [[4, 4, 2, 2], 'a batch of 1 or 2 or 8'],
  },
  {
    way: 'image sizes',
    shape: ['1', '3', 'h', 'w'],
    flags: ['--input_shape=x:1,3,-1,-1', '--input_format=NCHW', '--dynamic_image_size=4,4;8,6'],
    sizes: [
      [1, 3, 4, 4],
      [1, 3, 8, 6],
      [1, 3, 4, 4],
    ],
    refused: [[1, 3, 6, 8], 'height,width of 4,4 or 8,6'],
  },
  {
    way: 'extents',
    shape: ['n', 'm'],
    flags: ['--input_shape=x:-1,-1', '--input_format=ND', '--dynamic_dims=1,4;3,2'],
    sizes: [
      [3, 2],
      [1, 4],
      [3, 2],
    ],
    refused: [[1, 2], 'extents 1,4 or 3,2'],
  },
  {
    way: 'a range',
    shape: ['n', '3'],
    flags: ['--input_shape_range=x:[1~6,3]'],
    sizes: [
      [2, 3],
      [6, 3],
      [1, 3],
      [4, 3],
    ],
  },
  {
    way: 'any extent',
    shape: ['n', '3'],
    flags: ['--input_shape=x:-1,3'],
    sizes: [
      [2, 3],
      [600, 3],
      [1, 3],
      [40, 3],
    ],
  },
];

describe.skipIf(missing !== undefined)(`a model of open sizes ${missing ?? ''}`, () => {
  afterEach(leaveNothing);

  test.each(WAYS)('compiled for $way runs with each size', async ({ shape, flags, sizes, refused }) => {
    const dims = shape.map((dim) => (/^\d+$/u.test(dim) ? Number(dim) : dim));
    const session = await openSession(await compileModel(doubled(dims), tempDir(), ...flags), { library });
    expect(session.inputs).toMatchObject([
      { name: 'x', shape: dims.map((dim) => (typeof dim === 'string' ? undefined : dim)) },
    ]);
    expect(session.outputs[0]?.shape).toContain(undefined);
    for (const size of sizes) {
      const outputs = await session.run([ramp(size)]);
      const { data } = ramp(size);
      expect(outputs.get('y')).toEqual(
        floats(
          size,
          Array.from(data as Float32Array, (value) => 2 * value),
        ),
      );
    }
    const [wrong, expected] = refused ?? [];
    if (wrong !== undefined) {
      const error = await expectRejection('E_SESSION_FEED', () => session.run([ramp(wrong)]));
      expect(error.expected).toBe(expected);
      expect((await session.run([ramp(sizes[0] ?? [])])).get('y')?.dims).toEqual(sizes[0]);
    }
    await session.close();
  });
});

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openSafetensors, type SafetensorsDtype } from '../../src/io/safetensors.ts';
import { writeSafetensors } from '../../src/io/safetensors-writer.ts';
import { expectRejection } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

const WIDTHS = { F32: 4, F16: 2, BF16: 2, I64: 8, U8: 1 } as const satisfies Partial<Record<SafetensorsDtype, number>>;

const tensor = fc.record({
  name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((name) => name !== '__metadata__'),
  dtype: fc.constantFrom(...(Object.keys(WIDTHS) as (keyof typeof WIDTHS)[])),
  shape: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }),
  fill: fc.option(fc.integer({ min: 0, max: 255 })),
  piece: fc.integer({ min: 1, max: 100 }),
});

test('what is written is read back, holes as zeros', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 6 }), async (tensors) => {
      const path = join(tempDir(), 'x.safetensors');
      const sizes = tensors.map(({ dtype, shape }) => WIDTHS[dtype] * shape.reduce((product, dim) => product * dim, 1));
      await writeSafetensors(
        path,
        tensors.map(({ name, dtype, shape, fill, piece }, i) => ({
          name,
          dtype,
          shape,
          ...(fill === null ? {} : { data: () => pieces(sizes[i] ?? 0, fill, piece) }),
        })),
        { format: 'pt' },
      );
      const file = openSafetensors(path);
      expect([...file.tensors.keys()]).toEqual(tensors.map(({ name }) => name));
      expect(file.metadata.get('format')).toBe('pt');
      for (const [i, { name, dtype, shape, fill }] of tensors.entries()) {
        const stored = file.tensors.get(name);
        expect(stored).toMatchObject({ dtype, shape, length: sizes[i] });
        const bytes = file.source.read(stored?.offset ?? 0, stored?.length ?? 0);
        expect(bytes.every((byte) => byte === (fill ?? 0))).toBe(true);
      }
      file.close();
    }),
    { numRuns: 50 },
  );
});

function* pieces(size: number, fill: number, step: number): Generator<Uint8Array> {
  for (let at = 0; at < size; at += step) yield new Uint8Array(Math.min(step, size - at)).fill(fill);
}

test('zeros take no room, and what follows them is in its place', async () => {
  const path = join(tempDir(), 'x.safetensors');
  const size = 1 << 30;
  await writeSafetensors(path, [
    { name: 'zeros', dtype: 'U8', shape: [size] },
    { name: 'end', dtype: 'U8', shape: [3], data: () => [Uint8Array.of(1, 2, 3)] },
  ]);
  expect(statSync(path).size).toBeGreaterThan(size);
  expect(statSync(path).blocks * 512).toBeLessThan(1 << 20);
  const file = openSafetensors(path);
  expect([...file.source.read(file.source.size - 4, 4)]).toEqual([0, 1, 2, 3]);
  file.close();
});

test('nothing is left of a file that cannot be written whole', async () => {
  const dir = tempDir();
  const path = join(dir, 'x.safetensors');
  const one = { name: 'a', dtype: 'F32', shape: [2] } as const;
  await expectRejection('E_SAFETENSORS', () => writeSafetensors(path, [one, one]));
  await expectRejection('E_SAFETENSORS', () => writeSafetensors(path, [{ ...one, name: '__metadata__' }]));
  await expectRejection('E_SAFETENSORS', () => writeSafetensors(path, [{ ...one, shape: [2 ** 53, 2 ** 53] }]));
  await expectRejection('E_INTERNAL', () => writeSafetensors(path, [{ ...one, data: () => [new Uint8Array(7)] }]));
  expect(readdirSync(dir)).toEqual([]);
  await writeSafetensors(path, [one]);
  expect(readFileSync(path).readBigUInt64LE() % 8n).toBe(0n);
});

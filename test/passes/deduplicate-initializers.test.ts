import { describe, expect, test } from 'vitest';
import { deduplicateInitializers } from '../../passes/deduplicate-initializers.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { Tensor } from '../../src/ir/tensor.ts';
import { applyPass, listing } from '../support/apply-pass.ts';
import { buildModel } from '../support/model-builder.ts';

/** A tensor whose bytes come from `fill`, counting what is read. */
function counted(name: string, length: number, fill: (at: number) => number, reads: Map<string, number>): Tensor {
  const source = {
    label: name,
    size: length * 4,
    *chunks(_: number, bytes: number, size: number) {
      for (let at = 0; at < bytes; at += size) {
        const chunk = Uint8Array.from({ length: Math.min(size, bytes - at) }, (__, i) => fill(at + i));
        reads.set(name, (reads.get(name) ?? 0) + chunk.length);
        yield chunk;
      }
    },
  };
  const storage = {
    kind: 'external',
    entries: new Map([['location', name]]),
    data: { open: () => source } as never,
  } as const;
  return new Tensor({ name, dataType: DataType.FLOAT, dims: [length], storage });
}

describe('deduplicate-initializers', () => {
  test('equal constants are stored once, under the first name', async () => {
    const model = buildModel(13, (g) => {
      const x = g.input('x', [2]);
      const a = g.floats([1, 2], [2], 'a');
      const b = g.floats([1, 2], [2], 'b');
      g.output(g.op('Add', [g.op('Mul', [x, a]), b], { outputs: ['y'] }));
      g.output(
        g.branch(
          g.input('flag', [], 9),
          (then) => then.op('Add', [x, b]),
          (other) => other.op('Neg', [b]),
        ),
      );
    });
    const report = await applyPass(model, deduplicateInitializers());
    expect(report.notes).toEqual(['1 initializer of 8 bytes equal to others removed']);
    expect(listing(model).filter((line) => /\bb\b/.test(line))).toEqual([]);
    expect(model.graph.initializers.map(({ name }) => name)).toEqual(['a']);
    expect(await applyPass(model, deduplicateInitializers())).toMatchObject({ changed: false, notes: [] });
  });

  test('other types, dimensions or bits are not equal', async () => {
    const model = buildModel(13, (g) => {
      const bytes = new Uint8Array(8);
      const raw = (name: string, dataType: number, dims: number[], storage = bytes) =>
        g.tensor(new Tensor({ name, dataType, dims, storage: { kind: 'memory', bytes: storage } }));
      const values = [
        raw('zeros', DataType.FLOAT, [2]),
        raw('column', DataType.FLOAT, [2, 1]),
        raw('ints', DataType.INT32, [2]),
        raw('long', DataType.INT64, [1]),
        raw('negative', DataType.FLOAT, [2], Uint8Array.of(0, 0, 0, 128, 0, 0, 0, 128)),
      ];
      for (const value of values) g.output(g.op('Identity', [value]));
    });
    expect(await applyPass(model, deduplicateInitializers())).toMatchObject({ changed: false, notes: [] });
  });

  test('graph inputs and outputs keep constants of their own', async () => {
    const model = buildModel(13, (g) => {
      const a = g.floats([1], [1], 'a');
      const out = g.floats([1], [1], 'out');
      const given = g.input('given', [1]);
      g.graph.setInitializer(given, a.initializer?.renamed('given'));
      g.output(out, [1]);
      g.output(g.op('Sum', [a, out, given]));
    });
    expect(await applyPass(model, deduplicateInitializers())).toMatchObject({ changed: false });
  });

  test('reads no more than it must', async () => {
    const reads = new Map<string, number>();
    const length = 1 << 18;
    const model = buildModel(13, (g) => {
      const tensors = [
        counted('alone', length + 1, () => 1, reads),
        counted('same', length, () => 1, reads),
        counted('same too', length, () => 1, reads),
        counted('late', length, (at) => (at === length * 4 - 1 ? 2 : 1), reads),
        counted('early', length, (at) => (at === 0 ? 2 : 1), reads),
      ];
      for (const tensor of tensors) g.output(g.op('Neg', [g.tensor(tensor)]));
    });
    const report = await applyPass(model, deduplicateInitializers());
    expect(report.notes).toEqual([`1 initializer of ${length * 4} bytes equal to others removed`]);
    expect(reads.has('alone')).toBe(false);
    expect(reads.get('early')).toBe(4096);
    expect(reads.get('late')).toBe(4096 + length * 4);
  });
});

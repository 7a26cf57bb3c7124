import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { removeZeroAdd } from '../../passes/remove-zero-add.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { Tensor } from '../../src/ir/tensor.ts';
import type { Dim } from '../../src/ir/type.ts';
import { applyPass, listing, reasons, reopened } from '../support/apply-pass.ts';
import { buildModel } from '../support/model-builder.ts';
import { runModel, someFloats } from '../support/run-model.ts';

/** `y = relu(x) + zeros`, or the other way round. */
function withZeros(shape: readonly Dim[] | undefined, dims: readonly number[], side: 'left' | 'right' = 'right') {
  return buildModel(13, (g) => {
    const x = g.op('Relu', [g.input('x', shape)], { outputs: ['h'] });
    const zeros = g.floats(
      Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => 0),
      dims,
      'zeros',
    );
    const sum = g.op('Add', side === 'right' ? [x, zeros] : [zeros, x], { outputs: ['sum'] });
    g.output(g.op('Neg', [sum], { outputs: ['y'] }));
  });
}

describe('remove-zero-add', () => {
  test.each(['left', 'right'] as const)('zeros on the %s go', async (side) => {
    const model = withZeros([2, 3], [2, 3], side);
    const report = await applyPass(model, removeZeroAdd());
    expect(reasons(report)).toEqual(['applied Add: removed: it added zeros']);
    expect(listing(model)).toEqual(['h = Relu(x)', 'y = Neg(h)']);
    const again = await applyPass(model, removeZeroAdd());
    expect(again).toMatchObject({ changed: false, sites: [] });
  });

  const fits: [string, Dim[] | undefined, number[]][] = [
    ['a scalar beside a tensor of unknown rank', undefined, []],
    ['one row of zeros', [2, 3], [3]],
    ['axes of one', [2, 3], [1, 1]],
    ['one zero beside symbolic dimensions', ['batch', 's'], [1, 1]],
    ['no elements at all', [0, 3], [0, 3]],
  ];
  test.each(fits)('zeros that fit go: %s', async (_, shape, dims) => {
    const model = withZeros(shape, dims);
    expect((await applyPass(model, removeZeroAdd())).sites).toMatchObject([{ status: 'applied' }]);
  });

  const misfits: [string, Dim[] | undefined, number[], RegExp][] = [
    ['H23: zeros that stretch an axis', [2, 1], [2, 3], /stretch axis 1 of the other operand from 1 to 3/],
    ['H23: zeros of higher rank', [3], [1, 3], /2 axes and the other operand 1/],
    ['a symbolic axis that may be one', ['n', 3], [2, 3], /axis 0 of the other operand is not known to be 2/],
    ['an unknown rank', undefined, [3], /rank of the other operand is not known/],
  ];
  test.each(misfits)('zeros that may widen stay: %s', async (_, shape, dims, reason) => {
    const model = withZeros(shape, dims);
    const report = await applyPass(model, removeZeroAdd());
    expect(report.changed).toBe(false);
    expect(report.sites).toMatchObject([{ status: 'refused', reason: expect.stringMatching(reason) as unknown }]);
  });

  test('H24: zeros behind an Identity or in a Constant node are found', async () => {
    const model = buildModel(13, (g) => {
      const x = g.op('Relu', [g.input('x', [3])]);
      const zeros = new Tensor({ dataType: 1, dims: [3], storage: { kind: 'memory', bytes: new Uint8Array(12) } });
      const one = g.op('Add', [x, g.op('Identity', [g.floats([0, -0, 0])])], { name: 'one' });
      g.output(g.op('Neg', [g.op('Add', [g.constant(zeros), one], { name: 'two' })], { outputs: ['y'] }));
    });
    const report = await applyPass(model, removeZeroAdd());
    expect(report.sites.map(({ node, status }) => `${status} ${node}`)).toEqual(['applied one', 'applied two']);
  });

  test('constants that are not zero are biases and stay', async () => {
    const model = buildModel(13, (g) => {
      const x = g.input('x', [3]);
      g.output(g.op('Add', [g.floats([0, 0, 1e-45]), g.op('Add', [x, g.floats([1, 2, 3])])], { outputs: ['y'] }));
    });
    const report = await applyPass(model, removeZeroAdd());
    expect(report).toMatchObject({ changed: false, sites: [{ status: 'skipped' }, { status: 'skipped' }] });
  });

  test('an initializer that a graph input may override is no constant', async () => {
    const model = buildModel(13, (g) => {
      const zeros = g.input('zeros', [3]);
      g.graph.setInitializer(
        zeros,
        new Tensor({ name: 'zeros', dataType: 1, dims: [3], storage: { kind: 'memory', bytes: new Uint8Array(12) } }),
      );
      g.output(g.op('Add', [g.input('x', [3]), zeros], { outputs: ['y'] }));
    });
    expect(await applyPass(model, removeZeroAdd())).toMatchObject({ changed: false, sites: [] });
  });

  test('shapes are compared before gigabytes are read, and shared zeros are read once', async () => {
    const length = 1 << 20;
    let read = 0;
    const source = {
      label: 'zeros.bin',
      size: length * 4,
      read: (_: number, n: number) => new Uint8Array(n),
      *chunks(_: number, n: number, size: number) {
        for (let at = 0; at < n; at += size) {
          const bytes = new Uint8Array(Math.min(size, n - at));
          read += bytes.length;
          yield bytes;
        }
      },
      close: () => {},
    };
    const tensor = new Tensor({
      name: 'zeros',
      dataType: DataType.FLOAT,
      dims: [length],
      storage: {
        kind: 'external',
        entries: new Map([['location', 'zeros.bin']]),
        data: { open: () => source } as never,
      },
    });
    const model = buildModel(13, (g) => {
      const zeros = g.tensor(tensor);
      const wide = g.op('Add', [g.input('small', [1]), zeros], { name: 'wide' });
      const one = g.op('Add', [wide, zeros], { name: 'one' });
      g.output(g.op('Neg', [g.op('Add', [one, zeros], { name: 'two' })], { outputs: ['y'] }));
    });
    const report = await applyPass(model, removeZeroAdd());
    expect(report.sites.map(({ node, status }) => `${status} ${node}`)).toEqual([
      'refused wide',
      'applied one',
      'applied two',
    ]);
    expect(read).toBeLessThan(length * 4 + 8192);
  });

  test('graph outputs keep their names, in If branches too', async () => {
    const model = buildModel(13, (g) => {
      const x = g.input('x', [2, 3]);
      const flag = g.input('flag', [], DataType.BOOL);
      const inner = g.branch(
        flag,
        (then) => then.op('Add', [then.op('Relu', [x]), then.floats([0, 0, 0])], { outputs: ['then_out'] }),
        (other) => other.op('Add', [x, other.floats([0], [1])], { outputs: ['else_out'] }),
      );
      g.output(g.op('Add', [g.scalar(0), inner], { outputs: ['y'] }));
      g.output(g.op('Add', [x, g.scalar(0)], { outputs: ['copy'] }));
    });
    const feeds = {
      x: new ort.Tensor('float32', someFloats(6), [2, 3]),
      flag: new ort.Tensor('bool', [true], []),
    };
    const before = await runModel(model, feeds);
    expect((await applyPass(model, removeZeroAdd())).sites).toHaveLength(4);
    expect(listing(model).filter((line) => line.includes('Add'))).toEqual([]);
    const after = await runModel(await reopened(model), feeds);
    expect(after).toEqual(before);
    expect([...after.keys()]).toEqual(['y', 'copy']);
  });
});

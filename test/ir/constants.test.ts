import { describe, expect, test } from 'vitest';
import { Attribute, AttributeType } from '../../src/ir/attribute.ts';
import {
  constantInts,
  constantNumbers,
  constantOf,
  constantScalar,
  floatTensor,
  int64Tensor,
} from '../../src/ir/constants.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { Model } from '../../src/ir/model.ts';
import { bfloatToNumber, halfToNumber } from '../../src/ir/numbers.ts';
import { Tensor } from '../../src/ir/tensor.ts';
import type { Value } from '../../src/ir/value.ts';
import { buildModel } from '../support/model-builder.ts';

function valueOf(attribute: Attribute): Value {
  let value: Value | undefined;
  buildModel(17, (g) => {
    value = g.op('Constant', [], { attributes: [attribute] });
  });
  return value as Value;
}

function memory(dataType: number, bytes: ArrayBuffer, count: number): Value {
  return new Model().graph.addInitializer(
    new Tensor({ dataType, dims: [count], storage: { kind: 'memory', bytes: new Uint8Array(bytes) } }),
  );
}

describe('the constant behind a value', () => {
  test.each<[string, Attribute, readonly number[]]>([
    ['a tensor', Attribute.tensor('value', floatTensor([1.5, -2], [2])), [1.5, -2]],
    ['a float', Attribute.float('value_float', 0.5), [0.5]],
    ['floats', Attribute.floats('value_floats', [1, 2]), [1, 2]],
    ['an integer', Attribute.int('value_int', -3), [-3]],
    ['integers', Attribute.ints('value_ints', [4, 5]), [4, 5]],
  ])('%s of a Constant node', (_, attribute, expected) => {
    expect(constantNumbers(valueOf(attribute))).toEqual(expected);
  });

  test('strings are constants without numbers', () => {
    for (const attribute of [Attribute.string('value_string', 'é'), Attribute.strings('value_strings', ['a', 'b'])]) {
      expect(constantOf(valueOf(attribute))?.strings()).toHaveLength(attribute.type === AttributeType.STRING ? 1 : 2);
      expect(constantNumbers(valueOf(attribute))).toBeUndefined();
    }
  });

  test('is found through Identity, and not through anything else or in a circle', () => {
    buildModel(17, (g) => {
      const weight = g.floats([7], []);
      const same = g.op('Identity', [g.op('Identity', [weight])]);
      expect(constantScalar(same)).toBe(7);
      expect(constantOf(g.op('Neg', [weight]))).toBeUndefined();
      expect(constantOf(g.op('Identity', [weight], { domain: 'com.example' }))).toBeUndefined();
      expect(constantOf(g.input('x', [1]))).toBeUndefined();
      same.producer?.setInput(0, same);
      expect(constantOf(same)).toBeUndefined();
      expect(constantOf(undefined)).toBeUndefined();
    });
  });

  test('is none where a graph input may override it', () => {
    const make = (irVersion: number): Value => {
      const { graph } = new Model({ irVersion });
      const input = graph.addInput('x', { kind: 'tensor', elemType: 1, shape: [] });
      graph.setInitializer(input, floatTensor([1], []));
      return input;
    };
    expect(constantScalar(make(3))).toBe(1);
    expect(constantScalar(make(4))).toBeUndefined();
  });

  test('is none in a function where an attribute of the call gives it', () => {
    const attribute = new Attribute({ name: 'value', type: AttributeType.FLOAT, refAttrName: 'given' });
    expect(constantOf(valueOf(attribute))).toBeUndefined();
  });
});

describe('numbers', () => {
  test.each<[number, ArrayBuffer, readonly number[]]>([
    [DataType.DOUBLE, Float64Array.of(0.1, -0).buffer, [0.1, -0]],
    [DataType.FLOAT16, Uint16Array.of(0x3c00, 0xfc00, 0x0001).buffer, [1, Number.NEGATIVE_INFINITY, 2 ** -24]],
    [DataType.BFLOAT16, Uint16Array.of(0x3f80, 0xc000).buffer, [1, -2]],
    [DataType.INT8, Int8Array.of(-1, 127).buffer, [-1, 127]],
    [DataType.UINT8, Uint8Array.of(255).buffer, [255]],
    [DataType.BOOL, Uint8Array.of(1, 0).buffer, [1, 0]],
    [DataType.INT16, Int16Array.of(-300).buffer, [-300]],
    [DataType.UINT16, Uint16Array.of(65_535).buffer, [65_535]],
    [DataType.INT32, Int32Array.of(-(2 ** 31)).buffer, [-(2 ** 31)]],
    [DataType.UINT32, Uint32Array.of(2 ** 32 - 1).buffer, [2 ** 32 - 1]],
    [DataType.UINT64, BigUint64Array.of(9n).buffer, [9]],
  ])('of type %i', (dataType, bytes, expected) => {
    expect(constantNumbers(memory(dataType, bytes, expected.length))).toEqual(expected);
  });

  test('are never rounded, and never read in thousands', () => {
    const graph = new Model().graph;
    const exact = graph.addInitializer(int64Tensor([2n ** 53n + 1n], [1]));
    expect(constantNumbers(exact)).toBeUndefined();
    expect(constantInts(exact)).toEqual([2n ** 53n + 1n]);
    expect(
      constantNumbers(
        graph.addInitializer(
          floatTensor(
            Array.from({ length: 5000 }, () => 1),
            [5000],
          ),
        ),
      ),
    ).toBeUndefined();
    expect(constantNumbers(memory(DataType.COMPLEX64, new ArrayBuffer(8), 1))).toBeUndefined();
    const impossible = new Tensor({ dataType: 1, dims: [-1], storage: { kind: 'memory', bytes: new Uint8Array(0) } });
    expect(constantNumbers(graph.addInitializer(impossible))).toBeUndefined();
  });

  test('integers are exact', () => {
    expect(constantInts(memory(DataType.INT32, Int32Array.of(-1, 2).buffer, 2))).toEqual([-1n, 2n]);
    expect(constantInts(new Model().graph.addInitializer(floatTensor([1], [1])))).toBeUndefined();
    expect(constantScalar(new Model().graph.addInitializer(int64Tensor([1, 2], [2])))).toBeUndefined();
    expect(constantInts(undefined)).toBeUndefined();
  });

  test('every half and bfloat16 that is a number comes back from its bits', () => {
    expect([halfToNumber(0x7bff), halfToNumber(0x8000), halfToNumber(0x7e00)]).toEqual([65_504, -0, Number.NaN]);
    expect([bfloatToNumber(0x7f80), bfloatToNumber(0x0080)]).toEqual([Number.POSITIVE_INFINITY, 2 ** -126]);
  });
});

import Long from 'long';
import { describe, expect, test } from 'vitest';
import {
  dataFieldSizes,
  defaultedAttributes,
  fieldCounts,
  sparseTensorsOf,
  typeOfAttribute,
} from '../../src/ir/raw-fields.ts';
import { onnx } from '../../src/wire/generated/onnx.js';
import type { Span } from '../../src/wire/rope.ts';
import { MemorySource } from '../../src/wire/source.ts';

/** A message in the pieces given, as a file may have it. */
function spans(...pieces: Uint8Array[]): Span[] {
  return pieces.map((bytes) => ({ source: new MemorySource(bytes), start: 0, end: bytes.length }));
}

const tensor = (properties: onnx.TensorProto.$Properties): Uint8Array => onnx.TensorProto.encode(properties).finish();

describe('fieldCounts', () => {
  test('counts every occurrence, over all pieces', () => {
    const one = onnx.NodeProto.encode({ name: 'n', input: ['a', 'b'] }).finish();
    const two = onnx.NodeProto.encode({ input: ['c'], op_type: 'Relu' }).finish();
    expect(Object.fromEntries(fieldCounts('NodeProto', spans(one, two)))).toEqual({ name: 1, input: 3, op_type: 1 });
  });

  test('leaves out fields that ONNX does not define', () => {
    expect(fieldCounts('NodeProto', spans(Uint8Array.of(0xfa, 0x01, 1, 65))).size).toBe(0);
  });
});

describe('dataFieldSizes', () => {
  test.each<[string, onnx.TensorProto.$Properties, Record<string, number>]>([
    ['bytes of raw_data', { raw_data: new Uint8Array(7) }, { raw_data: 7 }],
    ['floats', { float_data: [1, 2, 3] }, { float_data: 3 }],
    ['doubles', { double_data: [1, 2] }, { double_data: 2 }],
    ['integers, short and long', { int64_data: [Long.ZERO, Long.fromNumber(300), Long.NEG_ONE] }, { int64_data: 3 }],
    ['strings, also empty ones', { string_data: [new Uint8Array(0), new Uint8Array(3)] }, { string_data: 2 }],
    ['several fields', { float_data: [1], int32_data: [1, 2] }, { float_data: 1, int32_data: 2 }],
    ['nothing', { raw_data: new Uint8Array(0), name: 't' }, {}],
  ])('%s', (_, properties, sizes) => {
    expect(Object.fromEntries(dataFieldSizes(spans(tensor(properties))))).toEqual(sizes);
  });

  test('elements that are not packed', () => {
    // float_data, twice, each with its own tag; int32_data likewise.
    const bytes = Uint8Array.of(0x25, 0, 0, 0x80, 0x3f, 0x25, 0, 0, 0, 0, 0x28, 5);
    expect(Object.fromEntries(dataFieldSizes(spans(bytes)))).toEqual({ float_data: 2, int32_data: 1 });
  });

  test('a tensor in pieces: lists add up, of raw_data the last counts', () => {
    const pieces = spans(
      tensor({ raw_data: new Uint8Array(4), float_data: [1] }),
      tensor({ raw_data: new Uint8Array(2), float_data: [2] }),
    );
    expect(Object.fromEntries(dataFieldSizes(pieces))).toEqual({ raw_data: 2, float_data: 2 });
  });
});

test('defaultedAttributes names attributes of a function with a default', () => {
  const bytes = onnx.FunctionProto.encode({
    name: 'F',
    attribute: ['bare'],
    attribute_proto: [
      { name: 'alpha', type: 1, f: 1 },
      { name: 'beta', type: 2, i: Long.ONE },
    ],
  }).finish();
  expect(defaultedAttributes(spans(bytes))).toEqual(['alpha', 'beta']);
});

test('sparseTensorsOf reads the single one first, then the list', () => {
  const sparse = (name: string) => ({ values: { name, data_type: 1, dims: [Long.ZERO] }, dims: [Long.fromNumber(4)] });
  const bytes = onnx.AttributeProto.encode({
    name: 'a',
    sparse_tensor: sparse('one'),
    sparse_tensors: [sparse('two'), sparse('three')],
  }).finish();
  expect(sparseTensorsOf(spans(bytes)).map(({ name, dims }) => [name, dims])).toEqual([
    ['one', [4]],
    ['two', [4]],
    ['three', [4]],
  ]);
});

describe('typeOfAttribute', () => {
  const { TYPE_PROTO, INT } = onnx.AttributeProto.AttributeType;

  test('reads the type that an attribute holds', () => {
    const tp = { sequence_type: { elem_type: { tensor_type: { elem_type: 7 } } } };
    const bytes = onnx.AttributeProto.encode({ name: 'type', type: TYPE_PROTO, tp }).finish();
    expect(typeOfAttribute(spans(bytes))).toEqual({ kind: 'sequence', element: { kind: 'tensor', elemType: 7 } });
  });

  test('finds none in an attribute of another type', () => {
    const bytes = onnx.AttributeProto.encode({ name: 'axis', type: INT, i: Long.ONE }).finish();
    expect(typeOfAttribute(spans(bytes))).toBeUndefined();
  });
});

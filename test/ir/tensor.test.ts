import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { stringTensor } from '../../src/ir/constants.ts';
import { DataType, elementTypes } from '../../src/ir/data-type.ts';
import { Model } from '../../src/ir/model.ts';
import { Tensor } from '../../src/ir/tensor.ts';
import { expectError } from '../support/errors.ts';
import { field, float32, message, varint } from '../support/proto-writer.mjs';
import { tempDir } from '../support/temp-dir.ts';

/** Opens a model with one constant, the fields of which are given. */
async function constant(...fields: Uint8Array[]): Promise<Tensor> {
  return (await modelWith(...fields)).graph.initializers[0]?.initializer as Tensor;
}

function modelWith(...fields: Uint8Array[]): Promise<Model> {
  return openModel(message([field(1, 0, 8), field(7, 2, field(5, 2, message([field(8, 2, 'w'), ...fields])))]));
}

const dims = (...values: number[]) => message(values.map((value) => field(1, 0, value)));
const type = (id: number) => field(2, 0, id);
const raw = (bytes: Uint8Array) => field(9, 2, bytes);
const packed = (id: number, values: (number | bigint)[]) => field(id, 2, message(values.map((value) => varint(value))));
const doubles = (...values: number[]) => new Uint8Array(Float64Array.from(values).buffer);

/** Elements of every type: how many, in which typed field, and the bytes that they are. */
const CASES: [name: string, id: number, count: number, typed: Uint8Array, bytes: number[]][] = [
  ['float32', 1, 2, field(4, 2, message([float32(1), float32(-0)])), [0, 0, 0x80, 0x3f, 0, 0, 0, 0x80]],
  ['uint8', 2, 3, packed(5, [0, 127, 255]), [0, 127, 255]],
  ['int8', 3, 3, packed(5, [-128, -1, 127]), [0x80, 0xff, 0x7f]],
  ['uint16', 4, 2, packed(5, [1, 65_535]), [1, 0, 0xff, 0xff]],
  ['int16', 5, 2, packed(5, [-2, 256]), [0xfe, 0xff, 0, 1]],
  ['int32', 6, 2, packed(5, [-1, 2 ** 31 - 1]), [255, 255, 255, 255, 255, 255, 255, 127]],
  ['int64', 7, 2, packed(7, [-(2n ** 63n), 2n ** 53n + 1n]), [0, 0, 0, 0, 0, 0, 0, 0x80, 1, 0, 0, 0, 0, 0, 0x20, 0]],
  ['bool', 9, 3, packed(5, [1, 0, 1]), [1, 0, 1]],
  ['float16', 10, 2, packed(5, [0x3c00, 0x8000]), [0, 0x3c, 0, 0x80]],
  ['float64', 11, 1, field(10, 2, doubles(-1)), [0, 0, 0, 0, 0, 0, 0xf0, 0xbf]],
  ['uint32', 12, 2, packed(11, [1, 2 ** 32 - 1]), [1, 0, 0, 0, 255, 255, 255, 255]],
  ['uint64', 13, 1, packed(11, [2n ** 64n - 1n]), [255, 255, 255, 255, 255, 255, 255, 255]],
  ['complex64', 14, 1, field(4, 2, message([float32(1), float32(2)])), [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]],
  ['complex128', 15, 1, field(10, 2, doubles(1, 2)), [0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0x40]],
  ['bfloat16', 16, 2, packed(5, [0x3f80, 0xbf80]), [0x80, 0x3f, 0x80, 0xbf]],
  ['float8e4m3fn', 17, 2, packed(5, [0x38, 0xff]), [0x38, 0xff]],
  ['float8e4m3fnuz', 18, 2, packed(5, [0x40, 0x80]), [0x40, 0x80]],
  ['float8e5m2', 19, 2, packed(5, [0x3c, 0xfc]), [0x3c, 0xfc]],
  ['float8e5m2fnuz', 20, 2, packed(5, [0x40, 0x80]), [0x40, 0x80]],
  ['uint4', 21, 3, packed(5, [0xf1, 0x02]), [0xf1, 0x02]],
  ['int4', 22, 3, packed(5, [0x8f, 0x07]), [0x8f, 0x07]],
  ['float4e2m1', 23, 2, packed(5, [0x2a]), [0x2a]],
  ['float8e8m0', 24, 2, packed(5, [0x7f, 0x80]), [0x7f, 0x80]],
  ['uint2', 25, 5, packed(5, [0xe4, 0x01]), [0xe4, 0x01]],
  ['int2', 26, 4, packed(5, [0x1b]), [0x1b]],
];

test('every element type is tried', () => {
  const ids = Array.from(elementTypes(), ({ id }) => id).filter((id) => id !== DataType.STRING);
  expect(CASES.map(([, id]) => id).toSorted((a, b) => a - b)).toEqual(ids);
});

describe.each(CASES)('%s', (name, id, count, typed, expected) => {
  const bytes = Uint8Array.from(expected);
  const split = message([...bytes].map((byte) => field(9, 2, Uint8Array.of(byte))));

  test('reads the same bytes from wherever they are', async () => {
    expect(Array.from(elementTypes()).find((each) => each.id === id)?.name).toBe(name);
    const dir = tempDir();
    writeFileSync(join(dir, 'w.bin'), Uint8Array.of(7, ...bytes, 7));
    const entries = { location: 'w.bin', offset: '1', length: String(bytes.length) };
    const external = Object.entries(entries).map(([key, value]) =>
      field(13, 2, message([field(1, 2, key), field(2, 2, value)])),
    );
    const file = message([
      field(1, 0, 8),
      field(7, 2, field(5, 2, message([dims(count), type(id), ...external, field(14, 0, 1)]))),
    ]);
    writeFileSync(join(dir, 'm.onnx'), file);
    const model = await openModel(join(dir, 'm.onnx'));
    const forms = {
      raw: await constant(dims(count), type(id), raw(bytes)),
      'raw, the last one counts': await constant(dims(count), type(id), split, raw(bytes)),
      typed: await constant(dims(count), type(id), typed),
      memory: new Tensor({ dataType: id, dims: [count], storage: { kind: 'memory', bytes } }),
      external: model.graph.initializers[0]?.initializer as Tensor,
    };
    for (const [form, tensor] of Object.entries(forms)) {
      expect([...tensor.read()], form).toEqual(expected);
      expect(Buffer.concat(Array.from(tensor.chunks(16), (chunk) => chunk.slice())), form).toEqual(Buffer.from(bytes));
      expect(tensor.byteLength, form).toBe(bytes.length);
      expect(tensor.isZero(), form).toBe(false);
    }
    model.close();
  });

  test('one element more or less than stated is an error, however the elements are kept', async () => {
    for (const wrong of [count * 8, Math.max(0, count - 8)]) {
      for (const data of [raw(bytes), typed]) {
        const tensor = await constant(dims(wrong), type(id), data);
        expectError('E_TENSOR_SIZE', () => tensor.read());
      }
    }
  });

  test('moves into another tensor and back to a file', async () => {
    for (const data of [raw(bytes), typed]) {
      const source = await modelWith(dims(count), type(id), data);
      const tensor = source.graph.initializers[0]?.initializer as Tensor;
      source.graph.addInitializer(new Tensor({ name: 'copy', dataType: id, dims: [count], storage: tensor.storage }));
      source.graph.addInitializer(tensor.with({ dims: [1, count] }).renamed('reshaped'));
      const again = await openModel(await saveBytes(source));
      const [first, copy, reshaped] = again.graph.initializers.map(({ initializer }) => initializer as Tensor);
      for (const each of [first, copy, reshaped]) expect([...(each?.read() ?? [])]).toEqual(expected);
      expect([copy?.name, reshaped?.name, reshaped?.dims]).toEqual(['copy', 'reshaped', [1, count]]);
    }
  });
});

describe('unusual elements', () => {
  test('not packed, half packed, and in pieces', async () => {
    const single = message([1, 2, 3].map((value) => field(7, 0, value)));
    const half = message([field(7, 0, 1), packed(7, [2]), packed(7, []), field(7, 5, 9), field(7, 0, 3)]);
    for (const data of [single, half]) {
      const tensor = await constant(dims(3), type(7), data);
      expect([...new BigInt64Array(tensor.read().slice().buffer)]).toEqual([1n, 2n, 3n]);
    }
  });

  test('another element type reads the same bytes as other elements', async () => {
    const tensor = await constant(dims(2), type(1), field(4, 2, message([float32(1), float32(2)])));
    const integers = tensor.with({ dataType: DataType.INT32 });
    expect([...new Int32Array(integers.read().slice().buffer)]).toEqual([0x3f800000, 0x40000000]);
  });

  test('strings', async () => {
    const tensor = await constant(dims(2), type(8), field(6, 2, 'a'), field(6, 2, Uint8Array.of(0xff)));
    expect(tensor.strings()).toEqual([Uint8Array.of(0x61), Uint8Array.of(0xff)]);
    expect(tensor.isZero()).toBe(false);
    expectError('E_TENSOR_TYPE', () => tensor.read());
    const short = await constant(dims(3), type(8), field(6, 2, 'a'));
    expectError('E_TENSOR_SIZE', () => short.strings());
    expectError('E_TENSOR_TYPE', () =>
      new Tensor({ dataType: 1, dims: [], storage: { kind: 'strings', values: [] } }).strings(),
    );
    const model = new Model();
    model.graph.addInitializer(stringTensor([Uint8Array.of(0xff), Uint8Array.of()], [2], 's'));
    model.graph.addInitializer(tensor.renamed('t'));
    const again = await openModel(await saveBytes(model));
    const texts = again.graph.initializers.map(({ initializer }) =>
      (initializer as Tensor).strings().map((each) => [...each]),
    );
    expect(texts).toEqual([
      [[0xff], []],
      [[0x61], [0xff]],
    ]);
  });

  test.each([0, 77, 200])('element type %i is nothing that can be read, and stays', async (id) => {
    const model = await modelWith(dims(2), type(id), raw(Uint8Array.of(1, 2)));
    const tensor = model.graph.initializers[0]?.initializer as Tensor;
    expectError('E_TENSOR_TYPE', () => tensor.byteLength);
    expectError('E_TENSOR_TYPE', () => tensor.read());
    model.graph.addInitializer(tensor.renamed('copy'));
    expect(Buffer.from(await saveBytes(model)).includes(Buffer.from(raw(Uint8Array.of(1, 2))))).toBe(true);
  });

  test.each<[string, number[], number | undefined]>([
    ['no dimensions', [], 1],
    ['an empty axis', [3, 0], 0],
    ['an empty axis beside impossible ones', [2 ** 40, 2 ** 40, 0], 0],
    ['a negative extent', [-1], undefined],
    ['more elements than can be counted', [2 ** 30, 2 ** 30], undefined],
    ['an extent beyond 2^53', [Number.POSITIVE_INFINITY], undefined],
  ])('%s', (_, extents, count) => {
    const tensor = new Tensor({ dataType: 1, dims: extents, storage: { kind: 'memory', bytes: new Uint8Array(0) } });
    if (count === undefined) expectError('E_TENSOR_DIMS', () => tensor.elementCount);
    else expect(tensor.elementCount).toBe(count);
  });

  test('an extent of a file beyond 2^53 is kept, and infinite to whoever asks', async () => {
    const model = await modelWith(field(1, 0, 2n ** 62n), field(1, 0, -(2n ** 62n)), type(1));
    const tensor = model.graph.initializers[0]?.initializer as Tensor;
    expect(tensor.dims).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect(model.graph.initializers[0]?.shape).toEqual([undefined, undefined]);
    model.graph.addInitializer(tensor.renamed('copy'));
    const saved = Buffer.from(await saveBytes(model));
    const extent = Buffer.from(field(1, 0, 2n ** 62n));
    expect(saved.indexOf(extent, saved.indexOf(extent) + 1)).toBeGreaterThan(0);
  });
});

describe('isZero', () => {
  const memory = (dataType: number, count: number, bytes: Uint8Array): Tensor =>
    new Tensor({ dataType, dims: [count], storage: { kind: 'memory', bytes } });

  test.each<[string, number, number[], boolean]>([
    ['float32 -0', 1, [0, 0, 0, 0x80], true],
    ['the least float32 below zero', 1, [1, 0, 0, 0x80], false],
    ['float32 with the sign bit in another byte', 1, [0x80, 0, 0, 0], false],
    ['float16 -0', 10, [0, 0x80], true],
    ['bfloat16 -0', 16, [0, 0x80], true],
    ['float64 -0', 11, [0, 0, 0, 0, 0, 0, 0, 0x80], true],
    ['complex64 -0-0i', 14, [0, 0, 0, 0x80, 0, 0, 0, 0x80], true],
    ['int32 with the highest bit', 6, [0, 0, 0, 0x80], false],
    ['int8 -128', 3, [0x80], false],
    ['float8e4m3fn -0', 17, [0x80], true],
    ['float8e5m2 -0', 19, [0x80], true],
    ['float8e4m3fnuz NaN', 18, [0x80], false],
    ['float8e8m0 has no zero', 24, [0], false],
  ])('%s', (_, dataType, bytes, expected) => {
    expect(memory(dataType, 1, Uint8Array.from(bytes)).isZero()).toBe(expected);
  });

  test('two float4e2m1 -0 and a pair of small floats', () => {
    expect(memory(DataType.FLOAT4E2M1, 2, Uint8Array.of(0x88)).isZero()).toBe(true);
    expect(memory(DataType.FLOAT4E2M1, 2, Uint8Array.of(0x18)).isZero()).toBe(false);
  });

  test('agrees with looking at every element, wherever the buffer begins', () => {
    fc.assert(
      fc.property(fc.nat(7), fc.nat(600_000), fc.nat(), fc.boolean(), (shift, count, at, negative) => {
        const bytes = new Uint8Array(shift + count * 4).subarray(shift);
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        if (negative) for (let i = 0; i < count; i++) view.setFloat32(i * 4, -0, true);
        expect(memory(1, count, bytes).isZero()).toBe(true);
        if (count === 0) return;
        view.setFloat32((at % count) * 4, 2 ** -149, true);
        expect(memory(1, count, bytes).isZero()).toBe(false);
      }),
      { numRuns: 30 },
    );
  });

  test('reads no further than the first element that is not zero', async () => {
    const length = 64 << 20;
    const path = join(tempDir(), 'm.onnx');
    const head = message([dims(length / 4), type(1), Uint8Array.of(0x4a), varint(length)]);
    const tail = new Uint8Array(length);
    tail[5] = 1;
    const tensor = message([head, tail]);
    writeFileSync(path, message([field(1, 0, 8), field(7, 2, field(5, 2, tensor))]));
    const model = await openModel(path);
    const constantOfFile = model.graph.initializers[0]?.initializer as Tensor;
    expect(constantOfFile.isZero()).toBe(false);
    const [first] = constantOfFile.chunks();
    expect(first?.length).toBeLessThan(2 << 20);
    model.close();
  });
});

describe('external ranges', () => {
  const external = (size: number, entries: Record<string, string>): Tensor => {
    const source = { label: 'w.bin', size, readInto() {}, read: () => new Uint8Array(0), *chunks() {}, close() {} };
    const storage = {
      kind: 'external',
      entries: new Map(Object.entries(entries)),
      data: { open: () => source },
    } as const;
    return new Tensor({ name: 'w', dataType: 1, dims: [4], storage });
  };

  test('offset and length are optional', () => {
    expect(external(16, { location: 'w' }).externalRange()).toMatchObject({ offset: 0, length: 16 });
    expect(external(16, { location: 'w', offset: '4' }).externalRange()).toMatchObject({ offset: 4, length: 12 });
    expect(external(16, { location: 'w', length: '4' }).externalRange()).toMatchObject({ offset: 0, length: 4 });
  });

  test.each<Record<string, string>>([
    { offset: '17' },
    { offset: '8', length: '9' },
    { length: '17' },
    { offset: '-1' },
    { offset: '0x1' },
    { length: '1e3' },
    { offset: '' },
    { offset: ' 1' },
    { offset: '9007199254740993' },
    { offset: '9'.repeat(1000) },
  ])('%o is no range of 16 bytes', (entries) => {
    const error = expectError('E_EXTERNAL_RANGE', () => external(16, entries).externalRange());
    expect(error.where).toMatchObject({ name: 'w', file: 'w.bin' });
  });

  test('a range of another length than the dimensions need', () => {
    expectError('E_TENSOR_SIZE', () => external(20, { location: 'w' }).read());
  });

  test('only an external tensor has one, and only in a folder', async () => {
    expectError('E_INTERNAL', () => stringTensor([], [0]).externalRange());
    const tensor = await constant(
      dims(1),
      type(1),
      field(13, 2, message([field(1, 2, 'location'), field(2, 2, 'w')])),
      field(14, 0, 1),
    );
    expectError('E_EXTERNAL_MISSING', () => tensor.read());
  });
});

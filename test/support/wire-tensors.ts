import * as fc from 'fast-check';
import { fields, type Item, int, numbers, sub, text } from './awkward-encoding.ts';
import { utf8 } from './proto-writer.mjs';

/** Texts that break naive readers: names of what every object has, control characters, a byte-order mark. */
export const AWKWARD_NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '\ufeffbom', 'a\0b'];

/** Bytes that are not UTF-8: a stray continuation, a cut sequence, an overlong slash, half a surrogate pair. */
const NOT_UTF8 = [[0x80], [0x61, 0xe2, 0x82], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xff, 0xfe]];

export const arbText: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 6 }).map(utf8),
  fc.constantFrom(...AWKWARD_NAMES).map(utf8),
  fc.constantFrom(...NOT_UTF8).map((bytes) => Uint8Array.from(bytes)),
);

export const arbInt64: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: -5n, max: 5n }),
  fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
  fc.constantFrom(-(1n << 63n), (1n << 63n) - 1n, (1n << 53n) + 1n),
);

/** Four bytes of a float: any, and often a NaN, signalling or quiet, with a payload. */
export const arbFloat: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc
    .constantFrom([1, 0, 0xa0, 0x7f], [1, 0, 0x80, 0xff], [0, 0, 0xc0, 0x7f], [0, 0, 0, 0x80])
    .map((bytes) => Uint8Array.from(bytes)),
);

const arbEntry = fc
  .tuple(fc.option(arbText, { nil: undefined }), fc.option(arbText, { nil: undefined }))
  .map(([key, value]) => fields(key === undefined ? [] : text(1, key), value === undefined ? [] : text(2, value)));

/** Key and value entries in field `id`, of ambiguous and missing keys too. */
export function arbEntries(id: number): fc.Arbitrary<Item[]> {
  return fc.array(arbEntry, { maxLength: 2 }).map((entries) => entries.map((entry) => sub(id, entry, true)));
}

/** At most one item made from `arb`. */
export function maybe(arb: fc.Arbitrary<Item>): fc.Arbitrary<Item[]> {
  return fc.option(arb, { nil: undefined }).map((item) => (item === undefined ? [] : [item]));
}

export function maybeText(id: number): fc.Arbitrary<Item[]> {
  return maybe(arbText.map((value) => text(id, value)));
}

/** Several lists of items as one, in order. */
export function joined(...arbs: fc.Arbitrary<Item[]>[]): fc.Arbitrary<Item[]> {
  return fc.tuple(...arbs).map((lists) => lists.flat());
}

/** Field that holds the elements of a type when they are not raw, with the wire type of one. */
interface TypedField {
  readonly id: number;
  readonly wire: 0 | 1 | 2 | 5;
}
const FLOAT_DATA: TypedField = { id: 4, wire: 5 };
const INT32_DATA: TypedField = { id: 5, wire: 0 };
const STRING_DATA: TypedField = { id: 6, wire: 2 };
const INT64_DATA: TypedField = { id: 7, wire: 0 };
const DOUBLE_DATA: TypedField = { id: 10, wire: 1 };
const UINT64_DATA: TypedField = { id: 11, wire: 0 };
const TYPED_FIELDS = new Map([
  [1, FLOAT_DATA],
  [14, FLOAT_DATA],
  [8, STRING_DATA],
  [7, INT64_DATA],
  [11, DOUBLE_DATA],
  [15, DOUBLE_DATA],
  [12, UINT64_DATA],
  [13, UINT64_DATA],
]);

/** Bits of one element, for the element types that are not eight bits wide. Strings have no width. */
const BITS = new Map([
  ...[1, 6, 12].map((type) => [type, 32] as const),
  ...[4, 5, 10, 16].map((type) => [type, 16] as const),
  ...[7, 11, 13, 14].map((type) => [type, 64] as const),
  ...[21, 22, 23].map((type) => [type, 4] as const),
  ...[25, 26].map((type) => [type, 2] as const),
  [15, 128] as const,
]);
const STRING = 8;

/** Every element type of IR version 13. */
export const arbElementType = fc.integer({ min: 1, max: 26 });

/** A tensor whose elements fit its type and dimensions, raw or in the typed field. The name is left to the caller. */
export const arbTensor: fc.Arbitrary<Item[]> = fc
  .record({
    type: arbElementType,
    dims: fc.array(fc.nat(3), { maxLength: 3 }),
    raw: fc.boolean(),
    noise: fc.uint8Array({ minLength: 1, maxLength: 24 }),
    extras: joined(maybeText(12), arbEntries(16)),
    location: fc.constantFrom([], [int(14, 0)]),
  })
  .map(({ type, dims, raw, noise, extras, location }) => {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const data = raw && type !== STRING ? rawData(type, count, noise) : typedData(type, count, noise);
    return fields(numbers(1, 0, dims.map(BigInt), false), int(2, type), data, extras, location);
  });

/** A sparse tensor; the values carry its name when it is an initializer. */
export function sparse(values: readonly Item[], indices: readonly Item[], dims: readonly bigint[]): Item[] {
  return [sub(1, values), sub(2, indices), numbers(3, 0, dims, false)];
}

export const arbSparse = fc
  .tuple(arbTensor, arbTensor, fc.array(arbInt64, { maxLength: 2 }))
  .map(([values, indices, dims]) => ({ values, indices, dims }));

function rawData(type: number, count: number, noise: Uint8Array): Item[] {
  const length = Math.ceil((count * (BITS.get(type) ?? 8)) / 8);
  return [text(9, repeat(noise, length))];
}

function typedData(type: number, count: number, noise: Uint8Array): Item[] {
  const { id, wire } = TYPED_FIELDS.get(type) ?? INT32_DATA;
  const bits = BITS.get(type) ?? 8;
  // Complex numbers take two entries an element; types below a byte share one.
  const entries = type === 14 || type === 15 ? count * 2 : Math.ceil((count * Math.min(bits, 8)) / 8);
  if (wire === 2) return Array.from({ length: count }, (_, i) => text(id, noise.subarray(0, i % noise.length), true));
  const values = Array.from({ length: entries }, (_, i) => {
    if (wire !== 0) return repeat(noise.subarray(i % noise.length), wire === 1 ? 8 : 4);
    return integer(type, bits, repeat(noise.subarray(i % noise.length), 8));
  });
  return [numbers(id, wire, values, true)];
}

/** An integer that the type can hold, from eight bytes of noise. */
function integer(type: number, bits: number, noise: Uint8Array): bigint {
  const word = new DataView(noise.buffer).getBigUint64(0, true);
  const width = Math.max(bits, 8);
  if (type === 9) return word & 1n;
  const signed = [3, 5, 6, 7].includes(type);
  return signed ? BigInt.asIntN(width, word) : BigInt.asUintN(width, word);
}

function repeat(noise: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => noise[i % noise.length] as number);
}

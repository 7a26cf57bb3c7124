import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SdgraphError } from '../../src/errors.ts';
import { openSafetensors } from '../../src/io/safetensors.ts';
import { type ByteSource, FileSource, MemorySource } from '../../src/wire/source.ts';
import { expectError } from '../support/errors.ts';
import { type TensorToWrite, withHeader, writeSafetensors } from '../support/safetensors-writer.ts';
import { tempDir } from '../support/temp-dir.ts';

/** Bits of an element, said once more so that the reader's table is checked against another. */
const BITS: readonly (readonly [string, number])[] = [
  ...['BOOL', 'U8', 'I8', 'F8_E5M2', 'F8_E4M3', 'F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ'].map(
    (name) => [name, 8] as const,
  ),
  ...['I16', 'U16', 'F16', 'BF16'].map((name) => [name, 16] as const),
  ...['I32', 'U32', 'F32'].map((name) => [name, 32] as const),
  ...['I64', 'U64', 'F64', 'C64'].map((name) => [name, 64] as const),
  ['F4', 4],
  ['F6_E2M3', 6],
  ['F6_E3M2', 6],
];

const anyTensor = fc
  .record({ dtype: fc.constantFrom(...BITS), shape: fc.array(fc.nat(5), { maxLength: 4 }), seed: fc.nat(255) })
  .map(({ dtype: [dtype, bits], shape, seed }) => {
    const whole = bits < 8 ? [...shape, 4] : shape;
    const bytes = (whole.reduce((a, b) => a * b, 1) * bits) / 8;
    return { dtype, shape: whole, data: Uint8Array.from({ length: bytes }, (_, i) => (i + seed) & 0xff) };
  });

const anyName = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary' }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', '', 'unet.conv_in.weight'),
  },
);

const anyFile = fc.record({
  tensors: fc.uniqueArray(fc.tuple(anyName, anyTensor), { selector: ([name]) => name, maxLength: 8 }),
  metadata: fc.option(fc.uniqueArray(fc.tuple(anyName, fc.string()), { selector: ([name]) => name, maxLength: 4 })),
  layout: fc.record({ padding: fc.nat(9), indent: fc.nat(2) }),
});

function writeAny({ tensors, metadata, layout }: typeof anyFile extends fc.Arbitrary<infer T> ? T : never): {
  bytes: Uint8Array;
  list: TensorToWrite[];
} {
  const list = tensors.map(([name, tensor]) => ({ name, ...tensor })).filter(({ name }) => name !== '__metadata__');
  return { bytes: writeSafetensors(list, metadata === null ? undefined : new Map(metadata), layout), list };
}

/** An independent opinion on object order: integer-like keys come first in JavaScript objects, whatever was written. */
const byName = (a: string, b: string): number => (a < b ? -1 : 1);

describe('openSafetensors', () => {
  test('finds every tensor and entry of what was written', () => {
    fc.assert(
      fc.property(anyFile, (spec) => {
        const { bytes, list } = writeAny(spec);
        const file = openSafetensors(new MemorySource(bytes));
        expect([...file.tensors.keys()].toSorted(byName)).toEqual(list.map(({ name }) => name).toSorted(byName));
        for (const { name, dtype, shape, data } of list) {
          const found = file.tensors.get(name);
          expect(found).toMatchObject({ dtype, shape, length: data.byteLength });
          if (found === undefined) continue;
          expect(Buffer.from(file.source.read(found.offset, found.length)).equals(data)).toBe(true);
        }
        expect([...file.metadata].toSorted(([a], [b]) => byName(a, b))).toEqual(
          [...(spec.metadata ?? [])].toSorted(([a], [b]) => byName(a, b)),
        );
      }),
    );
  });

  test('a damaged file is a typed error or a file that keeps every promise', () => {
    const change = fc.tuple(fc.nat(), fc.nat(255));
    const seen = { fine: 0, refused: 0 };
    fc.assert(
      fc.property(anyFile, fc.array(change, { minLength: 1, maxLength: 3 }), fc.nat(40), (spec, changes, cut) => {
        const bytes = Buffer.from(writeAny(spec).bytes);
        // Aimed at the header, where it hurts.
        for (const [at, value] of changes) bytes[at % Math.min(bytes.length, 400)] = value;
        const damaged = bytes.subarray(0, cut < 30 ? bytes.length : Math.max(0, bytes.length - (cut - 29)));
        try {
          const file = openSafetensors(new MemorySource(damaged));
          let data = 0;
          for (const { dtype, shape, offset, length } of file.tensors.values()) {
            const bits = BITS.find(([name]) => name === dtype)?.[1] ?? Number.NaN;
            expect(length * 8).toBe(shape.reduce((a, b) => a * b, bits));
            file.source.read(offset, length);
            data += length;
          }
          expect(data).toBe(damaged.length - 8 - Number(damaged.readBigUInt64LE()));
          seen.fine++;
        } catch (error) {
          if (!(error instanceof SdgraphError)) throw error;
          expect(error.code).toBe('E_SAFETENSORS');
          seen.refused++;
        }
      }),
      { numRuns: 2000 },
    );
    expect(seen.fine).toBeGreaterThan(0);
    expect(seen.refused).toBeGreaterThan(0);
  });

  test('a file as the reference implementation writes it', () => {
    const header = '{"__metadata__":{"format":"pt"},"bias":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}';
    const bytes = withHeader(header.padEnd(88), [Uint8Array.of(0x00, 0x3c, 0x00, 0xc0)]);
    const path = join(tempDir(), 'model.safetensors');
    writeFileSync(path, bytes);
    const file = openSafetensors(path);
    expect(file.metadata).toEqual(new Map([['format', 'pt']]));
    expect(file.tensors).toEqual(new Map([['bias', { dtype: 'F16', shape: [2], offset: 96, length: 4 }]]));
    expect([...file.source.read(96, 4)]).toEqual([0x00, 0x3c, 0x00, 0xc0]);
    expect(file.source.label).toBe(path);
    file.close();
    expectError('E_MODEL_CLOSED', () => file.source.read(0, 1));
  });

  test('tensors need not lie in the order of the header; empty ones lie anywhere on a border', () => {
    const info = (begin: number, end: number, shape: number[]) => ({ dtype: 'U8', shape, data_offsets: [begin, end] });
    const header = { b: info(3, 5, [2]), none: info(3, 3, [0]), a: info(0, 3, [3]), last: info(5, 5, [7, 0]) };
    const file = openSafetensors(new MemorySource(withHeader(JSON.stringify(header), [new Uint8Array(5)])));
    expect([...file.tensors.keys()]).toEqual(['b', 'none', 'a', 'last']);
  });

  test('a file without tensors', () => {
    const file = openSafetensors(new MemorySource(withHeader('{}')));
    expect(file.tensors.size + file.metadata.size).toBe(0);
  });
});

const t = (rest: string): string => `{"t":${rest}}`;
const u8 = '"dtype":"U8","shape":[4],"data_offsets":[0,4]';

/** Every header is followed by four bytes of data. */
const bad: [why: string, header: string | Uint8Array, says: string][] = [
  ['nothing', '', "start with '{'"],
  ['a space first', ` ${t(`{${u8}}`)}`, "start with '{'"],
  ['a byte order mark first', `\ufeff${t(`{${u8}}`)}`, "start with '{'"],
  ['a list', '[]', "start with '{'"],
  ['no end', `{"t":{${u8}}`, 'JSON'],
  ['something after the end', `${t(`{${u8}}`)}x`, 'after the end'],
  ['a NUL after the end', `${t(`{${u8}}`)}\0`, 'after the end'],
  ['a comma too many', `{"t":{${u8}},}`, 'JSON'],
  ['a comment', `{/**/"t":{${u8}}}`, 'JSON'],
  ['a name that is not UTF-8', Buffer.from(`{"\xff":{${u8}}}`, 'latin1'), 'UTF-8'],
  ['an overlong name', Buffer.from(`{"\xc0\x80":{${u8}}}`, 'latin1'), 'UTF-8'],
  ['half a surrogate', `{"\\ud800":{${u8}}}`, 'surrogate'],
  ['a tensor twice', `{"t":{${u8}},"t":{${u8}}}`, 'a tensor comes twice'],
  ['a tensor twice in two spellings', `{"t":{${u8}},"\\u0074":{${u8}}}`, 'a tensor comes twice'],
  ['__proto__ twice', `{"__proto__":{${u8}},"__proto__":{${u8}}}`, 'a tensor comes twice'],
  ['__metadata__ twice', `{"__metadata__":{},"__metadata__":{},"t":{${u8}}}`, '__metadata__ twice'],
  ['a metadata key twice', `{"__metadata__":{"a":"1","a":"2"},"t":{${u8}}}`, 'comes twice'],
  ['metadata with a number', `{"__metadata__":{"a":1},"t":{${u8}}}`, 'a string is missing'],
  ['metadata that nests', `{"__metadata__":{"a":{}},"t":{${u8}}}`, 'a string is missing'],
  ['metadata that is null', `{"__metadata__":null,"t":{${u8}}}`, "'{' is missing"],
  ['a tensor that is null', t('null'), "'{' is missing"],
  ['a tensor that is a list', t('[]'), "'{' is missing"],
  ['an unknown key', t(`{${u8},"x":1}`), 'a key that the format does not have'],
  ['dtype twice', t(`{${u8},"dtype":"U8"}`), 'one twice'],
  ['shape twice', t(`{${u8},"shape":[4]}`), 'one twice'],
  ['no dtype', t('{"shape":[4],"data_offsets":[0,4]}'), 'lacks'],
  ['no shape', t('{"dtype":"U8","data_offsets":[0,4]}'), 'lacks'],
  ['no data_offsets', t('{"dtype":"U8","shape":[4]}'), 'lacks'],
  ['an empty tensor entry', t('{}'), 'lacks'],
  ['an unknown dtype', t('{"dtype":"U7","shape":[4],"data_offsets":[0,4]}'), 'unknown dtype'],
  ['a dtype in small letters', t('{"dtype":"u8","shape":[4],"data_offsets":[0,4]}'), 'unknown dtype'],
  ['a dtype from the prototype', t('{"dtype":"constructor","shape":[4],"data_offsets":[0,4]}'), 'unknown dtype'],
  ['a negative dimension', t('{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}'), 'whole number'],
  ['a fraction', t('{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]}'), 'whole number'],
  ['a power', t('{"dtype":"U8","shape":[4e0],"data_offsets":[0,4]}'), 'whole number'],
  ['a dimension past 2^53', t('{"dtype":"U8","shape":[9007199254740993],"data_offsets":[0,4]}'), 'whole number'],
  ['dimensions that overflow', t('{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,4]}'), 'do not fit'],
  [
    'dimensions that overflow before a zero',
    t('{"dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}'),
    'do not fit',
  ],
  ['a shape too small', t('{"dtype":"U8","shape":[3],"data_offsets":[0,4]}'), 'do not fit'],
  ['a shape too large', t('{"dtype":"F16","shape":[4],"data_offsets":[0,4]}'), 'do not fit'],
  ['half a byte', t('{"dtype":"F4","shape":[7],"data_offsets":[0,4]}'), 'do not fit'],
  ['one offset', t('{"dtype":"U8","shape":[4],"data_offsets":[0]}'), 'not a range'],
  ['three offsets', t('{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}'), 'not a range'],
  ['offsets in the wrong order', t('{"dtype":"U8","shape":[4],"data_offsets":[4,0]}'), 'not a range'],
  ['offsets past the end', t('{"dtype":"U8","shape":[5],"data_offsets":[0,5]}'), 'not a range'],
  ['offsets past 2^53', t('{"dtype":"U8","shape":[4],"data_offsets":[18446744073709551615,3]}'), 'whole number'],
  ['data that nobody owns at the start', t('{"dtype":"U8","shape":[3],"data_offsets":[1,4]}'), 'a hole'],
  ['data that nobody owns at the end', t('{"dtype":"U8","shape":[3],"data_offsets":[0,3]}'), 'do not cover'],
  ['data that nobody owns at all', '{}', 'do not cover'],
  [
    'data that nobody owns in between',
    '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}',
    'a hole',
  ],
  [
    'tensors that overlap',
    '{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}',
    'overlap',
  ],
  ['one tensor under two names', `{"a":{${u8}},"b":{${u8}}}`, 'overlap'],
  ['an empty tensor inside another', `{"a":{${u8}},"b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}}`, 'overlap'],
  ['nesting without end', t('{"shape":'.repeat(10_000)), 'JSON'],
  ['lists without end', t(`{"shape":${'['.repeat(100_000)}`), 'JSON'],
];

describe('broken headers', () => {
  test('the four bytes by themselves are fine', () => {
    const file = openSafetensors(new MemorySource(withHeader(t(`{${u8}}`), [new Uint8Array(4)])));
    expect(file.tensors.size).toBe(1);
  });

  test.each(bad)('%s', (_why, header, says) => {
    const source = new MemorySource(withHeader(header, [new Uint8Array(4)]), 'x.safetensors');
    const error = expectError('E_SAFETENSORS', () => openSafetensors(source));
    expect(error.message).toContain(says);
    expect(error.where.file).toBe('x.safetensors');
    expect(error.where.offset).toBeLessThanOrEqual(source.size);
    expect(error.hint).toBeDefined();
    expect(error.message.length).toBeLessThan(1000);
  });

  test.each([
    { why: 'an empty file', bytes: new Uint8Array(0) },
    { why: 'seven bytes', bytes: new Uint8Array(7) },
    { why: 'a header past the end', bytes: withHeader('{}', [], 3n) },
    { why: 'a header of more than 100 MB', bytes: withHeader('{}', [], 100_000_001n) },
    { why: 'a size with the sign bit', bytes: withHeader('{}', [], 2n ** 64n - 1n) },
    { why: 'a size that doubles cannot count', bytes: withHeader('{}', [], 2n ** 53n + 2n) },
  ])('$why', ({ bytes }) => {
    expectError('E_SAFETENSORS', () => openSafetensors(new MemorySource(bytes)));
  });

  test('a claimed size is checked before anything is read', () => {
    const reads: number[] = [];
    const memory = new MemorySource(withHeader('{}', [], 100_000_000n));
    const source: ByteSource = {
      label: 'counting',
      size: memory.size,
      readInto: (target, offset) => memory.readInto(target, offset),
      read: (offset, length) => {
        reads.push(length);
        return memory.read(offset, length);
      },
      chunks: (offset, length) => memory.chunks(offset, length),
      close: () => memory.close(),
    };
    expectError('E_SAFETENSORS', () => openSafetensors(source));
    expect(reads).toEqual([8]);
  });

  test('a refused path is closed, a refused source stays open for its owner', () => {
    const path = join(tempDir(), 'x.safetensors');
    writeFileSync(path, 'not a header at all');
    const source = FileSource.open(path);
    expectError('E_SAFETENSORS', () => openSafetensors(source));
    expect(source.read(0, 3).byteLength).toBe(3);
    source.close();
    expectError('E_SAFETENSORS', () => openSafetensors(path));
    expectError('E_FILE_MISSING', () => openSafetensors(`${path}.gone`));
  });
});

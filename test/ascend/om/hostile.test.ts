import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readOm } from '../../../src/ascend/om/read.ts';
import type { OmReport } from '../../../src/ascend/om/report.ts';
import { OM_RULES } from '../../../src/ascend/om/rules.ts';
import { FileSource, MemorySource } from '../../../src/wire/source.ts';
import { CountingSource } from '../../support/counting-source.ts';
import { graph } from '../../support/om-models.ts';
import { OM_FIXTURES, OM_SAMPLES, omSamples } from '../../support/om-samples.ts';
import { box, i64, lines, omFile, record, u32 } from '../../support/om-writer.ts';
import { tempDir } from '../../support/temp-dir.ts';

const FILES: readonly (readonly [string, Uint8Array])[] = [
  ...[...omSamples(OM_FIXTURES), ...omSamples(OM_SAMPLES)]
    .filter(({ expected }) => expected.valid)
    .map(({ name, path }) => [name, new Uint8Array(readFileSync(path))] as const),
  ['several models', several()],
  ['a bundle', omFile({ name: '', modelType: 5, wide: true, models: [[{ type: 24, bytes: several() }]] })],
];

function several(): Uint8Array {
  const line = { name: 'x', dtype: 0, format: 2, shape: [2n, 4n] };
  const table = Buffer.concat([lines(0, [line]), lines(1, [line]), record(2, u32(1), i64(2n))]);
  return omFile({ name: 'm', wide: true, models: [[graph(), { type: 8, bytes: table }], [graph()]] });
}

/** Reads in full; whatever is noticed has to be documented. */
function readNoted(bytes: Uint8Array): OmReport {
  const report = readOm(new MemorySource(bytes), { depth: 'full' });
  for (const { id } of [...(report.problem === null ? [] : [report.problem]), ...report.warnings]) {
    expect(Object.hasOwn(OM_RULES, `om-${id}`), id).toBe(true);
  }
  expect(() => JSON.stringify(report)).not.toThrow();
  return report;
}

describe.each(FILES)('%s', (_name, bytes) => {
  const runs = bytes.length > 50_000 ? 50 : 300;

  test('no beginning of the file is taken for the whole', () => {
    const step = Math.max(1, Math.floor(bytes.length / 3000));
    for (let length = 0; length < bytes.length; length += step) {
      const { problem } = readNoted(bytes.subarray(0, length));
      expect(problem, `${length} bytes`).not.toBeNull();
    }
  });

  test('changed bytes end in a report', () => {
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const damaged = bytes.slice();
        for (const [at, value] of changes) damaged[at] = value;
        readNoted(damaged);
      }),
      { numRuns: runs },
    );
  });

  test('changed numbers of the header and the first table end in a report', () => {
    const change = fc.tuple(
      fc.nat(Math.min(bytes.length, 400) - 4),
      fc.constantFrom(0, 1, 8, 0x7fffffff, 0x80000000, 0xffffffff),
    );
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const damaged = Buffer.from(bytes);
        for (const [at, value] of changes) damaged.writeUInt32LE(value, at);
        damaged.write('IMOD', 0, 'latin1');
        damaged.writeUInt32LE(256, 4);
        readNoted(damaged);
      }),
      { numRuns: runs },
    );
  });
});

test('random bytes behind a sound header end in a report', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
      readNoted(omFile({ name: 'm', models: [[{ type: 0, bytes }]] }));
      readNoted(omFile({ name: 'm', models: [[{ type: 0, bytes: box(7, box(6, bytes)) }]] }));
      readNoted(omFile({ name: 'm', models: [[graph(), { type: 8, bytes }]] }));
    }),
  );
});

describe('a file of four gibibytes', () => {
  /** Weights are a hole: the file takes next to nothing. */
  function write(path: string): void {
    const { bytes } = graph();
    const weights = 4 * 2 ** 30;
    const small = omFile({ name: 'm', wide: true, models: [[{ type: 0, bytes }]] });
    const header = Buffer.from(small.subarray(0, 256));
    const table = Buffer.alloc(8 + 24 * 2);
    table.writeUInt32LE(2, 0);
    table.writeBigUInt64LE(BigInt(bytes.length), 24);
    table.writeUInt32LE(1, 32);
    table.writeBigUInt64LE(BigInt(bytes.length), 40);
    table.writeBigUInt64LE(BigInt(weights), 48);
    const payload = table.length + bytes.length + weights;
    header.writeBigUInt64LE(BigInt(payload), 184);
    const fd = openSync(path, 'w');
    try {
      writeSync(fd, Buffer.concat([header, table, bytes]));
      ftruncateSync(fd, 256 + payload);
    } finally {
      closeSync(fd);
    }
  }

  test.each([
    ['header', 1 << 10],
    ['interface', 1 << 20],
    ['full', 1 << 20],
  ] as const)('is read to depth %s through %i bytes at most', (depth, most) => {
    const path = join(tempDir(), 'large.om');
    write(path);
    const file = FileSource.open(path);
    try {
      const source = new CountingSource(file);
      const report = readOm(source, { depth });
      expect(report.problem).toBeNull();
      expect(report.models[0]?.partitions.map(({ name }) => name)).toEqual(['MODEL_DEF', 'WEIGHTS_DATA']);
      expect(report.models[0]?.inputs).toHaveLength(depth === 'header' ? 0 : 1);
      expect(source.bytesRead).toBeLessThan(most);
    } finally {
      file.close();
    }
  });
});

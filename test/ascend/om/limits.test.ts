import { expect, test } from 'vitest';
import { readOm } from '../../../src/ascend/om/read.ts';
import { MemorySource } from '../../../src/wire/source.ts';
import { box, omFile } from '../../support/om-writer.ts';

/** Many copies of a few bytes. */
function many(unit: readonly number[], count: number): Uint8Array {
  return Buffer.alloc(unit.length * count, Uint8Array.from(unit));
}

const LIST = { ints: [0x1a, 0x01, 0x01], texts: [0x12, 0x00] } as const;

test.each([
  ['operators', box(7, many([0x32, 0x00], (1 << 20) + 1))],
  ['graphs', many([0x3a, 0x00], (1 << 16) + 1)],
  ['parts of an operator', box(7, box(6, many([0x2a, 0x00], (1 << 16) + 1)))],
  ['numbers in a list', Buffer.concat([box(7, ''), attribute(many(LIST.ints, (1 << 20) + 1))])],
  ['texts in a list', Buffer.concat([box(7, ''), attribute(many(LIST.texts, (1 << 20) + 1))])],
  ['lists in a list', Buffer.concat([box(7, ''), box(11, box(2, box(14, many([0x0a, 0x00], (1 << 20) + 1))))])],
  ['characters in a name', Buffer.concat([box(1, Buffer.alloc((1 << 20) + 1, 'a')), box(7, '')])],
  ['fields that mean nothing', many([0x10, 0x01], 24_000_001)],
])('there may not be too many %s', (_what, bytes) => {
  const source = new MemorySource(omFile({ name: 'm', models: [[{ type: 0, bytes }]] }));
  expect(readOm(source).problem?.id).toBe('limit');
});

function attribute(list: Uint8Array): Uint8Array {
  return box(11, box(1, 'k'), box(2, box(1, list)));
}

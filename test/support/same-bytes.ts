import { expect } from 'vitest';

/** Expects equal bytes; says where the first difference is instead of showing arrays of megabytes. */
export function expectSameBytes(actual: Uint8Array, expected: Uint8Array): void {
  const same = Buffer.compare(actual, expected) === 0;
  const firstDifference = same ? -1 : actual.findIndex((byte, i) => byte !== expected[i]);
  expect({ same, length: actual.length, firstDifference }).toEqual({
    same: true,
    length: expected.length,
    firstDifference: -1,
  });
}

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encode } from '../support/awkward-encoding.ts';
import { decodedByProtobufjs } from '../support/protobuf-oracle.ts';
import { arbEncoding, arbModelItems, arbWireModel } from '../support/wire-arbitraries.ts';

const FOR_PROTOBUFJS = { widestHeader: 5 };

describe('awkward models', () => {
  test('mean to a protobuf reader what their plain encoding means', () => {
    fc.assert(
      fc.property(arbModelItems, arbEncoding(FOR_PROTOBUFJS), (items, encoding) => {
        const plain = encode(items, { ...encoding, quirks: [] });
        expect(decodedByProtobufjs(encode(items, encoding))).toEqual(decodedByProtobufjs(plain));
      }),
    );
  });

  test('differ in their bytes from the plain encoding when quirks are on', () => {
    const differ = fc
      .sample(fc.tuple(arbModelItems, arbEncoding()), { numRuns: 100, seed: 1 })
      .filter(([items, encoding]) => encoding.quirks.length > 0 && encoding.rate === 0.5 && items.length > 0)
      .map(([items, encoding]) => {
        const plain = encode(items, { ...encoding, quirks: [] });
        return Buffer.compare(encode(items, encoding), plain) !== 0;
      });
    expect(differ.length).toBeGreaterThan(10);
    expect(differ.filter(Boolean).length).toBeGreaterThan(differ.length * 0.8);
  });

  test('are the same for the same seed', () => {
    const [first, second] = [7, 7].map((seed) => fc.sample(arbWireModel(), { numRuns: 20, seed }));
    expect(first).toEqual(second);
  });
});

/**
 * ONNX models as bytes that no exporter writes and every protobuf reader takes: made by hand, without the code under
 * test. The graphs are sound (every name is defined before its use and only once), so a model must open, and whatever
 * is not edited must be saved as it is here.
 */
import * as fc from 'fast-check';
import { type Encoding, encode, fields, type Item, int, QUIRKS, sub, text } from './awkward-encoding.ts';
import { arbFunction, arbGraph, type Make, Scope } from './wire-graphs.ts';
import { arbEntries, arbInt64, arbText, joined, maybe, maybeText } from './wire-tensors.ts';

/** What a model may hold beside graphs, and how far its encoding may go. */
export interface WireModelOptions {
  /**
   * Most bytes a tag or a length takes: 10, the most that a varint can have, unless told. Protobuf's own parsers (and
   * so onnx and protobufjs) stop at 5: pass 5 where one of them is the reference.
   */
  readonly widestHeader?: number;
}

/** How a message is encoded; shrinks to no quirk at all. */
export function arbEncoding({ widestHeader = 10 }: WireModelOptions = {}): fc.Arbitrary<Encoding> {
  return fc.record({
    quirks: fc.subarray([...QUIRKS]),
    rate: fc.constantFrom(0.05, 0.2, 0.5),
    seed: fc.nat(),
    widestHeader: fc.constant(widestHeader),
  });
}

const arbOpsets: fc.Arbitrary<Item[]> = fc
  .record({ version: fc.integer({ min: 7, max: 26 }), named: fc.boolean(), other: fc.option(arbInt64) })
  .map(({ version, named, other }) =>
    fields(
      sub(8, fields(named ? text(1, '') : [], int(2, version)), true),
      other === null ? [] : sub(8, [text(1, 'com.example'), int(2, other)], true),
    ),
  );

const arbDevices: fc.Arbitrary<Item[]> = joined(
  maybeText(1),
  maybe(fc.nat(9).map((count) => int(2, count))),
  maybe(arbText.map((device) => text(3, device, true))),
);

const arbTraining: fc.Arbitrary<Make> = fc
  .tuple(fc.option(arbGraph(0)), fc.option(arbGraph(0)), arbEntries(3), arbEntries(4))
  .map(([initialization, algorithm, ...bindings]) => (scope: Scope) => [
    ...(initialization === null ? [] : [sub(1, initialization(scope.inner()))]),
    ...(algorithm === null ? [] : [sub(2, algorithm(scope.inner()))]),
    ...bindings.flat(),
  ]);

/** The fields of a model. */
export const arbModelItems: fc.Arbitrary<Item[]> = fc
  .record({
    irVersion: fc.integer({ min: 3, max: 13 }),
    opsets: arbOpsets,
    extras: joined(
      ...[2, 3, 4, 6].map(maybeText),
      maybe(arbInt64.map((version) => int(5, version))),
      arbEntries(14),
      fc.array(arbDevices, { maxLength: 2 }).map((all) => all.map((devices) => sub(26, devices, true))),
    ),
    graph: arbGraph(2),
    training: fc.array(arbTraining, { maxLength: 1 }),
    functions: fc.array(arbFunction, { maxLength: 2 }),
  })
  .map(({ irVersion, opsets, extras, graph, training, functions }) => {
    const scope = new Scope();
    return fields(
      int(1, irVersion),
      extras,
      opsets,
      sub(7, graph(scope)),
      training.map((make) => sub(20, make(scope.inner()), true)),
      functions.map((make, i) => sub(25, make(i), true)),
    );
  });

/** An awkward but decodable model. */
export function arbWireModel(options: WireModelOptions = {}): fc.Arbitrary<Uint8Array> {
  return fc.tuple(arbModelItems, arbEncoding(options)).map(([items, encoding]) => encode(items, encoding));
}

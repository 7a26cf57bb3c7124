import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type ErrorCode, SdgraphError } from '../../src/errors.ts';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { findViolations, requireSound } from '../../src/ir/invariants.ts';
import { removeUnused } from '../../src/ir/reachability.ts';
import { inferShapes } from '../../src/schema/infer.ts';
import { expectError } from '../support/errors.ts';
import { field, message, varint } from '../support/proto-writer.mjs';
import { expectSameBytes } from '../support/same-bytes.ts';

function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../../fixtures/awkward-wire/${name}`, import.meta.url)));
}

/** Opens, looks and saves. Whatever the bytes are, this ends in an error of ours or gives them back. */
async function survive(bytes: Uint8Array): Promise<ErrorCode | 'saved'> {
  let outcome: ErrorCode | 'saved' = 'saved';
  try {
    const model = await openModel(bytes);
    expectSameBytes(await saveBytes(model), bytes);
    findViolations(model, { order: true });
    look(() => inferShapes(model));
    look(() => removeUnused(model, { inputs: true }));
    await saveBytes(model);
  } catch (error) {
    if (!(error instanceof SdgraphError)) throw error;
    outcome = error.code;
  }
  return outcome;
}

/** Looking at a damaged model may fail, in an orderly way. */
function look(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof SdgraphError)) throw error;
  }
}

/** A model around the fields of a graph. */
function modelOf(...graph: Uint8Array[]): Uint8Array {
  return message([field(1, 0, 8), field(7, 2, message(graph)), field(8, 2, field(2, 0, 17))]);
}

function node(inputs: string[], outputs: string[], ...more: Uint8Array[]): Uint8Array {
  const names = [...inputs.map((name) => field(1, 2, name)), ...outputs.map((name) => field(2, 2, name))];
  return field(1, 2, message([...names, field(4, 2, 'Relu'), ...more]));
}

const port = (id: number, name: string) => field(id, 2, field(1, 2, name));

describe('damaged models', () => {
  test.each(['plain.onnx', 'unknown-groups.onnx', 'subgraphs-three-deep.onnx', 'type-in-pieces.onnx'])(
    '%s, cut after any byte',
    async (name) => {
      const bytes = fixture(name);
      const seen = new Set<string>();
      for (let length = 0; length < bytes.length; length++) seen.add(await survive(bytes.slice(0, length)));
      expect(seen).toContain('E_WIRE_TRUNCATED');
      expect(seen).toContain('E_NOT_ONNX');
    },
  );

  // In parts, so that a busy machine does not run into the limit of one test.
  test.each([0, 1, 2, 3, 4, 5])('a small model with any byte replaced by any other, part %i', async (part) => {
    const bytes = fixture('plain.onnx');
    const seen = new Set<string>();
    for (let at = part; at < bytes.length; at += 6) {
      for (let change = 1; change < 256; change++) {
        const damaged = bytes.slice();
        damaged[at] = (bytes[at] as number) ^ change;
        seen.add(await survive(damaged));
      }
    }
    for (const outcome of ['saved', 'E_WIRE_TRUNCATED', 'E_WIRE_TAG']) expect(seen).toContain(outcome);
  });

  test.each([
    'subgraphs-three-deep.onnx',
    'wrong-wire-types.onnx',
    'attribute-ints-packed.onnx',
    'oneof-last-counts.onnx',
  ])('%s with any bit flipped', async (name) => {
    const bytes = fixture(name);
    const seen = new Set<string>();
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      seen.add(await survive(damaged));
    }
    expect(seen).toContain('saved');
    expect(seen).toContain('E_WIRE_TRUNCATED');
  });
});

describe('bytes that are no model', () => {
  /** Nested groups of field 100. */
  const groups = (depth: number) =>
    message([
      ...Array<Uint8Array>(depth).fill(varint((100 << 3) | 3)),
      ...Array<Uint8Array>(depth).fill(varint((100 << 3) | 4)),
    ]);

  test.each<[string, Uint8Array, ErrorCode]>([
    ['an empty file', new Uint8Array(0), 'E_NOT_ONNX'],
    ['metadata alone', field(14, 2, ''), 'E_NOT_ONNX'],
    ['field number 0', Uint8Array.of(0x02, 0x00), 'E_WIRE_TAG'],
    ['a field number above 2^29', message([varint((1n << 32n) | 8n), varint(1)]), 'E_WIRE_TAG'],
    ['wire type 6', Uint8Array.of(0x0e), 'E_WIRE_TAG'],
    ['a group that ends before it begins', Uint8Array.of(0x0c), 'E_WIRE_TAG'],
    ['a group closed as another', message([varint((100 << 3) | 3), varint((101 << 3) | 4)]), 'E_WIRE_TAG'],
    ['a group without end', varint((100 << 3) | 3), 'E_WIRE_TRUNCATED'],
    ['groups ten thousand deep', groups(10_000), 'E_WIRE_DEPTH'],
    ['a length past the end', Uint8Array.of(0x3a, 0x05, 0x00), 'E_WIRE_TRUNCATED'],
    ['a length of 2^64 - 1', message([Uint8Array.of(0x3a), varint((1n << 64n) - 1n)]), 'E_WIRE_TRUNCATED'],
    ['a length past the end of the message around it', modelOf(Uint8Array.of(0x0a, 0x7f)), 'E_WIRE_TRUNCATED'],
    ['an integer of eleven bytes', Uint8Array.of(0x08, ...Array<number>(10).fill(0xff), 0x01), 'E_WIRE_VARINT'],
    ['an integer without end', Uint8Array.of(0x08, 0x80), 'E_WIRE_TRUNCATED'],
    ['eight bytes with three left', Uint8Array.of(0x09, 1, 2, 3), 'E_WIRE_TRUNCATED'],
    [
      'packed floats cut in the middle',
      modelOf(node([], [], field(5, 2, message([field(7, 2, Uint8Array.of(1, 2, 3)), field(20, 0, 6)])))),
      'E_WIRE_TRUNCATED',
    ],
    ['a name of 17 MB', modelOf(node([], [], field(3, 2, new Uint8Array(17 << 20)))), 'E_WIRE_LIMIT'],
    [
      'a tensor of 2000 dimensions',
      modelOf(field(5, 2, message([field(1, 2, new Uint8Array(2000)), field(2, 0, 1)]))),
      'E_WIRE_LIMIT',
    ],
    [
      'a million empty nodes',
      modelOf(new Uint8Array(2_000_000).map((_, i) => (i % 2 === 0 ? 0x0a : 0))),
      'E_WIRE_LIMIT',
    ],
  ])('%s', async (_, bytes, code) => {
    expect(await survive(bytes)).toBe(code);
  });

  test('subgraphs ten thousand deep', async () => {
    let graph = field(2, 2, 'inner');
    for (let depth = 0; depth < 10_000; depth++) {
      const attribute = message([field(1, 2, 'body'), field(6, 2, graph), field(20, 0, 5)]);
      graph = node([], [], field(5, 2, attribute));
    }
    expect(await survive(modelOf(graph))).toBe('E_WIRE_DEPTH');
  });

  test('types ten thousand deep open; only who asks for the type is told', async () => {
    let type = field(1, 2, field(1, 0, 1));
    for (let depth = 0; depth < 10_000; depth++) type = field(4, 2, field(1, 2, type));
    const bytes = modelOf(field(11, 2, message([field(1, 2, 'x'), field(2, 2, type)])));
    expect(await survive(bytes)).toBe('saved');
    const model = await openModel(bytes);
    expectError('E_NOT_ONNX', () => model.graph.inputs[0]?.type);
  });
});

describe('graphs that make no sense open, and nothing else takes them', () => {
  test.each<[string, Uint8Array, RegExp]>([
    ['a circle', modelOf(node(['b'], ['a']), node(['a'], ['b']), port(12, 'a')), /circle/],
    ['a node that reads itself', modelOf(node(['a'], ['a']), port(12, 'a')), /circle/],
    ['two producers', modelOf(port(11, 'x'), node(['x'], ['a']), node(['x'], ['a']), port(12, 'a')), /same name/],
    ['a graph input that a node defines again', modelOf(port(11, 'a'), node(['a'], ['a'])), /same name/],
    ['two constants of one name', modelOf(field(5, 2, field(8, 2, 'w')), field(5, 2, field(8, 2, 'w'))), /same name/],
    ['an input that nothing defines', modelOf(node(['x'], ['a']), port(12, 'a')), /nothing defines/],
    ['an output that nothing defines', modelOf(port(12, 'a')), /nothing defines/],
  ])('%s', async (_, bytes, reason) => {
    expect(await survive(bytes)).toBe('saved');
    const model = await openModel(bytes);
    expect(expectError('E_GRAPH_INVALID', () => requireSound(model)).reason).toMatch(reason);
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'])('%s as every name', async (name) => {
    const attribute = field(5, 2, message([field(1, 2, name), field(3, 0, 1), field(20, 0, 2)]));
    const bytes = message([
      field(1, 0, 8),
      field(
        7,
        2,
        message([
          node([name], [`${name}1`], field(3, 2, name), field(7, 2, name), attribute),
          port(11, name),
          port(12, `${name}1`),
        ]),
      ),
      field(8, 2, message([field(1, 2, name), field(2, 0, 1)])),
      field(14, 2, message([field(1, 2, name), field(2, 2, name)])),
      field(25, 2, message([field(1, 2, name), field(4, 2, name), field(5, 2, name), field(10, 2, name)])),
    ]);
    expect(await survive(bytes)).toBe('saved');
    const model = await openModel(bytes);
    expect(model.metadata.get(name)).toBe(name);
    expect(model.opset(name)).toBe(1);
    expect(model.graph.value(name)?.useCount).toBe(1);
    expect(model.graph.nodes.first?.attribute(name)?.int).toBe(1n);
    expect(model.graph.nodes.first?.attribute(`${name}2`)).toBeUndefined();
    const fresh = model.graph.insert({ opType: name, name, inputs: [], outputs: [name] });
    expect(fresh.output().name).toBe(`${name}_1`);
  });
});

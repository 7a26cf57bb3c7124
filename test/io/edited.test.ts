import { readdirSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Tensor } from '../../src/ir/tensor.ts';
import { FIELDS } from '../../src/wire/generated/schema.ts';
import type { FieldInfo } from '../../src/wire/schema-types.ts';
import { utf8 } from '../support/proto-writer.mjs';
import { decodedByProtobufjs } from '../support/protobuf-oracle.ts';
import { arbWireModel } from '../support/wire-arbitraries.ts';
import { mergedMessage, type WireField, wireFields } from '../support/wire-fields.ts';

const folder = new URL('../../fixtures/awkward-wire/', import.meta.url);

function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(name, folder)));
}

async function edited(bytes: Uint8Array, edit: (model: Model) => void): Promise<Uint8Array> {
  const model = await openModel(bytes);
  edit(model);
  return saveBytes(model);
}

/** Fields of a message other than those given by number and wire type, as text. */
function rest(bytes: Uint8Array, ...left: readonly [id: number, wire: number][]): string[] {
  return wireFields(bytes)
    .filter(({ id, wire }) => !left.some(([number, type]) => number === id && type === wire))
    .map(({ whole }) => Buffer.from(whole).toString('hex'));
}

function all(fields: readonly WireField[], id: number): Uint8Array[] {
  return fields.filter((field) => field.id === id && field.wire === 2).map(({ payload }) => payload);
}

function graphOf(bytes: Uint8Array): Uint8Array {
  return mergedMessage(wireFields(bytes), 7) ?? new Uint8Array(0);
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

describe('what an edit does not reach stays, byte for byte', () => {
  test('the operator of one node', async () => {
    await fc.assert(
      fc.asyncProperty(arbWireModel(), fc.nat(), async (bytes, choice) => {
        const index = choice % Math.max(1, all(wireFields(graphOf(bytes)), 1).length);
        const saved = await edited(bytes, (model) => {
          const node = [...model.graph.nodes][index];
          if (node !== undefined) node.opType = 'Edited';
        });
        const [before, after] = [graphOf(bytes), graphOf(saved)];
        expect(rest(saved, [7, 2])).toEqual(rest(bytes, [7, 2]));
        expect(rest(after, [1, 2])).toEqual(rest(before, [1, 2]));
        const [old, now] = [all(wireFields(before), 1), all(wireFields(after), 1)];
        expect(now.length).toBe(old.length);
        for (const [i, node] of now.entries()) {
          if (i !== index) expect(node).toEqual(old[i]);
          else {
            expect(rest(node, [4, 2])).toEqual(rest(old[i] as Uint8Array, [4, 2]));
            expect(all(wireFields(node), 4).map(text)).toEqual(['Edited']);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test('the name of one value, wherever it is mentioned', async () => {
    await fc.assert(
      fc.asyncProperty(arbWireModel(), fc.nat(), async (bytes, choice) => {
        const saved = await edited(bytes, (model) => {
          const values = [...model.graph.values()].filter(({ isPinned }) => !isPinned);
          const value = values[choice % Math.max(1, values.length)];
          if (value !== undefined) value.name = 'renamed';
        });
        const [before, after] = [wireFields(graphOf(bytes)), wireFields(graphOf(saved))];
        const lists = { ports: [11, 12, 13], tensors: [5], sparse: [15] };
        for (const id of lists.ports) {
          const names = (fields: WireField[]): string[][] => all(fields, id).map((info) => rest(info, [1, 2]));
          expect(names(after)).toEqual(names(before));
        }
        for (const id of lists.tensors) {
          const names = (fields: WireField[]): string[][] => all(fields, id).map((tensor) => rest(tensor, [8, 2]));
          expect(names(after)).toEqual(names(before));
        }
        for (const id of lists.sparse) {
          const names = (fields: WireField[]): string[][] =>
            all(fields, id).map((tensor) => [
              ...rest(tensor, [1, 2]),
              ...rest(mergedMessage(wireFields(tensor), 1) ?? new Uint8Array(0), [8, 2]),
            ]);
          expect(names(after)).toEqual(names(before));
        }
        // Attributes are left out: subgraphs may mention the name.
        const nodes = (fields: WireField[]): string[][] =>
          all(fields, 1).map((node) => rest(node, [1, 2], [2, 2], [5, 2]));
        expect(nodes(after)).toEqual(nodes(before));
      }),
      { numRuns: 300 },
    );
  });

  test('opsets and metadata', async () => {
    await fc.assert(
      fc.asyncProperty(arbWireModel(), async (bytes) => {
        const saved = await edited(bytes, (model) => {
          model.setMetadata('sdgraph', 'was here');
          model.setOpset('com.new', 3);
        });
        expect(rest(saved, [8, 2], [14, 2])).toEqual(rest(bytes, [8, 2], [14, 2]));
        const [before, after] = [wireFields(bytes), wireFields(saved)];
        expect(all(after, 8).slice(0, -1)).toEqual(all(before, 8));
        expect(all(after, 14).slice(0, -1)).toEqual(all(before, 14));
        const again = await openModel(saved);
        expect([again.metadata.get('sdgraph'), again.opset('com.new')]).toEqual(['was here', 3]);
      }),
      { numRuns: 100 },
    );
  });
});

describe('unknown fields outlive edits of the message around them', () => {
  const files = readdirSync(folder).filter((name) => name.startsWith('unknown-') || name === 'wrong-wire-types.onnx');

  function editAll(model: Model): void {
    const { graph } = model;
    const weight = graph.initializers[0]?.initializer as Tensor;
    const [relu, add] = [...graph.nodes];
    for (const value of [...graph.inputs, ...graph.outputs])
      value.setType({ kind: 'tensor', elemType: DataType.FLOAT16, shape: ['n'] });
    graph.inputs.forEach((input) => (input.name = 'x2'));
    relu?.setAttribute(Attribute.float('alpha', 0.25));
    if (add !== undefined) [add.opType, add.name] = ['Mul', 'product'];
    const storage = { kind: 'memory', bytes: new Uint8Array(8) } as const;
    const value = graph.initializers[0];
    if (value !== undefined) graph.setInitializer(value, weight.with({ dataType: DataType.FLOAT16, storage }));
    model.setMetadata('made by', 'us');
    model.setOpset('', 18);
  }

  test.each(files)('%s', async (name) => {
    const saved = await edited(fixture(name), editAll);
    expect(decodedByProtobufjs(saved)).toEqual(decodedByProtobufjs(await edited(fixture('plain.onnx'), editAll)));
    // All but the metadata entry, which is replaced as a whole.
    const lost = countUnknown(fixture(name), 'ModelProto') - countUnknown(saved, 'ModelProto');
    expect(lost).toBe(name === 'wrong-wire-types.onnx' ? 2 : 1);
  });

  test('edited, the plain model says what was asked for and nothing else', async () => {
    const before = decodedByProtobufjs(fixture('plain.onnx'));
    const after = decodedByProtobufjs(await edited(fixture('plain.onnx'), editAll));
    const type = { tensor_type: { elem_type: 10, shape: { dim: [{ dim_param: 'n' }] } } };
    const graph = before['graph'] as Record<string, Record<string, unknown>[]>;
    expect(after).toEqual({
      ...before,
      graph: {
        ...graph,
        node: [
          { ...graph['node']?.[0], input: ['x2'], attribute: [{ name: 'alpha', f: 0.25, type: 1 }] },
          { ...graph['node']?.[1], op_type: 'Mul', name: 'product' },
        ],
        initializer: [{ dims: ['4'], data_type: 10, name: 'w', raw_data: expect.anything() as unknown }],
        input: [{ name: 'x2', type }],
        output: [{ name: 'y', type }],
      },
      opset_import: [{ version: '18' }],
      metadata_props: [{ key: 'made by', value: 'us' }],
    });
  });
});

describe('what numbers and texts of JavaScript cannot hold', () => {
  test('names that are not UTF-8 outlive the renaming of others', async () => {
    const bytes = fixture('names-not-utf8.onnx');
    const saved = await edited(bytes, (model) => {
      for (const value of [...model.graph.values()]) if (value.name === 'y') value.name = 'z';
      for (const node of model.graph.nodes) node.setInputs([...node.inputs, node.inputs[0]]);
    });
    const names = (model: Uint8Array): string[] =>
      all(wireFields(graphOf(model)), 1).flatMap((node) =>
        [...all(wireFields(node), 1), ...all(wireFields(node), 2)].map(text),
      );
    const strange = (model: Uint8Array): string[] =>
      [...new Set(names(model).filter((name) => /[\x80-\xff]/u.test(name)))].toSorted();
    expect(strange(bytes).length).toBeGreaterThan(1);
    expect(strange(saved)).toEqual(strange(bytes));
    expect(names(saved).length).toBeGreaterThan(names(bytes).length);
  });

  test('signalling NaNs stay signalling when their node is edited, or they move to another', async () => {
    const bytes = fixture('signalling-nans.onnx');
    const attributes = (model: Uint8Array): string[] =>
      all(wireFields(graphOf(model)), 1).flatMap((node) => all(wireFields(node), 5).map(text));
    const saved = await edited(bytes, ({ graph }) => {
      const node = graph.nodes.first;
      if (node === undefined) return;
      node.setAttribute(Attribute.int('new', 1));
      graph.insert({ opType: 'Other', inputs: [], attributes: node.attributes.slice(0, -1) }, { after: node });
    });
    const old = attributes(bytes);
    expect(attributes(saved)).toEqual([...old, expect.any(String), ...old]);
  });

  test('64-bit integers are exact', async () => {
    const model = await openModel(fixture('int64-extremes.onnx'));
    const values = [...model.graph.nodes].flatMap(({ attributes }) =>
      attributes.flatMap(({ values: { i, ints = [] } }) => [i, ...ints]),
    );
    const least = -(2n ** 63n);
    const greatest = 2n ** 63n - 1n;
    for (const extreme of [least, greatest, 2n ** 53n + 1n]) expect(values).toContain(extreme);
    const node = model.graph.nodes.first;
    node?.setAttribute(Attribute.ints('extremes', [least, greatest, 2n ** 53n + 1n]));
    const again = await openModel(await saveBytes(model));
    expect(again.graph.nodes.first?.attribute('extremes')?.ints).toEqual([least, greatest, 2n ** 53n + 1n]);
  });

  test('a text with half a surrogate pair that came from nowhere is written as a replacement', async () => {
    const saved = await edited(fixture('plain.onnx'), (model) => model.setMetadata('k', '\ud800'));
    expect(Buffer.from(saved).includes(Buffer.from(utf8('\ufffd')))).toBe(true);
  });
});

describe('messages in pieces become one where they are edited', () => {
  test.each([
    'graph-in-pieces.onnx',
    'type-in-pieces.onnx',
    'scalars-repeated.onnx',
    'oneof-last-counts.onnx',
    'fields-reversed.onnx',
  ])('%s', async (name) => {
    const rename = (model: Model): void => {
      for (const input of model.graph.inputs) {
        input.name = 'renamed';
        input.setType({ kind: 'tensor', elemType: DataType.FLOAT, shape: [7] });
      }
    };
    const saved = await edited(fixture(name), rename);
    expect(decodedByProtobufjs(saved)).toEqual(decodedByProtobufjs(await edited(fixture('plain.onnx'), rename)));
  });
});

/** How many fields of a model the schema does not know, found by walking it with the schema's own table. */
function countUnknown(bytes: Uint8Array, message: keyof typeof FIELDS): number {
  let count = 0;
  for (const { id, wire, payload } of wireFields(bytes)) {
    const info = Object.values<FieldInfo>(FIELDS[message]).find((each) => each.id === id);
    if (info === undefined || !fits(info, wire)) count++;
    else if (info.kind === 'message') count += countUnknown(payload, info.type as keyof typeof FIELDS);
  }
  return count;
}

function fits({ kind, repeated }: FieldInfo, wire: number): boolean {
  if (wire === 2) return repeated || ['bytes', 'string', 'message'].includes(kind);
  return wire === { varint: 0, enum: 0, fixed64: 1, fixed32: 5, bytes: 2, string: 2, message: 2 }[kind];
}

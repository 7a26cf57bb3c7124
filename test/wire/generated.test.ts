import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Long from 'long';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { onnx } from '../../src/wire/generated/onnx.js';
import * as schema from '../../src/wire/generated/schema.ts';
import type { FieldInfo } from '../../src/wire/schema-types.ts';
import { field, message } from '../support/proto-writer.mjs';
import { schemaRoot } from '../support/protobuf-oracle.ts';
import { tempDir } from '../support/temp-dir.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const generated = join(root, 'src/wire/generated');

test('the generated files are those of the schema', () => {
  const fresh = tempDir();
  execFileSync(process.execPath, [join(root, 'scripts/generate-proto.mjs'), fresh]);
  const names = readdirSync(fresh).toSorted();
  expect(names).toEqual(readdirSync(generated).toSorted());
  // Compared as a whole: a difference of two hundred kilobytes says nothing when it is printed.
  const differing = names.filter(
    (name) => !readFileSync(join(fresh, name)).equals(readFileSync(join(generated, name))),
  );
  expect(differing, 'run `npm run proto`').toEqual([]);
});

/** Everything that is declared in a scope, at any depth. */
function declared(scope: protobuf.NamespaceBase): protobuf.ReflectionObject[] {
  return scope.nestedArray.flatMap((item) => [item, ...(item instanceof protobuf.Namespace ? declared(item) : [])]);
}

const everything = declared(schemaRoot);
const messages = everything.filter((item) => item instanceof protobuf.Type);
const enums = everything.filter((item) => item instanceof protobuf.Enum);

/** The row that the table must have for a field. */
function expectedRow({ id, type, repeated, packed, partOf, resolvedType }: protobuf.Field): FieldInfo {
  const kinds = new Map<string, FieldInfo['kind']>([
    ['float', 'fixed32'],
    ['double', 'fixed64'],
    ['string', 'string'],
    ['bytes', 'bytes'],
  ]);
  const row = { id, repeated, packed, ...(partOf === null ? {} : { oneof: partOf.name }) };
  if (resolvedType instanceof protobuf.Enum) return { ...row, kind: 'enum', type: resolvedType.name };
  if (resolvedType !== null) return { ...row, kind: 'message', type: resolvedType.fullName.replace('.onnx.', '') };
  return { ...row, kind: kinds.get(type) ?? 'varint', type };
}

describe('the table', () => {
  test('has a row for every field of every message, with what the schema says of it', () => {
    expect(messages).toHaveLength(28);
    const expected = messages.map((type) => [
      type.fullName.replace('.onnx.', ''),
      Object.fromEntries(type.fieldsArray.map((item) => [item.name, expectedRow(item)])),
    ]);
    expect(schema.FIELDS).toEqual(Object.fromEntries(expected));
  });

  test('has the fields of a message in the order of their numbers', () => {
    const tables: Readonly<Record<string, Readonly<Record<string, FieldInfo>>>> = schema.FIELDS;
    for (const [name, fields] of Object.entries(tables)) {
      const ids = Object.values(fields).map(({ id }) => id);
      expect(ids, name).toEqual(ids.toSorted((a, b) => a - b));
    }
  });

  test('has the values of every enum', () => {
    expect(enums.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['Version', 'OperatorStatus', 'AttributeType', 'DataType', 'DataLocation']),
    );
    for (const { name, values } of enums) expect(schema).toHaveProperty(name, values);
  });
});

/** A reader that keeps what the schema does not know. */
function keepingReader(bytes: Uint8Array): protobuf.Reader {
  const reader = protobuf.Reader.create(bytes);
  reader.discardUnknown = false;
  return reader;
}

describe('the static code', () => {
  const EXTREMES = [-(1n << 63n), (1n << 63n) - 1n, -1n, 0n, (1n << 53n) + 1n];

  test('keeps 64-bit integers exact', () => {
    const bytes = message(EXTREMES.map((value) => field(8, 0, value)));
    const decoded = onnx.AttributeProto.decode(bytes);
    expect(decoded.ints.map((value) => value.toBigInt())).toEqual(EXTREMES);
    expect(decoded.ints.every((value) => Long.isLong(value))).toBe(true);
    expect(onnx.AttributeProto.encode(decoded).finish()).toEqual(Buffer.from(bytes));
  });

  test('keeps unsigned 64-bit integers exact', () => {
    const greatest = (1n << 64n) - 1n;
    const [decoded] = onnx.TensorProto.decode(field(11, 0, greatest)).uint64_data;
    expect(decoded?.toString()).toBe(greatest.toString());
  });

  test('takes integers made by the caller', () => {
    const bytes = onnx.AttributeProto.encode({ ints: EXTREMES.map((value) => Long.fromBigInt(value)) }).finish();
    expect(bytes).toEqual(Buffer.from(message(EXTREMES.map((value) => field(8, 0, value)))));
  });

  test('keeps unknown fields of every wire type, at every depth, when the reader is told to', () => {
    const unknown = message([
      field(100, 0, (1n << 64n) - 1n),
      field(101, 1, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)),
      field(102, 2, 'anything'),
      field(103, 3, field(103, 3, field(1, 0, 1))),
      field(536_870_911, 5, Uint8Array.of(1, 0, 0xa0, 0x7f)),
    ]);
    const node = message([field(4, 2, 'Add'), unknown]);
    const graph = message([field(1, 2, node), unknown]);
    const model = message([field(1, 0, 10), field(7, 2, graph), unknown]);
    const kept = onnx.ModelProto.encode(onnx.ModelProto.decode(keepingReader(model))).finish();
    expect(kept).toEqual(Buffer.from(model));
    expect(onnx.ModelProto.encode(onnx.ModelProto.decode(model)).finish().length).toBeLessThan(model.length);
  });

  test('runs where code generation from strings is disallowed', () => {
    const code = `
      import { onnx } from ${JSON.stringify(join(generated, 'onnx.js'))};
      let banned = false;
      try { new Function('return 1')(); } catch { banned = true; }
      const bytes = onnx.ModelProto.encode({ producer_name: 'here', graph: { node: [{ op_type: 'Add' }] } }).finish();
      const { producer_name, graph } = onnx.ModelProto.decode(bytes);
      process.stdout.write(JSON.stringify({ banned, producer_name, op: graph.node[0].op_type }));
    `;
    const flags = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval'];
    const output = execFileSync(process.execPath, [...flags, code], { encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual({ banned: true, producer_name: 'here', op: 'Add' });
  });
});

import { execFileSync } from 'node:child_process';
import { existsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Compiled, compile } from '../support/compile.ts';
import type { MemoryOutcome } from '../support/memory-child.ts';
import { field, message, varint } from '../support/proto-writer.mjs';
import { tempDir } from '../support/temp-dir.ts';

const MIB = 1 << 20;
/** What opening may take at most, whatever a file of a few megabytes holds that is not structure. */
const BOUND = 64 * MIB;

/** Only Linux tells the peak of a process. */
const isLinux = existsSync('/proc/self/clear_refs');

let compiled: Compiled;

beforeAll(() => {
  compiled = compile('test/support/memory-child.ts');
});
afterAll(() => compiled.remove());

function measure(bytes: Uint8Array, size = bytes.length): MemoryOutcome {
  const path = join(tempDir(), 'model.onnx');
  writeFileSync(path, bytes);
  if (size > bytes.length) truncateSync(path, size);
  const output = execFileSync(process.execPath, [compiled.path('test/support/memory-child.ts'), path], {
    encoding: 'utf8',
  });
  return JSON.parse(output) as MemoryOutcome;
}

/** The same bytes over and over, `length` of them. */
function repeated(unit: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(Buffer.alloc(Math.floor(length / unit.length) * unit.length, unit));
}

function modelOf(...graph: Uint8Array[]): Uint8Array {
  return message([field(1, 0, 8), field(7, 2, message(graph)), field(8, 2, field(2, 0, 17))]);
}

/** A node with one attribute. */
function withAttribute(...fields: Uint8Array[]): Uint8Array {
  return modelOf(
    field(1, 2, message([field(4, 2, 'Constant'), field(5, 2, message([field(1, 2, 'value'), ...fields]))])),
  );
}

const LENGTH = 8 * MIB;

test.skipIf(!isLinux).each<[string, Uint8Array]>([
  ['integers packed in one byte each', withAttribute(field(8, 2, new Uint8Array(LENGTH)), field(20, 0, 7))],
  ['integers in two bytes each', withAttribute(repeated(field(8, 0, 0), LENGTH), field(20, 0, 7))],
  ['floats', withAttribute(field(7, 2, new Uint8Array(LENGTH)), field(20, 0, 6))],
  ['empty strings', withAttribute(repeated(field(9, 2, ''), LENGTH), field(20, 0, 8))],
  ['one long string', withAttribute(field(4, 2, new Uint8Array(LENGTH)), field(20, 0, 3))],
  [
    'elements of a tensor, one by one',
    modelOf(field(5, 2, message([field(2, 0, 6), repeated(field(5, 0, 0), LENGTH)]))),
  ],
  ['unknown fields', modelOf(repeated(field(100, 0, 0), LENGTH))],
  ['entries of external data', modelOf(field(5, 2, repeated(field(13, 2, ''), LENGTH)))],
])('%s do not fill memory', (_, bytes) => {
  const { outcome, growth } = measure(bytes);
  expect(outcome).toBe('open');
  expect(growth).toBeLessThan(BOUND);
});

test.skipIf(!isLinux).each<[string, Uint8Array]>([
  ['inputs', modelOf(field(1, 2, repeated(field(1, 2, ''), LENGTH)))],
  ['pieces of a graph', message([field(1, 0, 8), repeated(field(7, 2, ''), LENGTH / 8)])],
  ['training graphs', message([field(1, 0, 8), repeated(field(20, 2, field(1, 2, '')), LENGTH / 8)])],
  ['dimensions', modelOf(field(5, 2, field(1, 2, new Uint8Array(LENGTH))))],
])('millions of %s are refused before they fill memory', (_, bytes) => {
  const { outcome, growth } = measure(bytes);
  expect(outcome).toBe('E_WIRE_LIMIT');
  expect(growth).toBeLessThan(2 * BOUND);
});

test.skipIf(!isLinux)('weights of gigabytes cost nothing to open', () => {
  const length = 2 ** 31;
  const tensor = message([
    field(2, 0, 1),
    field(1, 0, length / 4),
    field(8, 2, 'w'),
    Uint8Array.of(0x4a),
    varint(length),
  ]);
  const graph = message([Uint8Array.of(0x2a), varint(tensor.length + length), tensor]);
  const bytes = message([field(1, 0, 8), Uint8Array.of(0x3a), varint(graph.length + length), graph]);
  const { outcome, growth } = measure(bytes, bytes.length + length);
  expect(outcome).toBe('open');
  expect(growth).toBeLessThan(BOUND);
});

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { field, message } from './proto-writer.mjs';

/** A constant of float32 in a file beside the model. Without offset or length the model does not state them. */
export interface ExternalTensor {
  readonly name: string;
  readonly location: string;
  readonly count: number;
  readonly offset?: number;
  readonly length?: number;
  /** Further entries, such as a checksum. */
  readonly entries?: Readonly<Record<string, string>>;
}

/** The bytes of a model whose output is the sum of its input and of all the constants, one axis each. */
export function externalModel(tensors: readonly ExternalTensor[], inline: readonly Uint8Array[] = []): Uint8Array {
  const constants = [
    ...tensors.map(externalTensor),
    ...inline.map((raw, i) => constant(`inline${i}`, raw.length / 4, field(9, 2, raw))),
  ];
  const names = [...tensors.map(({ name }) => name), ...inline.map((_, i) => `inline${i}`)];
  const nodes = names.map((name, i) => {
    const output = i === names.length - 1 ? 'y' : `h${i}`;
    return field(
      1,
      2,
      message([field(1, 2, i === 0 ? 'x' : `h${i - 1}`), field(1, 2, name), field(2, 2, output), field(4, 2, 'Add')]),
    );
  });
  const graph = message([...nodes, field(2, 2, 'g'), ...constants, info(11, 'x'), info(12, 'y')]);
  return message([field(1, 0, 8), field(7, 2, graph), field(8, 2, field(2, 0, 17))]);
}

/** Writes a model and its data files; contents by location. */
export function writeExternal(path: string, model: Uint8Array, files: Readonly<Record<string, Uint8Array>>): void {
  writeFileSync(path, model);
  for (const [location, bytes] of Object.entries(files)) {
    const file = join(dirname(path), location);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
}

/** Bytes that differ from place to place and from seed to seed. */
export function someBytes(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + seed * 31 + (i >> 8)) & 0x3f);
}

function externalTensor({ name, location, count, offset, length, entries = {} }: ExternalTensor): Uint8Array {
  const all = {
    location,
    ...(offset === undefined ? {} : { offset: String(offset) }),
    ...(length === undefined ? {} : { length: String(length) }),
    ...entries,
  };
  const fields = Object.entries(all).map(([key, value]) =>
    field(13, 2, message([field(1, 2, key), field(2, 2, value)])),
  );
  return constant(name, count, ...fields, field(14, 0, 1));
}

function constant(name: string, count: number, ...data: Uint8Array[]): Uint8Array {
  return field(5, 2, message([field(1, 0, count), field(2, 0, 1), field(8, 2, name), ...data]));
}

function info(id: number, name: string): Uint8Array {
  return field(id, 2, message([field(1, 2, name), field(2, 2, field(1, 2, field(1, 0, 1)))]));
}

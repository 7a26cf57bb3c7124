import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../../fixtures/npu-smi');

/** What a text of `fixtures/npu-smi` says, under the names of `expected.json`; which of them are there depends on the call. */
export interface Expected {
  readonly source: string;
  readonly kind: string;
  readonly command: string;
  readonly fields?: Record<string, string>;
  readonly socVersion?: string | null;
  readonly devices?: readonly unknown[];
  readonly exitStatus?: number;
}

/** Every text with what it says. */
export const EXPECTED = new Map(
  Object.entries(JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Record<string, Expected>),
);

/** The path of a text. */
export function fixturePath(name: string): string {
  return join(folder, name);
}

/** A text as it was printed. */
export function fixture(name: string): string {
  return readFileSync(fixturePath(name), 'utf8');
}

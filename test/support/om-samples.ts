import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** What a reader has to report about a sample. */
export interface ExpectedOm {
  readonly bytes: number;
  readonly sha256: string;
  readonly valid: boolean;
  readonly problem?: string;
  readonly header?: {
    readonly version: number;
    readonly model_type: number;
    readonly model_num: number;
    readonly length: number;
    readonly model_length: number;
    readonly name: string;
    readonly om_ir_version: number;
    readonly platform_version: string;
    readonly platform_type: number;
    readonly is_encrypted: boolean;
  };
  readonly partitions?: readonly (readonly [number, number])[];
  readonly models?: readonly ExpectedModel[];
}

/** One model of a sample; whatever else is named is an attribute. */
export interface ExpectedModel {
  readonly name: string;
  readonly inputs: readonly ExpectedTensor[];
  readonly outputs: readonly ExpectedTensor[];
  readonly [attribute: string]: unknown;
}

interface ExpectedTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly format: string;
}

/** A file and what is expected of it. */
export interface OmSample {
  readonly name: string;
  readonly path: string;
  readonly expected: ExpectedOm;
}

const ROOT = resolve(import.meta.dirname, '../..');

/** Folder of the files that are kept with the tests. */
export const OM_FIXTURES: string = join(ROOT, 'fixtures/om');

/** Folder of further files; may not exist. */
export const OM_SAMPLES: string = resolve(ROOT, process.env['SDGRAPH_OM_SAMPLES'] ?? '../shared/fixtures/om');

/** The samples of a folder; none when it is not there. */
export function omSamples(folder: string): OmSample[] {
  const list = join(folder, 'expected.json');
  if (!existsSync(list)) return [];
  const all = JSON.parse(readFileSync(list, 'utf8')) as Record<string, ExpectedOm>;
  return Object.entries(all).map(([name, expected]) => ({ name, path: join(folder, name), expected }));
}

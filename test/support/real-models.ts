import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { tempDir } from './temp-dir.ts';

const folder = new URL('../../fixtures/exporters/', import.meta.url);
const NAMES = ['clip-torch-1.13'];

/** A model as an exporter wrote it. */
export interface RealModel {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The models of `fixtures/exporters`. */
export function realModels(): RealModel[] {
  return NAMES.map((name) => ({
    name: `${name}.onnx`,
    bytes: new Uint8Array(gunzipSync(readFileSync(new URL(`${name}.onnx.gz`, folder)))),
  }));
}

/** The same models as files in a folder that is gone after the running test. */
export function realModelFiles(): (RealModel & { readonly path: string })[] {
  const dir = tempDir();
  return realModels().map((model) => {
    const path = join(dir, model.name);
    writeFileSync(path, model.bytes);
    return { ...model, path };
  });
}

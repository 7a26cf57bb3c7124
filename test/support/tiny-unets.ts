import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { openModel } from '../../src/io/open.ts';
import { type SaveOptions, saveModel } from '../../src/io/save.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Pass } from '../../src/rewrite/pass.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { loadTargetFile, type Target } from '../../src/targets/index.ts';

const FIXTURES = new URL('../../fixtures/', import.meta.url);

/** Path of a profile of `fixtures/targets`, a real one without its limits. */
export function tinyTargetPath(name: 'tiny-310p' | 'tiny-910b'): string {
  return fileURLToPath(new URL(`targets/${name}.json`, FIXTURES));
}

/** A profile of `fixtures/targets`. */
export function tinyTarget(name: 'tiny-310p' | 'tiny-910b'): Promise<Target> {
  return loadTargetFile(tinyTargetPath(name));
}

/** Writes a small UNet of `fixtures/torch-export` into a folder. Returns its path. */
export function writeTinyUnet(folder: string, name: 'sd15' | 'sd21' = 'sd15'): string {
  const path = join(folder, 'unet.onnx');
  writeFileSync(path, gunzipSync(readFileSync(new URL(`torch-export/${name}/unet.onnx.gz`, FIXTURES))));
  return path;
}

/** Runs passes over a model file and an edit after them, and saves the result beside it or at another path. */
export async function rewrite(
  from: string,
  to: string,
  passes: readonly Pass[],
  edit: (model: Model) => void = () => undefined,
  options: SaveOptions = {},
): Promise<string> {
  using model = await openModel(from);
  await pipeline(passes).run(model);
  edit(model);
  await saveModel(model, to, options);
  return to;
}

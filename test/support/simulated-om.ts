import { execFileSync } from 'node:child_process';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { type SaveOptions, saveModel } from '../../src/io/save.ts';
import type { Model } from '../../src/ir/model.ts';
import { SIMULATION } from './atc-models.ts';

/** The environment in which the simulated ATC knows the plugin operators. */
const WITH_PLUGINS = { PATH: process.env['PATH'] ?? '', ASCEND_CUSTOM_OPP_PATH: join(SIMULATION, 'aie') };

/**
 * Writes `NAME.onnx` and, with the simulated ATC, `NAME.om` into a folder.
 *
 * @param options of ATC, such as `--input_shape=x:-1,3`
 * @returns path of the OM file
 */
export async function simulatedOm(
  folder: string,
  name: string,
  model: Model,
  options: readonly string[] = [],
  save: SaveOptions = {},
): Promise<string> {
  const onnx = join(folder, `${name}.onnx`);
  await saveModel(model, onnx, save);
  const given = ['--framework=5', `--model=${onnx}`, `--output=${join(folder, name)}`, '--soc_version=Ascend310P3'];
  execFileSync(join(SIMULATION, 'atc'), [...given, ...options], { env: WITH_PLUGINS, cwd: folder, stdio: 'pipe' });
  const om = join(folder, `${name}.om`);
  // The name of a model with open dims says for which host it was compiled.
  const cpu = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const open = join(folder, `${name}_linux_${cpu}.om`);
  if (existsSync(open)) renameSync(open, om);
  return om;
}

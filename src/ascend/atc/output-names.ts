/** How ATC names what it writes. */

import { parseInputShape } from './input-shape.ts';
import type { PlanPort } from './plan-types.ts';

/** Whether a model is compiled for shapes that are not fixed. Gears are fixed shapes, several of them. */
export function opensShapes(options: ReadonlyMap<string, string>, inputs: readonly PlanPort[]): boolean {
  if (['dynamic_batch_size', 'dynamic_image_size', 'dynamic_dims'].some((name) => options.has(name))) return false;
  if (options.has('input_shape_range')) return true;
  const shapes = parseInputShape(options.get('input_shape') ?? '');
  return inputs.some(({ name }) => shapes?.get(name)?.some((dim) => typeof dim !== 'number'));
}

/**
 * The names that ATC may give a compiled model: `NAME.om`, and for open shapes also one with the system that it is for.
 *
 * @param output the value of `--output` without folders
 */
export function expectedNames(output: string, options: ReadonlyMap<string, string>, isOpen: boolean): string[] {
  const cpu = options.get('host_env_cpu') ?? (process.arch === 'arm64' ? 'aarch64' : 'x86_64');
  const system = options.get('host_env_os') ?? 'linux';
  return [`${output}.om`, ...(isOpen ? [`${output}_${system}_${cpu}.om`] : [])];
}
